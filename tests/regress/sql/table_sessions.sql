-- Table sessions, written with plain SQL: history, defaults, errors; audit, messages, plans and policies as tables.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''11111111-1111-4111-8111-111111111111'''
\set other '''22222222-2222-4222-8222-222222222222'''
\set s '''aaaaaaaa-0000-4000-8000-000000000001'''
\set c '''bbbbbbbb-0000-4000-8000-000000000001'''
BEGIN;
INSERT INTO scenario.scenarios (tenant_id, scenario_id, name) VALUES (:t, :s, 'Order flow');
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition) VALUES (:t, :s, 1,
  '{"name": "Order flow", "entry_step_id": "hello", "steps": [
     {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "pay"}]},
     {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "Money moved",
      "transitions": [{"to_step_id": "hello"}]}]}');
SAVEPOINT a;
-- nothing is published yet
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id) VALUES (:t, :c, :s); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, scenario_version)
VALUES (:t, :c, :s, 1); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenarios SET published_version = 1;

-- starting: published version and entry step by default
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, channel) VALUES (:t, :c, :s, 'web');
SELECT scenario_version, reconciled_deployments, step_id, step_content_hash IS NOT NULL AS hash,
       scenario_checksum IS NOT NULL AS checksum,
       turn_count, status, revision, visit_count, visit_reason FROM scenario.sessions;
-- moving: one visit each; moving nowhere: none
UPDATE scenario.sessions SET step_id = 'pay', turn_count = 1;
UPDATE scenario.sessions SET turn_count = 2, variables = '{"a": 1}';
UPDATE scenario.sessions SET step_id = 'pay';
-- a self-loop is an arrival that the writer counts
UPDATE scenario.sessions SET visit_count = visit_count + 1, visit_reason = 'self-loop', visit_confidence = 0.5;
UPDATE scenario.sessions SET step_id = 'hello', visit_reason = 'self-loop';
UPDATE scenario.sessions SET step_id = 'pay';
-- upsert, as an ORM does it
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, turn_count) VALUES (:t, :c, :s, 'hello', 3)
  ON CONFLICT (tenant_id, session_id) DO UPDATE SET step_id = EXCLUDED.step_id, turn_count = EXCLUDED.turn_count;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id) VALUES (:t, :c, :s) ON CONFLICT DO NOTHING;
SELECT visit_no, step_id, step_name, scenario_version, turn_number, reason, confidence, is_checkpoint,
       checkpoint_description, plan_id
  FROM scenario.step_visits ORDER BY visit_no;
SELECT step_id, visit_count, visit_reason, visit_confidence FROM scenario.sessions;

-- errors
SAVEPOINT a;
UPDATE scenario.sessions SET step_id = 'nowhere'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET step_id = NULL; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET scenario_version = 9; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET session_id = 'bbbbbbbb-0000-4000-8000-000000000002'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET tenant_id = :other; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET visit_count = 0; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET visit_count = visit_count + 2; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET revision = revision - 1; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- the DETAIL of a CHECK has times in it
\set VERBOSITY sqlstate
UPDATE scenario.sessions SET status = 'asleep'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET variables = '[]'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET pending_target_version = 2; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET waiting_for = 'customer'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
INSERT INTO scenario.sessions (tenant_id, session_id, step_id)
VALUES (:t, 'bbbbbbbb-0000-4000-8000-000000000002', 'pay'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- another tenant's scenario and a missing one: the same error
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id) VALUES (:other, :c, :s); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
VALUES (:t, 'bbbbbbbb-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-00000000ffff'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- history
UPDATE scenario.step_visits SET reason = 'x'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.step_visits; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id, step_name,
  step_content_hash, turn_number, reason, is_checkpoint)
  VALUES (:t, :c, 99, :s, 1, 'pay', 'Pay', 'x', 0, 'x', false); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- messages are numbered within their session
INSERT INTO scenario.messages (tenant_id, session_id, role, content)
VALUES (:t, :c, 'customer', 'one'), (:t, :c, 'assistant', 'two');
SELECT message_no, role, content FROM scenario.messages ORDER BY message_no;
SAVEPOINT a;
INSERT INTO scenario.messages (tenant_id, session_id, role, content)
VALUES (:other, :c, 'customer', 'x'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- leaving and coming back: variables and history stay
UPDATE scenario.sessions SET scenario_id = NULL;
SELECT scenario_id, scenario_version, reconciled_deployments, step_id, step_content_hash, variables, visit_count
  FROM scenario.sessions;
SAVEPOINT a; UPDATE scenario.sessions SET step_id = 'pay'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.sessions SET scenario_id = :s;
SELECT scenario_version, reconciled_deployments, step_id, visit_count FROM scenario.sessions;

-- audit: append-only; an id that is used again goes on after it
INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, action) VALUES (:t, :c, 1, 'teleport');
SAVEPOINT a;
UPDATE scenario.migration_audit SET action = 'x'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.migration_audit; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE scenario.migration_audit; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.sessions;
SELECT (SELECT count(*) FROM scenario.step_visits) AS visits, (SELECT count(*) FROM scenario.messages) AS messages,
       (SELECT count(*) FROM scenario.migration_audit) AS audit;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id) VALUES (:t, :c, :s);
SELECT revision, visit_count FROM scenario.sessions;
ROLLBACK;
