-- When each value was given is kept, and the newer word counts: the session's or the profile's.
\set t    '''a0000000-0000-0000-0000-000000000042'''
\set flow '''b0000000-0000-0000-0000-000000000042'''
\set ann  '''c0000000-0000-0000-0000-00000000420a'''
\set bob  '''c0000000-0000-0000-0000-00000000420b'''
\set cleo '''c0000000-0000-0000-0000-00000000420c'''
\set now  'extract(epoch from now())'
\set turn 'select action, target_step_id as step, fields_filled from scenario.reconcile_session'

select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "ship"}]},
  {"id": "ship", "name": "Ship", "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "Done", "is_terminal": true}]}', :flow) = :flow as created;

-- The trigger keeps the times, whoever writes.
insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, variables, customer_id)
values (:t, :ann, :flow, 'ship', '{"city": "Rome", "size": 4, "note": "x"}', :ann)
returning (select jsonb_object_agg(key, value = to_jsonb(:now)) from jsonb_each(variables_set_at)) as given_now;
begin;
update scenario.sessions set variables = '{"city": "Paris", "size": 4.0, "gift": true}'
 where tenant_id = :t and session_id = :ann
returning (select jsonb_object_agg(key, value = to_jsonb(:now)) from jsonb_each(variables_set_at)) as given_now;
-- A statement that writes the times itself is left alone.
update scenario.sessions set variables = '{"city": "Oslo"}', variables_set_at = '{"city": 5}'
 where tenant_id = :t and session_id = :ann
returning variables_set_at;
rollback;
insert into scenario.sessions (tenant_id, session_id, scenario_id, variables, variables_set_at)
values (:t, :bob, :flow, '{"city": "Oslo", "size": 4}', '{"city": 5}') returning variables_set_at;
select (scenario.start_session(:t, :cleo, :flow, customer_id => :cleo, step_id => 'ship')).variables_set_at;
update scenario.sessions set turn_count = 1, variables = variables || '{"city": "Oslo"}'
 where tenant_id = :t and session_id = :bob
returning variables_set_at;
-- A word that is said again is said now.
begin;
select accepted from scenario.submit_fields(:t, :bob, '{"city": "Oslo"}');
select variables_set_at -> 'city' = to_jsonb(:now) as now
  from scenario.sessions where tenant_id = :t and session_id = :bob;
rollback;
-- What is none.
\set VERBOSITY terse
insert into scenario.sessions (tenant_id, scenario_id, variables) values (:t, :flow, '[]');
update scenario.sessions set variables = '1' where tenant_id = :t;
update scenario.sessions set variables_set_at = '[]' where tenant_id = :t;
update scenario.sessions set variables_set_at = null where tenant_id = :t;
\set VERBOSITY default
-- A profile keeps its time likewise.
insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, updated_at)
values (:t, :ann, 'city', '"Paris"', '2001-01-01 00:00:00+00'), (:t, :bob, 'city', '"Paris"', '2001-01-01 00:00:00+00');
update scenario.profile_fields set expires_at = 'infinity' where tenant_id = :t and customer_id = :bob
returning updated_at = now() as now;
update scenario.profile_fields set value = '"Kyiv"' where tenant_id = :t and customer_id = :bob
returning updated_at = now() as now;
update scenario.profile_fields set value = '"Lima"', updated_at = '2002-02-02 00:00:00+00'
 where tenant_id = :t and customer_id = :bob
returning updated_at = now() as now;

-- Case 17: a fork that reads the city; Ann's session says Rome, and her profile has said Paris long before.
select scenario.create_scenario_version(:t, :flow, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "where"}]},
  {"id": "where", "name": "Where to", "collects_profile_fields": ["city"], "transitions": [
    {"to_step_id": "pick_up", "condition_text": "city == \"Paris\""}, {"to_step_id": "ship"}]},
  {"id": "pick_up", "name": "Pick up", "transitions": [{"to_step_id": "done"}]},
  {"id": "ship", "name": "Ship", "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "Done", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
begin;
:turn(:t, :ann);
select variables -> 'city' as city from scenario.sessions where tenant_id = :t and session_id = :ann;
rollback;
-- Said elsewhere, and later: the profile's.
update scenario.profile_fields set value = '"Paris"', updated_at = '2101-01-01 00:00:00+00'
 where tenant_id = :t and customer_id = :ann;
:turn(:t, :ann);
-- What a migration fills keeps its source's time.
select variables -> 'city' as city, to_timestamp((variables_set_at -> 'city')::float8) at time zone 'UTC' as given_at
  from scenario.sessions where tenant_id = :t and session_id = :ann;
-- Taken back: the old word is there again, and it is older than the profile's.
select (scenario.revert_session(:t, :ann)).variables -> 'city' as city;
select variables_set_at ? 'city' as has_a_time, variables_set_at ? 'size' as others_have
  from scenario.sessions where tenant_id = :t and session_id = :ann;
-- A value of the conversation was found at the turn that used it. A time that is none counts as no time.
insert into scenario.field_definitions (tenant_id, field_name, extraction_pattern) values (:t, 'city', 'live in (\w+)');
set scenario.confirmation_threshold = 0.9;
insert into scenario.messages (tenant_id, session_id, role, content) values (:t, :cleo, 'customer', 'We live in Oslo');
insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, status, updated_at)
values (:t, :cleo, 'city', '"Paris"', 'superseded', 'infinity');
begin;
:turn(:t, :cleo);
select variables_set_at -> 'city' = to_jsonb(:now) as now
  from scenario.sessions where tenant_id = :t and session_id = :cleo;
rollback;
update scenario.profile_fields set status = 'active', updated_at = 'infinity'
 where tenant_id = :t and customer_id = :cleo;
update scenario.sessions set variables = '{"city": "Rome"}' where tenant_id = :t and session_id = :cleo;
:turn(:t, :cleo);
reset scenario.confirmation_threshold;
