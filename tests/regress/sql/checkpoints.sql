-- Nobody is moved to before a checkpoint that they passed ("Acts and checkpoints").
\set t  '''a0000000-0000-0000-0000-000000000003'''
\set shop '''b0000000-0000-0000-0000-000000000003'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set cleo '''c0000000-0000-0000-0000-00000000000c'''
select $$
  select action, target_step_id as step, scenario_version as version, blocked_by_checkpoint as blocked, reason
    from scenario.reconcile_session
$$ as turn \gset

select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "money moved",
   "transitions": [{"to_step_id": "ship"}]},
  {"id": "ship", "name": "Ship", "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "Done", "is_terminal": true}]}', :shop) = :shop as created;
-- Ann is at "Cart". Bob and Cleo have paid. All three are under age.
select (scenario.start_session(:t, :ann, :shop, variables => '{"age": 15}')).step_id as ann,
       (scenario.start_session(:t, :bob, :shop, variables => '{"age": 15}')).step_id as bob,
       (scenario.start_session(:t, :cleo, :shop, variables => '{"age": 15}')).step_id as cleo;
select (scenario.advance_session(:t, :bob, 'pay')).step_id as bob,
       (scenario.advance_session(:t, :bob, 'ship')).step_id as bob,
       (scenario.advance_session(:t, :cleo, 'pay')).step_id as cleo;

-- Version 2 asks for the age first.
select scenario.create_scenario_version(:t, :shop, '{"name": "Shop", "entry_step_id": "age", "steps": [
  {"id": "age", "name": "Age check", "collects_profile_fields": ["age"], "transitions": [
    {"to_step_id": "no", "condition_text": "age < 18", "priority": 1}, {"to_step_id": "cart"}]},
  {"id": "no", "name": "Sorry", "is_terminal": true},
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "money moved",
   "transitions": [{"to_step_id": "ship"}]},
  {"id": "ship", "name": "Ship", "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "Done", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :shop, 2) as plan \gset
-- Who is at "Pay" and blocked stays on version 1.
select scenario.set_anchor_policy(:t, :'plan', anchor_content_hash, '{"on_checkpoint_block": "pin"}') is not null as set
from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan' and old_step_id = 'pay';
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');

-- What the checkpoint forbids is told before and after, in the same words.
\x
select action, target_step_id, blocked_by_checkpoint, checkpoint_warning, user_message
  from scenario.preview_reconciliation(:t, :bob);
\x
-- Ann has passed none: she is redirected.
:turn(:t, :ann);
-- Bob has paid: he stays on his path, in the new version.
:turn(:t, :bob);
:turn(:t, :bob);
-- Cleo has paid: she stays on the old version.
:turn(:t, :cleo);
:turn(:t, :cleo);
select right(session_id::text, 1) as session, action, step_before, step_after, blocked_by_checkpoint as blocked,
       checkpoint, fields_filled
from scenario.migration_audit where tenant_id = :t order by session_id;

-- Switched off, the redirect is made: who sets this takes the promise back.
begin;
update scenario.sessions set reconciled_deployments = null, pinned_at = null, pinned_reason = null,
  pinned_plan_id = null
 where tenant_id = :t and session_id = :cleo;
set local scenario.block_teleport_past_checkpoint = off;
:turn(:t, :cleo);
rollback;
