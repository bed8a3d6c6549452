-- Comments on what hands answers in, and how many rows they give.
-- Needs: these functions (src/api/fields.rs).

COMMENT ON FUNCTION scenario.submit_fields(uuid, uuid, jsonb) IS
    'submit_fields(tenant_id, session_id, values) returns rows: field, accepted, errors. Takes the customer''s answers (a JSON '
    'object, field → value), each checked by its field definition. Writes accepted ones into the session''s variables and the '
    'customer''s profile, of rejected ones nothing. Errors: P0002 no such session, 22023. The next reconcile goes on '
    'from there.';
COMMENT ON FUNCTION scenario.confirm_field(uuid, uuid, text, boolean) IS
    'confirm_field(tenant_id, session_id, field, accepted) returns a row: field, accepted, errors. The customer''s word on a value '
    'that was found. Accepted: written into variables, settled in the profile. Not accepted: not used, nor found again in the same '
    'words. Errors: P0002 no such session, 55000 nothing to confirm, 22023.';
COMMENT ON FUNCTION scenario.record_extraction(uuid, uuid, text, jsonb, double precision, text) IS
    'record_extraction(tenant_id, session_id, field, value, confidence [, quote]) returns a row: used, needs_confirmation, errors. '
    'A value that a model extracted, with its confidence from 0 to 1. Writes it into the customer''s profile (without a customer: '
    'into the session''s variables), or into field_attempts if it is not valid, below the threshold, denied before by the '
    'customer, to be confirmed for a soft field, or less certain than what is known. Errors: P0002 no such session, 22023.';
COMMENT ON FUNCTION scenario.complete_action(uuid, uuid, text) IS
    'complete_action(tenant_id, session_id, step_id) returns nothing. Records that a required action of the published version was '
    'executed; a second time changes nothing. Writes session_actions. Errors: P0002 no such session or step, 22023 no required '
    'action (DETAIL lists them), 55000 in no scenario.';
COMMENT ON FUNCTION scenario.submit_decision(uuid, uuid, text, text) IS
    'submit_decision(tenant_id, session_id, fork_step_id, target_step_id) returns nothing. Records which branch of a fork of the '
    'published version the customer belongs to; a later answer takes the place of the first. Writes session_decisions. Errors: '
    'P0002 no such session or fork, 22023 no such branch (DETAIL lists them), 55000 in no scenario.';

-- The planner would count on 1000 rows of each.
ALTER FUNCTION scenario.submit_fields(uuid, uuid, jsonb) ROWS 5;
ALTER FUNCTION scenario.confirm_field(uuid, uuid, text, boolean) ROWS 1;
ALTER FUNCTION scenario.record_extraction(uuid, uuid, text, jsonb, double precision, text) ROWS 1;
