-- Answers from outside: extractions, confirmations, actions, decisions ("Answers", "Decisions").
\set t  '''a0000000-0000-0000-0000-000000000006'''
\set flow '''b0000000-0000-0000-0000-000000000006'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set cleo '''c0000000-0000-0000-0000-00000000000c'''
\set customer '''d0000000-0000-0000-0000-00000000000a'''
select $$
  select action, target_step_id as step, collect_fields, confirm_fields, execute_step_ids as execute, fields_filled,
         reason
    from scenario.reconcile_session
$$ as turn \gset
select $$
  select field_name, value, status, source, confidence, needs_confirmation, quote
    from scenario.profile_fields where tenant_id =
$$ as profile \gset
select $$
  select right(session_id::text, 1) as session, field_name, value, confidence, quote, reason
    from scenario.field_attempts where tenant_id =
$$ as attempts \gset
\set waiting 'select waiting_for from scenario.sessions where tenant_id ='

select scenario.create_scenario(:t, '{"name": "Visit", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk"}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern) values
  (:t, 'age', '{"type": "integer", "minimum": 0}', 'I am (\d+)');
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer)).step_id as ann,
       (scenario.start_session(:t, :bob, :flow)).step_id as bob,
       (scenario.start_session(:t, :cleo, :flow)).step_id as cleo;
select (scenario.advance_session(:t, :ann, 'talk')).step_id as ann,
       (scenario.advance_session(:t, :bob, 'talk')).step_id as bob,
       (scenario.advance_session(:t, :cleo, 'talk')).step_id as cleo;

-- What a model extracts is used from 0.85 on, and needs no confirmation from 0.95 on.
select * from scenario.record_extraction(:t, :ann, 'age', '33', 0.80, 'thirty-three, I think');
select * from scenario.record_extraction(:t, :ann, 'age', '-1', 0.99);
select * from scenario.record_extraction(:t, :ann, 'age', '33', 0.85);
select * from scenario.record_extraction(:t, :ann, 'age', '34', 0.95, 'thirty-four');
-- What is more certain stays.
select * from scenario.record_extraction(:t, :ann, 'age', '35', 0.90);
-- Every reason is told, and a confidence with all its digits where two would contradict the comparison.
select * from scenario.record_extraction(:t, :ann, 'age', '-1', 0.849);
-- A soft field is never asked about, so nobody would confirm a value of it: it is certain, or it is not used.
insert into scenario.field_definitions (tenant_id, field_name, required_level) values (:t, 'hobby', 'soft');
select * from scenario.record_extraction(:t, :bob, 'hobby', '"chess"', 0.90);
select * from scenario.record_extraction(:t, :bob, 'hobby', '"chess"', 0.95);
:profile :t order by field_name;
:attempts :t order by session_id, attempt_no;
-- The customer's own word beats every model.
select * from scenario.submit_fields(:t, :ann, '{"age": 36}');
select * from scenario.record_extraction(:t, :ann, 'age', '37', 0.99);
:profile :t order by field_name;

-- Version 2: an age is needed, a consent must be filed, and somebody must tell whom they will talk to.
select scenario.create_scenario_version(:t, :flow, '{"name": "Visit", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "consent"}]},
  {"id": "consent", "name": "File consent", "performs_action": true, "is_required_action": true,
   "transitions": [{"to_step_id": "mood"}]},
  {"id": "mood", "name": "Mood", "transitions": [
    {"to_step_id": "nurse", "condition_text": "the customer sounds worried", "priority": 1}, {"to_step_id": "talk"}]},
  {"id": "nurse", "name": "Nurse", "is_terminal": true},
  {"id": "talk", "name": "Talk"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- An action to execute, then a decision to make.
:turn(:t, :ann);
:waiting :t and session_id = :ann;
select scenario.complete_action(:t, :ann, 'talk');
select scenario.complete_action(:t, :ann, 'nowhere');
select scenario.complete_action(:t, :ann, 'consent');
select scenario.complete_action(:t, :ann, 'consent');
select scenario_version, step_id, completed_by = session_user as by_me
  from scenario.session_actions where tenant_id = :t;
:turn(:t, :ann);
:waiting :t and session_id = :ann;
select jsonb_pretty(decisions) as decisions from scenario.preview_reconciliation(:t, :ann);
select scenario.submit_decision(:t, :ann, 'mood', 'hello');
select scenario.submit_decision(:t, :ann, 'about', 'consent');
select scenario.submit_decision(:t, :ann, 'nowhere', 'talk');
select scenario.submit_decision(:t, :ann, 'mood', 'nurse');
select scenario.submit_decision(:t, :ann, 'mood', 'talk');
select scenario_version, fork_step_id, target_step_id from scenario.session_decisions where tenant_id = :t;
:turn(:t, :ann);

-- Without a customer there is no profile: what is certain goes into the session, what is not waits for a word.
select * from scenario.record_extraction(:t, :bob, 'age', '50', 0.97);
select variables from scenario.sessions where tenant_id = :t and session_id = :bob;
select * from scenario.record_extraction(:t, :bob, 'age', '51', 0.99);
select * from scenario.record_extraction(:t, :cleo, 'age', '60', 0.90, 'sixty or so');
:turn(:t, :cleo);
select * from scenario.confirm_field(:t, :cleo, 'age', false);
:turn(:t, :cleo);
-- What was denied is not found again in the same words.
insert into scenario.messages (tenant_id, session_id, role, content) values
  (:t, :cleo, 'customer', 'I am 62'), (:t, :cleo, 'customer', 'I am 60 something');
:turn(:t, :cleo);
select * from scenario.confirm_field(:t, :cleo, 'age', true);
select * from scenario.confirm_field(:t, :cleo, 'age', true);
:turn(:t, :cleo);
select variables from scenario.sessions where tenant_id = :t and session_id = :cleo;
:attempts :t order by session_id, attempt_no;
-- With nobody to decide, the customer keeps to their path.
select scenario.complete_action(:t, :cleo, 'consent');
set scenario.on_undecided = stay;
:turn(:t, :cleo);
reset scenario.on_undecided;
