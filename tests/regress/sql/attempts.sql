-- What a conversation says and is no value of the field is an attempt, with its reason; it never ends a turn.
\set t    '''a0000000-0000-0000-0000-000000000044'''
\set flow '''b0000000-0000-0000-0000-000000000044'''
\set ann  '''c0000000-0000-0000-0000-00000000440a'''
\set bob  '''c0000000-0000-0000-0000-00000000440b'''
select $$
  select action, collect_fields as collect, confirm_fields as confirm, fields_filled from scenario.reconcile_session
$$ as turn \gset
select $$
  select field_name, left(value::text, 12) as value, length(value::text), confidence, left(quote, 20) as quote, state,
         reason
    from scenario.field_attempts where tenant_id =
$$ as attempts \gset

select scenario.create_scenario(:t, '{"name": "Bank", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern) values
  (:t, 'amount', '{"type": "number", "maximum": 1000}', 'amount is (\S+)');
select right(s, 1) as session, (scenario.start_session(:t, s::uuid, :flow, customer_id => s::uuid)).step_id,
       (scenario.advance_session(:t, s::uuid, 'talk')).step_id
  from unnest(array[:ann, :bob]) as s;
select scenario.create_scenario_version(:t, :flow, '{"name": "Bank", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "about"}]},
  {"id": "about", "name": "About", "collects_profile_fields": ["amount"], "transitions": [{"to_step_id": "talk"}]},
  {"id": "talk", "name": "Talk", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Goodbye", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- Numbers that no column can hold, in a preview, a batch and a turn.
insert into scenario.messages (tenant_id, session_id, role, content) values
  (:t, :ann, 'customer', 'the amount is 1e200000'),
  (:t, :ann, 'customer', 'the amount is ' || repeat('9', 140000));
select action, collect_fields as collect from scenario.preview_reconciliation(:t, :ann);
set client_min_messages = warning;
call scenario.migrate_sessions(:t, :'plan');
reset client_min_messages;
select deferred, failed from scenario.batch_runs where tenant_id = :t;
:turn(:t, :ann);
:attempts :t order by attempt_no;
-- The same at the next turn is not written again; the prompt says why, without the value.
:turn(:t, :ann);
select count(*) from scenario.field_attempts where tenant_id = :t;
select jsonb_path_query(prompts, '$[*].rejected[*]') as rejected from scenario.preview_reconciliation(:t, :ann);

-- What is too much, no number, and said twice; the newest three are kept, and what is older and valid is used.
insert into scenario.messages (tenant_id, session_id, role, content) values
  (:t, :bob, 'customer', 'the amount is 500'),
  (:t, :bob, 'customer', 'the amount is 9000'),
  (:t, :bob, 'customer', 'the amount is 8000, no, the amount is 7000'),
  (:t, :bob, 'customer', 'the amount is much'),
  (:t, :bob, 'customer', 'the amount is 7000');
:turn(:t, :bob);
:attempts :t and session_id = :bob order by attempt_no;
