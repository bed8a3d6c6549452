-- Every warning that a plan's summary can have, with the sessions that it counts, beside what a simulation says of them
-- ("The summary").
\pset null '∅'
\set t '''a8111111-1111-4111-8111-111111111111'''
\set s '''a8aaaaaa-0000-4000-8000-000000000001'''
BEGIN;
SELECT scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "start", "steps": [
  {"id": "start", "name": "Start", "transitions": [{"to_step_id": "colour"}]},
  {"id": "colour", "name": "Ask for the colour", "description": "Which colour?",
   "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "Money moved",
   "transitions": [{"to_step_id": "same1"}, {"to_step_id": "letter"}]},
  {"id": "same1", "name": "Wait", "transitions": [{"to_step_id": "same2"}]},
  {"id": "same2", "name": "Wait"},
  {"id": "letter", "name": "Write a letter"},
  {"id": "island", "name": "An island"},
  {"id": "ask", "name": "Ask to sign", "transitions": [{"to_step_id": "sign"}]},
  {"id": "sign", "name": "Sign", "is_checkpoint": true, "transitions": [{"to_step_id": "photo"}]},
  {"id": "photo", "name": "Take a photo"}]}', :s);
-- two sessions at each step; those behind the payment have walked there
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id)
SELECT :t, ('a8bbbbbb-0000-4000-8000-0000000000' || n || i)::uuid, :s,
       (array['start', 'colour', 'pay', 'pay', 'pay', 'pay', 'island', 'sign'])[n]
  FROM generate_series(1, 8) AS n, generate_series(1, 2) AS i;
UPDATE scenario.sessions SET step_id = (array['same1', 'same2', 'letter'])[substr(session_id::text, 35, 1)::integer - 3]
 WHERE tenant_id = :t AND substr(session_id::text, 35, 1)::integer BETWEEN 4 AND 6;
UPDATE scenario.sessions SET step_id = 'photo' WHERE tenant_id = :t AND substr(session_id::text, 35, 1) = '8';
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Shop", "entry_step_id": "start", "steps": [
  {"id": "start", "name": "Start", "transitions": [{"to_step_id": "size"}]},
  {"id": "size", "name": "Ask for the size", "collects_profile_fields": ["size"], "transitions": [
     {"to_step_id": "help", "condition_text": "the customer does not know", "priority": 1}, {"to_step_id": "colour"}]},
  {"id": "help", "name": "Help", "is_terminal": true},
  {"id": "colour", "name": "Ask for the colour", "description": "Which colour, please?",
   "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "checkpoint_description": "Money has moved",
   "transitions": [{"to_step_id": "same1"}]},
  {"id": "same1", "name": "Wait", "transitions": [{"to_step_id": "same2"}]},
  {"id": "same2", "name": "Wait"},
  {"id": "ask", "name": "Ask to sign", "transitions": [{"to_step_id": "sign"}, {"to_step_id": "seal"}]},
  {"id": "sign", "name": "Sign", "is_checkpoint": true, "transitions": [{"to_step_id": "ask"}]},
  {"id": "seal", "name": "Seal", "is_checkpoint": true, "is_terminal": true}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
SELECT w ->> 'severity' AS severity, w ->> 'code' AS code, w ->> 'anchor_name' AS anchor,
       w ->> 'sessions' AS sessions, w ->> 'message' AS message
  FROM scenario.migration_summary(:t, :'plan') AS m, jsonb_array_elements(m -> 'warnings') AS w ORDER BY 2, 3;
SELECT step_name, action, target_step_name, blocked, sessions, reason
  FROM scenario.simulation_summary(:t, :'plan') ORDER BY 1, 2;
ROLLBACK;
