-- Taking migrations back: revert_session, revert_plan.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''61111111-1111-4111-8111-111111111111'''
\set other '''62222222-2222-4222-8222-222222222222'''
\set s '''6aaaaaaa-0000-4000-8000-000000000001'''
\set ada '''6bbbbbbb-0000-4000-8000-000000000001'''
\set bob '''6bbbbbbb-0000-4000-8000-000000000002'''
\set cyd '''6bbbbbbb-0000-4000-8000-000000000003'''
\set dan '''6bbbbbbb-0000-4000-8000-000000000004'''
\set eve '''6bbbbbbb-0000-4000-8000-000000000005'''
\set c '''6ccccccc-0000-4000-8000-000000000001'''
BEGIN;
SELECT scenario.create_scenario(:t, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "join"}, {"to_step_id": "poll"}]},
  {"id": "poll", "name": "Poll"},
  {"id": "join", "name": "Join"}]}', :s);
SELECT step_id
  FROM scenario.start_session(:t, :ada, :s, customer_id => :c, variables => '{"seen": 1.50}', step_id => 'join');
SELECT step_id FROM scenario.start_session(:t, :bob, :s);
SELECT step_id FROM scenario.start_session(:t, :cyd, :s, step_id => 'poll');
SELECT step_id FROM scenario.start_session(:t, :dan, :s, step_id => 'join', variables => '{"age": 1}');
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "enter"}]},
  {"id": "enter", "name": "Join"}]}');
INSERT INTO scenario.profile_fields (tenant_id, customer_id, field_name, value) VALUES (:t, :c, 'age', '31.0');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
\set p '''':plan''''
SELECT status FROM scenario.approve_migration_plan(:t, :p);
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :p);

-- nothing to take back yet
SAVEPOINT a;
SELECT * FROM scenario.revert_session(:t, :ada); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
CREATE TEMPORARY TABLE was AS SELECT * FROM scenario.sessions WHERE tenant_id = :t;
SELECT s.session_id, r.action, r.target_step_id, r.fields_filled
  FROM scenario.sessions AS s, LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t
 ORDER BY 1;
SELECT session_id, scenario_version, step_id, variables, visit_count, revision
  FROM scenario.sessions WHERE tenant_id = :t ORDER BY 1;

-- exactly back; what was learnt by the migration is gone from the variables
SELECT scenario_version, reconciled_deployments, pinned_reason, pinned_plan_id = :p AS by_plan, step_id, variables,
       pending_plan_id
  FROM scenario.revert_session(:t, :ada);
SELECT visit_no, scenario_version, step_id, reason, plan_id = :p AS by_plan FROM scenario.step_visits
 WHERE tenant_id = :t AND session_id = :ada ORDER BY visit_no;
SELECT action, from_version, to_version, step_before, step_after, reason, revision FROM scenario.migration_audit
 WHERE tenant_id = :t AND session_id = :ada ORDER BY revision;
-- it stays there: pinned
SELECT action, scenario_version FROM scenario.reconcile_session(:t, :ada);
-- only once
SAVEPOINT a;
SELECT * FROM scenario.revert_session(:t, :ada); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- one that has moved since
SELECT step_id FROM scenario.advance_session(:t, :bob, 'age');
SAVEPOINT a;
SELECT * FROM scenario.revert_session(:t, :bob); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE

-- the whole plan: who was not reverted, and why
SELECT * FROM scenario.revert_plan(:t, :p);
SELECT n.session_id,
       to_jsonb(n) - array['visit_count', 'revision', 'reconciled_deployments', 'pinned_at', 'pinned_reason',
                           'pinned_plan_id', 'last_activity_at']
       = to_jsonb(w) - array['visit_count', 'revision', 'reconciled_deployments', 'pinned_at', 'pinned_reason',
                             'pinned_plan_id', 'last_activity_at', 'pending_plan_id', 'pending_target_version',
                             'pending_anchor_hash', 'pending_marked_at']
         || '{"pending_plan_id": null, "pending_target_version": null, "pending_anchor_hash": null,
              "pending_marked_at": null}'
       AS as_it_was
  FROM scenario.sessions AS n JOIN was AS w USING (tenant_id, session_id) ORDER BY 1;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;

-- another plan takes along who was taken back from this one
SELECT scenario.build_migration_plan(:t, :s, 2, from_version => 1) AS again \gset
SELECT status FROM scenario.approve_migration_plan(:t, :'again');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'again');
SELECT action, scenario_version FROM scenario.reconcile_session(:t, :ada);
-- a value that somebody has given since is not the migration's
UPDATE scenario.sessions SET variables = variables || '{"age": 32}' WHERE tenant_id = :t AND session_id = :ada;
SELECT scenario_version, step_id, variables FROM scenario.revert_session(:t, :ada);

-- a migration by a chain of plans is taken back from all of them, and leaves what each did before alone
SELECT applied FROM scenario.deployment_status(:t, :p);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "enter"}]},
  {"id": "enter", "name": "Join", "transitions": [{"to_step_id": "thanks"}]},
  {"id": "thanks", "name": "Thanks", "is_terminal": true}]}');
SELECT step_id FROM scenario.start_session(:t, :eve, :s, step_id => 'hello');
SELECT scenario.build_migration_plan(:t, :s, 3) AS last \gset
SELECT status FROM scenario.approve_migration_plan(:t, :'last');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'last');
SELECT action, scenario_version FROM scenario.reconcile_session(:t, :dan);
SELECT action, scenario_version FROM scenario.reconcile_session(:t, :eve);
SELECT p.from_version, p.to_version, sum(d.applied) AS applied
  FROM scenario.migration_plans AS p, LATERAL scenario.deployment_status(p.tenant_id, p.plan_id) AS d
 WHERE p.tenant_id = :t GROUP BY 1, 2 ORDER BY 1, 2;
SELECT session_id, scenario_version FROM scenario.revert_plan(:t, :'last') ORDER BY 1;
SELECT p.from_version, p.to_version, sum(d.applied) AS applied
  FROM scenario.migration_plans AS p, LATERAL scenario.deployment_status(p.tenant_id, p.plan_id) AS d
 WHERE p.tenant_id = :t GROUP BY 1, 2 ORDER BY 1, 2;

-- errors
SAVEPOINT a;
SELECT * FROM scenario.revert_session(:other, :ada); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM scenario.revert_session(:t, NULL); ROLLBACK TO a;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT * FROM scenario.revert_plan(:other, :p); ROLLBACK TO a;
ROLLBACK;

\set VERBOSITY default
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
SELECT $$
  SELECT action, target_step_id AS step, scenario_version AS version, execute_step_ids AS execute
    FROM scenario.reconcile_session(:t, :ada)
$$ AS turn \gset
-- 16: refused if a checkpoint would come again to which the migration led, or an action that was executed
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>b; b>pay; pay=Pay!>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :ada, :s);
SELECT step_id FROM scenario.advance_session(:t, :ada, 'b');
SAVEPOINT a;
-- relocated onto the payment
SELECT pg_temp.publish(:t, :s, 'a>pay; pay=Pay!>e; e') IS NOT NULL AS published;
:turn;
SELECT * FROM scenario.revert_session(:t, :ada);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO a;
-- executed while it waited to land
SELECT pg_temp.publish(:t, :s, 'a>act; act=Send the parcel*>b; b>pay; pay=Pay!>e; e') AS plan \gset
:turn;
SELECT scenario.complete_action(:t, :ada, 'act');
:turn;
-- it was not ahead of the old place: nothing would come again
SAVEPOINT b;
SELECT scenario_version, step_id FROM scenario.revert_session(:t, :ada, by => 'ann', reason => 'wrong prices');
SELECT reason FROM scenario.migration_audit WHERE tenant_id = :t AND action = 'revert';
ROLLBACK TO a;
-- an action that is ahead of the old place
SELECT pg_temp.publish(:t, :s, 'a>b; b>act; act=Send the parcel*>pay; pay=Pay!>e; e') IS NOT NULL AS published;
:turn;
SELECT pg_temp.publish(:t, :s, 'a>act; act=Send the parcel*>b; b>pay; pay=Pay!>e; e') AS plan \gset
:turn;
SELECT scenario.complete_action(:t, :ada, 'act');
:turn;
SAVEPOINT b;
SELECT * FROM scenario.revert_session(:t, :ada); ROLLBACK TO b;
\echo :LAST_ERROR_SQLSTATE
SELECT session_id, reverted, problem FROM scenario.revert_plan(:t, :'plan');
SELECT session_id, reverted FROM scenario.revert_plan(:t, :'plan', "only" => ARRAY[:bob]::uuid[]);
ROLLBACK TO a;
-- staying at a checkpoint is no arrival there
UPDATE scenario.sessions SET step_id = 'pay' WHERE tenant_id = :t AND session_id = :ada;
SELECT pg_temp.publish(:t, :s, 'a>n; n>b; b>pay; pay=Pay!>e; e') IS NOT NULL AS published;
:turn;
SELECT scenario_version, step_id FROM scenario.revert_session(:t, :ada);
SELECT visit_no, scenario_version, step_id, reason
  FROM scenario.step_visits WHERE tenant_id = :t AND session_id = :ada ORDER BY 1;
ROLLBACK TO a;
-- out of the scenario, and back
SELECT pg_temp.publish(:t, :s, 'x=Another>y; y=Something else') IS NOT NULL AS published;
:turn;
SELECT scenario_id, step_id FROM scenario.sessions WHERE tenant_id = :t AND session_id = :ada;
SELECT scenario_version, step_id, status, pinned_reason FROM scenario.revert_session(:t, :ada);
SELECT visit_no, scenario_version, step_id, reason
  FROM scenario.step_visits WHERE tenant_id = :t AND session_id = :ada ORDER BY 1;
SELECT action, from_version, to_version, step_before, step_after
  FROM scenario.migration_audit WHERE tenant_id = :t ORDER BY revision;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
ROLLBACK;
