-- The summary tells an operator, before they approve a plan, whom the plan moves, whom it leaves, and where it leads
-- them ("The summary").
\set SHOW_CONTEXT never
\set t '''a0000000-0000-0000-0000-000000000094'''
\set flow '''b0000000-0000-0000-0000-000000000094'''
BEGIN;
set local scenario.require_approval = off;
select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "Box", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "Bow", "transitions": [{"to_step_id": "z"}]},
  {"id": "z", "name": "Bye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema)
values (:t, 'amount', '{"type": "string"}'), (:t, 'country', '{"enum": ["KE", "TZ"]}');
-- Two sessions walk version 1: a policy pins one of them, and the other one is paused. Nobody comes to version 2 before
-- they have their turn.
insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, channel, status)
select :t, ('c0000000-0000-0000-0000-00000000941' || n)::uuid, :flow, 'b', case n when 1 then 'mail' else 'web' end,
       case n when 3 then 'paused' else 'active' end
  from generate_series(1, 3) n;
select scenario.create_scenario_version(:t, :flow, jsonb_set(definition, '{steps,3,name}', '"Goodbye"')) as version
  from scenario.scenario_versions where tenant_id = :t and version = 1;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select count(scenario.set_anchor_policy(:t, :'plan', anchor_content_hash,
  '{"exclude_channels": ["mail"]}')) > 0 as set
  from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan' and kind = 'anchor';
update scenario.scenarios set published_version = 2 where tenant_id = :t;
select action, scenario_version from scenario.reconcile_session(:t, 'c0000000-0000-0000-0000-000000009411');
-- Version 2: sessions everywhere, also paused, finished and with a foreign checksum.
insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, status)
select :t, ('c0000000-0000-0000-0000-00000000942' || n)::uuid, :flow, (array['a', 'b', 'b', 'c', 'c', 'z', 'a'])[n],
       (array['active', 'active', 'paused', 'active', 'active', 'completed', 'active'])[n]
  from generate_series(1, 7) n;
update scenario.sessions set scenario_checksum = 'foreign'
 where tenant_id = :t and session_id = 'c0000000-0000-0000-0000-000000009427';
select scenario.create_scenario_version(:t, :flow, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "f"}]},
  {"id": "f", "name": "How much?", "transitions": [
    {"to_step_id": "n", "condition_text": "amount > 100 || country == \"Kenya\"",
     "condition_fields": ["amount", "country"]},
    {"to_step_id": "c"}]},
  {"id": "n", "name": "No thanks", "is_terminal": true},
  {"id": "c", "name": "Bow", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select s - 'by_anchor' - 'by_scenario' - 'older_versions' as sessions, jsonb_pretty(s -> 'older_versions') as older
  from (select scenario.migration_summary(:t, :'plan') -> 'sessions') as m(s);
select a ->> 'anchor_name' as anchor, a ->> 'sessions' as sessions, a ->> 'paused' as paused
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') #> '{sessions,by_anchor}') a;
select d ->> 'name' as deleted, d ->> 'sessions' as sessions, d -> 'relocated' as relocated, d ->> 'exit' as exit,
       d ->> 'held' as held
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'deleted_steps') d;
select w ->> 'severity' as severity, w ->> 'code' as code, w ->> 'sessions' as sessions, w ->> 'message' as message
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'warnings') w order by 2, 4;
select line from scenario.plan_report(:t, :'plan') with ordinality as r(line, n) where n between 4 and 15;
-- The simulation of the active ones agrees.
select action, target_step_id, sessions from scenario.simulation_summary(:t, :'plan') order by 1, 2;
ROLLBACK;

