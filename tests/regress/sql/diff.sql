-- The diff of two versions ("Pairing steps" to "Deleted steps").
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d1000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d2'''

CREATE TEMPORARY TABLE flow (name text PRIMARY KEY, definition jsonb);
INSERT INTO flow VALUES
 ('v1', '{"name": "Order", "entry_step_id": "welcome", "steps": [
    {"id": "welcome", "name": "Welcome", "description": "Greet the customer",
     "transitions": [{"to_step_id": "address"}]},
    {"id": "address", "name": "Address", "collects_profile_fields": ["address"],
     "transitions": [{"to_step_id": "gift"}]},
    {"id": "gift", "name": "Gift wrap", "transitions": [{"to_step_id": "pay"}]},
    {"id": "pay", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "transitions": [{"to_step_id": "done"}]},
    {"id": "done", "name": "Done", "is_terminal": true}]}'),
 -- an age check with a fork before the address, the address reworded and wanting more, gift wrap gone, new ids
 ('v2', '{"name": "Order", "entry_step_id": "w", "steps": [
    {"id": "w", "name": "Welcome", "description": "Greet the customer", "transitions": [{"to_step_id": "age"}]},
    {"id": "age", "name": "Age check", "collects_profile_fields": ["age"], "transitions": [
      {"to_step_id": "reject", "condition_text": "age < 18", "condition_fields": ["age"], "priority": 10},
      {"to_step_id": "address"}]},
    {"id": "reject", "name": "Reject", "is_terminal": true},
    {"id": "address", "name": "Address", "description": "Where to?", "collects_profile_fields": ["address", "phone"],
     "transitions": [{"to_step_id": "p"}]},
    {"id": "p", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "transitions": [{"to_step_id": "d"}]},
    {"id": "d", "name": "Done", "is_terminal": true}]}'),
 ('twins', '{"name": "Twins", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Start", "transitions": [
      {"to_step_id": "t1"},
      {"to_step_id": "t2", "condition_text": "again"}]},
    {"id": "t1", "name": "Ask", "transitions": [{"to_step_id": "b"}]},
    {"id": "t2", "name": "Ask", "transitions": [{"to_step_id": "c"}]},
    {"id": "b", "name": "One", "is_terminal": true}, {"id": "c", "name": "Two", "is_terminal": true}]}'),
 ('twins, new ids', '{"name": "Twins", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Start", "transitions": [
      {"to_step_id": "x1"},
      {"to_step_id": "x2", "condition_text": "again"}]},
    {"id": "x1", "name": "Ask", "transitions": [{"to_step_id": "c"}]},
    {"id": "x2", "name": "Ask", "transitions": [{"to_step_id": "b"}]},
    {"id": "b", "name": "One", "is_terminal": true}, {"id": "c", "name": "Two", "is_terminal": true}]}'),
 ('loops', '{"name": "Loops", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "a", "condition_text": "again"}, {"to_step_id": "b"}]},
    {"id": "b", "name": "B", "transitions": [
      {"to_step_id": "a"},
      {"to_step_id": "c", "condition_text": "done == true", "condition_fields": ["done"]}]},
    {"id": "c", "name": "C", "is_terminal": true},
    {"id": "island", "name": "Island", "transitions": [{"to_step_id": "island"}]}]}'),
 ('other', '{"name": "Other", "entry_step_id": "q", "steps": [
   {"id": "q", "name": "Nothing alike", "description": "At all"}]}');

-- a map as a table
CREATE FUNCTION pg_temp.anchors(map jsonb) RETURNS TABLE
  (old text, new text, pairing text, scenario text, upstream text, downstream text)
LANGUAGE sql AS $$
  WITH side AS (
    SELECT a.o, w.way, (SELECT string_agg(kind || ' ' || names, '; ' ORDER BY kind) FROM (
        SELECT 'inserted' AS kind, string_agg(x ->> 'step_id', ',') AS names
          FROM jsonb_array_elements(a.a -> w.way -> 'inserted_steps') AS x
        UNION ALL SELECT 'edited', string_agg((x ->> 'new_step_id') || '+' || (x ->> 'added_fields'), ',')
          FROM jsonb_array_elements(a.a -> w.way -> 'edited_steps') AS x
        UNION ALL SELECT 'removed', string_agg(x, ',')
          FROM jsonb_array_elements_text(a.a -> w.way -> 'removed_step_ids') AS x
        UNION ALL SELECT 'forks', string_agg((x ->> 'kind') || ':' || (x ->> 'step_id'), ',')
          FROM jsonb_array_elements(a.a -> w.way -> 'new_forks') AS x
        UNION ALL SELECT 'ways', string_agg((x ->> 'change') || ':' || (x ->> 'from_step_id'), ',')
          FROM jsonb_array_elements(a.a -> w.way -> 'modified_transitions') AS x) AS k
       WHERE names IS NOT NULL) AS text
      FROM jsonb_array_elements(map -> 'anchors') WITH ORDINALITY AS a (a, o),
           (VALUES ('upstream_changes'), ('downstream_changes')) AS w (way))
  SELECT a ->> 'old_step_id', a ->> 'new_step_id', a ->> 'pairing', a ->> 'migration_scenario', u.text, d.text
    FROM jsonb_array_elements(map -> 'anchors') WITH ORDINALITY AS x (a, o)
    JOIN side AS u ON u.o = x.o AND u.way = 'upstream_changes'
    JOIN side AS d ON d.o = x.o AND d.way = 'downstream_changes'
   ORDER BY x.o $$;
CREATE FUNCTION pg_temp.diff(old text, new text) RETURNS jsonb LANGUAGE sql AS
  $$ SELECT scenario.scenario_diff(o.definition, n.definition)
       FROM flow AS o, flow AS n WHERE o.name = $1 AND n.name = $2 $$;

-- from v1 to v2
SELECT * FROM pg_temp.anchors(pg_temp.diff('v1', 'v2'));
SELECT jsonb_pretty(pg_temp.diff('v1', 'v2') -> 'deleted_steps') AS deleted_steps,
       pg_temp.diff('v1', 'v2') -> 'inserted_step_ids' AS inserted;
-- one anchor as it is written
SELECT jsonb_pretty(pg_temp.diff('v1', 'v2') #> '{anchors,1}') AS address;
-- and back
SELECT * FROM pg_temp.anchors(pg_temp.diff('v2', 'v1'));

-- the same twice: clean grafts and no change, also where there are loops, islands and twins
SELECT name, (SELECT count(*) FROM pg_temp.anchors(map)) AS anchors,
       (SELECT count(*) FROM pg_temp.anchors(map)
         WHERE scenario = 'clean_graft' AND upstream IS NULL AND downstream IS NULL) AS unchanged,
       jsonb_array_length(map -> 'deleted_steps') AS deleted, map -> 'inserted_step_ids' AS inserted
  FROM (SELECT name, scenario.scenario_diff(definition, definition) AS map FROM flow) AS f ORDER BY name COLLATE "C";

-- twins are paired by their neighbours when their ids changed, and reported
SELECT * FROM pg_temp.anchors(pg_temp.diff('twins', 'twins, new ids'));
SELECT jsonb_pretty(pg_temp.diff('twins', 'twins, new ids') -> 'ambiguities') AS ambiguities;

-- nothing in common: every step is deleted, with nowhere to go
SELECT pg_temp.diff('loops', 'other');

-- the same two definitions give the same bytes
SELECT pg_temp.diff('v1', 'v2')::text = pg_temp.diff('v1', 'v2')::text AS deterministic;

-- a document is stored as PostgreSQL stores one that it has read: of the flows above, and of a long one
INSERT INTO flow
SELECT name, jsonb_build_object('name', name, 'entry_step_id', 'é1', 'steps', jsonb_agg(jsonb_build_object(
         'id', 'é' || n, 'name', format('"Step" %s\ ☺' || E'\n', n), 'description', repeat('x', n),
         'collects_profile_fields', CASE n % 7 WHEN 0 THEN '["é", "age"]'::jsonb ELSE '[]' END,
         'transitions', CASE WHEN n < 80 THEN jsonb_build_array(jsonb_build_object('to_step_id', 'é' || n + 1))
                             ELSE '[]' END) ORDER BY n))
  FROM generate_series(1, 80) AS n, (VALUES ('long'), ('longer')) AS f (name) GROUP BY name;
UPDATE flow SET definition = jsonb_set(definition, '{steps}', (
    SELECT jsonb_agg(CASE WHEN n % 4 = 0 THEN step || '{"name": "", "description": ""}' ELSE step END ORDER BY n)
      FROM jsonb_array_elements(definition -> 'steps') WITH ORDINALITY AS s (step, n))) WHERE name = 'longer';
WITH made AS (SELECT scenario.scenario_diff(o.definition, n.definition) AS map FROM flow AS o, flow AS n)
SELECT count(*) AS documents, max(length(made.map::text)) > 10000 AS long, bool_and(one *= other) AS same_image
  FROM made, LATERAL (SELECT made.map) AS one, LATERAL (SELECT made.map::text::jsonb) AS other;
DELETE FROM flow WHERE name LIKE 'long%';

-- stored versions
SELECT scenario.create_scenario(:t, (SELECT definition FROM flow WHERE name = 'v1'), :s);
SELECT scenario.create_scenario_version(:t, :s, (SELECT definition FROM flow WHERE name = 'v2'));
SELECT scenario.scenario_diff(:t, :s, 1, 2) = pg_temp.diff('v1', 'v2') AS same,
       scenario.scenario_diff(tenant_id => :t, scenario_id => :s, from_version => 2, to_version => 1)
         = pg_temp.diff('v2', 'v1') AS same_back;
-- a draft says what it says now: changed, and changed back by a rollback
BEGIN;
SAVEPOINT before;
UPDATE scenario.scenario_versions SET definition = (SELECT definition FROM flow WHERE name = 'loops')
 WHERE tenant_id = :t AND scenario_id = :s AND version = 2;
SELECT scenario.scenario_diff(:t, :s, 1, 2) = pg_temp.diff('v1', 'loops') AS changed;
ROLLBACK TO before;
SELECT scenario.scenario_diff(:t, :s, 1, 2) = pg_temp.diff('v1', 'v2') AS changed_back;
ROLLBACK;

-- refused
SELECT scenario.scenario_diff(:t, :s, 1, 3);
SELECT scenario.scenario_diff(:t, 'aaaaaaaa-0000-4000-8000-0000000000ff', 1, 2);
SELECT scenario.scenario_diff('d1000000-0000-4000-8000-000000000002', :s, 1, 2);
SELECT scenario.scenario_diff('{}', (SELECT definition FROM flow WHERE name = 'v1'));
SELECT scenario.scenario_diff((SELECT definition FROM flow WHERE name = 'v1'), 'null');
SELECT scenario.scenario_diff(NULL, (SELECT definition FROM flow WHERE name = 'v1'));

DELETE FROM scenario.scenarios WHERE tenant_id = :t;
