-- Required actions that were done: told on arrival, and not executed twice.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''95111111-1111-4111-8111-111111111111'''
\set other '''99999999-1111-4111-8111-111111111111'''
\set s '''95aaaaaa-0000-4000-8000-000000000001'''
-- A flow is written as steps of the form id=Name!*?field>condition:to|to. A "!" marks a checkpoint and a "*" a required
-- action. A step with nothing after it is terminal.
CREATE FUNCTION pg_temp.flow(notation text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object(
           'name', 'Flow',
           'entry_step_id', (array_agg(m[1] ORDER BY n))[1],
           'steps', jsonb_agg(jsonb_build_object(
             'id', m[1], 'name', coalesce(m[2], m[1]), 'is_checkpoint', m[3] = '!', 'performs_action', m[4] = '*',
             'is_required_action', m[4] = '*', 'is_terminal', m[6] IS NULL,
             'collects_profile_fields', CASE WHEN m[5] IS NULL THEN '[]' ELSE jsonb_build_array(m[5]) END,
             'transitions', coalesce((
               SELECT jsonb_agg(jsonb_build_object(
                        'to_step_id', split[2],
                        'condition_text', coalesce(split[1], ''),
                        'condition_fields', coalesce(to_jsonb(regexp_match(split[1], '^[a-z]+')), '[]')) ORDER BY place)
                 FROM regexp_split_to_table(m[6], '\|') WITH ORDINALITY AS b (branch, place)
                CROSS JOIN regexp_match(branch, '^(?:(.+):)?(.+)$') AS split), '[]')) ORDER BY n))
    FROM regexp_split_to_table(notation, ';\s*') WITH ORDINALITY AS s (step, n)
   CROSS JOIN regexp_match(step, '^(\w+)(?:=([^!*?>]+))?(!?)(\*?)(?:\?(\w+))?(?:>(.+))?$') AS m
$$;
-- Publishes a new version with its plan.
CREATE FUNCTION pg_temp.publish(tenant uuid, scenario uuid, notation text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  plan uuid;
BEGIN
  plan := scenario.build_migration_plan(tenant, scenario,
    scenario.create_scenario_version(tenant, scenario, pg_temp.flow(notation)));
  PERFORM scenario.approve_migration_plan(tenant, plan);
  PERFORM scenario.deploy_migration_plan(tenant, plan);
  RETURN plan;
END
$$;
\set ada '''95bbbbbb-0000-4000-8000-000000000001'''
SELECT $$
  SELECT action, target_step_id AS step, scenario_version AS version, execute_step_ids AS execute, reason
    FROM scenario.reconcile_session(:t, :ada)
$$ AS turn \gset
SELECT $$
  SELECT visit_no, scenario_version AS version, step_id, reason, already_done
    FROM scenario.step_visits WHERE tenant_id = :t ORDER BY visit_no
$$ AS visits \gset
\set session 'SELECT step_id, already_done FROM scenario.sessions WHERE tenant_id = ':t

-- 12: done, then reworded while the customer waits; dropped, and taken up again in other words
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>act; act=Send the parcel*>b; b>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'act');
SELECT scenario.complete_action(:t, :ada, 'act');
SELECT pg_temp.publish(:t, :s, 'a>act; act=Send the parcel today*>b; b>e; e') IS NOT NULL AS published;
:turn;
:session;
SELECT pg_temp.publish(:t, :s, 'a>b; b>e; e') IS NOT NULL AS published;
:turn;
SELECT pg_temp.publish(:t, :s, 'a>act; act=Send the parcel at once*>b; b>e; e') IS NOT NULL AS published;
:turn;
:visits;
ROLLBACK;

-- 13: told to execute, and then pinned: nothing is executed before it is known whether the customer may land
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>pay; pay!>m; m>act; act*>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT step_id FROM scenario.advance_session(:t, :ada, 'pay');
SELECT step_id FROM scenario.advance_session(:t, :ada, 'm');
SELECT pg_temp.publish(:t, :s, 'a>act; act*>m; m>pay; pay!>e; e') IS NOT NULL AS published;
:turn;
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'act');
ROLLBACK;

-- 15: a session arrives at an action that was done: by walking there after a move, by being relocated to it, and by
-- being taken back
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>act; act*>b; b>c; c>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'act');
SELECT scenario.complete_action(:t, :ada, 'act');
SELECT step_id FROM scenario.advance_session(:t, :ada, 'b');
SAVEPOINT a;
SELECT pg_temp.publish(:t, :s, 'a>b; b>act; act*>c; c>e; e') IS NOT NULL AS published;
:turn;
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'act');
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'c');
-- the next time it is due as always
UPDATE scenario.sessions SET step_id = 'act' WHERE tenant_id = :t;
:session;
:visits;
ROLLBACK TO a;
-- without a move it is due as always
UPDATE scenario.sessions SET step_id = 'act' WHERE tenant_id = :t;
:session;
ROLLBACK TO a;
-- relocated
SELECT pg_temp.publish(:t, :s, 'a>act; act*>e; e') IS NOT NULL AS published;
:turn;
:session;
:visits;
ROLLBACK TO a;
-- taken back to it
UPDATE scenario.sessions SET step_id = 'act' WHERE tenant_id = :t;
SELECT pg_temp.publish(:t, :s, 'a>b; b>c; c>e; e') IS NOT NULL AS published;
:turn;
SELECT step_id, already_done FROM scenario.revert_session(:t, :ada);
:visits;
ROLLBACK TO a;
-- moved by hand
SELECT pg_temp.publish(:t, :s, 'a>b; b>act; act*>c; c>e; e') IS NOT NULL AS published;
UPDATE scenario.sessions SET scenario_version = 2, step_id = 'act' WHERE tenant_id = :t;
:session;
ROLLBACK TO a;
-- a step that could be reached before the move is due: the next round of a loop
SELECT pg_temp.publish(:t, :s, 'a>act; act*>b; b>c|act; c>e; e') IS NOT NULL AS published;
:turn;
SELECT pg_temp.publish(:t, :s, 'a>act; act*>b; b>c|act; c=C>e; e') IS NOT NULL AS published;
:turn;
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'act');
ROLLBACK;

-- Done, put ahead again by a move, and moved once more before the customer arrives at it: still done.
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('m*>c; c>e; e'), :s) IS NOT NULL AS created;
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT scenario.complete_action(:t, :ada, 'm');
SELECT step_id FROM scenario.advance_session(:t, :ada, 'c');
SELECT pg_temp.publish(:t, :s, 'c>m; m*>e; e') IS NOT NULL AS published;
:turn;
SELECT pg_temp.publish(:t, :s, 'c>m; m*>e; e=The end') IS NOT NULL AS published;
:turn;
SELECT to_step_id, already_done FROM scenario.next_steps(:t, :ada);
SELECT step_id, already_done FROM scenario.advance_session(:t, :ada, 'm');
:visits;
ROLLBACK;
