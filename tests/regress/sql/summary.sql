-- What an operator is told before they approve: everybody whom the plan moves, those that it leaves, and where people are led.
\set SHOW_CONTEXT never
\set t '''a0000000-0000-0000-0000-000000000094'''
\set flow '''b0000000-0000-0000-0000-000000000094'''
BEGIN;
set local scenario.require_approval = off;
select scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "b"}]}, {"id": "b", "name": "Box", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "Bow", "transitions": [{"to_step_id": "z"}]}, {"id": "z", "name": "Bye", "is_terminal": true}]}', :flow) = :flow as created;
insert into scenario.field_definitions (tenant_id, field_name, schema) values (:t, 'amount', '{"type": "string"}'), (:t, 'country', '{"enum": ["KE", "TZ"]}');
-- Version 1: two sessions, one of them pinned by a policy, and one paused. Nobody goes to version 2 before they have their turn.
insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, channel, status)
select :t, ('c0000000-0000-0000-0000-00000000941' || n)::uuid, :flow, 'b', case n when 1 then 'mail' else 'web' end, case n when 3 then 'paused' else 'active' end from generate_series(1, 3) n;
select scenario.create_scenario_version(:t, :flow, jsonb_set(definition, '{steps,3,name}', '"Goodbye"')) as version from scenario.scenario_versions where tenant_id = :t and version = 1;
select scenario.build_migration_plan(:t, :flow, 2) as plan \gset
select count(scenario.set_anchor_policy(:t, :'plan', anchor_content_hash, '{"exclude_channels": ["mail"]}')) > 0 as set from scenario.plan_anchors where tenant_id = :t and plan_id = :'plan' and kind = 'anchor';
update scenario.scenarios set published_version = 2 where tenant_id = :t;
select action, scenario_version from scenario.reconcile_session(:t, 'c0000000-0000-0000-0000-000000009411');
-- Version 2: sessions everywhere, also paused, finished and with a foreign checksum.
insert into scenario.sessions (tenant_id, session_id, scenario_id, step_id, status)
select :t, ('c0000000-0000-0000-0000-00000000942' || n)::uuid, :flow, (array['a', 'b', 'b', 'c', 'c', 'z', 'a'])[n], (array['active', 'active', 'paused', 'active', 'active', 'completed', 'active'])[n] from generate_series(1, 7) n;
update scenario.sessions set scenario_checksum = 'foreign' where tenant_id = :t and session_id = 'c0000000-0000-0000-0000-000000009427';
select scenario.create_scenario_version(:t, :flow, '{"name": "Shop", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "f"}]},
  {"id": "f", "name": "How much?", "transitions": [
    {"to_step_id": "n", "condition_text": "amount > 100 || country == \"Kenya\"", "condition_fields": ["amount", "country"]}, {"to_step_id": "c"}]},
  {"id": "n", "name": "No thanks", "is_terminal": true},
  {"id": "c", "name": "Bow", "is_terminal": true}]}') as version;
select scenario.build_migration_plan(:t, :flow, 3) as plan \gset
select s - 'by_anchor' - 'by_scenario' - 'older_versions' as sessions, jsonb_pretty(s -> 'older_versions') as older from (select scenario.migration_summary(:t, :'plan') -> 'sessions') as m(s);
select a ->> 'anchor_name' as anchor, a ->> 'sessions' as sessions, a ->> 'paused' as paused from jsonb_array_elements(scenario.migration_summary(:t, :'plan') #> '{sessions,by_anchor}') a;
select d ->> 'name' as deleted, d ->> 'sessions' as sessions, d -> 'relocated' as relocated, d ->> 'exit' as exit, d ->> 'held' as held from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'deleted_steps') d;
select w ->> 'severity' as severity, w ->> 'code' as code, w ->> 'sessions' as sessions, w ->> 'message' as message
  from jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'warnings') w order by 2, 4;
select line from scenario.plan_report(:t, :'plan') with ordinality as r(line, n) where n between 4 and 15;
-- The simulation of the active ones agrees.
select action, target_step_id, sessions from scenario.simulation_summary(:t, :'plan') order by 1, 2;
ROLLBACK;
