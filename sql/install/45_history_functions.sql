-- Contracts of the functions of src/api/history.rs.

COMMENT ON FUNCTION scenario.begin_in_the_middle(uuid, uuid, uuid, integer, text) IS
    'Keeps the checkpoints that a session has passed without a visit, since it begins in the middle of a version: for '
    'the trigger of sessions. Arguments: tenant, session, scenario, version, the step at which it begins. Raises P0002 '
    'for an unknown version, 22023 for NULL. Writes passed_at_start.';
COMMENT ON FUNCTION scenario.is_already_done(uuid, uuid, uuid, integer, text, integer, text, boolean) IS
    'Whether a session that arrives at a required action had it done before: ahead of its place, or before a move that '
    'puts it ahead again. For the trigger of sessions, before the visit is written. Arguments: tenant, session, '
    'scenario, version and step that it comes from, version and step at which it arrives, and whether the extension '
    'moves it there. Raises P0002 for an unknown version, 22023 for NULL. Only reads.';
