-- A turn that finds a new version published grafts the session in silence, pins it, relocates it or lets it go, or has
-- nothing to do ("A turn", "Fallback").
\set t  '''a0000000-0000-0000-0000-000000000002'''
\set flow '''b0000000-0000-0000-0000-000000000002'''
\set ann '''c0000000-0000-0000-0000-00000000000a'''
\set bob '''c0000000-0000-0000-0000-00000000000b'''
\set cleo '''c0000000-0000-0000-0000-00000000000c'''
\set dan '''c0000000-0000-0000-0000-00000000000d'''
\set eve '''c0000000-0000-0000-0000-00000000000e'''
\set fay '''c0000000-0000-0000-0000-00000000000f'''
select $$
  select action, target_step_id as step, target_step_name as name, scenario_version as version,
         migration_scenario as scenario, reason
    from scenario.reconcile_session
$$ as turn \gset
select $$
  select action, target_step_id as step, target_step_name as name, scenario_version as version,
         migration_scenario as scenario, reason
    from scenario.preview_reconciliation
$$ as preview \gset
select $$
  select right(session_id::text, 1) as session, scenario_version as version, reconciled_deployments as reconciled,
         step_id, pending_plan_id is not null as marked, revision, visit_count as visits
    from scenario.sessions where tenant_id =
$$ as places \gset
select $$
  select right(session_id::text, 1) as session, revision, from_version as "from", to_version as "to",
         migration_scenario as scenario, step_before, step_after, action, cardinality(plan_ids) as plans,
         microseconds >= 0 as timed, db_role = current_user as role
    from scenario.migration_audit where tenant_id =
$$ as audit \gset

select scenario.create_scenario(:t, '{"name": "Support", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "topic"}]},
  {"id": "topic", "name": "Topic", "transitions": [{"to_step_id": "chat"}]},
  {"id": "chat", "name": "Chat", "transitions": [{"to_step_id": "rate"}]},
  {"id": "rate", "name": "Rate us", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}', :flow) = :flow as created;
select (scenario.start_session(:t, :ann, :flow, 'web')).step_id as ann,
       (scenario.start_session(:t, :bob, :flow, 'phone')).step_id as bob,
       (scenario.start_session(:t, :cleo, :flow, 'web')).step_id as cleo;
select (scenario.advance_session(:t, :ann, 'topic')).step_id as ann,
       (scenario.advance_session(:t, :bob, 'topic')).step_id as bob,
       (scenario.advance_session(:t, :cleo, 'topic')).step_id as cleo;
select (scenario.advance_session(:t, :cleo, 'chat')).step_id as cleo,
       (scenario.advance_session(:t, :cleo, 'rate')).step_id as cleo;

-- Nothing to do: no transaction id is taken, also in a transaction that may not write.
begin;
:turn(:t, :ann);
select pg_current_xact_id_if_assigned() as xid;
commit;
begin read only;
:turn(:t, :ann);
:preview(:t, :ann);
commit;
-- The whole row of a turn with nothing to do: lists are empty, not NULL.
\x
select * from scenario.reconcile_session(:t, :ann);
\x

-- Version 2: all ids are new, "Rate us" is gone, "Offer" comes after the chat. Phone sessions stay on version 1.
select scenario.create_scenario_version(:t, :flow, '{"name": "Support", "entry_step_id": "h2", "steps": [
  {"id": "h2", "name": "Hello", "transitions": [{"to_step_id": "t2"}]},
  {"id": "t2", "name": "Topic", "transitions": [{"to_step_id": "c2"}]},
  {"id": "c2", "name": "Chat", "transitions": [{"to_step_id": "o2"}]},
  {"id": "o2", "name": "Offer", "transitions": [{"to_step_id": "b2"}]},
  {"id": "b2", "name": "Bye"}]}') as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select scenario.set_anchor_policy(:t, :'plan', scenario.step_content_hash('{"name": "Topic"}'),
  '{"exclude_channels": ["phone"]}') is not null as set;
-- A preview of the plan, while nothing is deployed; a turn goes on as before.
:preview(:t, :ann, :'plan');
:turn(:t, :ann);
select status from scenario.approve_migration_plan(:t, :'plan');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan');
-- Nothing else has changed for them. Who starts now starts in version 2.
:places :t order by session_id;
select (scenario.start_session(:t, :dan, :flow)).step_id as dan;
:turn(:t, :dan);

