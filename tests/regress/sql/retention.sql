-- apply_retention and check_invariants.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''91111111-1111-4111-8111-111111111111'''
\set s '''9aaaaaaa-0000-4000-8000-000000000001'''
\set ada '''9bbbbbbb-0000-4000-8000-000000000001'''
BEGIN;
CREATE FUNCTION pg_temp.flow(steps text[]) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object(
           'name', 'Flow',
           'entry_step_id', steps[1],
           'steps', jsonb_agg(jsonb_build_object(
             'id', s, 'name', s,
             'transitions', CASE WHEN n < cardinality(steps)
                                 THEN jsonb_build_array(jsonb_build_object('to_step_id', steps[n + 1]))
                                 ELSE '[]' END) ORDER BY n))
    FROM unnest(steps) WITH ORDINALITY AS u (s, n) $$;
CREATE FUNCTION pg_temp.publish(tenant uuid, scenario uuid, steps text[]) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE v_plan uuid;
BEGIN
  v_plan := scenario.build_migration_plan(tenant, scenario,
    scenario.create_scenario_version(tenant, scenario, pg_temp.flow(steps)));
  PERFORM scenario.approve_migration_plan(tenant, v_plan);
  PERFORM scenario.deploy_migration_plan(tenant, v_plan);
  RETURN v_plan;
END $$;
SELECT scenario.create_scenario(:t, pg_temp.flow('{a,b}'), :s);
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT pg_temp.publish(:t, :s, '{a,b,c}') AS p12 \gset
SELECT pg_temp.publish(:t, :s, '{a,b,c,d}') AS p23 \gset
SELECT version, status FROM scenario.scenario_versions WHERE tenant_id = :t ORDER BY 1;

-- young enough: nothing
SELECT * FROM scenario.apply_retention() WHERE tenant_id = :t;
-- old, but Ada walks version 1, and her way to version 3 leads over version 2
UPDATE scenario.scenario_versions SET archived_at = now() - interval '36 days'
 WHERE tenant_id = :t AND status = 'archived';
SET LOCAL scenario.plan_retention_days = 0;
SELECT * FROM scenario.apply_retention() WHERE tenant_id = :t;
-- she moves: nobody needs versions 1 and 2 any more, nor the plan between them
SELECT action, scenario_version FROM scenario.reconcile_session(:t, :ada);
RESET scenario.plan_retention_days;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
SAVEPOINT moved;
SET LOCAL scenario.version_retention_days = 37;
SELECT * FROM scenario.apply_retention() WHERE tenant_id = :t;
RESET scenario.version_retention_days;
SELECT what, tenant_id, scenario_id, version, CASE plan_id WHEN :'p12' THEN 'p12' WHEN :'p23' THEN 'p23' END AS plan,
       action, detail
  FROM scenario.apply_retention() WHERE tenant_id = :t;
SELECT version, status FROM scenario.scenario_versions WHERE tenant_id = :t ORDER BY 1;
-- again: nothing left to do
SELECT * FROM scenario.apply_retention() WHERE tenant_id = :t;
-- what she could have gone back to is gone
SAVEPOINT a;
SELECT * FROM scenario.revert_session(:t, :ada); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- her history and the audit say all the same where she was
SELECT visit_no, scenario_version, step_name FROM scenario.step_visits WHERE tenant_id = :t ORDER BY 1;
SELECT from_version, to_version, action FROM scenario.migration_audit WHERE tenant_id = :t;
-- audit rows only when asked
SELECT what, detail FROM scenario.apply_retention(audit_days => 1) WHERE tenant_id = :t;
SELECT scenario.apply_retention(-1); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO moved;
-- an open plan keeps its versions
SELECT step_id FROM scenario.start_session(:t, '9bbbbbbb-0000-4000-8000-000000000002', :s);
SELECT scenario.build_migration_plan(:t, :s, 3, from_version => 1) IS NOT NULL AS built;
SELECT what, version FROM scenario.apply_retention() WHERE tenant_id = :t;
SELECT version FROM scenario.scenario_versions WHERE tenant_id = :t ORDER BY 1;

-- what is wrong is found
SET LOCAL session_replication_role = replica;
UPDATE scenario.sessions SET visit_count = visit_count + 1, revision = 9 WHERE tenant_id = :t AND session_id = :ada;
UPDATE scenario.scenarios SET published_version = 7 WHERE tenant_id = :t;
DELETE FROM scenario.scenario_steps WHERE tenant_id = :t AND version = 3 AND step_id = 'a';
SELECT invariant, right(id::text, 4) AS id, problem FROM scenario.check_invariants() WHERE tenant_id = :t ORDER BY 1, 2;
ROLLBACK;
