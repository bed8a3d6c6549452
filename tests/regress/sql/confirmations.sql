-- The customer's word on values that were found: accepted, denied or answered otherwise; and thresholds as settings
-- ("Gap fill", "Answers").
\set t  '''a0000000-0000-0000-0000-000000000032'''
\set other '''a0000000-0000-0000-0000-0000000000ff'''
\set flow '''b0000000-0000-0000-0000-000000000032'''
\set ann '''c0000000-0000-0000-0000-00000000003a'''
\set again '''c0000000-0000-0000-0000-00000000003b'''
\set customer '''d0000000-0000-0000-0000-00000000003a'''
select $$
  select action, collect_fields as collect, confirm_fields as confirm, fields_filled, user_message
    from scenario.reconcile_session
$$ as turn \gset
select $$
  select field_name, value, status, source, confidence, needs_confirmation, quote
    from scenario.profile_fields where tenant_id =
$$ as profile \gset

select scenario.create_scenario(:t, '{"name": "Care", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, display_name, schema, collection_prompt,
  extraction_pattern)
values
  (:t, 'age', 'age in years', '{"type": "integer", "minimum": 0, "maximum": 120}', 'How old are you?', 'I am (\d+)'),
  (:t, 'city', null, '{"type": "string", "minLength": 2}', null, 'live in (\w+)');
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer)).step_id as ann,
       (scenario.start_session(:t, :again, :flow, customer_id => :customer)).step_id as again;
select (scenario.advance_session(:t, :ann, 'advice')).step_id as ann,
       (scenario.advance_session(:t, :again, 'advice')).step_id as again;
insert into scenario.messages (tenant_id, session_id, role, content) values
  (:t, :ann, 'customer', 'My mother is 71, I am 43'),
  (:t, :ann, 'customer', 'They say I am 12, ha ha. We live in Mombasa.');
select scenario.create_scenario_version(:t, :flow, '{"name": "Care", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age", "city"],
   "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- A pattern finds with confidence 0.90: used, and to be confirmed. Both are settings.
select action, collect_fields as collect, confirm_fields as confirm from scenario.preview_reconciliation(:t, :ann);
set scenario.extraction_confidence_threshold = 0.91;
select action, collect_fields as collect, confirm_fields as confirm from scenario.preview_reconciliation(:t, :ann);
reset scenario.extraction_confidence_threshold;
set scenario.confirmation_threshold = 0.9;
select action, collect_fields as collect, confirm_fields as confirm from scenario.preview_reconciliation(:t, :ann);
reset scenario.confirmation_threshold;
set scenario.extraction_confidence_threshold = 1.5;
set scenario.max_conversation_turns = 0;
select action, collect_fields as collect, confirm_fields as confirm from scenario.preview_reconciliation(:t, :ann);
reset scenario.max_conversation_turns;

:turn(:t, :ann);
:profile :t order by field_name;
-- Denied: the next message back is looked at, and never the same value again, whoever finds it.
select * from scenario.confirm_field(:t, :ann, 'age', false);
:profile :t order by field_name;
select * from scenario.record_extraction(:t, :ann, 'age', '12', 0.99, 'twelve');
:turn(:t, :ann);
select * from scenario.confirm_field(:t, :ann, 'age', false);
:turn(:t, :ann);
-- The prompt says why what was found does not do.
select jsonb_path_query(prompts, '$[*] ? (@.field == "age").rejected[*]') as rejected
  from scenario.preview_reconciliation(:t, :ann);
-- What is neither: a field with nothing to confirm, another tenant's session, NULL.
select * from scenario.confirm_field(:t, :ann, 'age', true);
select * from scenario.confirm_field(:other, :ann, 'city', true);
select * from scenario.confirm_field(:t, :ann, 'city', null);
-- An answer is as good as a confirmation.
select * from scenario.submit_fields(:t, :ann, '{"age": 44}');
select * from scenario.confirm_field(:t, :ann, 'city', true);
:turn(:t, :ann);
select step_id, scenario_version, variables from scenario.sessions where tenant_id = :t and session_id = :ann;
:profile :t order by field_name;
select field_name, value, confidence, state, reason
  from scenario.field_attempts where tenant_id = :t and session_id = :ann order by attempt_no;
-- The customer's next session is not asked again.
:turn(:t, :again);
-- Never a value in the audit.
select revision, action, fields_asked, fields_filled
  from scenario.migration_audit where tenant_id = :t order by session_id, revision;

-- One message that asks for several fields reads like a sentence, and can be replaced.
update scenario.profile_fields set status = 'superseded' where tenant_id = :t;
select (scenario.start_session(:t, 'c0000000-0000-0000-0000-00000000003c', :flow, step_id => 'hello')).scenario_version;
select scenario.create_scenario_version(:t, :flow, '{"name": "Care", "entry_step_id": "about", "steps": [
  {"id": "about", "name": "More about you", "collects_profile_fields": ["city", "age", "date_of_birth", "name"],
   "transitions": [{"to_step_id": "hello"}]},
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select user_message from scenario.preview_reconciliation(:t, 'c0000000-0000-0000-0000-00000000003c', :'plan');
set scenario.collect_message = 'One moment, please.';
select user_message from scenario.preview_reconciliation(:t, 'c0000000-0000-0000-0000-00000000003c', :'plan');
set scenario.collect_message = 'Hi! Our form has changed, and we lack your {fields}. {questions} Thank you!';
select user_message from scenario.preview_reconciliation(:t, 'c0000000-0000-0000-0000-00000000003c', :'plan');
reset scenario.collect_message;
