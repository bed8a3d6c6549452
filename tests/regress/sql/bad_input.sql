-- Bad input to definitions, diff, plans and deploy: the right SQLSTATE, a useful message, and no change ("Errors",
-- "Limits").
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d5000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d6'''

-- Ids of plans are new in every run: an error is shown as INFO, with SQLSTATE, and without them.
CREATE PROCEDURE pg_temp.refused(statement text) LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; h text;
BEGIN
    EXECUTE statement;
    RAISE INFO 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RAISE INFO USING MESSAGE = regexp_replace(SQLSTATE || ': ' || m || coalesce(e'\nDETAIL:  ' || nullif(d, ''), '')
        || coalesce(e'\nHINT:  ' || nullif(h, ''), ''),
        '(?!aaaaaaaa)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}', '<plan>', 'g');
END
$$;
-- the newest plan between two versions
CREATE FUNCTION pg_temp.plan(f integer, t integer) RETURNS uuid LANGUAGE sql AS $$
    SELECT plan_id FROM scenario.migration_plans WHERE tenant_id = 'd5000000-0000-4000-8000-000000000001'
       AND from_version = f AND to_version = t ORDER BY created_at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd5000000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.flow() RETURNS uuid LANGUAGE sql AS $$ SELECT 'aaaaaaaa-0000-4000-8000-0000000000d6'::uuid $$;

SELECT scenario.create_scenario(:t, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) IS NOT NULL AS built;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
VALUES (:t, 'bbbbbbbb-0000-4000-8000-000000000501', :s);
CREATE FUNCTION pg_temp.everything() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(r::text, e'\n' ORDER BY r::text)) FROM (
        SELECT to_jsonb(x) AS r FROM scenario.scenarios AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.scenario_versions AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.scenario_steps AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.migration_plans AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.plan_anchors AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.anchor_policies AS x WHERE tenant_id = pg_temp.tenant()
        UNION ALL SELECT to_jsonb(x) FROM scenario.sessions AS x WHERE tenant_id = pg_temp.tenant()) AS rows $$;
SELECT pg_temp.everything() AS before \gset

-- NULL for a required argument, one after the other -------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.validate_scenario(NULL)');
CALL pg_temp.refused('SELECT scenario.step_content_hash(NULL)');
CALL pg_temp.refused('SELECT scenario.scenario_checksum(NULL, 1)');
CALL pg_temp.refused(
  $$SELECT scenario.scenario_checksum('{"name": "x", "entry_step_id": "a", "steps": [
      {"id": "a", "name": "A"}]}', NULL)$$);
CALL pg_temp.refused('SELECT scenario.create_scenario(NULL, ''{}'')');
CALL pg_temp.refused('SELECT scenario.create_scenario(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.create_scenario_version(pg_temp.tenant(), NULL, ''{}'')');
CALL pg_temp.refused('SELECT scenario.create_scenario_version(pg_temp.tenant(), pg_temp.flow(), NULL)');
CALL pg_temp.refused('SELECT scenario.scenario_diff(''{}'', NULL)');
CALL pg_temp.refused('SELECT scenario.scenario_diff(pg_temp.tenant(), pg_temp.flow(), NULL, 2)');
CALL pg_temp.refused('SELECT scenario.scenario_diff(pg_temp.tenant(), pg_temp.flow(), 1, NULL)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(NULL, pg_temp.flow(), 2)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), NULL, 2)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), NULL)');
CALL pg_temp.refused('SELECT scenario.migration_plan(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.migration_summary(NULL, pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.approve_migration_plan(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.reject_migration_plan(NULL, pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.cancel_deployment(NULL, pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.deployment_status(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.definition_steps(NULL)');
CALL pg_temp.refused('SELECT scenario.on_publish(pg_temp.tenant(), pg_temp.flow(), 1, NULL)');

-- Malformed JSON never reaches us -------------------------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.create_scenario(pg_temp.tenant(), ''{"name": '')');
CALL pg_temp.refused('SELECT scenario.create_scenario(pg_temp.tenant(), ''{"name": "\u0000"}'')');

-- Wrong types, empty things -------------------------------------------------------------------------------------------
CREATE TEMPORARY TABLE wrong (place serial, definition jsonb);
INSERT INTO wrong (definition) VALUES ('null'), ('7'), ('"text"'), ('[]'), ('{}'),
  ('{"name": "x", "entry_step_id": "a", "steps": []}'), ('{"name": "x", "entry_step_id": "a", "steps": {"a": 1}}'),
  ('{"name": "x", "entry_step_id": "a", "steps": [7, null]}'),
  ('{"name": ["x"], "entry_step_id": 5, "steps": [
    {"id": 5, "name": {}, "rule_ids": "r", "collects_profile_fields": [1], "is_checkpoint": 1,
     "transitions": [{"to_step_id": 1, "priority": "high", "condition_text": false, "condition_fields": {}}, "a"]}]}'),
  ('{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "a", "priority": 1e400}]}]}'),
  ('{"name": "x", "entry_step_id": "a", "steps": [{"id": "", "name": "A"}, {"id": null, "name": "A"}]}');
SELECT place, f.severity, f.code, f.step_id, f.message
  FROM wrong, scenario.validate_scenario(definition) AS f ORDER BY place;
DO $$ DECLARE w record; BEGIN
  FOR w IN SELECT * FROM wrong ORDER BY place LOOP
    CALL pg_temp.refused(
      format('SELECT scenario.create_scenario_version(pg_temp.tenant(), pg_temp.flow(), %L)', w.definition));
  END LOOP;
END $$;

-- Deep nesting and long numbers: refused where they are read, kept as they are where they are not ---------------------
CALL pg_temp.refused(
  $$SELECT scenario.create_scenario(pg_temp.tenant(), (repeat('[', 200) || repeat(']', 200))::jsonb)$$);
CALL pg_temp.refused(
  $$SELECT scenario.create_scenario(pg_temp.tenant(), jsonb_build_object(
      'name', 'x', 'entry_step_id', 'a', 'steps', '[{"id": "a", "name": "A"}]'::jsonb,
      'deep', (repeat('[', 200) || repeat(']', 200))::jsonb))$$);
CALL pg_temp.refused(
  $$SELECT scenario.step_content_hash(
      jsonb_build_object('name', (repeat('{"a":', 5000) || '1' || repeat('}', 5000))::jsonb))$$);
BEGIN;
SELECT scenario.create_scenario_version(:t, :s,
  '{"name": "x", "entry_step_id": "a", "big": 1e400,
    "long": 1.234567890123456789012345678901234567890, "steps": [{"id": "a", "name": "A"}]}');
SELECT length((definition ->> 'big')::text) AS digits, definition -> 'long' AS long
  FROM scenario.scenario_versions WHERE tenant_id = :t AND version = 3;
ROLLBACK;

-- Sizes ("Limits") ----------------------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.line(steps integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
             'name', 'Long',
             'entry_step_id', 's1',
             'steps', jsonb_agg(jsonb_build_object(
               'id', 's' || i, 'name', 'Step ' || i, 'is_terminal', i = steps,
               'transitions', CASE WHEN i < steps
                                   THEN jsonb_build_array(jsonb_build_object('to_step_id', 's' || (i + 1)))
                                   ELSE '[]' END)))
      FROM generate_series(1, steps) AS i $$;
SELECT * FROM scenario.validate_scenario(pg_temp.line(10001));
SELECT * FROM scenario.validate_scenario(jsonb_build_object(
  'name', 'x', 'entry_step_id', 'a', 'steps', jsonb_build_array(jsonb_build_object('id', 'a', 'name', 'A',
  'transitions', (SELECT jsonb_agg('{"to_step_id": "a"}'::jsonb) FROM generate_series(1, 100001))))));
SELECT severity, code, step_id, message FROM scenario.validate_scenario(jsonb_build_object(
  'name', 'x', 'entry_step_id', 'a', 'steps', jsonb_build_array(jsonb_build_object('id', 'a', 'name', 'A',
  'transitions', jsonb_build_array(jsonb_build_object('to_step_id', 'a', 'condition_text', repeat('x', 4097)))))))
 WHERE severity = 'error';
SELECT severity, code, left(message, 40) AS message
  FROM scenario.validate_scenario(jsonb_build_object(
         'name', 'x', 'entry_step_id', 'a', 'steps', '[{"id": "a", "name": "A"}]'::jsonb,
         'note', repeat('x', 17000000)));

-- 10,000 steps are a legal definition: stored, planned, deployed
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.line(10000), 'aaaaaaaa-0000-4000-8000-0000000000d7');
SELECT scenario.create_scenario_version(:t, 'aaaaaaaa-0000-4000-8000-0000000000d7',
  jsonb_set(pg_temp.line(10000), '{steps,0,transitions,0,condition_text}', '"ready == true"'));
INSERT INTO scenario.sessions (tenant_id, scenario_id, step_id)
SELECT :t, 'aaaaaaaa-0000-4000-8000-0000000000d7', 's' || i
  FROM generate_series(1, 10000, 10) AS i;
SELECT scenario.build_migration_plan(:t, 'aaaaaaaa-0000-4000-8000-0000000000d7', 2) AS big \gset
SELECT count(*) AS anchors, count(DISTINCT migration_scenario) AS scenarios
  FROM scenario.plan_anchors WHERE tenant_id = :t AND plan_id = :'big';
SELECT scenario.migration_summary(:t, :'big') #> '{sessions,total}' AS sessions;
SELECT status FROM scenario.approve_migration_plan(:t, :'big');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'big');
ROLLBACK;
-- a diff that would not fit into one document says so; its plan is stored all the same
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.line(4000), 'aaaaaaaa-0000-4000-8000-0000000000d7');
SELECT scenario.create_scenario_version(:t, 'aaaaaaaa-0000-4000-8000-0000000000d7',
  jsonb_build_object('name', 'x', 'entry_step_id', 's1', 'steps', (
    SELECT jsonb_agg(step || jsonb_build_object('description', 'reworded'))
      FROM jsonb_array_elements(pg_temp.line(4000) -> 'steps') AS step)));
SELECT scenario.build_migration_plan(:t, 'aaaaaaaa-0000-4000-8000-0000000000d7', 2) AS big \gset
SELECT pairing, count(*) FROM scenario.plan_anchors WHERE tenant_id = :t AND plan_id = :'big' GROUP BY 1;
SELECT count(*) AS plans
  FROM scenario.migration_plans
 WHERE tenant_id = :t AND plan_id = :'big' AND scenario.migration_summary(:t, :'big') IS NOT NULL;
CALL pg_temp.refused(format('SELECT scenario.migration_plan(%L, %L)', :t, :'big'));
ROLLBACK;

-- Graphs that are odd and legal: self-loops, cycles, islands, one step, an entry that nothing leaves ------------------
SELECT count(*) AS anchors, min(a ->> 'migration_scenario') AS scenario
  FROM jsonb_array_elements(scenario.scenario_diff(
  '{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "a"}, {"to_step_id": "a"}]},
    {"id": "b", "name": "B", "transitions": [{"to_step_id": "c"}]},
    {"id": "c", "name": "C", "transitions": [{"to_step_id": "b"}]}]}',
  '{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "a"}, {"to_step_id": "a"}]},
    {"id": "b", "name": "B", "transitions": [{"to_step_id": "c"}]},
    {"id": "c", "name": "C", "transitions": [{"to_step_id": "b"}]}]}') -> 'anchors') AS a;

-- Wrong states --------------------------------------------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.cancel_deployment(pg_temp.tenant(), pg_temp.plan(1, 2))');
CALL pg_temp.refused('UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = pg_temp.tenant()');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), -1)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 2147483647)');

-- Ids of another tenant are as ids that do not exist ------------------------------------------------------------------
CALL pg_temp.refused(
  $$SELECT scenario.create_scenario_version('d5000000-0000-4000-8000-000000000002', pg_temp.flow(),
      '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}')$$);
CALL pg_temp.refused('SELECT scenario.scenario_diff(''d5000000-0000-4000-8000-000000000002'', pg_temp.flow(), 1, 2)');
CALL pg_temp.refused(
  'SELECT scenario.build_migration_plan(''d5000000-0000-4000-8000-000000000002'', pg_temp.flow(), 2)');
CALL pg_temp.refused('SELECT scenario.migration_plan(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.migration_summary(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused(
  'SELECT scenario.set_anchor_policy(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2), ''x'', ''{}'')');
CALL pg_temp.refused(
  'SELECT scenario.approve_migration_plan(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused(
  'SELECT scenario.reject_migration_plan(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused(
  'SELECT scenario.deploy_migration_plan(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.cancel_deployment(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.deployment_status(''d5000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');

-- Nothing changed -----------------------------------------------------------------------------------------------------
SELECT pg_temp.everything() = :'before' AS nothing_changed;

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
