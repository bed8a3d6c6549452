-- mark_sessions, migrate_sessions, and what an operator watches meanwhile.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''71111111-1111-4111-8111-111111111111'''
\set other '''72222222-2222-4222-8222-222222222222'''
\set s '''7aaaaaaa-0000-4000-8000-000000000001'''
-- Notices have rates in them; how they are written is shown at the end.
SET client_min_messages = warning;
SELECT scenario.create_scenario(:t, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "join"}, {"to_step_id": "poll"}]},
  {"id": "poll", "name": "Poll"},
  {"id": "join", "name": "Join", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}', :s);
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id, channel, variables)
SELECT :t, ('7bbbbbbb-0000-4000-8000-0000000000' || n)::uuid, :s,
       CASE WHEN n < 30 THEN 'hello' WHEN n < 35 THEN 'poll' ELSE 'join' END,
       CASE WHEN n % 2 = 0 THEN 'web' ELSE 'phone' END, CASE WHEN n < 45 THEN '{"age": 20}' ELSE '{}' END::jsonb
  FROM generate_series(10, 49) AS n;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "enter"}]},
  {"id": "enter", "name": "Join", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
\set p '''':plan''''

-- not before it is deployed, not inside a transaction, not with nonsense
\set VERBOSITY sqlstate
CALL scenario.migrate_sessions(:t, :p);
\set VERBOSITY default
SELECT scenario.set_anchor_policy(:t, :p, content_hash, '{"exclude_channels": ["phone"]}')
  FROM scenario.scenario_steps WHERE tenant_id = :t AND version = 1 AND step_id = 'join';
SELECT status FROM scenario.approve_migration_plan(:t, :p);
SET scenario.auto_mark_sessions = off;
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :p);
BEGIN;
CALL scenario.mark_sessions(:t, :p);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\set VERBOSITY sqlstate
CALL scenario.mark_sessions(:other, :p);
\set VERBOSITY default
CALL scenario.mark_sessions(:t, NULL);
\echo :LAST_ERROR_SQLSTATE
CALL scenario.migrate_sessions(:t, :p, batch_size => 0);
\echo :LAST_ERROR_SQLSTATE
CALL scenario.migrate_sessions(:t, :p, max_failures => -1);
\echo :LAST_ERROR_SQLSTATE
SET scenario.enabled = off;
CALL scenario.migrate_sessions(:t, :p);
\echo :LAST_ERROR_SQLSTATE
RESET scenario.enabled;
SELECT count(*) AS runs FROM scenario.batch_runs WHERE tenant_id = :t;

-- marks: the policy leaves 8 of those who join out
CALL scenario.mark_sessions(tenant_id => :t, plan_id => :p, batch_size => 7);
SELECT kind, state, total, done, applied AS marked, deferred AS left_out, batch_size
  FROM scenario.batch_runs WHERE tenant_id = :t;
SELECT step_id, count(*), count(pending_plan_id) AS marked
  FROM scenario.sessions WHERE tenant_id = :t GROUP BY 1 ORDER BY 1;
SELECT sessions_marked FROM scenario.migration_plans WHERE tenant_id = :t AND plan_id = :p;
-- again: nothing to do
CALL scenario.mark_sessions(:t, :p);
SELECT total, done, applied AS marked, deferred AS left_out
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT sessions_marked FROM scenario.migration_plans WHERE tenant_id = :t AND plan_id = :p;

-- a session that fails, by a trigger of the application's, does not stop the others
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'not this one', HINT = 'Ask the application.';
END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON scenario.sessions FOR EACH ROW
    WHEN (NEW.scenario_version <> OLD.scenario_version AND right(NEW.session_id::text, 2) IN ('36', '38'))
    EXECUTE FUNCTION pg_temp.refuse();
-- the application calls one by one what a set cannot do at all
CALL scenario.migrate_sessions(:t, :p, batch_size => 8, max_sessions => 10);
SELECT state, total, done, applied, deferred, failed
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
\set VERBOSITY sqlstate
CALL scenario.migrate_sessions(:t, :p, batch_size => 8, max_failures => 0);
\set VERBOSITY default
SELECT state, total, done, applied, deferred, exited, failed
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
CALL scenario.migrate_sessions(:t, :p, batch_size => 8);
SELECT state, total, done, applied, deferred, exited, failed
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT DISTINCT right(session_id::text, 2) AS session, sqlstate, message, hint
  FROM scenario.batch_errors WHERE tenant_id = :t ORDER BY 1;
DROP TRIGGER refuse ON scenario.sessions;

-- who is stuck, and why: a batch asks nobody, and a turn does; which versions are still walked
SELECT action, collect_fields FROM scenario.reconcile_session(:t, '7bbbbbbb-0000-4000-8000-000000000046');
SELECT right(session_id::text, 2) AS session, step_name, waiting_for, since IS NOT NULL AS since, fields_asked, reason
  FROM scenario.stranded_sessions(:t, :p) ORDER BY 1;
SELECT version, status, sessions_active, sessions_other, sessions_marked, sessions_pinned,
       live_plan_ids = ARRAY[:p]::uuid[] AS by_plan, is_empty
  FROM scenario.version_drain WHERE tenant_id = :t ORDER BY version;
SELECT status, marked, applied, pending, pinned, collecting, exits, by_scenario, by_action
  FROM scenario.deployment_status(:t, :p);
-- what could not be done is done now; what waits goes on waiting
CALL scenario.migrate_sessions(:t, :p);
SELECT state, total, done, applied, deferred, failed
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT action, migration_scenario, from_version, to_version, step_before, step_after,
       plan_ids = ARRAY[:p]::uuid[] AS by_plan, reason, count(*)
  FROM scenario.migration_audit WHERE tenant_id = :t GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 5;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;

-- a set writes what a turn writes: one of each, side by side
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Club", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "age"}]},
  {"id": "age", "name": "Age", "collects_profile_fields": ["age"], "transitions": [{"to_step_id": "enter"}]},
  {"id": "enter", "name": "Join", "transitions": [{"to_step_id": "thanks"}]},
  {"id": "thanks", "name": "Thanks", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}');
SELECT scenario.build_migration_plan(:t, :s, 3) AS next \gset
SELECT status FROM scenario.approve_migration_plan(:t, :'next');
RESET scenario.auto_mark_sessions;
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :'next');
SELECT action FROM scenario.reconcile_session(:t, '7bbbbbbb-0000-4000-8000-000000000010');
CALL scenario.migrate_sessions(:t, :'next');
WITH pair AS (
    SELECT 'turn' AS by, '7bbbbbbb-0000-4000-8000-000000000010'::uuid AS session_id
    UNION ALL SELECT 'set', '7bbbbbbb-0000-4000-8000-000000000011')
SELECT count(DISTINCT to_jsonb(s) - array['session_id', 'channel', 'last_activity_at', 'created_at']) AS sessions,
       count(DISTINCT to_jsonb(a) - array['session_id', 'microseconds', 'created_at']) AS audit,
       count(DISTINCT to_jsonb(v) - array['session_id', 'entered_at']) AS visits,
       count(DISTINCT to_jsonb(u) - array['session_id', 'applied_at']) AS undo
  FROM pair AS b
  JOIN scenario.sessions AS s USING (session_id)
  JOIN scenario.migration_audit AS a
    ON a.tenant_id = s.tenant_id AND a.session_id = s.session_id AND a.revision = s.revision
  JOIN scenario.step_visits AS v
    ON v.tenant_id = s.tenant_id AND v.session_id = s.session_id AND v.visit_no = s.visit_count
  JOIN scenario.migration_undo AS u ON u.tenant_id = s.tenant_id AND u.session_id = s.session_id
 WHERE s.tenant_id = :t;
SELECT state, total, done, applied, deferred, pinned, exited, failed
  FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
-- undone as a whole; the plan does not mark them again
SELECT count(*), bool_and(reverted) FROM scenario.revert_plan(:t, :'next');
SELECT marked, applied, pending, by_action FROM scenario.deployment_status(:t, :'next');
CALL scenario.mark_sessions(:t, :'next');
SELECT total, done, applied AS marked, deferred AS left_out FROM scenario.batch_runs
 WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT count(*) AS marked FROM scenario.sessions WHERE tenant_id = :t AND pending_plan_id = :'next';
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;

-- a run that is there no more
INSERT INTO scenario.batch_runs (tenant_id, run_id, plan_id, kind, batch_size, total, done, applied, updated_at)
VALUES (:t, '7ddddddd-0000-4000-8000-000000000001', :'next', 'migrate', 10, 100, 40, 40, now() - interval '1 hour');
SELECT state, percent FROM scenario.batch_progress WHERE run_id = '7ddddddd-0000-4000-8000-000000000001';
CALL scenario.migrate_sessions(:t, :'next');
SELECT state FROM scenario.batch_runs WHERE run_id = '7ddddddd-0000-4000-8000-000000000001';
-- pause, resume, cancel: what is allowed
SELECT scenario.pause_batch(:t, '7ddddddd-0000-4000-8000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.cancel_batch(:t, '7ddddddd-0000-4000-8000-000000000001');
SELECT scenario.cancel_batch(:t, '7ddddddd-0000-4000-8000-000000000001');
SELECT scenario.resume_batch(tenant_id => :t, run_id => '7ddddddd-0000-4000-8000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.pause_batch(:other, '7ddddddd-0000-4000-8000-000000000001');
\echo :LAST_ERROR_SQLSTATE
SELECT scenario.pause_batch(:t, NULL);
\echo :LAST_ERROR_SQLSTATE

-- the notices
SELECT scenario.batch_line(
  ROW(NULL, NULL, NULL, kind, state, total, done, applied, deferred, blocked, failed, pinned, exited, 500, rate,
                               NULL, NULL, NULL, NULL, NULL)::scenario.batch_runs)
  FROM (VALUES ('migrate', 'running', 100000, 37000, 35900, 1100, 0, 0, 0, 0, 4210.4),
               ('migrate', 'running', 1000000, 1000, 990, 0, 2, 3, 4, 3, 80),
               ('migrate', 'running', 90000000, 1000, 1000, 0, 0, 0, 0, 0, 1000),
               ('migrate', 'paused', 1200, 600, 600, 0, 0, 0, 0, 0, 300),
               ('migrate', 'finished', 0, 0, 0, 0, 0, 0, 0, 0, 0),
               ('mark', 'running', 1999, 1998, 1500, 498, 0, 0, 0, 0, 12000))
    AS v (kind, state, total, done, applied, deferred, blocked, failed, pinned, exited, rate);
