-- What is due: the counts of deployments, marks that are void, policies that cannot tell yet, publishing without a plan
-- ("What is due", "Publishing and deploying").
\set SHOW_CONTEXT never
\set VERBOSITY default
\pset null '∅'
\set t '''d0e00000-0000-4000-8000-000000000001'''
\set s '''d0eaaaaa-0000-4000-8000-000000000001'''
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
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd0e00000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.scenario() RETURNS uuid LANGUAGE sql AS
  $$ SELECT 'd0eaaaaa-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.session(n integer) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('d0ebbbbb-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid $$;
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
        || coalesce(e'\nHINT:  ' || nullif(h, ''), ''), '(?!d0e)[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}', '<plan>', 'g');
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

-- A session that starts in the published version has seen every deployment. A turn with nothing to do writes nothing.
SELECT scenario.create_scenario(:t, pg_temp.flow('a>b; b>c; c'), :s) IS NOT NULL AS created;
SELECT published_version, deployments FROM scenario.scenarios WHERE tenant_id = :t;
SELECT (scenario.start_session(:t, pg_temp.session(n), :s, channel => c)).reconciled_deployments AS seen
  FROM (VALUES (1, 'web'), (2, 'web'), (3, 'sms'), (4, 'web')) AS v (n, c);
UPDATE scenario.sessions SET status = 'paused' WHERE tenant_id = :t AND session_id = pg_temp.session(4);

-- The scenario counts publications, deployments and cancellations, and a plan keeps its number. Paused sessions are
-- marked and counted.
SELECT pg_temp.version('a=a>b; n>b; b>c; c');
SELECT pg_temp.deploy(1, 2, '{"exclude_channels": ["sms"]}') AS marked;
SELECT from_version, to_version, status, deployment_no
  FROM scenario.migration_plans WHERE tenant_id = :t ORDER BY deployment_no;
SELECT action, reason FROM scenario.simulate_migration_plan(:t, pg_temp.plan(1, 2)) ORDER BY session_id;
:turn(:t, pg_temp.session(1));
:turn(:t, pg_temp.session(3));
:turn(:t, pg_temp.session(4));
:preview(:t, pg_temp.session(4));
SELECT * FROM pg_temp.places;
SELECT marked, applied, pending, pinned FROM scenario.deployment_status(:t, pg_temp.plan(1, 2));
-- awake again, it comes along
UPDATE scenario.sessions SET status = 'active' WHERE tenant_id = :t AND session_id = pg_temp.session(4);
:turn(:t, pg_temp.session(4));

-- A mark of a cancelled plan is void: it has no effect and is in no count.
SELECT scenario.cancel_deployment(:t, pg_temp.plan(1, 2)) AS void_marks;
SELECT deployments FROM scenario.scenarios WHERE tenant_id = :t;
SELECT marked, applied, pending, pinned FROM scenario.deployment_status(:t, pg_temp.plan(1, 2));
UPDATE scenario.sessions SET waiting_for = 'customer', waiting_since = now()
 WHERE tenant_id = :t AND session_id = pg_temp.session(2);
SELECT count(*) AS stranded FROM scenario.stranded_sessions(:t, pg_temp.plan(1, 2));
SELECT version, sessions_marked, sessions_pinned FROM scenario.version_drain WHERE tenant_id = :t ORDER BY 1;
SELECT count(*) AS pending
  FROM scenario.migration_metrics WHERE tenant_id = :t AND metric = 'pg_scenario_sessions_pending';
SELECT count(*) AS invariants_broken FROM scenario.check_invariants() WHERE tenant_id = :t;
-- retention removes it; the next turn would, too
BEGIN;
SELECT what, action, detail FROM scenario.apply_retention() WHERE tenant_id = :t;
SELECT session, marked FROM pg_temp.places WHERE session = '02';
SELECT count(*) AS again FROM scenario.apply_retention() WHERE tenant_id = :t;
ROLLBACK;
:turn(:t, pg_temp.session(2));
SELECT * FROM pg_temp.places WHERE session IN ('02', '03');
-- nothing new: no lock, no write
:turn(:t, pg_temp.session(2));
SELECT revision FROM pg_temp.places WHERE session = '02';

