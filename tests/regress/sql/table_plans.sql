-- Tables migration_plans, plan_anchors and anchor_policies, written with plain SQL: lifecycle and immutability.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''11111111-1111-4111-8111-111111111111'''
\set s '''aaaaaaaa-0000-4000-8000-000000000001'''
\set p '''cccccccc-0000-4000-8000-000000000001'''
BEGIN;
INSERT INTO scenario.scenarios (tenant_id, scenario_id, name) VALUES (:t, :s, 'Order flow');
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition)
  SELECT :t, :s, v, '{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A"}]}' FROM generate_series(1, 2) AS v;
INSERT INTO scenario.migration_plans (tenant_id, plan_id, scenario_id, from_version, to_version, from_checksum,
  to_checksum, from_digest, to_digest, changes)
  VALUES (:t, :p, :s, 1, 2, 'x', 'y', 'v', 'w', '{}');
INSERT INTO scenario.plan_anchors (tenant_id, plan_id, old_step_id, ordinal, kind, anchor_content_hash, name,
  new_step_id, pairing, migration_scenario, upstream, downstream)
  VALUES (:t, :p, 'a', 0, 'anchor', 'hash', 'A', 'a', 'content', 'clean_graft', '{}', '{}');
INSERT INTO scenario.anchor_policies (tenant_id, plan_id, anchor_content_hash, policy, set_at)
  VALUES (:t, :p, 'hash', '{"update_downstream": false}', now() - interval '1 hour');
SAVEPOINT a;
-- one open plan for a pair of versions
INSERT INTO scenario.migration_plans (tenant_id, scenario_id, from_version, to_version, from_checksum, to_checksum,
  from_digest, to_digest, changes)
  VALUES (:t, :s, 1, 2, 'x', 'y', 'v', 'w', '{}'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET to_checksum = 'z'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET changes = '{"a": 1}'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.plan_anchors SET migration_scenario = 're_route'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.plan_anchors; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- the DETAIL of a CHECK has times in it
\set VERBOSITY sqlstate
INSERT INTO scenario.plan_anchors (tenant_id, plan_id, old_step_id, ordinal, kind, anchor_content_hash, name)
VALUES (:t, :p, 'b', 1, 'deleted', 'h', 'B'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
DELETE FROM scenario.scenario_versions WHERE version = 2; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- lifecycle: every move that is refused, then those that are not
UPDATE scenario.migration_plans SET status = 'deployed'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET status = 'cancelled'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- the DETAIL of a CHECK has times in it
\set VERBOSITY sqlstate
UPDATE scenario.migration_plans SET status = 'done'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
UPDATE scenario.migration_plans SET status = 'rejected', rejected_reason = 'no', rejected_by = 'eve';
SELECT status, rejected_at IS NOT NULL AS rejected_at, rejected_by, rejected_reason
  FROM scenario.migration_plans; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET status = 'approved', approved_by = 'ann';
SELECT status, approved_at IS NOT NULL AS approved_at, approved_by FROM scenario.migration_plans;
SAVEPOINT a;
UPDATE scenario.migration_plans SET status = 'rejected'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET status = 'pending'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.anchor_policies SET policy = '{}'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.anchor_policies; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.anchor_policies (tenant_id, plan_id, anchor_content_hash, policy, set_at)
  VALUES (:t, :p, 'other', '{}', now() + interval '1 second'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET status = 'superseded'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.migration_plans SET status = 'deployed', deployed_by = 'ann';
UPDATE scenario.migration_plans SET status = 'cancelled', cancelled_by = 'bob';
SELECT status, approved_by, deployed_by, cancelled_by, superseded_at FROM scenario.migration_plans;
SAVEPOINT a;
UPDATE scenario.migration_plans SET status = 'deployed'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- it goes with its scenario, anchors and policies with it
DELETE FROM scenario.scenarios;
SELECT (SELECT count(*) FROM scenario.migration_plans) AS plans,
       (SELECT count(*) FROM scenario.plan_anchors) AS anchors,
       (SELECT count(*) FROM scenario.anchor_policies) AS policies;
ROLLBACK;
