-- Contracts of the functions of src/api/session_marks.rs.

COMMENT ON FUNCTION scenario.mark_batch(uuid, uuid, text, uuid, integer, uuid) IS
    'Marks one page of sessions by the plan''s policies, for mark_sessions. Arguments: tenant, plan, step and session '
    'after which the page begins, how many, the run that keeps the errors. Returns how many it looked at (locked ones '
    'left out), how many it marked, how many failed, and the last of the page (NULL: there was none). Raises P0002, '
    '22023. Writes sessions (marks only), migration_plans, batch_errors.';
COMMENT ON FUNCTION scenario.mark_together(uuid, uuid, uuid[], text[], text[], boolean) IS
    'Marks these sessions in one statement, for mark_page. Arguments: tenant, plan, sessions in the order in which '
    'they are locked, steps at which they are, the anchor of each step, whether finished sessions are marked. Returns '
    'how many have a mark now. Raises P0002, 22023, and what a trigger raises. Writes sessions (marks only).';
COMMENT ON FUNCTION scenario.mark_steps(uuid, uuid, jsonb, text[]) IS
    'Marks every session that goes on at the steps of a plan in one statement, for try_mark_steps. Arguments: tenant, '
    'plan, the anchor of each step (an object), the steps that are left out. Returns how many it has marked. Raises '
    'P0002, 22023, and what a trigger raises. Writes sessions (marks only).';
COMMENT ON FUNCTION scenario.count_sessions_to_mark(uuid, uuid) IS
    'How many sessions mark_sessions looks at: those that the plan concerns, that have no mark of it and were not '
    'pinned since it was deployed. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only '
    'reads.';
