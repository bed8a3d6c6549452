-- The view migration_metrics: what monitoring reads. Durations are not the same each time; their counts are.
\pset null '∅'
\set t '''81111111-1111-4111-8111-111111111111'''
\set s '''8aaaaaaa-0000-4000-8000-000000000001'''
BEGIN;
SELECT scenario.create_scenario(:t, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "join"}]},
  {"id": "join", "name": "Join"}]}', :s);
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, variables)
SELECT :t, ('8bbbbbbb-0000-4000-8000-00000000000' || n)::uuid, :s, CASE WHEN n < 3 THEN 'hello' ELSE 'join' END,
       CASE WHEN n < 5 THEN '{"age": 20}' ELSE '{}' END::jsonb FROM generate_series(1, 6) AS n;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "join"}]},
  {"id": "join", "name": "Join"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
SELECT status FROM scenario.approve_migration_plan(:t, :'plan');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'plan');
SELECT r.action, count(*)
  FROM scenario.sessions AS s, LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t AND right(s.session_id::text, 1) <> '6' GROUP BY 1 ORDER BY 1;
SELECT metric, kind, status, action, migration_scenario, source, waiting_for, le, value FROM scenario.migration_metrics
 WHERE tenant_id = :t AND scenario_id = :s AND metric NOT LIKE '%duration%' ORDER BY 1, 3, 4, 5, 6, 7, 8;
SELECT metric, migration_scenario, count(*), max(value) AS most FROM scenario.migration_metrics
 WHERE tenant_id = :t AND metric LIKE '%duration%' AND metric NOT LIKE '%sum' GROUP BY 1, 2 ORDER BY 1, 2;
-- A session whose checksum is foreign lands within its version, past a redirect that a checkpoint forbids: this
-- continue is applied like any other move.
SELECT scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "collects_profile_fields": ["age"], "transitions": [
     {"to_step_id": "no", "condition_text": "age < 18", "priority": 1}, {"to_step_id": "pay"}]},
  {"id": "no", "name": "Sorry", "is_terminal": true},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "money moved",
   "transitions": [{"to_step_id": "done"}]},
  {"id": "done", "name": "Done"}]}', '8aaaaaaa-0000-4000-8000-000000000002');
SELECT step_id FROM scenario.start_session(:t, '8bbbbbbb-0000-4000-8000-000000000007',
                                           '8aaaaaaa-0000-4000-8000-000000000002', variables => '{"age": 15}');
UPDATE scenario.sessions SET step_id = 'pay'
 WHERE tenant_id = :t AND session_id = '8bbbbbbb-0000-4000-8000-000000000007';
UPDATE scenario.sessions SET step_id = 'done'
 WHERE tenant_id = :t AND session_id = '8bbbbbbb-0000-4000-8000-000000000007';
UPDATE scenario.sessions SET scenario_checksum = 'anotherchecksum', reconciled_deployments = NULL
 WHERE tenant_id = :t AND session_id = '8bbbbbbb-0000-4000-8000-000000000007';
SELECT action, target_step_id, scenario_version, blocked_by_checkpoint
  FROM scenario.reconcile_session(:t, '8bbbbbbb-0000-4000-8000-000000000007');
SELECT action, from_version, to_version, step_after FROM scenario.migration_audit
 WHERE tenant_id = :t AND session_id = '8bbbbbbb-0000-4000-8000-000000000007';
SELECT metric, action, migration_scenario, value FROM scenario.migration_metrics
 WHERE tenant_id = :t AND scenario_id = '8aaaaaaa-0000-4000-8000-000000000002'
   AND (metric LIKE '%decisions%' OR metric LIKE '%applied%' OR metric LIKE '%duration_seconds_count') ORDER BY 1, 2, 3;
-- a metric with its labels is there once
SELECT metric, count(*) FROM scenario.migration_metrics
 GROUP BY metric, tenant_id, scenario_id, status, action, migration_scenario, source, waiting_for, le
HAVING count(*) > 1;
ROLLBACK;
