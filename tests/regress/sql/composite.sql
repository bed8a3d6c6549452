-- A session several versions behind moves once, to the newest version, by what that version needs ("Chains").
\set t  '''a0000000-0000-0000-0000-000000000034'''
\set flow '''b0000000-0000-0000-0000-000000000034'''
\set ann '''c0000000-0000-0000-0000-00000000003a'''
\set bob '''c0000000-0000-0000-0000-00000000003b'''
\set cleo '''c0000000-0000-0000-0000-00000000003c'''
\set dan '''c0000000-0000-0000-0000-00000000003d'''
\set eve '''c0000000-0000-0000-0000-00000000003e'''
select $$
  select action, target_step_id as step, scenario_version as version, migration_scenario as scenario,
         collect_fields as collect, blocked_by_checkpoint as blocked, reason
    from scenario.reconcile_session
$$ as turn \gset

select scenario.create_scenario(:t, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "offer"}]},
  {"id": "offer", "name": "Our offer", "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign", "is_checkpoint": true, "checkpoint_description": "The contract is signed",
   "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay out"}]}', :flow) = :flow as created;
-- Ann has the offer, Bob has signed, Cleo writes by SMS, Dan has the offer and is seventeen.
select (scenario.start_session(:t, s::uuid, :flow, channel => c, variables => v::jsonb)).step_id,
       (scenario.advance_session(:t, s::uuid, 'offer')).step_id
from (values (:ann, 'web', '{}'), (:bob, 'web', '{"age": 17}'), (:cleo, 'sms', '{"age": 40}'),
             (:dan, 'web', '{"age": 17}')) as x(s, c, v);
select (scenario.advance_session(:t, :bob, 'sign')).step_id as sign,
       (scenario.advance_session(:t, :bob, 'pay')).step_id as bob;

-- Version 2 asks for an income. Version 3 asks for an employer instead, and renames the step of signing. Version 4
-- asks for neither, but for an age, and some customers are too young. Each version is deployed, and nobody writes in
-- between.
select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "income"}]},
  {"id": "income", "name": "Income", "collects_profile_fields": ["income"], "transitions": [{"to_step_id": "offer"}]},
  {"id": "offer", "name": "Our offer", "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign", "is_checkpoint": true, "checkpoint_description": "The contract is signed",
   "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay out"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan2 \gset
select status from scenario.approve_migration_plan(:t, :'plan2');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan2');
-- Eve comes while version 2 is there, and knows it only.
select (scenario.start_session(:t, :eve, :flow, variables => '{"age": 50}')).scenario_version as eve;
select (scenario.advance_session(:t, :eve, 'income')).step_id, (scenario.advance_session(:t, :eve, 'offer')).step_id;

select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "h", "steps": [
  {"id": "h", "name": "Hello", "transitions": [{"to_step_id": "e"}]},
  {"id": "e", "name": "Employer", "collects_profile_fields": ["employer"], "transitions": [{"to_step_id": "o"}]},
  {"id": "o", "name": "Our offer", "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign the contract", "is_checkpoint": true,
   "checkpoint_description": "The contract is signed", "transitions": [{"to_step_id": "p"}]},
  {"id": "p", "name": "Pay out"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan3 \gset
select status from scenario.approve_migration_plan(:t, :'plan3');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan3');

select scenario.create_scenario_version(:t, :flow, '{"name": "Loan", "entry_step_id": "h", "steps": [
  {"id": "h", "name": "Hello", "transitions": [{"to_step_id": "a"}]},
  {"id": "a", "name": "Age", "collects_profile_fields": ["age"], "transitions": [
    {"to_step_id": "no", "condition_text": "age < 18", "condition_fields": ["age"]}, {"to_step_id": "o"}]},
  {"id": "no", "name": "Too young", "is_terminal": true},
  {"id": "o", "name": "Our offer", "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign the contract", "is_checkpoint": true,
   "checkpoint_description": "The contract is signed", "transitions": [{"to_step_id": "p"}]},
  {"id": "p", "name": "Pay out"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 4) as plan4 \gset
-- A policy of one link counts for the whole way.
select anchor_content_hash as offer
  from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan4' and name = 'Our offer' \gset
select scenario.set_anchor_policy(:t, :'plan4', :'offer',
  '{"exclude_channels": ["sms"]}') -> 'exclude_channels' as excluded;
select status from scenario.approve_migration_plan(:t, :'plan4');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan4');

-- Ann: nobody asks for an income or an employer.
:turn(:t, :ann);
select * from scenario.submit_fields(:t, :ann, '{"age": 30}');
select seq, step_id, event, detail - 'plan_ids' - 'anchor_content_hash' as detail
  from scenario.explain_reconciliation(:t, :ann);
:turn(:t, :ann);
-- Bob has signed, under the name that it had: he is not sent away for his age.
:turn(:t, :bob);
-- Cleo stays.
:turn(:t, :cleo);
select scenario_version, reconciled_deployments, step_id
  from scenario.sessions where tenant_id = :t and session_id = :cleo;
-- Dan is too young.
:turn(:t, :dan);
-- Eve comes by two plans.
:turn(:t, :eve);
select right(session_id::text, 1) as session, action, from_version, to_version, cardinality(plan_ids) as plans,
       step_before, step_after, fields_asked, checkpoint
from scenario.migration_audit where tenant_id = :t order by session_id, revision;
-- One visit more for each who moved: nobody was in a version between.
select right(session_id::text, 1) as session,
       string_agg(scenario_version || ':' || step_id, ' ' order by visit_no) as history
from scenario.step_visits where tenant_id = :t group by session_id order by session_id;

-- A gap in the chain, where a plan was cancelled: pinned.
\set fay '''c0000000-0000-0000-0000-00000000003f'''
insert into scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, step_id)
values (:t, :fay, :flow, 2, 'offer');
select scenario.cancel_deployment(:t, :'plan3') as unmarked;
:turn(:t, :fay);
