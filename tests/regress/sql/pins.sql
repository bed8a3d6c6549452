-- Pins: who sets them and what ends them; pin_session, unpin_session, move_session ("Pins").
\set SHOW_CONTEXT never
\set VERBOSITY default
\pset null '∅'
\set t '''d1400000-0000-4000-8000-000000000001'''
\set s '''d14aaaaa-0000-4000-8000-000000000001'''
-- A scenario in one line: `a>b; b=Name!>yes:c|d; c*?age>d; d`. `!` is a checkpoint, `*` a required action, `?` a field.
CREATE FUNCTION pg_temp.flow(line text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
             'name', 'Flow',
             'entry_step_id', (array_agg(p.id ORDER BY p.n))[1],
             'steps', jsonb_agg(jsonb_build_object(
               'id', p.id, 'name', coalesce(p.name, p.id), 'is_checkpoint', p.head LIKE '%!%',
               'performs_action', p.head LIKE '%*%', 'is_required_action', p.head LIKE '%*%',
               'is_terminal', p.onward IS NULL,
               'collects_profile_fields', to_jsonb(array_remove(ARRAY[substring(p.head FROM '\?(\w+)')], NULL)),
               'transitions', coalesce((
                 SELECT jsonb_agg(jsonb_build_object(
                          'to_step_id', substring(w FROM '[^:]+$'),
                          'condition_text', coalesce(substring(w FROM '^(.*):'), '')))
                   FROM unnest(string_to_array(p.onward, '|')) AS w), '[]')) ORDER BY p.n))
      FROM (SELECT n, split_part(s, '>', 1) AS head, substring(s FROM '^\s*(\w+)') AS id,
                   substring(s FROM '=([\w ]+)') AS name, substring(s FROM '>(.*)$') AS onward
              FROM unnest(string_to_array(line, ';')) WITH ORDINALITY AS u (s, n)) AS p $$;
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd1400000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.scenario() RETURNS uuid LANGUAGE sql AS
  $$ SELECT 'd14aaaaa-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.session(n integer) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('d14bbbbb-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid $$;
-- the newest plan between two versions
CREATE FUNCTION pg_temp.plan(f integer, t integer) RETURNS uuid LANGUAGE sql AS $$
    SELECT plan_id FROM scenario.migration_plans
     WHERE tenant_id = pg_temp.tenant() AND from_version = f AND to_version = t
     ORDER BY created_at DESC, deployment_no DESC NULLS FIRST LIMIT 1 $$;
CREATE FUNCTION pg_temp.version(line text) RETURNS integer LANGUAGE sql AS $$
    SELECT scenario.create_scenario_version(pg_temp.tenant(), pg_temp.scenario(), pg_temp.flow(line)) $$;
-- builds, approves and deploys a plan; everything that is not the default of a policy leaves nobody along
CREATE FUNCTION pg_temp.deploy(f integer, t integer, policy jsonb DEFAULT NULL) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    p uuid := scenario.build_migration_plan(pg_temp.tenant(), pg_temp.scenario(), t, from_version => f);
BEGIN
    PERFORM scenario.set_anchor_policy(pg_temp.tenant(), p, a.anchor_content_hash, policy)
       FROM (SELECT DISTINCT anchor_content_hash FROM scenario.plan_anchors
              WHERE tenant_id = pg_temp.tenant() AND plan_id = p AND kind = 'anchor') AS a
      WHERE policy IS NOT NULL;
    PERFORM scenario.approve_migration_plan(pg_temp.tenant(), p);
    RETURN d.sessions_marked FROM scenario.deploy_migration_plan(pg_temp.tenant(), p) AS d;
END $$;
-- an error as INFO, without the ids of plans
CREATE PROCEDURE pg_temp.refused(statement text) LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; h text;
BEGIN
    EXECUTE statement;
    RAISE INFO 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RAISE INFO USING MESSAGE = regexp_replace(SQLSTATE || ': ' || m || coalesce(e'\nDETAIL:  ' || nullif(d, ''), '')
        || coalesce(e'\nHINT:  ' || nullif(h, ''), ''), '(?!d14)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}', '<plan>', 'g');
END
$$;
CREATE VIEW pg_temp.places AS
  SELECT right(s.session_id::text, 2) AS session, s.scenario_version AS version, s.step_id AS step, s.status,
         s.reconciled_deployments AS seen,
         s.pinned_reason AS pinned, (SELECT p.from_version || '→' || p.to_version FROM scenario.migration_plans AS p
                                      WHERE p.tenant_id = s.tenant_id AND p.plan_id = s.pinned_plan_id) AS by_plan,
         s.pending_plan_id IS NOT NULL AS marked, s.revision
    FROM scenario.sessions AS s WHERE s.tenant_id = pg_temp.tenant() ORDER BY 1;
SELECT $$
  SELECT action, target_step_id AS step, scenario_version AS version, migration_scenario AS scenario, reason
    FROM scenario.reconcile_session
