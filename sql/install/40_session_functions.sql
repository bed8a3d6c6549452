-- Contracts of the functions of src/api/sessions.rs.

COMMENT ON FUNCTION scenario.start_session(uuid, uuid, uuid, text, uuid, jsonb, text) IS
    'start_session(tenant_id, session_id, scenario_id [, channel, customer_id, variables, step_id]) returns the '
    'session''s row. Starts a session at the entry step of the published version, or at step_id; variables is a JSON '
    'object (default: empty). Writes the session and its first visit. Errors: P0002 no such scenario or step, 55000 '
    'nothing published, 23505 the id is taken, 22023.';
COMMENT ON FUNCTION scenario.advance_session(uuid, uuid, text, integer, text, double precision) IS
    'advance_session(tenant_id, session_id, to_step_id [, turn_number, reason, confidence]) returns the session''s '
    'row. Goes on by a transition of the session''s step, also one that leads back to it. turn_number (default: as it '
    'is) becomes turn_count; reason (default: advance) and confidence, from 0 to 1, are those of the visit. Writes the '
    'session and a visit. Errors: P0002 no such session, 22023 no such transition (DETAIL lists those that there are), '
    '55000 not active or in no scenario.';
COMMENT ON FUNCTION scenario.next_steps(uuid, uuid) IS
    'next_steps(tenant_id, session_id) returns the transitions of the step where the session stands, in the order in '
    'which they are tried: to_step_id, to_step_name, condition_text, condition_kind (always, expression, natural), '
    'truth (true, false, unknown: by the session''s variables, the customer''s profile and decisions that were '
    'submitted), missing_fields, taken (it would be taken now; none is where an earlier one is unknown), already_done '
    '(an arrival would find the required action there done). No rows at an end, or for a session in no '
    'scenario. Asks nobody and writes nothing. Errors: P0002 no such session, 22023.';

-- The planner would count on 1000 rows.
ALTER FUNCTION scenario.next_steps(uuid, uuid) ROWS 5;
COMMENT ON FUNCTION scenario.import_session(uuid, uuid, uuid, integer, text, jsonb, text, uuid, jsonb) IS
    'Starts a session that began elsewhere, with its history. Arguments: tenant, session, scenario, the version that '
    'it walks, the step where it is, visits: an array of {step_id, scenario_version, entered_at, turn_number}, oldest '
    'first, the last one where the session is; of each only step_id is needed (default: the session''s version, time '
    'and turn of the visit before); an empty array: it arrives now [, channel, customer, variables (a JSON object)]. '
    'Returns the session''s row. Raises P0002 for a scenario, or a version or a step of a visit, that does not exist, '
    'is not kept any more or is a draft; 22023 for visits that cannot be read, are not in order or do not end at the '
    'session''s step, and for NULL; 23505 for a session id that is taken. Writes the session, its visits and, if the '
    'first is not at the entry of its version, passed_at_start.';
