-- Policies per anchor: set, refused, and whom they let in when the plan is deployed ("Policies").
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''d3000000-0000-4000-8000-000000000001'''
\set s '''aaaaaaaa-0000-4000-8000-0000000000d4'''

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
    SELECT plan_id FROM scenario.migration_plans WHERE tenant_id = 'd3000000-0000-4000-8000-000000000001'
       AND from_version = f AND to_version = t ORDER BY created_at DESC LIMIT 1 $$;
CREATE FUNCTION pg_temp.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT 'd3000000-0000-4000-8000-000000000001'::uuid $$;
CREATE FUNCTION pg_temp.flow() RETURNS uuid LANGUAGE sql AS $$ SELECT 'aaaaaaaa-0000-4000-8000-0000000000d4'::uuid $$;

-- the hash of an anchor by the name of its step
CREATE FUNCTION pg_temp.anchor(step text) RETURNS text LANGUAGE sql AS $$
    SELECT anchor_content_hash FROM scenario.plan_anchors WHERE plan_id = pg_temp.plan(1, 2) AND name = step $$;
CREATE FUNCTION pg_temp.set(step text, policy jsonb, replace boolean DEFAULT false) RETURNS jsonb LANGUAGE sql AS $$
    SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor(step), policy, replace) $$;

SELECT scenario.create_scenario(:t, '{"name": "Order", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Welcome", "transitions": [{"to_step_id": "b"}]},
    {"id": "b", "name": "Address", "transitions": [{"to_step_id": "gone"}]},
    {"id": "gone", "name": "Gift wrap", "transitions": [{"to_step_id": "c"}]}, {"id": "c", "name": "Payment"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Order", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "Welcome", "transitions": [{"to_step_id": "b"}]},
    {"id": "b", "name": "Address", "transitions": [{"to_step_id": "c"}]},
    {"id": "c", "name": "Payment"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) IS NOT NULL AS built;

-- Set: what comes back is what is stored, with what differs from the default ------------------------------------------
\pset format unaligned
\pset tuples_only on
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Welcome'), '{}');
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Welcome'), '{
  "include_channels": ["web", "whatsapp"], "exclude_channels": ["sms"], "include_current_nodes": ["Welcome"],
  "exclude_current_nodes": ["Gift wrap"], "max_session_age_days": 30, "min_session_age_days": 0.5,
  "session_condition": "tier == \"gold\" && age >= 21", "rollout_percent": 12.5,
  "update_downstream": true, "force_scenario": "clean_graft", "on_checkpoint_block": "pin"}');
-- the filters may stand in an object of their own; null is the default
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Welcome'),
                                  '{"scope": {"exclude_channels": ["sms"]}, "rollout_percent": null,
                                    "update_downstream": false}',
                                  replace => true);
SELECT scenario.migration_plan(:t, pg_temp.plan(1, 2)) -> 'policies' = jsonb_build_object(pg_temp.anchor('Welcome'),
         '{"exclude_channels": ["sms"], "update_downstream": false, "on_checkpoint_block": "graft"}'::jsonb)
         AS in_the_plan;
\pset tuples_only off
\pset format aligned

-- Refused, with everything that is wrong ------------------------------------------------------------------------------
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor('Welcome'),
      '{"include_channel": ["web"], "rollout_percent": 101, "max_session_age_days": -1, "update_downstream": "no",
        "exclude_channels": "sms", "force_scenario": "teleport", "on_checkpoint_block": null,
        "session_condition": "age >"}')$$);
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor('Welcome'), '[]')$$);
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor('Welcome'),
      '{"rollout_percent": 1e400}')$$);
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor('Welcome'), NULL)$$);
-- an anchor that the plan does not have: those that it has, and the deleted steps
CALL pg_temp.refused($$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), 'no such hash', '{}')$$);
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy('d3000000-0000-4000-8000-000000000002', pg_temp.plan(1, 2),
      pg_temp.anchor('Welcome'), '{}')$$);
SELECT policy FROM scenario.anchor_policies WHERE tenant_id = :t;

-- Merged: the keys of a call into what is set; a null sets the default of its key ------------------------------
\pset format unaligned
\pset tuples_only on
SELECT pg_temp.set('Welcome', '{"rollout_percent": 10, "accept_held": true}');
SELECT pg_temp.set('Welcome', '{"exclude_channels": null, "scope": {"rollout_percent": 25}}');
SELECT pg_temp.set('Welcome', '{}');
SELECT pg_temp.set('Welcome', '{}', replace => true);
-- a deleted step, by its own hash
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Gift wrap'), '{"exclude_channels": ["sms"]}',
                                  by => 'Ann', reason => 'wraps are packed');
-- hash NULL: every anchor and deleted step, each merged into its own
SELECT pg_temp.set(NULL, '{"accept_held": true}');
\pset tuples_only off
\pset format aligned
SELECT a.name, a.kind, p.policy, p.set_by = session_user AS by_the_login, p.reason
  FROM scenario.plan_anchors AS a
  LEFT JOIN scenario.anchor_policies AS p USING (tenant_id, plan_id, anchor_content_hash)
 WHERE a.plan_id = pg_temp.plan(1, 2) ORDER BY a.ordinal;
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), NULL, '{"rollout_percent": 50}', true, 'Ann', 'half first');
SELECT count(*), array_agg(DISTINCT policy) AS policies,
       array_agg(DISTINCT set_by) AS set_by, array_agg(DISTINCT reason) AS reasons
  FROM scenario.anchor_policies WHERE tenant_id = :t;
-- what is refused for all sets nothing
CALL pg_temp.refused($$SELECT pg_temp.set(NULL, '{"rollout_percent": 101}')$$);
CALL pg_temp.refused($$SELECT pg_temp.set(NULL, NULL)$$);
SELECT count(*) FROM scenario.anchor_policies WHERE tenant_id = :t AND policy @> '{"rollout_percent": 50}';
-- accept_repeat names contents that are known: a deleted step is one, a slip of the pen is none
CALL pg_temp.refused($$SELECT pg_temp.set(NULL, jsonb_build_object('accept_repeat',
  jsonb_build_array(pg_temp.anchor('Payment'), '0123456789abcdef', pg_temp.anchor('Gift wrap'))))$$);
SELECT pg_temp.set('Payment', jsonb_build_object('accept_repeat',
  jsonb_build_array(pg_temp.anchor('Payment'), pg_temp.anchor('Gift wrap')))) -> 'accept_repeat' AS accepted;
DELETE FROM scenario.anchor_policies WHERE tenant_id = :t;

-- Whom they let in ----------------------------------------------------------------------------------------------------
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Welcome'),
  '{"include_channels": ["web"], "max_session_age_days": 30}') IS NOT NULL AS welcome,
       scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Address'),
         '{"session_condition": "tier == \"gold\"", "exclude_current_nodes": ["Nowhere"]}') IS NOT NULL AS address,
       scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('Payment'),
         '{"exclude_current_nodes": ["Gift wrap"]}') IS NOT NULL AS payment;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, channel, variables, created_at, status)
SELECT :t, ('bbbbbbbb-0000-4000-8000-0000000003' || lpad(n::text, 2, '0'))::uuid, :s, step, channel, variables::jsonb,
       now() - days * interval '1 day', status
  FROM (VALUES (1, 'a', 'web', '{}', 1, 'active'), (2, 'a', 'sms', '{}', 1, 'active'),
               (3, 'a', NULL, '{}', 1, 'active'), (4, 'a', 'web', '{}', 31, 'active'),
               (5, 'a', 'web', '{}', 1, 'paused'), (6, 'b', 'web', '{"tier": "gold"}', 1, 'active'),
               (7, 'b', 'web', '{"tier": "silver"}', 1, 'active'),
               (8, 'b', 'web', '{}', 1, 'active'), (9, 'b', 'web', '{"tier": 7}', 1, 'active'),
               (10, 'gone', 'web', '{}', 1, 'active'),
               (11, 'c', 'web', '{}', 1, 'active'),
               (12, 'b', 'web', '{"tier": "gold", "huge": 1e400}', 1, 'active'))
    AS v (n, step, channel, variables, days, status);
UPDATE scenario.sessions SET variables = jsonb_build_object('tier', 'gold', 'deep',
  (repeat('[', 300) || repeat(']', 300))::jsonb)
 WHERE tenant_id = :t AND session_id = 'bbbbbbbb-0000-4000-8000-000000000306';
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(1, 2));
CALL pg_temp.refused(
  $$SELECT scenario.set_anchor_policy(pg_temp.tenant(), pg_temp.plan(1, 2), pg_temp.anchor('Welcome'), '{}')$$);
SELECT sessions_marked,
       (SELECT jsonb_object_agg(a.name, d.sessions_by_anchor -> a.anchor_content_hash) FROM scenario.plan_anchors AS a
         WHERE a.plan_id = d.plan_id AND d.sessions_by_anchor ? a.anchor_content_hash) AS by_anchor
  FROM scenario.deploy_migration_plan(:t, pg_temp.plan(1, 2)) AS d;
SELECT right(session_id::text, 2) AS session, step_id, channel, status, (variables -> 'tier')::text AS tier,
       pending_plan_id IS NOT NULL AS marked
  FROM scenario.sessions WHERE tenant_id = :t ORDER BY session_id;

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;

-- A rollout: the same share of sessions at every look -----------------------------------------------------------------
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [{"id": "a", "name": "A"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
  {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
  {"id": "b", "name": "B"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) IS NOT NULL AS built;
SELECT scenario.set_anchor_policy(:t, pg_temp.plan(1, 2), pg_temp.anchor('A'), '{"rollout_percent": 25}');
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
SELECT :t, ('bbbbbbbb-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, :s FROM generate_series(1, 5000) AS n;
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(1, 2));
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(1, 2));

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;

-- A deleted step's own policy, when the plan is deployed and at the turn: also where there is nowhere to go ---
SELECT scenario.create_scenario(:t, '{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "wrap"}]},
    {"id": "wrap", "name": "Gift wrap", "transitions": [{"to_step_id": "c"}]}, {"id": "c", "name": "C"},
    {"id": "alone", "name": "Survey"}, {"id": "other", "name": "Call"}]}', :s);
SELECT scenario.create_scenario_version(:t, :s, '{"name": "x", "entry_step_id": "a", "steps": [
    {"id": "a", "name": "A", "transitions": [{"to_step_id": "c"}]}, {"id": "c", "name": "C"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) IS NOT NULL AS built;
SELECT pg_temp.set('Gift wrap', '{"exclude_channels": ["sms"]}') IS NOT NULL AS wrap,
       pg_temp.set('Survey', '{"update_downstream": false}') IS NOT NULL AS survey;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, channel)
SELECT :t, ('bbbbbbbb-0000-4000-8000-0000000004' || lpad(n::text, 2, '0'))::uuid, :s, step, channel
  FROM (VALUES (1, 'wrap', 'web'), (2, 'wrap', 'sms'), (3, 'alone', 'web'), (4, 'other', 'web')) AS v (n, step,
               channel);
SELECT status FROM scenario.approve_migration_plan(:t, pg_temp.plan(1, 2));
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, pg_temp.plan(1, 2));
SELECT right(s.session_id::text, 2) AS session, s.pending_plan_id IS NOT NULL AS marked, r.action, r.reason
  FROM scenario.sessions AS s CROSS JOIN LATERAL scenario.reconcile_session(s.tenant_id, s.session_id) AS r
 WHERE s.tenant_id = :t ORDER BY 1;
SELECT right(session_id::text, 2) AS session, scenario_version AS version, step_id, status, pinned_reason
  FROM scenario.sessions WHERE tenant_id = :t ORDER BY 1;

DELETE FROM scenario.sessions WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
