-- "Why was this customer asked for their age again?" The audit gives the reason, and session_story lists everything
-- that happened, in order. Neither contains what customers have said (here: 19771977, Nairobi, ash).
\set SHOW_CONTEXT never
\set t '''a0000000-0000-0000-0000-000000000092'''
\set flow '''b0000000-0000-0000-0000-000000000092'''
\set ann '''c0000000-0000-0000-0000-00000000092a'''
\set bob '''c0000000-0000-0000-0000-00000000092b'''
\set customer_ann '''d0000000-0000-0000-0000-00000000092a'''
\set customer_bob '''d0000000-0000-0000-0000-00000000092b'''
\set story 'select event, step_name, text from scenario.session_story'

select scenario.create_scenario(:t, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "fee"}]},
  {"id": "fee", "name": "Fee", "is_checkpoint": true, "checkpoint_description": "the fee is paid",
   "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern) values
  (:t, 'born', '{"type": "integer", "minimum": 1900}', 'born in (\d+)'), (:t, 'city', '{"enum": ["KE", "TZ"]}', null),
  (:t, 'wood', null, null);
insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, status, expires_at) values
  (:t, :customer_ann, 'born', '19771977', 'active', '2020-01-01'),
  (:t, :customer_ann, 'city', '"Nairobi"', 'active', null),
  (:t, :customer_ann, 'wood', '"oak"', 'rejected', null);
select (scenario.start_session(:t, :ann, :flow, customer_id => :customer_ann)).step_id as ann;
select (scenario.start_session(:t, :bob, :flow, customer_id => :customer_bob,
  variables => '{"city": "TZ", "wood": "oak"}')).step_id as bob;
select (scenario.advance_session(:t, :ann, 'fee', turn_number => 1, reason => 'said yes',
  confidence => 0.75)).step_id as ann;
select (scenario.advance_session(:t, :ann, 'talk')).step_id as ann;
select (scenario.advance_session(:t, :bob, 'fee')).step_id as bob;
select (scenario.advance_session(:t, :bob, 'talk')).step_id as bob;
insert into scenario.messages (tenant_id, session_id, role, content)
values (:t, :bob, 'customer', 'I was born in 19771977');

select scenario.create_scenario_version(:t, :flow, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "you"}]},
  {"id": "you", "name": "About you", "collects_profile_fields": ["born", "city"],
   "transitions": [{"to_step_id": "fee"}]},
  {"id": "fee", "name": "Fee", "is_checkpoint": true, "checkpoint_description": "the fee is paid",
   "transitions": [{"to_step_id": "fork"}]},
  {"id": "fork", "name": "Which wood?", "transitions": [
    {"to_step_id": "carpenter", "condition_text": "wood == \"elm\"", "condition_fields": ["wood"]},
    {"to_step_id": "call"}]},
  {"id": "carpenter", "name": "Carpenter", "transitions": [{"to_step_id": "bye"}]},
  {"id": "call", "name": "Call", "performs_action": true, "is_required_action": true,
   "transitions": [{"to_step_id": "mood"}]},
  {"id": "mood", "name": "Mood", "transitions": [
    {"to_step_id": "talk", "condition_text": "sounds happy"},
    {"to_step_id": "carpenter", "condition_text": "sounds sad"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- Ann is asked, and the audit says why what was known did not do.
select action, collect_fields, confirm_fields from scenario.reconcile_session(:t, :ann);
select f ->> 'field' as field, f ->> 'outcome' as outcome, f #>> '{needed_for,kind}' as kind,
       f #>> '{needed_for,step_name}' as step,
       f #>> '{needed_for,condition_text}' as condition, f -> 'did_not_do' as did_not_do
  from scenario.migration_audit a, jsonb_array_elements(a.asked) f where a.tenant_id = :t and a.session_id = :ann;
select count(*) > 5 as events, bool_or(e ->> 'event' = 'field') as fields,
       max(e ->> 'event') filter (where n = jsonb_array_length(a.trace)) as last
  from scenario.migration_audit a, jsonb_array_elements(a.trace) with ordinality as x(e, n)
 where a.tenant_id = :t and a.session_id = :ann;
-- Bob is to confirm what he said.
select action, collect_fields, confirm_fields from scenario.reconcile_session(:t, :bob);
-- They answer, act and decide.
select * from scenario.submit_fields(:t, :ann, '{"born": 19771977, "city": "KE", "wood": "ash"}');
select * from scenario.confirm_field(:t, :bob, 'born', false);
select action, collect_fields from scenario.reconcile_session(:t, :bob);
select * from scenario.record_extraction(:t, :bob, 'born', '19781978', 0.9, 'born in 19781978');
select action, confirm_fields from scenario.reconcile_session(:t, :bob);
select * from scenario.confirm_field(:t, :bob, 'born', true);
select action, execute_step_ids from scenario.reconcile_session(:t, :ann);
select scenario.complete_action(:t, :ann, 'call');
select action from scenario.reconcile_session(:t, :ann);
select scenario.submit_decision(:t, :ann, 'mood', 'talk');
select action, target_step_id from scenario.reconcile_session(:t, :ann);
select step_id, scenario_version from scenario.revert_session(:t, :ann);

:story(:t, :ann);
:story(:t, :bob);
select event, detail - 'db_role' - 'by' - 'plan_ids' - 'asked' - 'reason' as detail
  from scenario.session_story(:t, :ann) where event in ('started', 'arrived', 'migrated', 'decided');
-- A move that filled fields says what they were needed for.
select f ->> 'field' as field, f ->> 'outcome' as outcome, f ->> 'source' as source,
       f #>> '{needed_for,step_name}' as step
  from scenario.migration_audit a, jsonb_array_elements(a.asked) f
 where a.tenant_id = :t and a.session_id = :ann and a.action = 'teleport' order by 1;

-- Never a value: neither in the audit nor in the story.
select count(*) as audit_rows,
       count(*) filter (where to_jsonb(a)::text ~* '19771977|19781978|nairobi|\moak\M|\mash\M') as with_a_value
  from scenario.migration_audit a where a.tenant_id = :t;
select count(*) filter (where to_jsonb(y)::text ~* '19771977|19781978|nairobi|\mash\M') as with_a_value
  from unnest(array[:ann, :bob]::uuid[]) s, scenario.session_story(:t, s) y;

-- Clean grafts keep neither.
select (scenario.start_session(:t, 'c0000000-0000-0000-0000-00000000092c', :flow)).step_id;
select scenario.create_scenario_version(:t, :flow, jsonb_set(definition, '{steps,8,name}', '"Goodbye"')) as version
  from scenario.scenario_versions where tenant_id = :t and version = 2;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select action, migration_scenario from scenario.reconcile_session(:t, 'c0000000-0000-0000-0000-00000000092c');
select action, asked, trace, fields_filled
  from scenario.migration_audit where tenant_id = :t and session_id = 'c0000000-0000-0000-0000-00000000092c';
select event, step_name, text from scenario.session_story(:t, 'c0000000-0000-0000-0000-00000000092c');

-- It only reads, and another tenant's session is none.
begin read only;
select count(*) > 0 as told from scenario.session_story(:t, :ann);
rollback;
select * from scenario.session_story('a0000000-0000-0000-0000-0000000000ff', :ann);
select * from scenario.session_story(:t, 'c0000000-0000-0000-0000-0000000000ff');
select * from scenario.session_story(:t, null);
select * from scenario.session_story(null, :ann);
