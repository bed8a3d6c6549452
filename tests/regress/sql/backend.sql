-- How the extension behaves in a backend: settings, reads without a transaction id, statements that are kept prepared.
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d6000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d8'''

-- Defaults, ranges and words of the settings ("Settings"). The library is loaded by the first call.
SELECT scenario.step_content_hash('{"name": "A"}') IS NOT NULL AS loaded;
SELECT name, left(setting, 40) AS setting, vartype, min_val, max_val, enumvals, context
  FROM pg_settings WHERE name LIKE 'scenario.%' ORDER BY name COLLATE "C";
SET scenario.extraction_confidence_threshold = 1.01;
SET scenario.max_conversation_turns = -1;
SET scenario.on_undecided = 'guess';
SET scenario.tenant_id = 'not a uuid';
SET scenario.profile_source = 'unqualified';
SET scenario.enabled = 'perhaps';
SET scenario.misspelt = 1;
BEGIN;
SET LOCAL scenario.tenant_id = 'd6000000-0000-4000-8000-000000000001';
SET LOCAL scenario.profile_source = 'app.profile_value';
SET LOCAL scenario.on_undecided = stay;
SET LOCAL scenario.confirmation_threshold = 1;
ROLLBACK;

-- Reads take no transaction id, so they work on a hot standby ---------------------------------------------------------
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
BEGIN TRANSACTION READ ONLY;
SELECT scenario.scenario_diff(:t, :s, 1, 2) IS NOT NULL AS diff,
       scenario.migration_plan(:t, :'plan') IS NOT NULL AS plan,
       scenario.migration_summary(:t, :'plan') IS NOT NULL AS summary,
       (SELECT status FROM scenario.deployment_status(:t, :'plan')) AS status;
SELECT count(*) FROM scenario.validate_scenario('{}');
SELECT scenario.migration_plan(:t, :s);
ROLLBACK;
BEGIN;
SELECT scenario.migration_plan(:t, :'plan') IS NOT NULL AS plan,
       scenario.migration_summary(:t, :'plan') IS NOT NULL AS summary;
SELECT txid_current_if_assigned() IS NULL AS no_transaction_id;
ROLLBACK;
-- and writers say that they cannot write
BEGIN TRANSACTION READ ONLY;
SELECT scenario.approve_migration_plan(:t, :'plan');
ROLLBACK;

-- Statements are kept prepared: they survive errors, other search paths and the extension being made anew -------------
BEGIN;
SAVEPOINT a;
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
ROLLBACK TO a;
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}', 'aaaaaaaa-0000-4000-8000-0000000000d9');
ROLLBACK;
SET search_path = pg_temp;
SELECT scenario.migration_plan(:t, :'plan') ->> 'status' AS status;
RESET search_path;
BEGIN;
DROP EXTENSION pg_scenario CASCADE;
SELECT to_regclass('scenario.sessions') AS gone;
CREATE EXTENSION pg_scenario;
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "C"}]}');
SELECT jsonb_path_query(scenario.migration_plan(:t, scenario.build_migration_plan(:t, :s, 2)),
  '$.transformation_map.inserted_step_ids') AS inserted;
ROLLBACK;
SELECT scenario.migration_plan(:t, :'plan') #> '{transformation_map,inserted_step_ids}' AS inserted;

-- What a transaction made and rolled back is not remembered: the same checksum, other flags ---------------------------
BEGIN;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B", "is_required_action": true}]}');
UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = :t;
SELECT jsonb_path_query(scenario.scenario_diff(:t, :s, 1, 3),
  '$.anchors[*].downstream_changes.inserted_steps[*].is_required_action') AS required;
ROLLBACK;
BEGIN;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B"}]}');
UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = :t;
SELECT jsonb_path_query(scenario.scenario_diff(:t, :s, 1, 3),
  '$.anchors[*].downstream_changes.inserted_steps[*].is_required_action') AS required;
ROLLBACK;

-- PUBLIC has no privileges, and every function says what it does --------------------------------------------------
SELECT p.oid::regprocedure AS executable_by_public
  FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 WHERE p.pronamespace = 'scenario'::regnamespace AND has_function_privilege('public', p.oid, 'execute');
SELECT c.oid::regclass AS readable_by_public
  FROM pg_class AS c
 WHERE c.relnamespace = 'scenario'::regnamespace
   AND c.relkind IN ('r', 'v')
   AND has_table_privilege('public', c.oid, 'select');
SELECT p.oid::regprocedure AS without_comment
  FROM pg_proc AS p WHERE p.pronamespace = 'scenario'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT p.oid::regprocedure AS strict
  FROM pg_proc AS p WHERE p.pronamespace = 'scenario'::regnamespace AND p.proisstrict;

DELETE FROM scenario.scenarios WHERE tenant_id = :t;