-- Older versions come along by a chain through the plan, and a policy reopens finished sessions. A flow is written as
-- steps of the form id!>to|to. A "!" marks a checkpoint. A step with nothing after it is terminal.
CREATE FUNCTION pg_temp.flow(notation text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object(
           'name', 'Flow',
           'entry_step_id', (array_agg(m[1] ORDER BY n))[1],
           'steps', jsonb_agg(jsonb_build_object(
             'id', m[1], 'name', m[1], 'is_checkpoint', m[2] = '!', 'is_terminal', m[3] IS NULL,
             'transitions', coalesce((
               SELECT jsonb_agg(jsonb_build_object('to_step_id', t) ORDER BY place)
                 FROM regexp_split_to_table(m[3], '\|') WITH ORDINALITY AS b (t, place)), '[]')) ORDER BY n))
    FROM regexp_split_to_table(notation, ';\s*') WITH ORDINALITY AS s (step, n)
   CROSS JOIN regexp_match(step, '^(\w+)(!?)(?:>(.+))?$') AS m
$$;
CREATE FUNCTION pg_temp.walk(tenant uuid, flow uuid, first integer, last integer, path text[])
  RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN first .. last LOOP
    PERFORM scenario.start_session(tenant, ('d0000000-0000-0000-0000-0000000000' || n)::uuid, flow, step_id => path[1]);
    FOR i IN 2 .. cardinality(path) LOOP
      PERFORM scenario.advance_session(tenant, ('d0000000-0000-0000-0000-0000000000' || n)::uuid, path[i]);
    END LOOP;
  END LOOP;
END
$$;
CREATE FUNCTION pg_temp.told(tenant uuid, plan uuid, OUT total text, OUT finished text, OUT reopened text,
                             OUT along text, OUT held text, OUT warned text) LANGUAGE sql AS $$
  SELECT s ->> 'total', s ->> 'finished', s ->> 'reopened', s #>> '{older_versions,come_along}',
         s #>> '{older_versions,held}',
         (SELECT string_agg(format('%s %s %s: %s', w ->> 'severity', w ->> 'code', w ->> 'sessions',
                                   w ->> 'message'), E'\n')
            FROM jsonb_array_elements(m -> 'warnings') AS w WHERE w ->> 'code' LIKE '%undone')
    FROM scenario.migration_summary(tenant, plan) AS m, lateral (SELECT m -> 'sessions') AS x (s)
$$;
BEGIN;
set local scenario.require_approval = off;
select scenario.create_scenario(:t, pg_temp.flow('a>pay; pay!>m; m>e; e'), :flow) = :flow as created;
select pg_temp.walk(:t, :flow, 10, 14, '{a,pay,m}'), pg_temp.walk(:t, :flow, 15, 19, '{a}');
select scenario.create_scenario_version(:t, :flow, pg_temp.flow('a>pay; pay!>m; m>z; z>e; e')) as version;
select scenario.build_migration_plan(:t, :flow, 2) as first \gset
update scenario.scenarios set published_version = 2 where tenant_id = :t;
-- One of each version is pinned by hand: that of version 1 stays.
select pg_temp.walk(:t, :flow, 20, 21, '{a,pay,m}');
select count(scenario.pin_session(:t, ('d0000000-0000-0000-0000-0000000000' || n)::uuid, 'waits')) as pinned
  from unnest('{14,21}'::int[]) as n;
select scenario.create_scenario_version(:t, :flow, pg_temp.flow('a>m; m>z; z>pay; pay!>e; e')) as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select * from pg_temp.told(:t, :'plan');
-- The operator accepts that those at m are held.
savepoint accepted;
select count(scenario.set_anchor_policy(:t, :'plan', anchor_content_hash, '{"accept_held": true}')) as set
  from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan' and old_step_id = 'm';
select held, warned from pg_temp.told(:t, :'plan');
rollback to accepted;
-- The operator accepts that they pay again: then nobody is held.
select count(scenario.set_anchor_policy(:t, :'plan', a.anchor_content_hash,
  jsonb_build_object('accept_repeat', jsonb_build_array(pay.anchor_content_hash)))) as set
  from scenario.plan_anchors a, scenario.plan_anchors pay
 where a.tenant_id = :t
   and a.plan_id = :'plan'
   and a.old_step_id = 'm'
   and pay.tenant_id = :t
   and pay.plan_id = :'plan'
   and pay.old_step_id = 'pay';
select along, held, warned from pg_temp.told(:t, :'plan');
rollback to accepted;
-- It comes as it was told.
update scenario.scenarios set published_version = 3 where tenant_id = :t;
select count(scenario.reconcile_session(tenant_id, session_id)) as turns from scenario.sessions where tenant_id = :t;
select scenario_version, pinned_reason, count(*)
  from scenario.sessions where tenant_id = :t group by 1, 2 order by 1, 2;
ROLLBACK;
BEGIN;
set local scenario.require_approval = off;
-- Finished sessions: those who have paid are held, since the new version leads from e to the payment.
select scenario.create_scenario(:t, pg_temp.flow('a>m|pay; pay!>e; m>e; e'), :flow) = :flow as created;
select pg_temp.walk(:t, :flow, 10, 13, '{a,m,e}'), pg_temp.walk(:t, :flow, 14, 16, '{a,pay,e}');
select scenario.create_scenario_version(:t, :flow, pg_temp.flow('a>m; m>e; e>g; pay!>h; h; g>pay')) as version;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select * from pg_temp.told(:t, :'plan');
select count(scenario.set_anchor_policy(:t, :'plan', anchor_content_hash, '{"reopen": true}')) as set
  from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan' and old_step_id = 'e';
select * from pg_temp.told(:t, :'plan');
select line from scenario.plan_report(:t, :'plan') as r(line) where line like 'finished%';
select action, step_id, target_step_id, sessions, reason from scenario.simulation_summary(:t, :'plan') order by 4;
update scenario.scenarios set published_version = 2 where tenant_id = :t;
select sessions_marked from scenario.migration_plans where tenant_id = :t and plan_id = :'plan';
select count(scenario.reconcile_session(tenant_id, session_id)) as turns from scenario.sessions where tenant_id = :t;
select scenario_version, status, pinned_reason, count(*)
  from scenario.sessions where tenant_id = :t group by 1, 2, 3 order by 1, 2;
ROLLBACK;
