-- Comments on the functions of src/api/batches.rs (SPEC 6, 12, 14): for the procedures and functions of the extension.

COMMENT ON FUNCTION scenario.begin_batch(uuid, uuid, text) IS
    'Refuses to begin a batch run where it could not work: 25001 inside a transaction block, P0002 for an unknown plan, 55000 if it '
    'is not deployed or scenario.enabled is off, 22023 for NULL. Arguments: tenant, plan, name of the procedure. Only reads.';
COMMENT ON FUNCTION scenario.graft_steps(uuid, uuid) IS
    'The steps of a plan whose sessions are moved in silence, whoever they are: rows of old step, new step, anchor, reason. None '
    'while scenario.log_clean_grafts is on, since then each is to be logged. Raises P0002 for an unknown plan, 22023. Only reads.';
COMMENT ON FUNCTION scenario.retention_days(text) IS
    'scenario.version_retention_days (for version) or scenario.plan_retention_days (for plan) as it counts here and now. Raises '
    '22023. Only reads.';
