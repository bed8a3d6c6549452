-- Sessions that began elsewhere and bring their history along: import_session.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''93111111-1111-4111-8111-111111111111'''
\set other '''99999999-1111-4111-8111-111111111111'''
\set s '''93aaaaaa-0000-4000-8000-000000000001'''
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
\set ada '''93bbbbbb-0000-4000-8000-000000000001'''
\set bob '''93bbbbbb-0000-4000-8000-000000000002'''
\set cyd '''93bbbbbb-0000-4000-8000-000000000003'''
\set dan '''93bbbbbb-0000-4000-8000-000000000004'''
\set eve '''93bbbbbb-0000-4000-8000-000000000005'''
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>pay; pay=Pay!>m; m>e; e'), :s);
SELECT pg_temp.publish(:t, :s, 'a>n; n>pay; pay=Pay!>m; m>e; e') IS NOT NULL AS published;

-- A whole history, over two versions
SELECT scenario_version, step_id, status, visit_count, turn_count, channel, variables,
       created_at = '2025-01-01 10:00+00' AS began,
       last_activity_at = '2025-01-03 10:00+00' AS last
  FROM scenario.import_session(:t, :ada, :s, 2, 'm', '[
    {"step_id": "a", "scenario_version": 1, "entered_at": "2025-01-01 10:00+00", "turn_number": 0},
    {"step_id": "pay", "scenario_version": 1, "entered_at": "2025-01-02T10:00:00Z", "turn_number": 3},
    {"step_id": "m", "scenario_version": 2, "entered_at": "2025-01-03 10:00+00",
     "turn_number": 5}]', 'web', variables => '{"age": 1.50}');
SELECT visit_no, scenario_version, step_id, step_name, turn_number, reason, is_checkpoint,
       entered_at AT TIME ZONE 'UTC' AS at
  FROM scenario.step_visits WHERE tenant_id = :t AND session_id = :ada ORDER BY 1;
-- It goes on as any other
SELECT step_id, status FROM scenario.advance_session(:t, :ada, 'e');

-- Without a history, the session has begun in the middle. A visit without a version has that of the session; a visit
-- without time and turn has those of the visit before.
SELECT step_id, visit_count, turn_count FROM scenario.import_session(:t, :bob, :s, 1, 'm', '[]');
SELECT step_id, visit_count, turn_count FROM scenario.import_session(:t, :cyd, :s, 1, 'm', '[
  {"step_id": "pay", "turn_number": 2},
  {"step_id": "m"}]');
SELECT right(session_id::text, 1) AS session, step_id, is_certain
  FROM scenario.passed_at_start WHERE tenant_id = :t ORDER BY 1;
-- At its end
SELECT step_id, status FROM scenario.import_session(:t, :dan, :s, 2, 'e', '[]');
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;

-- 26: what was paid elsewhere is not paid again
SELECT pg_temp.publish(:t, :s, 'a>n; n>m; m>pay; pay=Pay!>e; e') IS NOT NULL AS published;
SELECT right(s.session_id::text, 1) AS session, r.action, r.scenario_version, r.target_step_id
  FROM scenario.sessions AS s, LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t
 ORDER BY 1;

-- errors: every finding
SELECT scenario.create_scenario_version(:t, :s, pg_temp.flow('a>m; m>e; e')) AS draft;
SAVEPOINT a;
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '[{"step_id": "zz"}, {"step_id": "a", "scenario_version": 9},
  {"step_id": "a", "scenario_version": 4}, {"step_id": "m"}]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '[
  {"step_id": "a", "entered_at": "2025-02-01"},
  {"step_id": "m", "entered_at": "2025-01-01", "turn_number": -1},
  {"step_id": "m", "entered_at": "someday"},
  {"step_id": "m", "entered_at": "9999-01-01"},
  {"step_id": "a"}]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '[{"step": "m"}]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '{"step_id": "m"}'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :ada, :s, 3, 'm', '[]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 4, 'm', '[]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '[]', variables => '[]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:other, :eve, :s, 3, 'm', '[]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', NULL); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- a version that is not kept any more is told as gone
UPDATE scenario.sessions SET scenario_id = NULL WHERE tenant_id = :t;
UPDATE scenario.migration_plans SET status = 'cancelled' WHERE tenant_id = :t AND status = 'deployed';
DELETE FROM scenario.scenario_versions WHERE tenant_id = :t AND version = 1;
SELECT scenario.import_session(:t, :eve, :s, 3, 'm', '[
  {"step_id": "a", "scenario_version": 1},
  {"step_id": "m"}]'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
