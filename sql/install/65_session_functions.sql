-- Comments on start_session and advance_session.
-- Needs: these functions (src/api/sessions.rs).

COMMENT ON FUNCTION scenario.start_session(uuid, uuid, uuid, text, uuid, jsonb, text) IS
    'start_session(tenant_id, session_id, scenario_id [, channel, customer_id, variables, step_id]) returns the session''s row. '
    'Starts a session at the entry step of the published version, or at step_id; variables is a JSON object. Writes the session '
    'and its first visit. Errors: P0002 no such scenario or step, 55000 nothing published, 23505 the id is taken, '
    '22023.';
COMMENT ON FUNCTION scenario.advance_session(uuid, uuid, text, integer, text, double precision) IS
    'advance_session(tenant_id, session_id, to_step_id [, turn_number, reason, confidence]) returns the session''s row. Goes on by '
    'a transition of the session''s step, also one that leads back to it. turn_number (default: as it is) becomes turn_count; '
    'confidence is 0 to 1. Writes the session and a visit. Errors: P0002 no such session, 22023 no such transition (DETAIL lists '
    'those that there are), 55000 not active or in no scenario.';
