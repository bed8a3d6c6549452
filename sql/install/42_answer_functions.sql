-- Contracts of the functions of src/api/answers.rs.

COMMENT ON FUNCTION scenario.submit_fields(uuid, uuid, jsonb) IS
    'submit_fields(tenant_id, session_id, values) returns rows: field, accepted, errors. Takes the customer''s answers '
    '(a JSON object, field → value), each checked by its field definition; a field that nobody declared takes any '
    'value but null. Writes accepted ones into the session''s variables and the customer''s profile (source customer, '
    'confidence 1), of rejected ones nothing. Errors: P0002 no such session, 22023. The next reconcile goes on from '
    'there.';
COMMENT ON FUNCTION scenario.confirm_field(uuid, uuid, text, boolean) IS
    'confirm_field(tenant_id, session_id, field, accepted) returns a row: field, accepted, errors. The customer''s '
    'word on a value that reconcile_session has asked them to confirm. Accepted: written into variables, settled in '
    'the profile. Not accepted: not used, nor found again in the same words. Errors: P0002 no such session, 55000 it '
    'was not asked, 22023.';
COMMENT ON FUNCTION scenario.decline_field(uuid, uuid, text, text) IS
    'decline_field(tenant_id, session_id, field [, reason]) returns a row: field, accepted, errors. The customer '
    'cannot or will not give a field: the session goes on without it, as without a soft one, for as long as it lives. '
    'A strict field is not accepted. reason is for people (default: declined by the customer). Writes field_attempts. '
    'Errors: P0002 no such session, 22023.';
COMMENT ON FUNCTION scenario.record_extraction(uuid, uuid, text, jsonb, double precision, text) IS
    'record_extraction(tenant_id, session_id, field, value, confidence [, quote]) returns a row: used, '
    'needs_confirmation, errors. A value that a model extracted, with its confidence from 0 to 1 and the customer''s '
    'words that it was taken from. Writes it into the customer''s profile (without a customer: into the session''s '
    'variables), or into field_attempts if it is not valid, below the threshold, denied before by the customer, to be '
    'confirmed for a soft field, or less certain than what is known. Errors: P0002 no such session, 22023.';
COMMENT ON FUNCTION scenario.complete_action(uuid, uuid, text) IS
    'complete_action(tenant_id, session_id, step_id) returns nothing. Records that a required action was executed: one '
    'that reconcile_session has asked for, under the version that asked, or the one of the step where the session '
    'stands, or else stood last in another version, under that version. Call it for each required action that is '
    'carried out, also when the customer walked to it. A second time changes nothing. Writes '
    'session_actions. Errors: P0002 no such session, or not asked for and no step where it stands or stood; 22023 no '
    'required action; 55000 in no scenario.';
COMMENT ON FUNCTION scenario.submit_decision(uuid, uuid, text, text) IS
    'submit_decision(tenant_id, session_id, fork_step_id, target_step_id) returns nothing. Records which branch of a '
    'fork the customer belongs to: of one that reconcile_session has asked about, under the version that asked, or of '
    'the one where the session stands, or else stood last in another version, under that version. A later answer takes '
    'the place of the first. Writes session_decisions. Errors: P0002 no such session, or not asked about and no step '
    'where it stands or stood; 22023 no such branch (DETAIL lists them); 55000 in no scenario.';

-- The planner would count on 1000 rows of each.
ALTER FUNCTION scenario.submit_fields(uuid, uuid, jsonb) ROWS 5;
ALTER FUNCTION scenario.confirm_field(uuid, uuid, text, boolean) ROWS 1;
ALTER FUNCTION scenario.decline_field(uuid, uuid, text, text) ROWS 1;
ALTER FUNCTION scenario.record_extraction(uuid, uuid, text, jsonb, double precision, text) ROWS 1;
