-- Definitions: validation, content hash, checksum, creating scenarios and versions
-- ("Definitions", "Validation", "Content hash").
\encoding UTF8
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d0000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d1'''

-- Validation: a definition with nothing to complain about -------------------------------------------------------------
SELECT * FROM scenario.validate_scenario('{
  "name": "Order flow", "entry_step_id": "welcome", "steps": [
    {"id": "welcome", "name": "Welcome", "transitions": [{"to_step_id": "age"}]},
    {"id": "age", "name": "Age check", "collects_profile_fields": ["age"], "transitions": [
      {"to_step_id": "reject", "condition_text": "age < 18", "priority": 10}, {"to_step_id": "pay"}]},
    {"id": "reject", "name": "Reject", "is_terminal": true},
    {"id": "pay", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "is_terminal": true}]}');

-- every error is reported, not only the first
SELECT * FROM scenario.validate_scenario('{
  "name": "Broken", "entry_step_id": "nowhere", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}, {"to_step_id": "gone"}]},
    {"id": "a", "name": "A again"},
    {"name": "No id"},
    {"id": "b", "name": 7, "is_terminal": "yes", "transitions": {}}]}');

-- warnings
SELECT * FROM scenario.validate_scenario('{
  "name": "Doubtful", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [
      {"to_step_id": "b", "priority": 1},
      {"to_step_id": "c", "condition_text": "vip == true"}]},
    {"id": "b", "name": "B"},
    {"id": "c", "name": "Twin", "is_terminal": true},
    {"id": "d", "name": "Twin", "is_terminal": true},
    {"id": "e", "name": "Paid", "is_checkpoint": true, "is_terminal": true}]}');
SELECT * FROM scenario.validate_scenario('[]');

-- Content hash: what a step means -------------------------------------------------------------------------------------
SELECT scenario.step_content_hash('{"name": "Welcome", "description": "Greet"}') AS ascii,
       scenario.step_content_hash('{"name": "Café 😀", "description": "Greet"}') AS unicode;
-- ids, transitions, order of lists and unknown keys have no part in it; the meaning has
SELECT place, scenario.step_content_hash(step) AS hash
  FROM (VALUES (1, '{"name": "Age", "collects_profile_fields": ["age", "city"], "rule_ids": ["r2", "r1"]}'::jsonb),
               (2, '{"id": "x", "name": "Age", "collects_profile_fields": ["city", "age"], "rule_ids": ["r1", "r2"],
                     "is_terminal": true, "is_required_action": true, "description": null, "colour": "red",
                     "transitions": [{"to_step_id": "y"}]}'),
               (3, '{"name": "Age", "collects_profile_fields": ["age"], "rule_ids": ["r2", "r1"]}'),
               (4, '{"name": "Age", "collects_profile_fields": ["age", "city"], "rule_ids": ["r2", "r1"],
                     "is_checkpoint": true}'))
    AS v (place, step) ORDER BY place;

-- Checksum: the version counts, the order of steps does not
SELECT scenario.scenario_checksum(d, 1) AS v1, scenario.scenario_checksum(d, 2) AS v2,
       scenario.scenario_checksum(swapped, 1) AS swapped
  FROM (VALUES ('{"name": "x", "entry_step_id": "a", "steps": [
                  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
                  {"id": "b", "name": "B"}]}'::jsonb,
                '{"name": "y", "entry_step_id": "a", "steps": [
                  {"id": "b", "name": "B"},
                  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]}]}'::jsonb))
    AS v (d, swapped);

-- Creating ------------------------------------------------------------------------------------------------------------
SELECT scenario.create_scenario(:t, '{
  "name": "Order flow", "description": "How an order is taken", "note": {"kept": [1.10, 1e2]},
  "entry_step_id": "welcome", "steps": [
    {"id": "welcome", "name": "Welcome", "transitions": [{"to_step_id": "age"}]},
    {"id": "age", "name": "Age check", "collects_profile_fields": ["age", "age", "country"], "transitions": [
      {"to_step_id": "pay"},
      {"to_step_id": "reject", "condition_text": "age < 18", "condition_fields": ["country"], "priority": 10},
      {"to_step_id": "pay", "condition_text": "the customer sounds unhappy", "priority": 5}]},
    {"id": "reject", "name": "Reject", "is_terminal": true},
    {"id": "pay", "name": "Payment", "is_checkpoint": true, "checkpoint_description": "Money moved",
     "is_terminal": true}]}',
  :s, created_by => 'ann');
SELECT name, description, published_version, created_by FROM scenario.scenarios WHERE tenant_id = :t;
SELECT version, status, checksum, created_by, definition -> 'note' AS unknown_key_is_kept
  FROM scenario.scenario_versions WHERE tenant_id = :t;
-- its steps, with their transitions in the order in which they are tried
SELECT ordinal, step_id, name, content_hash, is_checkpoint, checkpoint_description, is_terminal, is_entry,
       collects_profile_fields, next_step_ids
  FROM scenario.scenario_steps WHERE tenant_id = :t ORDER BY ordinal;
SELECT t.* FROM scenario.scenario_steps AS s, jsonb_to_recordset(s.transitions)
    AS t (to_step_id text, condition_kind text, condition_text text, condition_fields text[], priority integer)
 WHERE s.tenant_id = :t AND s.step_id = 'age';

-- the same id again, and the same id of another tenant
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
SELECT scenario.create_scenario('d0000000-0000-4000-8000-000000000002',
  '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
-- without an id one is made
SELECT scenario.create_scenario(:t, '{"name": "Other", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}') IS NOT NULL AS made;

-- versions: drafts that can change, numbered by scenario
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order flow", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}', 'bob');
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order flow", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A"}]}');
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,0,name}', '"A new name"')
 WHERE tenant_id = :t AND scenario_id = :s AND version = 3;
SELECT version, status, created_by
  FROM scenario.scenario_versions WHERE tenant_id = :t AND scenario_id = :s ORDER BY version;
SELECT version, name, content_hash
  FROM scenario.scenario_steps WHERE tenant_id = :t AND scenario_id = :s AND version > 1 ORDER BY version;

-- refused, with every finding, and nothing changed
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "z", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "y"}]}]}');
UPDATE scenario.scenario_versions SET definition = '{"steps": []}'
 WHERE tenant_id = :t AND scenario_id = :s AND version = 3;
SELECT scenario.create_scenario_version(:t, 'aaaaaaaa-0000-4000-8000-0000000000ff',
  '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}');
SELECT scenario.create_scenario_version('d0000000-0000-4000-8000-000000000003', :s,
  '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}');
SELECT count(*) FROM scenario.scenario_versions WHERE tenant_id = :t AND scenario_id = :s;

-- A field definition must be usable when it is stored
INSERT INTO scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern)
VALUES (:t, 'age', '{"type": "integer"}', '(?<value>\d+) years');
INSERT INTO scenario.field_definitions (tenant_id, field_name, schema, extraction_pattern)
VALUES (:t, 'bad', '{"type": "nonsense"}', '(unclosed');
SELECT field_name FROM scenario.field_definitions WHERE tenant_id = :t;

DELETE FROM scenario.field_definitions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id IN (:t, 'd0000000-0000-4000-8000-000000000002');
