-- Acts: which steps of all versions are the same act, and that no move undoes one that a customer has passed.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''91111111-1111-4111-8111-111111111111'''

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
-- A customer walks the old flow along a path, the new one is deployed, and the next turn comes.
CREATE FUNCTION pg_temp.meet(tenant uuid, id uuid, old text, path text[], new text, policy jsonb DEFAULT NULL,
                             variables jsonb DEFAULT '{}',
                             OUT action text, OUT step text, OUT version integer, OUT reason text,
                             OUT as_previewed boolean, OUT critical text)
  LANGUAGE plpgsql AS $$
DECLARE
  plan uuid; anchor text; preview text; turn text;
BEGIN
  PERFORM scenario.create_scenario(tenant, pg_temp.flow(old), id);
  PERFORM scenario.start_session(tenant, id, id, step_id => path[1], variables => meet.variables);
  FOR i IN 2 .. cardinality(path) LOOP
    PERFORM scenario.advance_session(tenant, id, path[i]);
  END LOOP;
  PERFORM scenario.create_scenario_version(tenant, id, pg_temp.flow(new));
  plan := scenario.build_migration_plan(tenant, id, 2);
  IF policy IS NOT NULL THEN
    SELECT s.step_content_hash INTO anchor FROM scenario.sessions AS s WHERE s.tenant_id = tenant AND s.session_id = id;
    PERFORM scenario.set_anchor_policy(tenant, plan, anchor, policy);
  END IF;
  SELECT string_agg(w ->> 'message', '; ') INTO critical
    FROM jsonb_array_elements(scenario.migration_summary(tenant, plan) -> 'warnings') AS w
   WHERE w ->> 'severity' = 'critical';
  SELECT r::text INTO preview FROM scenario.preview_reconciliation(tenant, id, plan) AS r;
  PERFORM scenario.approve_migration_plan(tenant, plan);
  PERFORM scenario.deploy_migration_plan(tenant, plan);
  SELECT r::text, r.action, r.reason INTO turn, meet.action, meet.reason
    FROM scenario.reconcile_session(tenant, id) AS r;
  as_previewed := turn = preview;
  SELECT s.step_id, s.scenario_version INTO step, version
    FROM scenario.sessions AS s WHERE s.tenant_id = tenant AND s.session_id = id;
END
$$;
BEGIN;
SELECT $$
  SELECT action, step, version, as_previewed, reason, critical
    FROM pg_temp.meet(:t, md5(random()::text)::uuid,
$$ AS meet \gset

-- 1: the new version comes to the payment after the step
:meet 'a>pay; pay!>c; c>e; e', '{a,pay,c}', 'a>c; c>pay; pay!>e; e');
-- 3: two payments of the same content, and a redirect to before the other
:meet 'a>pay; pay=Pay!>m; m>e; e', '{a,pay,m}', 'a>pay; pay=Pay!>age >= 18:x|m; m>e; x>pay2; pay2=Pay!>e; e',
  variables => '{"age": 20}');
-- 5: at the payment, and the new version leads back to it; unless the operator accepts that
:meet 'a>pay; pay!>e; e', '{a,pay}', 'a>pay; pay!>q; q>again:a|e; e');
:meet 'a>pay; pay!>e; e', '{a,pay}', 'a>pay; pay!>q; q>again:a|e; e',
      jsonb_build_object('accept_repeat',
        jsonb_build_array(scenario.step_content_hash('{"id": "pay", "name": "pay", "is_checkpoint": true}'))));
-- 6: another payment of the same content is still ahead
:meet 'a>pay; pay=Pay!>m; m>pay2; pay2=Pay!>e; e', '{a,pay,m}', 'a>m; m>pay; pay=Pay!>pay2; pay2=Pay!>e; e');
-- 7: flagged only now; flagged before, with new words and a new id
:meet 'a>pay; pay=Payment>m; m>e; e', '{a,pay,m}', 'a>m; m>pay; pay=Payment!>e; e');
:meet 'a>pay; pay=Payment!>m; m>e; e', '{a,pay,m}', 'a>m; m>p2; p2=Charge the card!>e; e');
-- 8: avoidable before, forced after; arrived at by relocation
:meet 'a>pay; pay!>m; m>more:pay|e; e', '{a,pay,m}', 'a>m; m>pay; pay!>e; e');
:meet 'a>pay; pay!>b; b>more:pay|e; e', '{a,pay,b}', 'a>pay; pay!>e; e');
-- 25: paid, and nowhere to go
:meet 'a>pay; pay!>b; b=Wait>z; z=Later', '{a,pay,b}', 'x=Another>y; y=Something else');
ROLLBACK;

-- What is kept --------------------------------------------------------------------------------------------------------
\set s '''9aaaaaaa-0000-4000-8000-000000000001'''
SELECT $$
  SELECT name, last_step_id, last_version, is_checkpoint AS flag, act = content_hash AS names_its_act,
         (SELECT string_agg(o.name, ', ' ORDER BY o.name)
            FROM scenario.acts AS o
           WHERE (o.tenant_id, o.scenario_id, o.act) = (a.tenant_id, a.scenario_id, a.act)) AS act
    FROM scenario.acts AS a WHERE tenant_id = :t ORDER BY name, last_step_id
$$ AS acts \gset
SELECT $$
  SELECT p.from_version, p.to_version, p.source, o.name AS old, n.name AS new
    FROM scenario.act_pairs AS p
    JOIN scenario.acts AS o
      ON (o.tenant_id, o.scenario_id, o.content_hash) = (p.tenant_id, p.scenario_id, p.old_content_hash)
    JOIN scenario.acts AS n
      ON (n.tenant_id, n.scenario_id, n.content_hash) = (p.tenant_id, p.scenario_id, p.new_content_hash)
   WHERE p.tenant_id = :t ORDER BY 1, 2, 3, 4, 5
$$ AS pairs \gset
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a=Start>pay; pay=Pay by card!>e; e=End'), :s);
SELECT acts_revision FROM scenario.scenarios WHERE tenant_id = :t;
:acts;
-- reworded: one act, although nobody walks the scenario and no plan was made
SELECT scenario.create_scenario_version(:t, :s, pg_temp.flow('a=Start>pay; pay=Pay by bank card!>e; e=End'));
-- a draft joins nothing
:acts;
UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = :t;
SELECT acts_revision FROM scenario.scenarios WHERE tenant_id = :t;
SELECT version, status, published_after FROM scenario.scenario_versions WHERE tenant_id = :t ORDER BY 1;
:acts;
:pairs;
-- dropped, and taken up again in other words: the same act as what it said last
SELECT scenario.create_scenario_version(:t, :s, pg_temp.flow('a=Start>e; e=End'));
UPDATE scenario.scenarios SET published_version = 3 WHERE tenant_id = :t;
SELECT scenario.create_scenario_version(:t, :s, pg_temp.flow('a=Start>pay; pay=Pay by a bank card>e; e=End'));
UPDATE scenario.scenarios SET published_version = 4 WHERE tenant_id = :t;
:acts;
:pairs;
-- a plan between published versions that adds no pair raises no revision; one that adds a pair does
SELECT acts_revision FROM scenario.scenarios WHERE tenant_id = :t;
SELECT scenario.build_migration_plan(:t, :s, 4, from_version => 3) AS plan \gset
SELECT status FROM scenario.approve_migration_plan(:t, :'plan');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'plan');
SELECT acts_revision FROM scenario.scenarios WHERE tenant_id = :t;
SELECT scenario.build_migration_plan(:t, :s, 4, from_version => 1) AS plan \gset
SELECT DISTINCT acts_revision FROM scenario.plan_anchors WHERE plan_id = :'plan';
SELECT status FROM scenario.approve_migration_plan(:t, :'plan');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'plan');
SELECT acts_revision FROM scenario.scenarios WHERE tenant_id = :t;
:pairs;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
-- they stay when a version goes, and go with the scenario
UPDATE scenario.migration_plans SET status = 'cancelled' WHERE tenant_id = :t AND status = 'deployed';
DELETE FROM scenario.scenario_versions WHERE tenant_id = :t AND version < 3;
SELECT count(*) FROM scenario.acts WHERE tenant_id = :t;
DELETE FROM scenario.scenarios WHERE tenant_id = :t;
SELECT (SELECT count(*) FROM scenario.acts WHERE tenant_id = :t) AS acts,
       (SELECT count(*) FROM scenario.act_pairs WHERE tenant_id = :t) AS pairs;
ROLLBACK;

-- The list in the anchor's row ----------------------------------------------------------------------------------------
BEGIN;
SELECT scenario.create_scenario(:t, pg_temp.flow('a>pay; pay=Pay!>m; m>e; e'), :s);
SELECT step_id FROM scenario.start_session(:t, :s, :s);
SELECT step_id FROM scenario.advance_session(:t, :s, 'pay');
SELECT step_id FROM scenario.advance_session(:t, :s, 'm');
SELECT scenario.create_scenario_version(:t, :s, pg_temp.flow('a>m; m>pay; pay=Pay!>e; e'));
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
SELECT old_step_id, jsonb_array_length(undoes -> 'acts') AS acts, undoes ->> 'lacking' AS lacking,
       undoes ->> 'cut' AS cut, acts_revision
  FROM scenario.plan_anchors WHERE plan_id = :'plan' ORDER BY ordinal;
-- at another revision the list is worked out again: the same is decided
SELECT status FROM scenario.approve_migration_plan(:t, :'plan');
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'plan');
SAVEPOINT a;
SELECT action, target_step_id, scenario_version FROM scenario.reconcile_session(:t, :s); ROLLBACK TO a;
UPDATE scenario.scenarios SET acts_revision = acts_revision + 1 WHERE tenant_id = :t;
SELECT action, target_step_id, scenario_version FROM scenario.reconcile_session(:t, :s);
ROLLBACK;

-- errors
BEGIN;
\set VERBOSITY sqlstate
SAVEPOINT a;
SELECT scenario.keep_acts(:t, :s, NULL, 1); ROLLBACK TO a;
SELECT scenario.keep_acts(:t, :s, NULL, NULL); ROLLBACK TO a;
ROLLBACK;
