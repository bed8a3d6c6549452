-- Contracts of the functions of src/api/reconcile.rs.

COMMENT ON FUNCTION scenario.reconcile_session(uuid, uuid) IS
    'reconcile_session(tenant_id, session_id) returns one row: what the backend is to do with this turn (action: '
    'continue, teleport, collect, execute_action, decide, exit_scenario) and what for. Call it before every turn. '
    'Nothing to do: writes nothing, locks nothing, works on a hot standby. Else it locks the session and writes '
    'session, visit, profile and audit row, at most once. Errors: P0002 no such session, 22023, 25006 a migration is '
    'due and the transaction is read-only.';
COMMENT ON FUNCTION scenario.preview_reconciliation(uuid, uuid, uuid) IS
    'preview_reconciliation(tenant_id, session_id [, plan_id]) returns the row that reconcile_session would return, '
    'now or once the plan was deployed: by the plan, or from an older version by the chain that leads through it. '
    'Writes nothing; works in a read-only transaction and on a hot standby. Errors: P0002 no such session or plan, '
    '22023 the plan is not for the session''s version and no chain leads from there through it.';
COMMENT ON FUNCTION scenario.explain_reconciliation(uuid, uuid, uuid) IS
    'explain_reconciliation(tenant_id, session_id [, plan_id]) returns why, as rows in order: seq (from 1), step_id, '
    'step_name (of the new version), event, detail. Never a field''s value. Writes nothing. Errors as '
    'preview_reconciliation.';

-- The planner would count on 1000 rows.
ALTER FUNCTION scenario.explain_reconciliation(uuid, uuid, uuid) ROWS 20;
