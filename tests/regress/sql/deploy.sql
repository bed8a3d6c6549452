-- Publishing and deploying: marks, require_approval, superseding, cancelling, status
-- ("Publishing and deploying").
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d4000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d5'''

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
    SELECT plan_id FROM scenario.migration_plans WHERE tenant_id = 'd4000000-0000-4000-8000-000000000001'
       AND from_version = f AND to_version = t ORDER BY created_at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd4000000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.flow() RETURNS uuid LANGUAGE sql AS $$ SELECT 'aaaaaaaa-0000-4000-8000-0000000000d5'::uuid $$;

CREATE VIEW pg_temp.versions AS
  SELECT version, status FROM scenario.scenario_versions WHERE tenant_id = pg_temp.tenant();
CREATE VIEW pg_temp.plans AS
  SELECT from_version, to_version, status, sessions_marked, approved_by, deployed_by,
         superseded_by IS NOT NULL AS superseded
    FROM scenario.migration_plans WHERE tenant_id = pg_temp.tenant();
-- sessions with their marks; an anchor by the name of its old step
CREATE VIEW pg_temp.marks AS
  SELECT right(s.session_id::text, 2) AS session, s.scenario_version AS version, s.step_id AS step, s.status,
         p.from_version || '→' || p.to_version AS plan,
         s.pending_target_version AS target, a.name AS anchor, s.pending_marked_at IS NOT NULL AS dated
    FROM scenario.sessions AS s
    LEFT JOIN scenario.migration_plans AS p ON p.tenant_id = s.tenant_id AND p.plan_id = s.pending_plan_id
    LEFT JOIN scenario.plan_anchors AS a
      ON a.tenant_id = s.tenant_id AND a.plan_id = s.pending_plan_id AND a.kind = 'anchor'
     AND a.anchor_content_hash = s.pending_anchor_hash
   WHERE s.tenant_id = pg_temp.tenant() ORDER BY 1;
CREATE FUNCTION pg_temp.session(n integer) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('bbbbbbbb-0000-4000-8000-0000000004' || lpad(n::text, 2, '0'))::uuid $$;

-- The first version needs no plan; without live sessions no version does ----------------------------------------------
SELECT scenario.create_scenario(:t, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Welcome"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Welcome", "transitions": [{"to_step_id": "b"}]},
    {"id": "b", "name": "Address", "transitions": [{"to_step_id": "gift"}]},
    {"id": "gift", "name": "Gift wrap", "transitions": [{"to_step_id": "c"}]}, {"id": "c", "name": "Payment"},
    {"id": "island", "name": "Island"}]}');
UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = :t;
SELECT * FROM pg_temp.versions ORDER BY version;
SELECT * FROM pg_temp.plans;

-- Over live sessions an approved plan is required ---------------------------------------------------------------------
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, status, scenario_checksum)
SELECT :t, pg_temp.session(n), :s, step, status, checksum
  FROM (VALUES (1, 'a', 'active', NULL), (2, 'a', 'active', NULL), (3, 'gift', 'active', NULL),
               (4, 'c', 'active', NULL), (5, 'island', 'active', NULL),
               (6, 'b', 'paused', NULL), (7, 'c', 'completed', NULL), (8, 'a', 'active', 'anotherchecksum'))
    AS v (n, step, status, checksum);
-- a step inserted; gift wrap gone, next to payment; the island gone, with nowhere to go
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Welcome", "transitions": [{"to_step_id": "n"}]},
    {"id": "n", "name": "Name", "collects_profile_fields": ["name"], "transitions": [{"to_step_id": "b"}]},
    {"id": "b", "name": "Address", "transitions": [{"to_step_id": "c"}]}, {"id": "c", "name": "Payment"}]}');
CALL pg_temp.refused($$UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = pg_temp.tenant()$$);
SELECT scenario.build_migration_plan(:t, :s, 3) IS NOT NULL AS built;
CALL pg_temp.refused($$UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = pg_temp.tenant()$$);
CALL pg_temp.refused(
  $$SELECT scenario.deploy_migration_plan('d4000000-0000-4000-8000-000000000002', pg_temp.plan(2, 3))$$);
CALL pg_temp.refused($$SELECT scenario.deployment_status(pg_temp.tenant(), gen_random_uuid())$$);
-- nothing changed
SELECT * FROM pg_temp.versions ORDER BY version;
SELECT * FROM pg_temp.marks WHERE plan IS NOT NULL;

-- Deploying: published, archived, deployed, marked; the rest of a session is as before --------------------------------
CREATE TEMPORARY TABLE before_deploy AS
SELECT session_id,
       to_jsonb(s) - '{pending_plan_id,pending_target_version,pending_anchor_hash,pending_marked_at}'::text[] AS rest
  FROM scenario.sessions AS s WHERE tenant_id = :t;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(2, 3), 'ann');
SELECT d.plan_id = pg_temp.plan(2, 3) AS same_plan, sessions_marked, deployed_at = now() AS now,
       (SELECT jsonb_object_agg(coalesce(a.name, m.key), m.value) FROM jsonb_each(sessions_by_anchor) AS m
          LEFT JOIN scenario.plan_anchors AS a ON a.plan_id = d.plan_id AND a.anchor_content_hash = m.key) AS by_anchor
  FROM scenario.deploy_migration_plan(:t, pg_temp.plan(2, 3), 'bob') AS d;
SELECT * FROM pg_temp.versions ORDER BY version;
SELECT * FROM pg_temp.plans;
SELECT * FROM pg_temp.marks;
SELECT count(*) AS otherwise_changed FROM before_deploy AS b JOIN scenario.sessions AS s USING (session_id)
 WHERE to_jsonb(s) - '{pending_plan_id,pending_target_version,pending_anchor_hash,pending_marked_at}'::text[] <> b.rest;
CALL pg_temp.refused($$SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(2, 3))$$);
SELECT status, marked, applied, pending, pinned, collecting, waiting_action, waiting_decision, checkpoint_blocks,
       exits, by_scenario, by_action, last_applied_at
  FROM scenario.deployment_status(:t, pg_temp.plan(2, 3)) \gx

-- Cancelling makes the marks void: they are there, and count for nothing ----------------------------------------------
UPDATE scenario.sessions SET waiting_for = 'customer', waiting_since = now()
 WHERE tenant_id = :t AND session_id = pg_temp.session(2);
SELECT collecting, pending FROM scenario.deployment_status(:t, pg_temp.plan(2, 3));
SELECT scenario.cancel_deployment(:t, pg_temp.plan(2, 3), 'cem') AS unmarked;
CALL pg_temp.refused($$SELECT scenario.cancel_deployment(pg_temp.tenant(), pg_temp.plan(2, 3))$$);
SELECT count(*) AS marked, count(waiting_for) AS waiting
  FROM scenario.sessions WHERE tenant_id = :t AND (pending_plan_id IS NOT NULL OR waiting_for IS NOT NULL);
SELECT status, marked, pending FROM scenario.deployment_status(:t, pg_temp.plan(2, 3));

-- A plan from an older version to the published one only marks --------------------------------------------------------
SELECT scenario.build_migration_plan(:t, :s, 3, from_version => 2) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(2, 3));
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(2, 3));
SELECT * FROM pg_temp.versions ORDER BY version;

-- The next version: its plan takes the sessions of version 3 only; older open plans give way --------------------------
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Welcome", "description": "Hello!", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "Payment"}]}');
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Welcome", "description": "Another draft", "transitions": [{"to_step_id": "c"}]},
  {"id": "c", "name": "Payment"}]}');
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id) VALUES (:t, pg_temp.session(20), :s);
SELECT scenario.build_migration_plan(:t, :s, 5) IS NOT NULL AS older,
       scenario.build_migration_plan(:t, :s, 5, from_version => 2) IS NOT NULL AS older_still;
SELECT scenario.build_migration_plan(:t, :s, 4) IS NOT NULL AS newer;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(2, 5));
CALL pg_temp.refused($$SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(2, 5))$$);
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(3, 4));
-- a plain UPDATE does the same as deploy_migration_plan
UPDATE scenario.scenarios SET published_version = 4 WHERE tenant_id = :t;
SELECT * FROM pg_temp.versions ORDER BY version;
SELECT * FROM pg_temp.plans ORDER BY 1, 2, 3;
SELECT version, plan, target, count(*) FROM pg_temp.marks GROUP BY 1, 2, 3 ORDER BY 1, 2;
-- a direct plan for the oldest sessions overwrites their older mark
SELECT scenario.build_migration_plan(:t, :s, 4, from_version => 2) IS NOT NULL AS built;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(2, 4));
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(2, 4));
SELECT version, plan, target, count(*) FROM pg_temp.marks GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "Welcome"}]}');

-- Without required approval publishing builds and deploys a plan itself -----------------------------------------------
SET scenario.require_approval = off;
BEGIN;
UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = :t;
SELECT * FROM pg_temp.versions ORDER BY version;
SELECT from_version, to_version, status, approved_by = session_user AS by_login FROM pg_temp.plans WHERE to_version = 6;
ROLLBACK;
-- the statement can say who publishes; only that statement
BEGIN;
UPDATE scenario.scenarios SET publish_by = 'zoe' WHERE tenant_id = :t;
SELECT count(publish_by) AS kept FROM scenario.scenarios WHERE tenant_id = :t;
UPDATE scenario.scenarios SET published_version = 6, publish_by = 'eve' WHERE tenant_id = :t;
SELECT from_version, to_version, status, approved_by, deployed_by FROM pg_temp.plans WHERE to_version = 6;
SELECT count(publish_by) AS kept FROM scenario.scenarios WHERE tenant_id = :t;
ROLLBACK;
-- with the plan that is open, if there is one; its policies count
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, channel)
VALUES (:t, pg_temp.session(30), :s, 'web'), (:t, pg_temp.session(31), :s, 'sms');
SELECT scenario.build_migration_plan(:t, :s, 6, created_by => 'ann') IS NOT NULL AS built;
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(4, 6),
  (SELECT anchor_content_hash FROM scenario.plan_anchors WHERE plan_id = pg_temp.plan(4, 6) AND name = 'Welcome'),
  '{"exclude_channels": ["sms"]}');
BEGIN;
UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = :t;
SELECT session, version, plan FROM pg_temp.marks WHERE version = 4;
ROLLBACK;
-- a stale one is not built anew if somebody has set policies: those would be lost
BEGIN;
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,0,description}', '"Bonjour"')
 WHERE tenant_id = :t AND version = 6;
CALL pg_temp.refused($$UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = pg_temp.tenant()$$);
ROLLBACK;
-- otherwise it is
BEGIN;
DELETE FROM scenario.anchor_policies WHERE tenant_id = :t;
UPDATE scenario.scenario_versions SET definition = jsonb_set(definition, '{steps,0,description}', '"Bonjour"')
 WHERE tenant_id = :t AND version = 6;
UPDATE scenario.scenarios SET published_version = 6 WHERE tenant_id = :t;
SELECT from_version, to_version, status, sessions_marked, superseded
  FROM pg_temp.plans WHERE to_version = 6 ORDER BY status;
ROLLBACK;
-- a pending plan can be deployed; marking can be left for later
SELECT scenario.build_migration_plan(:t, :s, 4, from_version => 3) IS NOT NULL AS newer;
SET scenario.auto_mark_sessions = off;
SELECT sessions_marked, sessions_by_anchor FROM scenario.deploy_migration_plan(:t, pg_temp.plan(4, 6), 'dan');
SELECT from_version, to_version, status, sessions_marked, approved_by, deployed_by
  FROM pg_temp.plans WHERE to_version = 6;
-- a newer plan than that one stays open; but the version that it leads to is archived now
SELECT from_version, to_version, status FROM pg_temp.plans WHERE from_version = 3 AND to_version = 4 ORDER BY status;
CALL pg_temp.refused($$SELECT scenario.deploy_migration_plan(pg_temp.tenant(), pg_temp.plan(3, 4))$$);
RESET scenario.auto_mark_sessions;
RESET scenario.require_approval;

SELECT version, status FROM pg_temp.versions ORDER BY version;

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
