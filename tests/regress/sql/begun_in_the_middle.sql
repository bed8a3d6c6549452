-- Sessions that begin in the middle of a version have passed the checkpoints before.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''92111111-1111-4111-8111-111111111111'''
\set other '''99999999-1111-4111-8111-111111111111'''
\set s '''92aaaaaa-0000-4000-8000-000000000001'''
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
\set entry '''92bbbbbb-0000-4000-8000-000000000001'''
\set at_pay '''92bbbbbb-0000-4000-8000-000000000002'''
\set after_pay '''92bbbbbb-0000-4000-8000-000000000003'''
\set island '''92bbbbbb-0000-4000-8000-000000000004'''
\set moved '''92bbbbbb-0000-4000-8000-000000000005'''
SELECT $$
  SELECT right(session_id::text, 1) AS session, step_id, step_name, checkpoint_description AS what, is_certain
    FROM scenario.passed_at_start WHERE tenant_id = :t ORDER BY session_id, step_id
$$ AS passed \gset
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>gift|pay; gift=Gift card!>pay; pay=Pay!>m; m>e; e; i=Island>e'),
  :s);

-- By a function, by plain SQL, and by an UPDATE from no scenario: whoever writes the session.
SELECT step_id FROM scenario.start_session(:t, :entry, :s);
SELECT step_id FROM scenario.start_session(:t, :at_pay, :s, step_id => 'pay');
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id)
VALUES (:t, :after_pay, :s, 'm'), (:t, :island, :s, 'i');
INSERT INTO scenario.sessions (tenant_id, session_id) VALUES (:t, :moved);
UPDATE scenario.sessions SET scenario_id = :s, step_id = 'm' WHERE tenant_id = :t AND session_id = :moved;
-- pay lies on every way to m, the gift card on some; to the island no way leads, and nobody knows what was passed
:passed;
-- walking on adds nothing
SELECT step_id FROM scenario.advance_session(:t, :entry, 'pay');
SELECT step_id FROM scenario.advance_session(:t, :entry, 'm');
:passed;

-- The summary of a plan counts them.
SAVEPOINT a;
SELECT scenario.create_scenario_version(:t, :s,
  pg_temp.flow('a>gift|m; gift=Gift card!>m; m>pay; pay=Pay!>e; e; i=Island>e')) AS version;
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
SELECT w ->> 'code' AS code, w ->> 'sessions' AS sessions, w ->> 'message' AS message
  FROM jsonb_array_elements(scenario.migration_summary(:t, :'plan') -> 'warnings') AS w
 WHERE w ->> 'severity' = 'critical';
ROLLBACK TO a;

-- 26: who paid elsewhere does not pay again, and is not redirected to before the payment
SELECT pg_temp.publish(:t, :s,
  'a>gift|m; gift=Gift card!>m; m>pay; pay=Pay!>e; e; i=Island>e') IS NOT NULL AS published;
SELECT right(s.session_id::text, 1) AS session, r.action, s.scenario_version AS was, r.scenario_version AS version,
       r.target_step_id, r.reason
  FROM scenario.sessions AS s, LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t
 ORDER BY 1;
ROLLBACK;

BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>pay; pay=Pay!>m; m>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :after_pay, :s, step_id => 'm', variables => '{"age": 17}');
-- a step later
SELECT step_id FROM scenario.start_session(:t, :at_pay, :s, step_id => 'm', variables => '{"age": 17}');
SELECT pg_temp.publish(:t, :s, 'a>age < 18:x|pay; pay=Pay!>m; m>e; x=Too young; e') IS NOT NULL AS published;
SELECT action, target_step_id, blocked_by_checkpoint, checkpoint_warning
  FROM scenario.reconcile_session(:t, :after_pay);

-- Who comes back to the scenario after a walk there: nobody knows when it was passed.
UPDATE scenario.sessions SET scenario_id = NULL WHERE tenant_id = :t AND session_id = :at_pay;
UPDATE scenario.sessions SET scenario_id = :s, step_id = 'e' WHERE tenant_id = :t AND session_id = :at_pay;
:passed;
-- It goes with its session.
DELETE FROM scenario.sessions WHERE tenant_id = :t;
:passed;
ROLLBACK;

-- errors
BEGIN;
\set VERBOSITY sqlstate
SAVEPOINT a;
SELECT scenario.begin_in_the_middle(:t, :entry, :s, 1, 'a'); ROLLBACK TO a;
SELECT scenario.begin_in_the_middle(:t, :entry, :s, NULL, 'a'); ROLLBACK TO a;
SELECT scenario.is_already_done(:t, :entry, NULL, 1, 'a', 1, 'b', false); ROLLBACK TO a;
ROLLBACK;
