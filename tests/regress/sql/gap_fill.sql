-- Nobody is asked for what is known. The session comes first, then the profile, then the conversation, and the customer
-- comes last ("Gap fill").
\set t  '''a0000000-0000-0000-0000-000000000005'''
\set flow '''b0000000-0000-0000-0000-000000000005'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set cleo '''c0000000-0000-0000-0000-00000000000c'''
\set dan '''c0000000-0000-0000-0000-00000000000d'''
\set customer_ann '''d0000000-0000-0000-0000-00000000000a'''
\set customer_bob '''d0000000-0000-0000-0000-00000000000b'''
\set customer_dan '''d0000000-0000-0000-0000-00000000000d'''
select $$
  select action, target_step_id as step, scenario_version as version, collect_fields, confirm_fields, fields_filled,
         user_message
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
  extraction_hint, extraction_pattern, required_level)
values
  (:t, 'age', 'age in years', '{"type": "integer", "minimum": 0, "maximum": 120, "examples": [34]}',
   'How old are you?', 'the speaker''s own age', 'I am (\d+)', 'hard'),
  (:t, 'country', 'country', '{"enum": ["KE", "TZ", "UG"]}', null, null, null, 'hard'),
  (:t, 'nickname', null, null, null, null, null, 'soft');

-- Ann's profile knows everything. Bob's age has expired, and his country is not a country. Cleo has no profile. Dan has
-- said how old he is.
insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, expires_at) values
  (:t, :customer_ann, 'age', '34', null), (:t, :customer_ann, 'country', '"KE"', null),
  (:t, :customer_bob, 'age', '40', '2020-01-01'), (:t, :customer_bob, 'country', '"Kenya"', null),
  (:t, :customer_dan, 'country', '"UG"', null);
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer_ann)).step_id as ann,
       (scenario.start_session(:t, :bob, :flow, customer_id => :customer_bob)).step_id as bob,
       (scenario.start_session(:t, :cleo, :flow, variables => '{"age": 19}')).step_id as cleo,
       (scenario.start_session(:t, :dan, :flow, customer_id => :customer_dan)).step_id as dan;
select (scenario.advance_session(:t, :ann, 'advice')).step_id as ann,
       (scenario.advance_session(:t, :bob, 'advice')).step_id as bob,
       (scenario.advance_session(:t, :cleo, 'advice')).step_id as cleo,
       (scenario.advance_session(:t, :dan, 'advice')).step_id as dan;
insert into scenario.messages (tenant_id, session_id, role, content) values
  (:t, :dan, 'customer', 'I am 200 years old'), (:t, :dan, 'customer', 'No, I am 28'),
  (:t, :dan, 'assistant', 'I am 3');

select scenario.create_scenario_version(:t, :flow, '{"name": "Care", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age", "country", "nickname"],
   "transitions": [{"to_step_id": "advice"}]},
  {"id": "advice", "name": "Advice"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- Ann is asked nothing.
:turn(:t, :ann);
select variables from scenario.sessions where tenant_id = :t and session_id = :ann;

-- Bob is asked for both, and what a model needs to ask well is there.
:turn(:t, :bob);
select jsonb_pretty(prompts) from scenario.preview_reconciliation(:t, :bob);
-- Asking again writes nothing again.
select revision, waiting_for from scenario.sessions where tenant_id = :t and session_id = :bob;
:turn(:t, :bob);
select revision, waiting_for from scenario.sessions where tenant_id = :t and session_id = :bob;
-- Answers are checked; those that are right are kept.
select * from scenario.submit_fields(:t, :bob, '{"age": "forty", "country": "TZ", "shoe_size": 43.50}');
:turn(:t, :bob);
select * from scenario.submit_fields(:t, :bob, '{"age": 41}');
:turn(:t, :bob);
:profile :t and customer_id = :customer_bob order by field_name;
select revision, action, fields_asked, fields_filled
  from scenario.migration_audit where tenant_id = :t and session_id = :bob order by revision;

-- Cleo, who is nobody's customer, has only her session.
:turn(:t, :cleo);
select * from scenario.submit_fields(:t, :cleo, '{"country": "UG"}');
:turn(:t, :cleo);
select variables from scenario.sessions where tenant_id = :t and session_id = :cleo;

-- Dan has said it, in words that a pattern finds: he is asked only whether that is right.
:turn(:t, :dan);
select prompts -> 0 -> 'found' as found from scenario.preview_reconciliation(:t, :dan);
:profile :t and customer_id = :customer_dan order by field_name;
select * from scenario.confirm_field(:t, :dan, 'age', true);
:turn(:t, :dan);
:profile :t and customer_id = :customer_dan order by field_name;
select step_id, scenario_version, variables from scenario.sessions where tenant_id = :t and session_id = :dan;

-- What is kept of all this: where values came from, never the values.
select right(session_id::text, 1) as session, revision, action, fields_filled, fields_asked
from scenario.migration_audit where tenant_id = :t order by session_id, revision;
-- What was found and did not do is kept once, however many turns come across it.
select right(session_id::text, 1) as session, field_name, value, state, reason
from scenario.field_attempts where tenant_id = :t order by session_id, attempt_no;