$$ AS turn \gset
SELECT $$
  SELECT action, target_step_id AS step, scenario_version AS version, migration_scenario AS scenario, reason
    FROM scenario.preview_reconciliation
$$ AS preview \gset

SELECT scenario.create_scenario(:t, pg_temp.flow('a>pay; pay!>m; m>e; e'), :s) IS NOT NULL AS created;
-- 1 and 2 at the beginning; 3 and 4 have paid
SELECT (scenario.start_session(:t, pg_temp.session(n), :s, channel => c)).step_id
  FROM (VALUES (1, 'web'), (2, 'sms'), (3, 'web'), (4, 'web')) AS v (n, c);
SELECT (scenario.advance_session(:t, pg_temp.session(n), 'pay')).step_id AS pay,
       (scenario.advance_session(:t, pg_temp.session(n), 'm')).step_id AS m
  FROM (VALUES (3), (4)) AS v (n);
SELECT pg_temp.version('a>b; b>pay; pay!>m; m>e; e');
SELECT pg_temp.deploy(1, 2, '{"exclude_channels": ["sms"]}') AS marked;
:turn(:t, pg_temp.session(2));

-- Case 10: pinned at 1 by a policy or by a revert, and then 2 → 3 is deployed, or cancelled: they stay.
:turn(:t, pg_temp.session(1));
SELECT scenario_version, reconciled_deployments, pinned_reason, pinned_plan_id = pg_temp.plan(1, 2) AS by_plan
  FROM scenario.revert_session(:t, pg_temp.session(1));
SELECT pg_temp.version('a>b; b>pay; pay!>m; m>n; n>e; e');
SELECT pg_temp.deploy(2, 3) AS marked;
:preview(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(2));
SELECT scenario.cancel_deployment(:t, pg_temp.plan(2, 3)) AS void_marks;
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(2));
-- who was not pinned comes to the cancelled link, which pins
:turn(:t, pg_temp.session(3));
SELECT * FROM pg_temp.places;
SELECT version, sessions_pinned FROM scenario.version_drain WHERE tenant_id = :t ORDER BY 1;
-- counted by the plan that pinned, and by the version that it leads from
SELECT pinned FROM scenario.deployment_status(:t, pg_temp.plan(1, 2))
 UNION ALL
SELECT pinned FROM scenario.deployment_status(:t, pg_temp.plan(2, 3));

-- Why a session is pinned is told.
SELECT seq, step_id, event, detail - 'since' - 'plan_id' AS detail, detail ? 'since' AS since
  FROM scenario.explain_reconciliation(:t, pg_temp.session(2));
SELECT seq, step_id, event, detail - 'since' - 'plan_id' AS detail
  FROM scenario.explain_reconciliation(:t, pg_temp.session(1));

-- A plan that is deployed later between the versions of the cancelled link ends the pins that the link set. Other pins
-- hold.
SELECT pg_temp.deploy(2, 3) AS marked;
:preview(:t, pg_temp.session(3));
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(2));
:turn(:t, pg_temp.session(3));
-- marking again leaves out who was pinned after the deployment
CALL scenario.mark_sessions(:t, pg_temp.plan(1, 2));
SELECT * FROM pg_temp.places;
-- a plan from their own version ends theirs
SELECT pg_temp.deploy(1, 3) AS marked;
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(2));
SELECT * FROM pg_temp.places;

-- By hand: a pin takes the mark away and holds against everything that is deployed already.
SELECT pg_temp.version('pay!>m; a>b; b>pay; m>n; n>k; k>e; e');
BEGIN;
SELECT pg_temp.deploy(3, 4) AS marked;
SELECT pinned_reason, pinned_at IS NOT NULL AS since, pinned_plan_id, pending_plan_id,
       reconciled_deployments = deployments AS seen_all
  FROM scenario.pin_session(:t, pg_temp.session(1), by => 'ann', reason => 'the customer asked for it')
  JOIN scenario.scenarios USING (tenant_id, scenario_id);
:turn(:t, pg_temp.session(1));
CALL pg_temp.refused('SELECT scenario.unpin_session(pg_temp.tenant(), pg_temp.session(2))');
SELECT pinned_reason, pinned_at, reconciled_deployments FROM scenario.unpin_session(:t, pg_temp.session(1), 'bob');
:turn(:t, pg_temp.session(1));
SELECT revision, action, from_version, to_version, step_before, step_after, reason FROM scenario.migration_audit
 WHERE tenant_id = :t AND session_id = pg_temp.session(1) AND revision > 3 ORDER BY revision;
