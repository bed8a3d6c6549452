-- Actions that were executed ahead of their place, or left by walking on: already done on arrival, and the checkpoints
-- among them are passed.
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''a5000000-0000-4000-8000-000000000001'''
\set shop '''a5000000-0000-4000-8000-0000000000aa'''
\set ada '''a5000000-0000-4000-8000-0000000000ad'''
-- Steps are separated by semicolons, the entry first: id=Name, flags (! checkpoint, * required action, . terminal), and
-- after > where the transitions lead, each with its condition before a colon.
create function pg_temp.step(head text, transitions jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', m[1], 'name', coalesce(m[2], m[1]), 'is_checkpoint', m[3] ~ '!',
           'checkpoint_description', 'Money has moved', 'performs_action', m[3] ~ '\*',
           'is_required_action', m[3] ~ '\*',
           'is_terminal', m[3] ~ '\.' or transitions = '[]', 'transitions', transitions)
    from regexp_match(head, '^(\w+)(?:=([^!*.]+))?([!*.]*)$') as m
$$;
create function pg_temp.flow(notation text) returns jsonb language sql as $$
  select jsonb_build_object('name', 'Shop', 'entry_step_id', substring(notation, '^\w+'), 'steps', jsonb_agg(
           pg_temp.step(split_part(step, '>', 1), ways) order by n))
    from regexp_split_to_table(notation, ';\s*') with ordinality as s (step, n)
   cross join lateral (
         select coalesce(jsonb_agg(jsonb_build_object('to_step_id', m[2], 'condition_text', coalesce(m[1], ''),
                  'condition_fields', coalesce(to_jsonb(regexp_match(m[1], '^[a-z]+')), '[]')) order by place), '[]')
                as ways
           from regexp_split_to_table(nullif(substring(step, '>(.*)$'), ''), '\|') with ordinality as b (way, place)
          cross join regexp_match(way, '^(?:(.*):)?(\w+)$') as m) as t
$$;
-- Stores a version, and its plan from the version before, and gives the plan.
create function pg_temp.plan(tenant uuid, scenario uuid, notation text) returns uuid language sql as $$
  select scenario.build_migration_plan(tenant, scenario,
           scenario.create_scenario_version(tenant, scenario, pg_temp.flow(notation)))
$$;
create function pg_temp.publish(tenant uuid, plan uuid) returns bigint language sql as $$
  select scenario.approve_migration_plan(tenant, plan);
  select sessions_marked from scenario.deploy_migration_plan(tenant, plan);
$$;
\set turn 'select action, target_step_id as step, scenario_version as version, execute_step_ids as execute, '
\set turn :turn 'checkpoint_warning as warning from scenario.reconcile_session'
\set here 'select scenario_version as version, step_id, status, pinned_reason as pinned, already_done '
\set here :here 'from scenario.sessions where tenant_id = ':t
-- A session of a new scenario that has walked by these steps.
create function pg_temp.walk(tenant uuid, scenario uuid, session uuid, notation text, variadic steps text[])
  returns text language plpgsql as $$
declare
  step text;
begin
  perform scenario.create_scenario(tenant, pg_temp.flow(notation), scenario);
  perform scenario.start_session(tenant, session, scenario);
  foreach step in array steps loop
    perform scenario.advance_session(tenant, session, step);
  end loop;
  return (select step_id from scenario.sessions where tenant_id = tenant and session_id = session);
end
$$;
\set offer_first 'start>offer; offer>pay; pay=Charge the card!*>fin; fin>again:pay|done; done'
\set pay_first 'start>pay; pay=Charge the card!*>offer; offer>fin; fin>done; done'

-- Executed at the request of a version that the session then does not come to: the deployment is cancelled. At the
-- first arrival in the old version it is already done, and the next round of its loop is due.
begin;
select pg_temp.walk(:t, :shop, :ada, :'offer_first', 'offer');
select pg_temp.plan(:t, :shop, :'pay_first') as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
select scenario.complete_action(:t, :ada, 'pay');
savepoint executed;
select scenario.cancel_deployment(:t, :'plan') as void;
:turn(:t, :ada);
select to_step_id, already_done from scenario.next_steps(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'pay');
select step_id from scenario.advance_session(:t, :ada, 'fin');
select to_step_id, already_done from scenario.next_steps(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'pay');
rollback to executed;
-- The session is left out of what is deployed next.
select pg_temp.plan(:t, :shop, 'start>pay; pay=Charge the card!*>offer; offer>fin; fin>more; more>done; done') as next
\gset
select scenario.set_anchor_policy(:t, :'next', null, '{"rollout_percent": 0}') ->> 'rollout_percent' as percent;
select pg_temp.publish(:t, :'next') as marked;
:turn(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'pay');
rollback to executed;
-- An operator pins it.
select pinned_reason from scenario.pin_session(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'pay');
rollback;

-- move_session onto an action that was done, within one version: already done, unless a way leads there.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>act; act*>b; b>done; done', 'act');
select scenario.complete_action(:t, :ada, 'act');
select step_id from scenario.advance_session(:t, :ada, 'b');
savepoint done;
select step_id, already_done from scenario.move_session(:t, :ada, 'act');
rollback to done;
select step_id from scenario.move_session(:t, :ada, 'start');
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback;
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>act; act*>b; b>again:act|done; done', 'act');
select scenario.complete_action(:t, :ada, 'act');
select step_id from scenario.advance_session(:t, :ada, 'b');
savepoint done;
select step_id, already_done from scenario.move_session(:t, :ada, 'act');
rollback to done;
-- A version drops the loop's action and the next has it again: another round is due, with or without a turn between.
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>b; b>done; done')) as marked;
savepoint dropped;
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>act; act*>b; b>again:act|done; done')) as marked;
:turn(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback to dropped;
:turn(:t, :ada);
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>act; act*>b; b>again:act|done; done')) as marked;
:turn(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback;

-- An action to which the customer walked, and from which they walked on, is done at moves as for a replay, though
-- nobody called complete_action. At the step itself nobody knows yet.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>act; act=Ship it*>offer; offer>done; done', 'act');
savepoint at_act;
select step_id from scenario.advance_session(:t, :ada, 'offer');
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>offer; offer>act; act=Ship it*>done; done')) as marked;
:turn(:t, :ada);
select to_step_id, already_done from scenario.next_steps(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback to at_act;
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>offer; offer>act; act=Ship it*>done; done')) as marked;
:turn(:t, :ada);
:here;
rollback;
-- A step that was no action then has done nothing.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>act; act=Ship it>offer; offer>done; done', 'act', 'offer');
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>offer; offer>act; act=Ship it*>done; done')) as marked;
:turn(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback;

-- A checkpoint that was executed at the system's request has been passed.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>offer; offer>fin; fin>done; done', 'offer');
update scenario.sessions set variables = '{"age": 17}' where tenant_id = :t;
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, :'pay_first')) as marked;
:turn(:t, :ada);
select scenario.complete_action(:t, :ada, 'pay');
:turn(:t, :ada);
select event, text from scenario.session_story(:t, :ada) where event = 'action_done';
savepoint charged;
-- A fork before it sends nobody away any more.
select pg_temp.plan(:t, :shop,
  'start>check; check>age < 18:stop|pay; stop; pay=Charge the card!*>offer; offer>fin; fin>done; done') as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
rollback to charged;
-- Nobody is thrown out.
select pg_temp.plan(:t, :shop, 'hello>world; world') as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
rollback to charged;
-- In other words ahead of them again: held, and the operator has been told.
select pg_temp.plan(:t, :shop, 'start>offer; offer>q9; q9=Take the money!*>fin; fin>done; done') as plan \gset
select w ->> 'severity' as severity, w ->> 'message' as message, w ->> 'sessions' as sessions
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'warnings') as w
 where w ->> 'severity' = 'critical';
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
rollback to charged;
-- As a checkpoint alone, moved ahead of them: held.
select pg_temp.plan(:t, :shop, 'start>offer; offer>pay; pay=Charge the card!>fin; fin>done; done') as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
select step_id from scenario.move_session(:t, :ada, 'pay');
rollback;

-- Executed for the move itself, it does not forbid the move: the new version leads back to it, and the fork after it
-- sends the customer away.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>offer; offer>fin; fin>done; done', 'offer');
select pg_temp.plan(:t, :shop, 'start>pay; pay!*>offer; offer>again:pay|fin; fin>done; done') as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
select scenario.complete_action(:t, :ada, 'pay');
:turn(:t, :ada);
rollback;
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>offer; offer>fin; fin>done; done', 'offer');
update scenario.sessions set variables = '{"age": 17}' where tenant_id = :t;
select pg_temp.plan(:t, :shop, 'start>pay; pay!*>check; check>age < 18:stop|offer; stop; offer>fin; fin>done; done')
  as plan \gset
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
select scenario.complete_action(:t, :ada, 'pay');
:turn(:t, :ada);
rollback;
