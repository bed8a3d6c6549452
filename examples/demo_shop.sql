-- First part: an order flow. An age check and a delivery slot come in, the gift note goes; payment is a checkpoint.

\set order_v1 `cat :'examples'/order_flow_v1.json`
\set order_v2 `cat :'examples'/order_flow_v2.json`
\set order_fields `cat :'examples'/order_flow_fields.json`
select pg_temp.id('the corner shop') as shop \gset

\echo
\echo 'PART ONE: THE CORNER SHOP'
\echo '========================='
\echo
\echo 'A shop takes orders in a chat. The flow is one JSON document; version 1 is stored and published:'
\echo
\echo '    create extension pg_scenario;'
\echo '    select scenario.create_scenario(tenant_id, definition);'
\echo
select scenario.create_scenario(:'shop', :'order_v1') as orders \gset
insert into scenario.field_definitions (tenant_id, field_name, display_name, schema, collection_prompt, extraction_hint,
                                        extraction_pattern, required_level)
select :'shop', f.field_name, f.display_name, f.schema, f.collection_prompt, f.extraction_hint, f.extraction_pattern,
       coalesce(f.required_level, 'hard')
  from jsonb_to_recordset(:'order_fields')
       as f(field_name text, display_name text, schema jsonb, collection_prompt text, extraction_hint text,
            extraction_pattern text, required_level text);

select ordinal + 1 as "no.", name as step,
       concat_ws(', ', case when is_checkpoint then 'checkpoint: ' || checkpoint_description end,
                 case when is_terminal then 'end' end,
                 case when collects_profile_fields <> '{}' then
                     'asks for ' || array_to_string(collects_profile_fields, ', ') end) as notes
  from scenario.scenario_steps
 where tenant_id = :'shop' and scenario_id = :'orders' and version = 1
 order by ordinal;

\echo 'Customers come and go. Six of them we will meet again; sixty more are at all kinds of steps.'
\echo
select pg_temp.knows(:'shop', 'Ben', '{"age": 34, "delivery_slot": "evening"}'),
       pg_temp.knows(:'shop', 'Chidi', '{"delivery_slot": "morning"}'),
       pg_temp.knows(:'shop', 'Dora', '{"age": 16}'),
       pg_temp.knows(:'shop', 'Emil', '{"age": 17, "delivery_slot": "afternoon"}'),
       pg_temp.knows(:'shop', 'Gita', '{"age": 17, "delivery_slot": "afternoon"}')
\g /dev/null
select pg_temp.walk(:'shop', :'orders', 'Ana', '{}', '{Fill the basket}'),
       pg_temp.walk(:'shop', :'orders', 'Ben', '{}', '{Fill the basket,Delivery address,Phone for the driver}'),
       pg_temp.walk(:'shop', :'orders', 'Chidi', '{}',
                    '{Fill the basket,Delivery address,Phone for the driver,Gift note,Order summary}'),
       pg_temp.walk(:'shop', :'orders', 'Dora', '{"order_confirmed": true}',
                    '{Fill the basket,Delivery address,Phone for the driver,Gift note,Order summary,
                      Choose how to pay}'),
       pg_temp.walk(:'shop', :'orders', 'Emil', '{"order_confirmed": true, "payment_method": "card"}',
                    '{Fill the basket,Delivery address,Phone for the driver,Gift note,Order summary,Choose how to pay,
                      Take the payment,Pack the order}'),
       pg_temp.walk(:'shop', :'orders', 'Gita', '{"order_confirmed": true, "payment_method": "cash"}',
                    '{Fill the basket,Delivery address,Phone for the driver,Gift note,Order summary,Choose how to pay,
                      Pack the order}')
\g /dev/null
with route (steps) as (
    values ('{Fill the basket,Delivery address,Phone for the driver,Gift note,Order summary,Choose how to pay,
              Take the payment,Pack the order,Hand it to the driver}'::text[])
)
select pg_temp.walk(:'shop', :'orders', 'customer ' || n, '{}', steps[1:n % 10]) from route, generate_series(1, 60) as n
\g /dev/null
select * from pg_temp.people(:'shop', '{Ana,Ben,Chidi,Dora,Emil,Gita}');

\echo 'The shop begins to sell wine. Version 2 asks everybody''s age right after the basket, and sends those under 18'
\echo 'elsewhere. It also asks for a delivery slot, and drops the gift note. It is stored as a draft, and a plan is'
\echo 'built:'
\echo
\echo '    select scenario.create_scenario_version(tenant_id, scenario_id, definition);'
\echo '    select scenario.build_migration_plan(tenant_id, scenario_id, to_version => 2);'
\echo '    select scenario.migration_summary(tenant_id, plan_id);'
\echo
select scenario.create_scenario_version(:'shop', :'orders', :'order_v2') \g /dev/null
select scenario.build_migration_plan(tenant_id => :'shop', scenario_id => :'orders', to_version => 2,
                                     created_by => 'Olu') as plan \gset

