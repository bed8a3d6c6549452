-- Contracts of the functions of src/api/manual_changes.rs.

COMMENT ON FUNCTION scenario.pin_session(uuid, uuid, text, text) IS
    'pin_session(tenant_id, session_id [, by, reason]) returns the session''s row. Pins the session to the version '
    'that it walks: no plan that is deployed now moves it; one from that version that is deployed later does, and '
    'unpin_session ends the pin. by: who (default: the login). Locks the session; writes it (pin, count of '
    'deployments, mark) and an audit row. Errors: P0002 no such session, 55000 neither active nor paused, or in no '
    'scenario, 22023.';
COMMENT ON FUNCTION scenario.unpin_session(uuid, uuid, text, text) IS
    'unpin_session(tenant_id, session_id [, by, reason]) returns the session''s row. Ends its pin: the next turn goes '
    'by everything that is deployed, whenever that was, and can pin the session again. by: who (default: the login). '
    'Locks the session; writes it and an audit row. Errors: P0002 no such session, 55000 not pinned, neither active '
    'nor paused, or in no scenario, 22023.';
COMMENT ON FUNCTION scenario.move_session(uuid, uuid, text, text, text, boolean) IS
    'move_session(tenant_id, session_id, step_id [, by, reason, force]) returns the session''s row. Moves the session '
    'to a step of the published version, whether or not it is pinned; its pin and its mark go. by: who (default: the '
    'login). force: also where the move undoes a checkpoint that was passed, which is recorded. Locks the session; '
    'writes it, a visit (reason move) and an audit row. Errors: P0002 no such session or step, 55000 a passed '
    'checkpoint would be undone, neither active nor paused, or in no scenario, 22023.';