-- A plan to the version that is published already reaches pinned sessions, whether or not it marks them.
SET scenario.auto_mark_sessions = off;
SELECT pg_temp.deploy(1, 2) AS marked;
RESET scenario.auto_mark_sessions;
:preview(:t, pg_temp.session(2));
:turn(:t, pg_temp.session(2));
:turn(:t, pg_temp.session(3));
SELECT * FROM pg_temp.places;

-- A session that is set back to an older version is migrated again. A session that is set to the published version is
-- only looked at.
UPDATE scenario.sessions SET scenario_version = 1, step_id = 'b'
 WHERE tenant_id = :t AND session_id = pg_temp.session(2);
SELECT * FROM pg_temp.places WHERE session = '02';
:turn(:t, pg_temp.session(2));
UPDATE scenario.sessions SET scenario_version = 1, step_id = 'b'
 WHERE tenant_id = :t AND session_id = pg_temp.session(2);
UPDATE scenario.sessions SET scenario_version = 2, step_id = 'n'
 WHERE tenant_id = :t AND session_id = pg_temp.session(2);
-- in a read-only transaction it is answered without that being written
BEGIN READ ONLY;
:turn(:t, pg_temp.session(2));
ROLLBACK;
SELECT * FROM pg_temp.places WHERE session = '02';
:turn(:t, pg_temp.session(2));
SELECT * FROM pg_temp.places WHERE session = '02';

-- A filter that can still become true pins nobody: the session goes on, and is looked at again.
SELECT pg_temp.version('a>b; m>b; b>c; c');
SELECT pg_temp.deploy(2, 3, '{"session_condition": "tier == \"gold\""}') AS marked;
BEGIN READ ONLY;
:turn(:t, pg_temp.session(1));
ROLLBACK;
:turn(:t, pg_temp.session(1));
SELECT * FROM pg_temp.places WHERE session = '01';
UPDATE scenario.sessions SET variables = '{"tier": "gold"}' WHERE tenant_id = :t AND session_id = pg_temp.session(1);
:turn(:t, pg_temp.session(1));
UPDATE scenario.sessions SET variables = '{"tier": "iron"}' WHERE tenant_id = :t AND session_id = pg_temp.session(2);
:turn(:t, pg_temp.session(2));
SELECT * FROM pg_temp.places WHERE session IN ('01', '02');
-- so does a session that is too young yet
SELECT pg_temp.version('a>b; o>b; b>c; c');
SELECT pg_temp.deploy(3, 4, '{"min_session_age_days": 2}') AS marked;
:turn(:t, pg_temp.session(1));
UPDATE scenario.sessions SET created_at = now() - interval '3 days'
 WHERE tenant_id = :t AND session_id = pg_temp.session(1);
:turn(:t, pg_temp.session(1));

-- A finished session is left in peace, until a policy reopens it where its step goes on.
SELECT (scenario.start_session(:t, pg_temp.session(5), :s, step_id => 'c')).step_id,
       (scenario.start_session(:t, pg_temp.session(6), :s, step_id => 'c')).step_id;
UPDATE scenario.sessions SET status = 'completed'
 WHERE tenant_id = :t AND session_id IN (pg_temp.session(5), pg_temp.session(6));
SELECT pg_temp.version('a>b; p>b; b>c; c>d; d');
BEGIN;
SELECT pg_temp.deploy(4, 5) AS marked;
:turn(:t, pg_temp.session(5));
:preview(:t, pg_temp.session(5));
ROLLBACK;
SELECT pg_temp.deploy(4, 5, '{"reopen": true}') AS marked;
:preview(:t, pg_temp.session(5));
-- a mark that no policy confirms has said what it could
UPDATE scenario.sessions SET pending_plan_id = pg_temp.plan(3, 4), pending_target_version = 4, pending_marked_at = now()
 WHERE tenant_id = :t AND session_id = pg_temp.session(6);
SELECT * FROM pg_temp.places WHERE session IN ('05', '06');

-- Publishing is refused while a live session, on whatever version, has no way to the new one.
SELECT pg_temp.version('a>b; q>b; b>c; c>d; d');
UPDATE scenario.sessions SET scenario_version = 1, step_id = 'b'
 WHERE tenant_id = :t AND session_id = pg_temp.session(3);
