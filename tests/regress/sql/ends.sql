-- Terminal steps that keep transitions, as editors leave them behind: nothing leads on from one.
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''a4000000-0000-4000-8000-000000000001'''
\set shop '''a4000000-0000-4000-8000-0000000000aa'''
\set ada '''a4000000-0000-4000-8000-0000000000ad'''
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
\set turn 'select action, target_step_id as step, scenario_version as version, checkpoint_warning '
\set turn :turn 'from scenario.reconcile_session'
-- Puts a session of a new scenario at the third of three steps.
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

-- What an author is told: the leftover itself, and what nothing else reaches.
select * from scenario.validate_scenario(pg_temp.flow('start>stop; stop.>later; later'));

-- An end leads to the payment on paper alone, so the payment that comes now could not come before.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>pay; pay!>pack; pack>stop; stop.>pay', 'pay', 'pack');
select next_step_ids, transitions from scenario.scenario_steps where tenant_id = :t and step_id = 'stop';
select pg_temp.plan(:t, :shop, 'start>pack; pack>more:pay|stop; pay!>stop; stop') as plan \gset
select w ->> 'severity' as severity, w ->> 'message' as message, w ->> 'sessions' as sessions
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'warnings') as w
 where w ->> 'severity' = 'critical';
select pg_temp.publish(:t, :'plan') as marked;
:turn(:t, :ada);
rollback;

-- A new end that leads back to the beginning on paper holds nobody.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>pay; pay!>pack; pack>stop; stop', 'pay', 'pack');
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>pay; pay!>pack; pack>stop; stop.>start')) as marked;
:turn(:t, :ada);
-- Nobody goes on from there.
select step_id, status from scenario.advance_session(:t, :ada, 'stop');
update scenario.sessions set status = 'active' where tenant_id = :t;
select count(*) as ways_on from scenario.next_steps(:t, :ada);
select step_id from scenario.advance_session(:t, :ada, 'start');
rollback;

-- Nor was an action ahead of who could come to it through an end alone.
begin;
select pg_temp.walk(:t, :shop, :ada, 'start>act; act*>pack; pack>stop; stop.>act', 'act');
select scenario.complete_action(:t, :ada, 'act');
select step_id from scenario.advance_session(:t, :ada, 'pack');
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>pack; pack>act; act*>stop; stop')) as marked;
:turn(:t, :ada);
select step_id, already_done from scenario.advance_session(:t, :ada, 'act');
rollback;
