-- Comments on the functions of src/api/marking.rs: for the procedures and functions of the extension.

COMMENT ON FUNCTION scenario.mark_batch(uuid, uuid, text, uuid, integer) IS
    'Marks one page of sessions by the plan''s policies, for mark_sessions. Arguments: tenant, plan, step and session '
    'after which the page begins, how many. Returns how many it looked at (locked ones left out) and marked, '
    'and the last of the page (NULL: there was none). Raises P0002, 22023. Writes sessions (marks only), '
    'migration_plans.';
COMMENT ON FUNCTION scenario.count_sessions_to_mark(uuid, uuid) IS
    'How many sessions mark_sessions looks at: those that the plan concerns, that have no mark of it and were not '
    'pinned since it was deployed. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only '
    'reads.';
COMMENT ON FUNCTION scenario.plan_session_ids(uuid, uuid) IS
    'The sessions that a simulation of a plan shows: those active or paused at its from_version as that is stored, '
    'finished ones that a policy reopens, and those of older versions whose chain leads through the plan. Arguments: '
    'tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only reads.';
