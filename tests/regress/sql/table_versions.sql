-- Tables scenarios and scenario_versions, written with plain SQL: immutability, publishing, derived steps.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''11111111-1111-4111-8111-111111111111'''
\set other '''22222222-2222-4222-8222-222222222222'''
\set s '''aaaaaaaa-0000-4000-8000-000000000001'''
BEGIN;
SET LOCAL scenario.require_approval = off;

INSERT INTO scenario.scenarios (tenant_id, scenario_id, name) VALUES (:t, :s, 'Order flow');
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition) VALUES (:t, :s, 1,
  '{"name": "Order flow", "entry_step_id": "hello", "steps": [
     {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "pay"}]},
     {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "Money moved",
      "is_terminal": true}]}');

-- a draft can change, and its steps and checksum follow
SELECT version, status, checksum IS NOT NULL AS has_checksum, published_at
  FROM scenario.scenario_versions ORDER BY version;
SELECT step_id, ordinal, name, is_checkpoint, checkpoint_description, is_entry
  FROM scenario.scenario_steps ORDER BY ordinal;
CREATE TEMPORARY TABLE before_change AS SELECT checksum FROM scenario.scenario_versions;
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,0,name}', '"Welcome"');
SELECT v.checksum <> b.checksum AS other_checksum FROM scenario.scenario_versions AS v, before_change AS b;
SELECT step_id, name FROM scenario.scenario_steps ORDER BY ordinal;
-- a checksum cannot be forged
UPDATE scenario.scenario_versions SET checksum = 'forged';
SELECT checksum = 'forged' AS forged FROM scenario.scenario_versions;

-- errors before publishing
SAVEPOINT a; UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = :t; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_versions SET status = 'published' WHERE tenant_id = :t; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_versions SET status = 'archived' WHERE tenant_id = :t; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_versions SET version = 7 WHERE tenant_id = :t; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition, status)
VALUES (:t, :s, 2, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}', 'published'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- another tenant's scenario and a missing one: the same error
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition)
VALUES (:other, :s, 1, '{}'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition)
VALUES (:t, 'aaaaaaaa-0000-4000-8000-00000000ffff', 1, '{}'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- steps are derived
DELETE FROM scenario.scenario_steps; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_steps SET name = 'x'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- publishing
UPDATE scenario.scenarios SET published_version = 1 WHERE tenant_id = :t AND scenario_id = :s;
SELECT version, status, published_at IS NOT NULL AS published, archived_at
  FROM scenario.scenario_versions ORDER BY version;
SAVEPOINT a; UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{name}',
  '"Other"'); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_versions SET status = 'draft'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenario_versions SET status = 'archived'; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
UPDATE scenario.scenarios SET published_version = NULL; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.scenario_versions; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
-- the same definition again derives the steps anew and changes nothing
UPDATE scenario.scenario_versions SET definition = definition;
SELECT step_id, name FROM scenario.scenario_steps ORDER BY ordinal;

-- the next version
INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition)
  SELECT tenant_id, scenario_id, 2, definition FROM scenario.scenario_versions WHERE version = 1;
UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = :t AND scenario_id = :s;
SELECT version, status FROM scenario.scenario_versions ORDER BY version;
SAVEPOINT a; UPDATE scenario.scenarios SET published_version = 1 WHERE tenant_id = :t; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- a version that sessions walk stays; without them the whole scenario goes
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
VALUES (:t, 'bbbbbbbb-0000-4000-8000-000000000001', :s);
SAVEPOINT a; DELETE FROM scenario.scenarios; ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM scenario.sessions;
DELETE FROM scenario.scenarios;
SELECT (SELECT count(*) FROM scenario.scenario_versions) AS versions,
       (SELECT count(*) FROM scenario.scenario_steps) AS steps,
       (SELECT count(*) FROM scenario.migration_plans) AS plans;
ROLLBACK;
