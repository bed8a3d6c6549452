-- Plans: building, the document, the summary, lifecycle, staleness ("Plans", "The summary").
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d2000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d3'''

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
    SELECT plan_id FROM scenario.migration_plans WHERE tenant_id = 'd2000000-0000-4000-8000-000000000001'
       AND from_version = f AND to_version = t ORDER BY created_at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd2000000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.flow() RETURNS uuid LANGUAGE sql AS $$ SELECT 'aaaaaaaa-0000-4000-8000-0000000000d3'::uuid $$;

SELECT scenario.create_scenario(:t, '{"name": "Order", "entry_step_id": "welcome", "steps": [
    {"id": "welcome", "name": "Welcome", "transitions": [{"to_step_id": "gift"}]},
    {"id": "gift", "name": "Gift wrap", "transitions": [{"to_step_id": "pay"}]},
    {"id": "pay", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "transitions": [{"to_step_id": "done"}]},
    {"id": "done", "name": "Done", "is_terminal": true}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "welcome", "steps": [
    {"id": "welcome", "name": "Welcome", "transitions": [{"to_step_id": "age"}]},
    {"id": "age", "name": "Age check", "collects_profile_fields": ["age"], "transitions": [
      {"to_step_id": "reject", "condition_text": "age < 18", "priority": 10}, {"to_step_id": "pay"}]},
    {"id": "reject", "name": "Reject", "is_terminal": true},
    {"id": "pay", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "transitions": [{"to_step_id": "done"}]},
    {"id": "done", "name": "Done", "is_terminal": true}]}');
-- 3 sessions at the entry, 1 at the step that goes, 2 that have paid; 1 that is over
INSERT INTO scenario.sessions (tenant_id, scenario_id, step_id, status)
SELECT :t, :s, step, status
  FROM (VALUES ('welcome', 'active', 3), ('gift', 'active', 1), ('pay', 'active', 2),
               ('done', 'completed', 1)) AS v (step, status, n),
       generate_series(1, n);

-- Building ------------------------------------------------------------------------------------------------------------
SELECT scenario.build_migration_plan(:t, :s, 2, created_by => 'ann') = pg_temp.plan(1, 2) AS built;
SELECT p.from_version, p.to_version, p.status, p.created_by, p.sessions_marked, p.approved_at,
       p.from_checksum = f.checksum AND p.to_checksum = t.checksum AS checksums
  FROM scenario.migration_plans AS p
  JOIN scenario.scenario_versions AS f
    ON f.tenant_id = p.tenant_id AND f.scenario_id = p.scenario_id AND f.version = p.from_version
  JOIN scenario.scenario_versions AS t
    ON t.tenant_id = p.tenant_id AND t.scenario_id = p.scenario_id AND t.version = p.to_version
 WHERE p.tenant_id = :t;
SELECT ordinal, kind, old_step_id, name, new_step_id, pairing, migration_scenario,
       jsonb_array_length(candidates) AS candidates
  FROM scenario.plan_anchors WHERE tenant_id = :t ORDER BY ordinal;

-- The document: the map is that of scenario_diff ----------------------------------------------------------------------
SELECT jsonb_object_keys(scenario.migration_plan(:t, pg_temp.plan(1, 2))) AS key ORDER BY 1;
SELECT p -> 'transformation_map' = scenario.scenario_diff(:t, :s, 1, 2) AS same_map, p -> 'status' AS status,
       p -> 'stale' AS stale, p -> 'policies' AS policies, jsonb_array_length(p -> 'history') AS history,
       p #> '{history,0,by}' AS by
  FROM scenario.migration_plan(:t, pg_temp.plan(1, 2)) AS p;

-- The summary: counted, not guessed -----------------------------------------------------------------------------------
\pset format unaligned
SELECT jsonb_pretty(s - '{plan_id,scenario_id,from_checksum,to_checksum}'::text[]) AS summary
  FROM scenario.migration_summary(:t, pg_temp.plan(1, 2)) AS s;
\pset format aligned

-- A second open plan --------------------------------------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 2)');
CREATE TEMPORARY TABLE first_plan AS SELECT pg_temp.plan(1, 2) AS plan_id;
SELECT scenario.build_migration_plan(:t, :s, 2, replace => true) IS NOT NULL AS built;
SELECT p.plan_id = f.plan_id AS first, p.status, p.superseded_at IS NOT NULL AS superseded,
       p.superseded_by = pg_temp.plan(1, 2) AS by_the_second
  FROM scenario.migration_plans AS p, first_plan AS f WHERE p.tenant_id = :t ORDER BY p.created_at;

-- Refused -------------------------------------------------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 9)');
CALL pg_temp.refused(
  'SELECT scenario.build_migration_plan(pg_temp.tenant(), ''aaaaaaaa-0000-4000-8000-0000000000ff'', 2)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 1)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 2, from_version => 2)');
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 1, from_version => 2)');
-- another tenant's scenario and plan are as missing ones
CALL pg_temp.refused(
  'SELECT scenario.build_migration_plan(''d2000000-0000-4000-8000-000000000002'', pg_temp.flow(), 2)');
CALL pg_temp.refused('SELECT scenario.migration_plan(''d2000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.migration_summary(''d2000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused(
  'SELECT scenario.approve_migration_plan(''d2000000-0000-4000-8000-000000000002'', pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.approve_migration_plan(pg_temp.tenant(), gen_random_uuid())');
-- nothing published, nothing to plan from
BEGIN;
INSERT INTO scenario.scenarios (tenant_id, scenario_id, name)
VALUES (:t, 'aaaaaaaa-0000-4000-8000-0000000000dd', 'Unpublished');
SELECT scenario.create_scenario_version(:t, 'aaaaaaaa-0000-4000-8000-0000000000dd',
  '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}');
CALL pg_temp.refused(
  'SELECT scenario.build_migration_plan(pg_temp.tenant(), ''aaaaaaaa-0000-4000-8000-0000000000dd'', 1)');
ROLLBACK;

-- Lifecycle: rejected is an end ---------------------------------------------------------------------------------------
CALL pg_temp.refused('SELECT scenario.cancel_deployment(pg_temp.tenant(), pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
SELECT status, rejected_at IS NOT NULL AS rejected, rejected_by, rejected_reason
  FROM scenario.reject_migration_plan(:t, pg_temp.plan(1, 2), rejected_by => 'eve', reason => 'not on a Friday');
CALL pg_temp.refused('SELECT scenario.approve_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
CALL pg_temp.refused('SELECT scenario.reject_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
-- a new one can be built then
SELECT scenario.build_migration_plan(:t, :s, 2) IS NOT NULL AS built;

-- Staleness: the draft changes after the plan was built ---------------------------------------------------------------
BEGIN;
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,1,name}', '"How old?"')
 WHERE tenant_id = :t AND version = 2;
SELECT scenario.migration_plan(:t, pg_temp.plan(1, 2)) -> 'stale' AS stale;
CALL pg_temp.refused('SELECT scenario.approve_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
SELECT scenario.build_migration_plan(:t, :s, 2, replace => true) IS NOT NULL AS rebuilt;
ROLLBACK;
SELECT status, approved_by FROM scenario.approve_migration_plan(:t, pg_temp.plan(1, 2), approved_by => 'ann');
CALL pg_temp.refused('SELECT scenario.approve_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,1,name}', '"How old?"')
 WHERE tenant_id = :t AND version = 2;
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');
CALL pg_temp.refused('UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = pg_temp.tenant()');
SELECT v.version, v.status, count(s.*) AS marked FROM scenario.scenario_versions AS v
  LEFT JOIN scenario.sessions AS s ON s.tenant_id = v.tenant_id AND s.pending_target_version = v.version
 WHERE v.tenant_id = :t GROUP BY 1, 2 ORDER BY 1;

-- The whole way, with who and when ------------------------------------------------------------------------------------
SELECT scenario.build_migration_plan(:t, :s, 2, created_by => 'ann', replace => true) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(1, 2), 'ben');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(1, 2), 'cem');
SELECT scenario.cancel_deployment(:t, pg_temp.plan(1, 2), 'dan') AS unmarked;
SELECT h ->> 'status' AS status, h ->> 'by' AS by, h ? 'at' AS dated
  FROM jsonb_array_elements(scenario.migration_plan(:t, pg_temp.plan(1, 2)) -> 'history') AS h;
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(1, 2))');

-- From an older version to the published one, and never to an archived one --------------------------------------------
SELECT scenario.build_migration_plan(:t, :s, 2, from_version => 1) IS NOT NULL AS built;
CALL pg_temp.refused('SELECT scenario.build_migration_plan(pg_temp.tenant(), pg_temp.flow(), 1)');

-- what is left of every plan
SELECT from_version, to_version, status, count(*)
  FROM scenario.migration_plans WHERE tenant_id = :t GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