-- A migration that is due cannot be applied by a transaction that may not write; it can be looked at.
begin read only;
:preview(:t, :ann);
:turn(:t, :ann);
rollback;
-- Ann is taken over in silence, once.
:turn(:t, :ann);
:turn(:t, :ann);
-- Bob is left out by the policy, and stays so.
:turn(:t, :bob);
:turn(:t, :bob);
-- Cleo's step is gone: she goes to the nearest one that is left.
:turn(:t, :cleo);
:places :t order by session_id;
:audit :t order by session_id, revision;
select visit_no, step_id, scenario_version as version, reason, plan_id = :'plan' as by_plan
from scenario.step_visits where tenant_id = :t and session_id = :ann order by visit_no;

-- Eve was missed when sessions were marked: the plan moves her all the same. All or nothing: a turn that is rolled back
-- leaves the session as it was.
insert into scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, step_id)
values (:t, :eve, :flow, 1, 'chat');
begin;
:turn(:t, :eve);
rollback;
:places :t and session_id = :eve;
:turn(:t, :eve);
:places :t and session_id = :eve;
-- Whom the application itself has moved is only written down as reconciled.
insert into scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, step_id)
values (:t, :fay, :flow, 1, 'chat');
update scenario.sessions set scenario_version = 2, step_id = 'c2' where tenant_id = :t and session_id = :fay;
:turn(:t, :fay);
:places :t and session_id = :fay;

-- Version 3 replaces everything: the step has no counterpart, and no place is left.
select scenario.create_scenario_version(:t, :flow, '{"name": "Support", "entry_step_id": "x", "steps": [
  {"id": "x", "name": "Closed", "description": "We have closed", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan3 \gset
select status from scenario.approve_migration_plan(:t, :'plan3');
select sessions_marked from scenario.deploy_migration_plan(:t, :'plan3');
-- Switched off, a turn touches nothing.
set scenario.enabled = off;
:turn(:t, :ann);
reset scenario.enabled;
-- A session that is not active is left alone.
update scenario.sessions set status = 'paused' where tenant_id = :t and session_id = :dan;
:turn(:t, :dan);
select action, user_message, scenario_version, target_step_id, reason from scenario.reconcile_session(:t, :ann);
:turn(:t, :ann);
select scenario_id, scenario_version, step_id, status, variables
  from scenario.sessions where tenant_id = :t and session_id = :ann;
-- A deployment that was cancelled pins those who have not moved yet.
select scenario.cancel_deployment(:t, :'plan3') as unmarked;
:turn(:t, :cleo);
:turn(:t, :cleo);
:places :t order by session_id;
:audit :t and revision > 1 order by session_id, revision;

-- There is no plan to go by: the version was published when nobody walked, and somebody puts a session into the old
-- version ("Fallback").
\set other_flow '''b0000000-0000-0000-0000-0000000000f2'''
\set gil '''c0000000-0000-0000-0000-000000000001'''
\set hal '''c0000000-0000-0000-0000-000000000002'''
select scenario.create_scenario(:t, '{"name": "Quiz", "entry_step_id": "q1", "steps": [
  {"id": "q1", "name": "First", "transitions": [{"to_step_id": "q2"}]},
  {"id": "q2", "name": "Second", "transitions": [{"to_step_id": "q3"}]},
  {"id": "q3", "name": "Third"}]}', :other_flow) = :other_flow as created;
select scenario.create_scenario_version(:t, :other_flow, '{"name": "Quiz", "entry_step_id": "n1", "steps": [
  {"id": "n1", "name": "First", "transitions": [{"to_step_id": "n2"}]}, {"id": "n2", "name": "Second"}]}') as version;
update scenario.scenarios set published_version = 2 where tenant_id = :t and scenario_id = :other_flow;
insert into scenario.sessions (tenant_id, session_id, scenario_id, scenario_version)
values (:t, :gil, :other_flow, 1), (:t, :hal, :other_flow, 1);
select (scenario.advance_session(:t, :gil, 'q2')).step_id as gil,
       (scenario.advance_session(:t, :hal, 'q2')).step_id as hal;
select (scenario.advance_session(:t, :hal, 'q3')).step_id as hal;
:turn(:t, :gil);
:turn(:t, :hal);
-- A session whose checksum is not its version's matches no version: the same way.
update scenario.sessions set scenario_checksum = 'foreign', reconciled_deployments = null
 where tenant_id = :t and session_id = :gil;
:turn(:t, :gil);
select s.scenario_checksum = v.checksum as matches, s.step_id, s.visit_count from scenario.sessions s
  join scenario.scenario_versions v using (tenant_id, scenario_id)
 where s.tenant_id = :t and s.session_id = :gil and v.version = s.scenario_version;
