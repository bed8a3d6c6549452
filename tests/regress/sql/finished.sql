-- Finished sessions: an arrival at a terminal step completes, and who has finished is left in peace.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''94111111-1111-4111-8111-111111111111'''
\set other '''99999999-1111-4111-8111-111111111111'''
\set s '''94aaaaaa-0000-4000-8000-000000000001'''
-- A flow is written as steps of the form id=Name!*?field>condition:to|to. A "!" marks a checkpoint and a "*" a required
-- action. A step with nothing after it is terminal.
CREATE FUNCTION pg_temp.flow(notation text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object(
           'name', 'Flow',
           'entry_step_id', (array_agg(m[1] ORDER BY n))[1],
           'steps', jsonb_agg(jsonb_build_object(
             'id', m[1], 'name', coalesce(m[2], m[1]), 'is_checkpoint', m[3] = '!', 'performs_action', m[4] = '*',
             'is_required_action', m[4] = '*', 'is_terminal', m[6] IS NULL,
             'collects_profile_fields', CASE WHEN m[5] IS NULL THEN '[]' ELSE jsonb_build_array(m[5]) END,
             'transitions', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                        'to_step_id', split[2],
                        'condition_text', coalesce(split[1], ''),
                        'condition_fields', coalesce(to_jsonb(regexp_match(split[1], '^[a-z]+')), '[]')) ORDER BY place)
                 FROM regexp_split_to_table(m[6], '\|') WITH ORDINALITY AS b (branch, place)
                CROSS JOIN regexp_match(branch, '^(?:(.+):)?(.+)$') AS split), '[]')) ORDER BY n))
    FROM regexp_split_to_table(notation, ';\s*') WITH ORDINALITY AS s (step, n)
   CROSS JOIN regexp_match(step, '^(\w+)(?:=([^!*?>]+))?(!?)(\*?)(?:\?(\w+))?(?:>(.+))?$') AS m
$$;
-- Publishes a new version with its plan.
CREATE FUNCTION pg_temp.publish(tenant uuid, scenario uuid, notation text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  plan uuid;
BEGIN
  plan := scenario.build_migration_plan(tenant, scenario,
    scenario.create_scenario_version(tenant, scenario, pg_temp.flow(notation)));
  PERFORM scenario.approve_migration_plan(tenant, plan);
  PERFORM scenario.deploy_migration_plan(tenant, plan);
  RETURN plan;
END
$$;
\set walked '''94bbbbbb-0000-4000-8000-000000000001'''
\set by_sql '''94bbbbbb-0000-4000-8000-000000000002'''
\set put '''94bbbbbb-0000-4000-8000-000000000003'''
\set closed '''94bbbbbb-0000-4000-8000-000000000004'''
\set paused '''94bbbbbb-0000-4000-8000-000000000005'''
\set led '''94bbbbbb-0000-4000-8000-000000000006'''
\set waits '''94bbbbbb-0000-4000-8000-000000000007'''
SELECT $$
  SELECT right(session_id::text, 1) AS session, scenario_version AS version, step_id, status,
         pending_plan_id IS NOT NULL AS marked, waiting_for
    FROM scenario.sessions WHERE tenant_id = :t ORDER BY 1
$$ AS all \gset
-- terminal, and with a way on: a warning, and the end
SELECT severity, code, step_id, message FROM scenario.validate_scenario('{"name": "F", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B", "is_terminal": true, "transitions": [{"to_step_id": "a"}]}]}');
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>b|e; b>e; e=End'), :s);
SELECT status FROM scenario.start_session(:t, :walked, :s);
SELECT status FROM scenario.advance_session(:t, :walked, 'e');
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
VALUES (:t, :by_sql, :s), (:t, :closed, :s), (:t, :paused, :s), (:t, :led, :s), (:t, :waits, :s);
UPDATE scenario.sessions SET step_id = 'e' WHERE tenant_id = :t AND session_id = :by_sql;
SELECT status FROM scenario.start_session(:t, :put, :s, step_id => 'e');
-- a status that the same statement sets stays
UPDATE scenario.sessions SET step_id = 'e', status = 'closed' WHERE tenant_id = :t AND session_id = :closed;
UPDATE scenario.sessions SET step_id = 'b', status = 'paused' WHERE tenant_id = :t AND session_id = :paused;
UPDATE scenario.sessions SET step_id = 'e' WHERE tenant_id = :t AND session_id = :paused;
UPDATE scenario.sessions SET step_id = 'b' WHERE tenant_id = :t AND session_id IN (:led, :waits);
:all;
SAVEPOINT a;
SELECT * FROM scenario.advance_session(:t, :walked, 'b'); ROLLBACK TO a;
-- an arrival by hand at another step reopens nobody
UPDATE scenario.sessions SET step_id = 'b' WHERE tenant_id = :t AND session_id = :by_sql;
SELECT step_id, status FROM scenario.sessions WHERE tenant_id = :t AND session_id = :by_sql;
UPDATE scenario.sessions SET step_id = 'e' WHERE tenant_id = :t AND session_id = :by_sql;

-- 20: nobody who has finished is counted, simulated, marked, asked or moved
SAVEPOINT a;
SELECT scenario.create_scenario_version(:t, :s,
  pg_temp.flow('a>n; n?age>b; b>age >= 18:e|no; e=End; no=Not for you')) AS version \gset
SELECT scenario.build_migration_plan(:t, :s, :version) AS plan \gset
SELECT scenario.migration_summary(:t, :'plan') -> 'sessions' ->> 'total' AS affected;
SELECT right(session_id::text, 1) AS session, action FROM scenario.simulate_migration_plan(:t, :'plan') ORDER BY 1;
SELECT status FROM scenario.approve_migration_plan(:t, :'plan');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'plan');
:all;
SELECT right(s.session_id::text, 1) AS session, r.action, r.reason, r.collect_fields
  FROM scenario.sessions AS s, LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t
 ORDER BY 1;
-- who waits for an answer and is put to the end waits for nothing any more
UPDATE scenario.sessions SET step_id = 'e' WHERE tenant_id = :t AND session_id = :waits;
:all;
ROLLBACK TO a;

-- a move of the writer that arrives at an end: a relocation, by a turn and by a batch's page
SELECT pg_temp.publish(:t, :s, 'a>e; e=End') IS NOT NULL AS published;
SELECT action, target_step_id FROM scenario.reconcile_session(:t, :led);
SELECT applied FROM scenario.migrate_page(:t, ARRAY[:waits]::uuid[]);
:all;
SELECT scenario_version, step_id, reason
  FROM scenario.step_visits WHERE tenant_id = :t AND session_id = :led ORDER BY visit_no;
-- taken back, they have not come to an end
SELECT step_id, status FROM scenario.revert_session(:t, :led);
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
ROLLBACK;