select s #>> '{anchors,total}' as "steps kept", s ->> 'steps_edited' as "of these reworded",
       s ->> 'steps_inserted' as "new", s ->> 'steps_deleted' as deleted, s #>> '{sessions,total}' as "sessions"
  from scenario.migration_summary(:'shop', :'plan') as s;
select * from pg_temp.summary_steps(:'shop', :'plan');
select f ->> 'field' as "field to collect", f ->> 'sessions_at_most' as "sessions, at most",
       (select string_agg(distinct b ->> 'name', ', ') from jsonb_array_elements(f -> 'because') as b) as "because of"
  from scenario.migration_summary(:'shop', :'plan') as s, jsonb_array_elements(s -> 'fields_to_collect') as f;
select * from pg_temp.warnings(:'shop', :'plan');

\echo 'Olu, who runs the shop''s chat, can look before he leaps. What would become of Dora, who is 16?'
\echo
\echo '    select * from scenario.preview_reconciliation(tenant_id, session_id, plan_id);'
\echo
select action, target_step_name, reason
  from scenario.preview_reconciliation(:'shop', pg_temp.id('Dora''s session'), :'plan');

\echo 'He approves. Deploying publishes version 2 and marks the sessions; nobody is moved, nobody notices anything yet.'
\echo
\echo '    select scenario.approve_migration_plan(tenant_id, plan_id, approved_by => ''Olu'');'
\echo '    select * from scenario.deploy_migration_plan(tenant_id, plan_id);'
\echo
select scenario.approve_migration_plan(tenant_id => :'shop', plan_id => :'plan', approved_by => 'Olu') \g /dev/null
select d.sessions_marked
  from scenario.deploy_migration_plan(tenant_id => :'shop', plan_id => :'plan', deployed_by => 'Olu') as d;

\echo 'From here on, the backend does one thing more before each turn:'
\echo
\echo '    select * from scenario.reconcile_session(tenant_id, session_id);'
\echo

\pset tuples_only on
\pset format aligned
\pset border 0

\echo '1. ANA IS MOVED IN SILENCE'
\echo '   She fills her basket. All that is new to her lies ahead, so there is nothing to say.'
select * from pg_temp.turn(:'shop', 'Ana');

\echo '2. BEN''S GAPS ARE FILLED FROM HIS PROFILE'
\echo '   He is past the place where age and slot are asked now. He told us both last month: he is not asked again.'
select * from pg_temp.turn(:'shop', 'Ben');

\echo '3. CHIDI IS ASKED'
\echo '   Nobody knows how old he is, and the new fork on his way depends on it. Nothing moves until he has answered.'
select * from pg_temp.turn(:'shop', 'Chidi');
\echo '   He answers "a hundred and fifty", which the field''s schema does not take, then "31":'
\echo
\echo '    select * from scenario.submit_fields(tenant_id, session_id, ''{"age": 31}'');'
\echo
\pset tuples_only off
\pset format wrapped
\pset border 1
select * from scenario.submit_fields(:'shop', pg_temp.id('Chidi''s session'), '{"age": 150}');
select * from scenario.submit_fields(:'shop', pg_temp.id('Chidi''s session'), '{"age": 31}');
\pset tuples_only on
\pset format aligned
\pset border 0
select * from pg_temp.turn(:'shop', 'Chidi');

\echo '4. DORA IS REDIRECTED'
\echo '   She is 16. Had she met the age check, she would not be choosing how to pay.'
select * from pg_temp.turn(:'shop', 'Dora');

\echo '5. EMIL IS BLOCKED BY HIS CHECKPOINT'
\echo '   He is 17, and should be redirected like Dora. But his card has been charged, and a chat flow cannot undo'
\echo '   that: he stays on his way, in the new version, and the operator gets a warning.'
select * from pg_temp.turn(:'shop', 'Emil');
\echo '   Gita is 17 too, and at the same step. She pays in cash, so nothing irreversible has happened yet:'
select * from pg_temp.turn(:'shop', 'Gita');

\echo '   And whoever has been moved is left in peace. Ben''s next turn:'
select * from pg_temp.turn(:'shop', 'Ben');

\pset tuples_only off
\pset format wrapped
\pset border 1
\echo 'Olu looks how far it has come. These are counts of rows:'
\echo
\echo '    select * from scenario.deployment_status(tenant_id, plan_id);'
\echo
\x on
select * from scenario.deployment_status(:'shop', :'plan');
\x off