ROLLBACK;
-- a plan from its version that is deployed later ends it
BEGIN;
SELECT pinned_reason FROM scenario.pin_session(:t, pg_temp.session(1));
SELECT pg_temp.deploy(3, 4) AS marked;
:turn(:t, pg_temp.session(1));
ROLLBACK;
-- leaving the version or the scenario by hand clears it
BEGIN;
SELECT count(scenario.pin_session(:t, pg_temp.session(n))) AS pinned FROM generate_series(1, 2) AS n;
UPDATE scenario.sessions SET scenario_version = 1, step_id = 'm'
 WHERE tenant_id = :t AND session_id = pg_temp.session(1);
UPDATE scenario.sessions SET scenario_id = NULL WHERE tenant_id = :t AND session_id = pg_temp.session(2);
SELECT * FROM pg_temp.places WHERE session IN ('01', '02');
CALL pg_temp.refused('SELECT scenario.pin_session(pg_temp.tenant(), pg_temp.session(2))');
ROLLBACK;
-- walking on does not
BEGIN;
SELECT pinned_reason FROM scenario.pin_session(:t, pg_temp.session(1));
SELECT step_id, pinned_reason FROM scenario.advance_session(:t, pg_temp.session(1), 'b');
ROLLBACK;

-- A landing that would undo an act that was passed pins the session. The reason names the ways out, and move_session
-- takes one of them.
SELECT pg_temp.deploy(3, 4) AS marked;
BEGIN;
:turn(:t, pg_temp.session(3));
:turn(:t, pg_temp.session(1));
ROLLBACK;
SELECT pg_temp.version('a>m; m>pay; pay!>e; e');
SELECT pg_temp.deploy(4, 5) AS marked;
:turn(:t, pg_temp.session(3));
SELECT * FROM pg_temp.places WHERE session = '03';
CALL pg_temp.refused('SELECT scenario.move_session(pg_temp.tenant(), pg_temp.session(3), ''m'')');
CALL pg_temp.refused('SELECT scenario.move_session(pg_temp.tenant(), pg_temp.session(3), ''pay'')');
CALL pg_temp.refused('SELECT scenario.move_session(pg_temp.tenant(), pg_temp.session(3), ''nowhere'')');
BEGIN;
SELECT scenario_version, step_id, pinned_reason, pending_plan_id, reconciled_deployments
  FROM scenario.move_session(:t, pg_temp.session(3), 'e', by => 'ann', reason => 'nothing is left to do');
:turn(:t, pg_temp.session(3));
SELECT v.scenario_version, v.step_id, v.reason
  FROM scenario.step_visits AS v
 WHERE v.tenant_id = :t AND v.session_id = pg_temp.session(3)
 ORDER BY v.visit_no DESC LIMIT 1;
SELECT action, from_version, to_version, step_before, step_after, checkpoint, reason
  FROM scenario.migration_audit
 WHERE tenant_id = :t AND session_id = pg_temp.session(3)
 ORDER BY revision DESC LIMIT 1;
ROLLBACK;
SELECT scenario_version, step_id
  FROM scenario.move_session(:t, pg_temp.session(3), 'm', 'ann', 'they want to pay twice', force => true);
SELECT action, step_before, step_after, checkpoint, blocked_by_checkpoint, reason
  FROM scenario.migration_audit
 WHERE tenant_id = :t AND session_id = pg_temp.session(3)
 ORDER BY revision DESC LIMIT 1;
-- a session that has passed nothing goes anywhere
SELECT scenario_version, step_id FROM scenario.move_session(:t, pg_temp.session(2), 'a');
SELECT scenario_version, step_id FROM scenario.move_session(:t, pg_temp.session(2), 'pay');

-- Wrong calls.
CALL pg_temp.refused('SELECT scenario.pin_session(pg_temp.tenant(), gen_random_uuid())');
CALL pg_temp.refused('SELECT scenario.pin_session(NULL, pg_temp.session(1))');
CALL pg_temp.refused('SELECT scenario.unpin_session(pg_temp.tenant(), NULL)');
CALL pg_temp.refused('SELECT scenario.move_session(pg_temp.tenant(), pg_temp.session(1), NULL)');
UPDATE scenario.sessions SET status = 'closed' WHERE tenant_id = :t AND session_id = pg_temp.session(4);
CALL pg_temp.refused('SELECT scenario.pin_session(pg_temp.tenant(), pg_temp.session(4))');
CALL pg_temp.refused('SELECT scenario.move_session(pg_temp.tenant(), pg_temp.session(4), ''a'')');
-- what a pin must be, whoever writes it
\set VERBOSITY sqlstate
UPDATE scenario.sessions SET pinned_at = now() WHERE tenant_id = :t;
UPDATE scenario.sessions SET pinned_at = now(), pinned_reason = 'whim', reconciled_deployments = 1 WHERE tenant_id = :t;
UPDATE scenario.sessions SET pinned_at = now(), pinned_reason = 'operator', reconciled_deployments = NULL
 WHERE tenant_id = :t;
UPDATE scenario.sessions SET pinned_plan_id = gen_random_uuid() WHERE tenant_id = :t;
\set VERBOSITY default

SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
