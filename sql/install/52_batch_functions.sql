-- Contracts of the functions of src/api/batches.rs.

COMMENT ON FUNCTION scenario.begin_batch(uuid, uuid, text) IS
    'Refuses to begin a batch run where it could not work: 25001 inside a transaction block, P0002 for an unknown '
    'plan, 55000 if it is not deployed or scenario.enabled is off, 22023 for NULL. Arguments: tenant, plan, name of '
    'the procedure. Only reads.';
COMMENT ON FUNCTION scenario.lock_marked_sessions(uuid, uuid, uuid, integer, uuid[], boolean) IS
    'Locks the next marked sessions of a plan for a page of migrate_sessions, and returns their ids in order. '
    'Arguments: tenant, plan, session after which the page begins, how many sessions, the sessions that the page '
    'consists of (NULL: the next ones that are marked), whether to skip sessions that another transaction has locked. '
    'Raises 55P03 for one that is locked and not to be skipped, 22023 for NULL in another argument. Writes nothing.';
COMMENT ON FUNCTION scenario.migrate_page(uuid, uuid[]) IS
    'Migrates the sessions of one page as far as they need nobody, for migrate_sessions, which has locked them. '
    'Arguments: tenant, session ids. Returns counts: applied, deferred (its turn would ask somebody, so it is left as '
    'it is, or its policy cannot tell yet), pinned, exited; blocked counts those of them whose redirect a checkpoint '
    'forbade. Raises the first error of a session, and 22023 for NULL. Writes as reconcile_session.';
COMMENT ON FUNCTION scenario.retention_days(text) IS
    'scenario.version_retention_days (for version) or scenario.plan_retention_days (for plan) as it counts here and '
    'now. Raises 22023. Only reads.';
