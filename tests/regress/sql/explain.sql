-- Why a session lands where it does ("Results").
\set t  '''a0000000-0000-0000-0000-000000000004'''
\set flow '''b0000000-0000-0000-0000-000000000004'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set why 'select seq, step_id, step_name, event, detail - \'plan_ids\' as detail from scenario.explain_reconciliation'

select scenario.create_scenario(:t, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "amount"}]},
  {"id": "amount", "name": "Amount", "collects_profile_fields": ["amount"], "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign", "transitions": [{"to_step_id": "end"}]},
  {"id": "end", "name": "End", "is_terminal": true}]}', :flow) = :flow as created;
select (scenario.start_session(:t, :ann, :flow, variables => '{"amount": 500, "income": 40000}')).step_id as ann,
       (scenario.start_session(:t, :bob, :flow)).step_id as bob;
select (scenario.advance_session(:t, :ann, 'amount')).step_id as ann,
       (scenario.advance_session(:t, :ann, 'sign')).step_id as ann;

-- Nothing to explain.
:why(:t, :ann);

select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "income"}]},
  {"id": "income", "name": "Income", "collects_profile_fields": ["income"], "transitions": [
    {"to_step_id": "adviser", "condition_text": "income < 10000", "priority": 1}, {"to_step_id": "amount"}]},
  {"id": "adviser", "name": "Adviser", "transitions": [{"to_step_id": "amount"}]},
  {"id": "amount", "name": "Amount", "collects_profile_fields": ["amount", "currency"],
   "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign", "transitions": [{"to_step_id": "end"}]},
  {"id": "end", "name": "End", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
-- What the plan would do to her, step by step; values are not told.
:why(:t, :ann, :'plan');
:why(:t, :bob, plan_id => :'plan');
-- What is explained is what is then done.
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
select action, collect_fields, reason from scenario.reconcile_session(:t, :ann);
select * from scenario.submit_fields(:t, :ann, '{"currency": "EUR"}');
:why(:t, :ann);
select action, target_step_id as step, fields_filled, reason from scenario.reconcile_session(:t, :ann);
