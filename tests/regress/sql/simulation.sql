-- What a plan would do, before it is approved: simulate_migration_plan, simulation_summary, plan_report, diagrams.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''51111111-1111-4111-8111-111111111111'''
\set other '''52222222-2222-4222-8222-222222222222'''
\set s '''5aaaaaaa-0000-4000-8000-000000000001'''
BEGIN;
SELECT scenario.create_scenario(:t, '{"name": "Orders", "entry_step_id": "basket", "steps": [
  {"id": "basket", "name": "Fill the basket", "transitions": [{"to_step_id": "address"}]},
  {"id": "address", "name": "Delivery address", "collects_profile_fields": ["address"],
   "transitions": [{"to_step_id": "fax"}]},
  {"id": "fax", "name": "Send us a fax", "transitions": [{"to_step_id": "payment"}]},
  {"id": "payment", "name": "Take the payment", "is_checkpoint": true,
   "checkpoint_description": "The card has been charged",
   "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "On its way"}]}', :s);
-- session n walks n steps; 17, 40, or an age that nobody knows
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, variables)
SELECT :t, ('5bbbbbbb-0000-4000-8000-0000000000' || n || a)::uuid, :s,
       CASE a WHEN 1 THEN '{"age": 17}' WHEN 2 THEN '{"age": 40}' ELSE '{}' END::jsonb
  FROM generate_series(1, 5) AS n, generate_series(0, 2) AS a;
UPDATE scenario.sessions SET step_id = 'address' WHERE tenant_id = :t AND substr(session_id::text, 35, 1)::integer >= 2;
UPDATE scenario.sessions SET step_id = 'fax' WHERE tenant_id = :t AND substr(session_id::text, 35, 1)::integer >= 3;
UPDATE scenario.sessions SET step_id = 'payment' WHERE tenant_id = :t AND substr(session_id::text, 35, 1)::integer >= 4;
UPDATE scenario.sessions SET step_id = 'done' WHERE tenant_id = :t AND substr(session_id::text, 35, 1)::integer >= 5;
-- one that no plan touches
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, status)
VALUES (:t, '5bbbbbbb-0000-4000-8000-000000000099', :s, 'completed');
-- nor does it touch one that walks another definition than the version's: deploying would not mark it
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, scenario_checksum)
VALUES (:t, '5bbbbbbb-0000-4000-8000-000000000098', :s, 'anotherchecksum');
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Orders", "entry_step_id": "basket", "steps": [
  {"id": "basket", "name": "Fill the basket", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age \"check\" <b>", "collects_profile_fields": ["age"], "transitions": [
     {"to_step_id": "sorry", "condition_text": "age < 18", "priority": 10}, {"to_step_id": "address"}]},
  {"id": "sorry", "name": "Sorry, adults only", "is_terminal": true},
  {"id": "address", "name": "Delivery address", "collects_profile_fields": ["address"],
   "transitions": [{"to_step_id": "payment"}]},
  {"id": "payment", "name": "Take the payment", "is_checkpoint": true,
   "checkpoint_description": "The card has been charged",
   "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "On its way"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
\set p '''':plan''''

-- a row a session; nothing is written
SELECT right(session_id::text, 2) AS session, step_name, action, target_step_name, migration_scenario, collect_fields,
       blocked_by_checkpoint AS blocked
  FROM scenario.simulate_migration_plan(:t, :p) ORDER BY 1;
SELECT DISTINCT reason, checkpoint_warning
  FROM scenario.simulate_migration_plan(tenant_id => :t, plan_id => :p) ORDER BY 1, 2;

-- the same in groups, and the summary agrees with it
SELECT action, migration_scenario, step_id, target_step_id, sessions, blocked, fields_asked, reason
  FROM scenario.simulation_summary(:t, :p);
SELECT (scenario.migration_summary(:t, :p) #>> '{sessions,total}')::bigint = sum(sessions) AS same_total,
       scenario.migration_summary(:t, :p) #>> '{fields_to_collect,0,sessions_at_most}' AS asked_at_most,
       sum((fields_asked ->> 'age')::bigint) AS asked
  FROM scenario.simulation_summary(:t, :p);

-- what was simulated is what is marked
SAVEPOINT deployed;
SELECT status FROM scenario.approve_migration_plan(:t, :p);
SELECT sessions_marked = (SELECT count(*) FROM scenario.simulate_migration_plan(:t, :p)) AS as_simulated
  FROM scenario.deploy_migration_plan(:t, :p);
ROLLBACK TO deployed;

-- the page and the pictures
SELECT scenario.set_anchor_policy(:t, :p, step_content_hash, '{"rollout_percent": 10, "force_scenario": "clean_graft"}')
  FROM scenario.sessions WHERE tenant_id = :t AND session_id = '5bbbbbbb-0000-4000-8000-000000000051';
\pset tuples_only on
\pset format unaligned
SELECT replace(scenario.plan_report(:t, :p), :p, 'PLAN');
SELECT scenario.plan_mermaid(:t, :p);
SELECT scenario.scenario_mermaid(definition) FROM scenario.scenario_versions WHERE tenant_id = :t AND version = 2;
\pset format aligned
\pset tuples_only off

-- errors; another tenant's plan is one that does not exist (its id is another one each time)
SAVEPOINT a;
\set VERBOSITY sqlstate
SELECT * FROM scenario.simulate_migration_plan(:other, :p); ROLLBACK TO a;
SELECT scenario.plan_report(:other, :p); ROLLBACK TO a;
\set VERBOSITY default
SELECT * FROM scenario.simulation_summary(:t, '5bbbbbbb-0000-4000-8000-0000000000ff'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM scenario.simulate_migration_plan(NULL, :p); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.plan_mermaid(:t, NULL); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.scenario_mermaid('{"name": "x", "steps": []}'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Sessions of an older version go by the chain through the plan, before it is deployed as after.
\set VERBOSITY default
\set flow '''5aaaaaaa-0000-4000-8000-000000000002'''
BEGIN;
SET LOCAL scenario.require_approval = off;
CREATE FUNCTION pg_temp.line(VARIADIC steps text[]) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object(
           'name', 'Line',
           'entry_step_id', steps[1],
           'steps', jsonb_agg(jsonb_build_object(
             'id', step, 'name', step, 'is_checkpoint', step = 'pay', 'is_terminal', n = cardinality(steps),
             'transitions', CASE WHEN n < cardinality(steps)
                                 THEN jsonb_build_array(jsonb_build_object('to_step_id', steps[n + 1]))
                                 ELSE '[]' END) ORDER BY n))
    FROM unnest(steps) WITH ORDINALITY AS s (step, n)
$$;
SELECT scenario.create_scenario(:t, pg_temp.line('a', 'pay', 'm', 'e'), :flow) = :flow AS created;
CREATE FUNCTION pg_temp.walk(n integer, VARIADIC path text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  t uuid := '51111111-1111-4111-8111-111111111111';
  s uuid := '5ccccccc-0000-4000-8000-0000000000' || lpad(n::text, 2, '0');
BEGIN
  PERFORM scenario.start_session(t, s, '5aaaaaaa-0000-4000-8000-000000000002', step_id => path[1]);
  FOR i IN 2 .. cardinality(path) LOOP
    PERFORM scenario.advance_session(t, s, path[i]);
  END LOOP;
END
$$;
SELECT pg_temp.walk(1, 'a'), pg_temp.walk(2, 'a', 'pay', 'm'), pg_temp.walk(3, 'a', 'pay', 'm'),
       pg_temp.walk(4, 'a', 'pay', 'm', 'e');
SELECT scenario.create_scenario_version(:t, :flow, pg_temp.line('a', 'pay', 'm', 'z', 'e')) AS version;
SELECT scenario.build_migration_plan(:t, :flow, 2) AS first \gset
UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = :t;
SELECT pg_temp.walk(11, 'a', 'pay', 'm'), pg_temp.walk(12, 'a', 'pay', 'm', 'z');
-- a pinned one stays by what is deployed between other versions
SELECT pinned_reason FROM scenario.pin_session(:t, '5ccccccc-0000-4000-8000-000000000003', 'waits');
SELECT scenario.create_scenario_version(:t, :flow, pg_temp.line('a', 'm', 'z', 'pay', 'e')) AS version;
SELECT scenario.build_migration_plan(:t, :flow, 3) AS plan \gset
CREATE TEMPORARY TABLE foreseen ON COMMIT DROP AS
SELECT * FROM scenario.simulate_migration_plan(:t, :'plan') WITH ORDINALITY;
SELECT right(session_id::text, 2) AS session, step_id, action, target_step_id, reason FROM foreseen ORDER BY ordinality;
SELECT action, target_step_id FROM scenario.preview_reconciliation(:t, '5ccccccc-0000-4000-8000-000000000001', :'plan');
-- while the way to version 2 is cancelled, no way leads from version 1 to version 3
SAVEPOINT cancelled;
SELECT scenario.cancel_deployment(:t, :'first') >= 0 AS cancelled;
SELECT count(*) FROM scenario.simulate_migration_plan(:t, :'plan');
\set VERBOSITY sqlstate
SELECT action FROM scenario.preview_reconciliation(:t, '5ccccccc-0000-4000-8000-000000000001', :'plan');
\set VERBOSITY default
ROLLBACK TO cancelled;
UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = :t;
SELECT count(*), bool_and((r.action, r.target_step_id, r.migration_scenario, r.reason)
                          IS NOT DISTINCT FROM (f.action, f.target_step_id, f.migration_scenario,
                            f.reason)) AS as_foreseen
  FROM foreseen AS f CROSS JOIN LATERAL scenario.reconcile_session(:t, f.session_id) AS r;
SELECT right(session_id::text, 2) AS session, scenario_version, pinned_reason
  FROM scenario.sessions WHERE tenant_id = :t ORDER BY 1;
ROLLBACK;