CALL pg_temp.refused('UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = pg_temp.tenant()');
-- (case 9) without a plan to the new version not even a cancelled one leads there: their fallback would move them
BEGIN;
SELECT scenario.cancel_deployment(:t, pg_temp.plan(4, 5)) AS void_marks;
CALL pg_temp.refused('UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = pg_temp.tenant()');
ROLLBACK;
-- With a plan, the sessions whose way leads over a cancelled plan are pinned. Neither they, nor sessions with a foreign
-- checksum, nor finished sessions stand in the way.
BEGIN;
UPDATE scenario.sessions SET scenario_checksum = 'foreign', reconciled_deployments = NULL
 WHERE tenant_id = :t AND session_id = pg_temp.session(4);
SELECT scenario.cancel_deployment(:t, pg_temp.plan(4, 5)) AS void_marks;
SELECT scenario.build_migration_plan(:t, :s, 6) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(5, 6));
UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = :t;
SELECT published_version, deployments FROM scenario.scenarios WHERE tenant_id = :t;
:turn(:t, pg_temp.session(3));
SELECT * FROM pg_temp.places WHERE session = '03';
ROLLBACK;
-- an approved plan is the last link of the chain from version 1
SELECT scenario.build_migration_plan(:t, :s, 6) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(5, 6));
UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = :t;
:turn(:t, pg_temp.session(3));

-- Where nobody is left without a way, a version needs no plan; and then there is a gap.
DELETE FROM scenario.sessions WHERE tenant_id = :t AND session_id <> pg_temp.session(3);
SELECT pg_temp.version('a>b; r>b; b>c; c>d; d');
BEGIN;
SELECT pinned_reason FROM scenario.pin_session(:t, pg_temp.session(3));
UPDATE scenario.scenarios SET published_version = 7 WHERE tenant_id = :t;
SELECT pg_temp.version('a>b; s>b; b>c; c>d; d');
SELECT action, reason FROM scenario.reconcile_session(:t, pg_temp.session(3));
SELECT scenario.build_migration_plan(:t, :s, 8) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(7, 8));
SAVEPOINT pinned;
UPDATE scenario.scenarios SET published_version = 8 WHERE tenant_id = :t;
SELECT action, scenario_version, reason FROM scenario.reconcile_session(:t, pg_temp.session(3));
ROLLBACK TO pinned;
SELECT pinned_reason FROM scenario.unpin_session(:t, pg_temp.session(3));
CALL pg_temp.refused('UPDATE scenario.scenarios SET published_version = 8 WHERE tenant_id = pg_temp.tenant()');
-- without required approval the trigger builds a plan from there, too; one publication is one deployment
SET LOCAL scenario.require_approval = off;
UPDATE scenario.scenarios SET published_version = 8 WHERE tenant_id = :t;
SELECT p.from_version, p.to_version, p.status, p.deployment_no = c.deployments AS as_counted, p.sessions_marked
  FROM scenario.migration_plans AS p JOIN scenario.scenarios AS c USING (tenant_id, scenario_id)
 WHERE p.tenant_id = :t AND p.to_version = 8 ORDER BY 1;
:turn(:t, pg_temp.session(3));
ROLLBACK;

-- A plan from an older version that was built first is not superseded by the plan that its hint asks for.
SELECT pg_temp.version('a>b; s>b; b>c; c>d; d');
SELECT scenario.build_migration_plan(:t, :s, 8, from_version => 5) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(5, 8));
CALL pg_temp.refused('SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(5, 8))');
SELECT pg_temp.deploy(6, 8) AS marked;
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(5, 8));
-- open plans from the same version to the same or a later one are
SELECT pg_temp.version('a>b; u>b; b>c; c>d; d');
SELECT pg_temp.version('a>b; v>b; b>c; c>d; d');
SELECT scenario.build_migration_plan(:t, :s, 10) IS NOT NULL AS from_8,
       scenario.build_migration_plan(:t, :s, 10, from_version => 6) IS NOT NULL AS from_6;
SELECT pg_temp.deploy(8, 9) AS marked;
SELECT p.from_version, p.to_version, p.status,
       (SELECT o.from_version || '→' || o.to_version FROM scenario.migration_plans AS o
         WHERE o.tenant_id = p.tenant_id AND o.plan_id = p.superseded_by) AS superseded_by
  FROM scenario.migration_plans AS p WHERE p.tenant_id = :t AND p.to_version = 10 ORDER BY 1;

SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
