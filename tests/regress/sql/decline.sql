-- Case 28: a field that the customer cannot give.
\set t     '''a0000000-0000-0000-0000-000000000043'''
\set other '''a0000000-0000-0000-0000-0000000000ff'''
\set flow '''b0000000-0000-0000-0000-000000000043'''
\set ann  '''c0000000-0000-0000-0000-00000000430a'''
\set bob  '''c0000000-0000-0000-0000-00000000430b'''
select $$
  select action, target_step_id as step, collect_fields as collect, confirm_fields as confirm
    from scenario.reconcile_session
$$ as turn \gset

select scenario.create_scenario(:t, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, extraction_pattern, required_level) values
  (:t, 'income', null, 'hard'), (:t, 'town', 'live in (\w+)', 'hard'), (:t, 'passport', null, 'strict');
insert into scenario.field_definitions (tenant_id, field_name, required_level) values (:t, 'x', 'severe');
select right(s, 1) as session, (scenario.start_session(:t, s::uuid, :flow, customer_id => s::uuid)).step_id,
       (scenario.advance_session(:t, s::uuid, 'talk')).step_id
  from unnest(array[:ann, :bob]) as s;
insert into scenario.messages (tenant_id, session_id, role, content)
values (:t, :ann, 'customer', 'They say I live in Mombasa');
select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About you", "collects_profile_fields": ["income", "town", "passport"], "transitions": [
    {"to_step_id": "rich", "condition_text": "income > 1000"}, {"to_step_id": "talk"}]},
  {"id": "rich", "name": "Rich", "transitions": [{"to_step_id": "bye"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :ann);
:turn(:t, :bob);

-- Nobody else's, nothing.
select * from scenario.decline_field(:other, :ann, 'income');
\echo :LAST_ERROR_SQLSTATE
select * from scenario.decline_field(:t, :ann, null);
\echo :LAST_ERROR_SQLSTATE
select * from scenario.decline_field(:t, :ann, '');

-- The session goes on without it, and without a value that the customer would have to confirm.
select * from scenario.decline_field(:t, :ann, 'income', 'does not know');
select * from scenario.decline_field(tenant_id => :t, session_id => :ann, field => 'town');
select * from scenario.decline_field(:t, :ann, 'income', 'does still not know');
:turn(:t, :ann);
-- A strict field cannot be declined: its session waits, and is listed.
select * from scenario.decline_field(:t, :ann, 'passport');
:turn(:t, :ann);
select right(session_id::text, 1) as session, waiting_for, fields_asked, reason
  from scenario.stranded_sessions(:t, :'plan') order by 1;
-- On record, without a value.
select field_name, value, state, reason
  from scenario.field_attempts where tenant_id = :t and session_id = :ann order by attempt_no;
-- What is said later counts all the same; the fork that reads the declined field redirects nobody.
select * from scenario.submit_fields(:t, :ann, '{"passport": "A1"}');
:turn(:t, :ann);
-- It is this session's: another one of the same customer is asked.
select * from scenario.submit_fields(:t, :bob, '{"passport": "B2", "town": "Nairobi"}');
:turn(:t, :bob);
select * from scenario.submit_fields(:t, :bob, '{"income": 2000}');
:turn(:t, :bob);
-- A declined field stays so in the next version.
select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "again"}]},
  {"id": "again", "name": "About you, again", "collects_profile_fields": ["income", "town", "shoe_size"],
   "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
:turn(:t, :ann);
