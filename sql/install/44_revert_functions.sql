-- Contracts of the functions of src/api/revert.rs.
-- Each session of revert_plan has a savepoint, which only PL/pgSQL can set.

CREATE FUNCTION scenario.try_revert(
    tenant_id uuid, session_id uuid, by text, reason text,
    OUT scenario_version integer, OUT step_id text, OUT problem text)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    SELECT r.scenario_version, r.step_id INTO STRICT scenario_version, step_id
      FROM scenario.revert_session(try_revert.tenant_id, try_revert.session_id, try_revert.by, reason) AS r;
EXCEPTION
    WHEN OTHERS OR assert_failure THEN  -- a cancelled statement is not among them: it ends the call
        problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION scenario.try_revert(uuid, uuid, text, text) IS
    'revert_session for revert_plan. Arguments: tenant, session, who takes back, why. Returns where the session is '
    'then, or the message of the error. Writes as revert_session, or nothing.';

COMMENT ON FUNCTION scenario.revert_session(uuid, uuid, text, text) IS
    'Takes the last migration of a session back, if it has not moved since: version, step, hash, checksum and the '
    'variables that the migration filled are as before, and the session is pinned to that version, so that its next '
    'turn does not migrate it again. What was learnt about the customer stays in the profile. Arguments: tenant, '
    'session [, by: who takes back, reason: why; for the audit]. Returns the session''s row. Raises P0002 for an '
    'unknown session; 55000 if it was not migrated, has moved since, was reverted already, its old version is gone, or '
    'by the migration or since it arrived at a checkpoint or had an action executed to which it would come again; '
    '22023 for NULL. Writes the session, a visit (reason revert), migration_undo, an audit row.';
COMMENT ON FUNCTION scenario.revert_plan(uuid, uuid, uuid[], text, text) IS
    'revert_session for every session that the plan was the last to migrate, in one transaction. To keep the plan from '
    'marking others, cancel_deployment first. Arguments: tenant, plan [, only: these sessions, by: who takes back, '
    'reason: why; for the audit]. Returns rows: session_id, reverted, scenario_version and step_id where it is then, '
    'else problem: why not, also where a trigger of the application raised an error. Raises P0002 for an unknown plan, '
    '22023 for NULL. Writes as revert_session.';
