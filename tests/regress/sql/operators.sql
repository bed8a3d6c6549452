-- What operators and backends are told: HINTs that keep the rules, counts that agree with the warnings, policies that
-- let nobody in.
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''a6000000-0000-4000-8000-000000000001'''
\set shop '''a6000000-0000-4000-8000-0000000000aa'''
\set ada '''a6000000-0000-4000-8000-0000000000ad'''
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

select scenario.create_scenario(:t, pg_temp.flow('start>pay; pay!>pack; pack>done; done'), :shop) = :shop as created;
select step_id from scenario.start_session(:t, :ada, :shop);
select step_id from scenario.advance_session(:t, :ada, 'done');
select step_id from scenario.advance_session(:t, :ada, 'pay');
select step_id from scenario.advance_session(:t, :ada, 'pack');
update scenario.sessions set step_id = 'zzz' where tenant_id = :t;
update scenario.sessions set step_id = 'b c' where tenant_id = :t;

-- A session that its plan holds is not "moved in silence", and a finished one that is held is not reopened.
\set bob '''a6000000-0000-4000-8000-0000000000b0'''
select step_id from scenario.start_session(:t, :bob, :shop);
select step_id from scenario.advance_session(:t, :bob, 'pay');
select step_id from scenario.advance_session(:t, :bob, 'pack');
select step_id, status from scenario.advance_session(:t, :bob, 'done');
select pg_temp.plan(:t, :shop, 'start>pack; pack>done; done>pay; pay!>last; last') as plan \gset
select scenario.set_anchor_policy(:t, :'plan', null, '{"reopen": true}') ->> 'reopen' as reopen;
select s ->> 'total' as total, s ->> 'held' as held, s ->> 'finished' as finished, s ->> 'reopened' as reopened
  from (select scenario.migration_summary(:t, :'plan') -> 'sessions' as s) as m;
select line from scenario.plan_report(:t, :'plan') as line
 where line ~ '^(sessions|finished| +[0-9])|critical';

-- Policies that contradict themselves are refused, also where the contradiction is with what is set.
select scenario.set_anchor_policy(:t, :'plan', null, '{"min_session_age_days": 9, "max_session_age_days": 2}');
select scenario.set_anchor_policy(:t, :'plan', null, '{"include_channels": ["sms", "web"],
  "exclude_channels": ["web"]}');
select scenario.set_anchor_policy(:t, :'plan', null, '{"include_current_nodes": ["pack"],
  "exclude_current_nodes": ["pack"]}');
select scenario.set_anchor_policy(:t, :'plan', null, '{"exclude_channels": ["web"]}') -> 'exclude_channels' as channels;
select scenario.set_anchor_policy(:t, :'plan', null, '{"include_channels": ["web"]}');
-- Of names that no step has, and of an anchor's own that is missing, there is a NOTICE.
select content_hash as pack from scenario.scenario_steps where tenant_id = :t and version = 1 and step_id = 'pack' \gset
select scenario.set_anchor_policy(:t, :'plan', :'pack', '{"include_current_nodes": ["Pack", "done"]}') is not null
    as set;
select scenario.set_anchor_policy(:t, :'plan', :'pack', '{"include_current_nodes": ["pack"]}') is not null as set;
select scenario.set_anchor_policy(:t, :'plan', null, '{"include_current_nodes": ["pack"]}') is not null as set;

-- No such plan.
select * from scenario.deployment_status(:t, :ada);

-- A revert that is refused.
select pg_temp.publish(:t, pg_temp.plan(:t, :shop, 'start>pay; pay!>pack; pack>ship; ship>done; done')) as marked;
select action from scenario.reconcile_session(:t, :ada);
select step_id from scenario.advance_session(:t, :ada, 'ship');
select step_id from scenario.revert_session(:t, :ada);

-- Visits that cannot be read.
\set eve '''a6000000-0000-4000-8000-0000000000e0'''
select step_id from scenario.import_session(:t, :eve, :shop, 3, 'pay', '{}');
select step_id from scenario.import_session(:t, :eve, :shop, 3, 'pay', '[1, {}, {"step_id": 1, "x": 2},
  {"step_id": "pay", "turn_number": "one", "scenario_version": 99999999999, "entered_at": 5}]');
select step_id, visit_count from scenario.import_session(:t, :eve, :shop, 3, 'pay',
  '[{"step_id": "start", "turn_number": null}, {"step_id": "pay", "scenario_version": null, "entered_at": null}]');
