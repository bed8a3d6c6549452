-- A trigger of the application's that raises for one session stops nobody else: marking, migrating, taking back.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''f1111111-1111-4111-8111-111111111111'''
\set s '''faaaaaaa-0000-4000-8000-000000000001'''
-- The notices of runs have rates in them.
SET client_min_messages = warning;
SELECT scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}', :s);
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id)
SELECT :t, ('fbbbbbbb-0000-4000-8000-0000000000' || n)::uuid, :s FROM generate_series(10, 29) AS n;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Shop", "entry_step_id": "hello", "steps": [
  {"id": "hello", "name": "Hello", "transitions": [{"to_step_id": "ask"}]},
  {"id": "ask", "name": "Ask", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye"}]}');
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
\set p '''':plan''''
SELECT status FROM scenario.approve_migration_plan(:t, :p);
CREATE VIEW pg_temp.last_run AS
SELECT kind, state, total, done, applied, deferred, failed FROM scenario.batch_runs
 WHERE tenant_id = 'f1111111-1111-4111-8111-111111111111' ORDER BY started_at DESC LIMIT 1;
CREATE VIEW pg_temp.last_errors AS
SELECT right(e.session_id::text, 2) AS session, e.sqlstate, e.message, e.hint FROM scenario.batch_errors AS e
 WHERE e.tenant_id = 'f1111111-1111-4111-8111-111111111111'
   AND e.run_id = (SELECT r.run_id FROM scenario.batch_runs AS r WHERE r.tenant_id = e.tenant_id
                    ORDER BY r.started_at DESC LIMIT 1)
 ORDER BY 1;
CREATE TABLE public.refused (session text PRIMARY KEY);
INSERT INTO refused VALUES ('13'), ('27');
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.refused WHERE session = right(NEW.session_id::text, 2)) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'not this one', HINT = 'Ask the application.';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION public.asserts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    ASSERT right(NEW.session_id::text, 2) <> '20', 'not that one';
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.refuse();
CREATE TRIGGER asserts BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.asserts();

-- Deploying marks the others, and says how many it could not mark.
BEGIN;
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :p);
SELECT right(session_id::text, 2) AS unmarked FROM scenario.sessions
 WHERE tenant_id = :t AND pending_plan_id IS NULL ORDER BY 1;
DROP TRIGGER refuse ON scenario.sessions;
DROP TRIGGER asserts ON scenario.sessions;
-- A mark is a hint: the turn of one that has none finds the plan.
SELECT action, target_step_id FROM scenario.reconcile_session(:t, 'fbbbbbbb-0000-4000-8000-000000000013');
ROLLBACK;

-- A run keeps the errors, and looks at nobody twice.
SET scenario.auto_mark_sessions = off;
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :p);
CALL scenario.mark_sessions(:t, :p, batch_size => 6);
TABLE pg_temp.last_run;
TABLE pg_temp.last_errors;
SELECT sessions_marked FROM scenario.migration_plans WHERE tenant_id = :t AND plan_id = :p;
-- The line of a run tells it.
SELECT scenario.batch_line(ROW(NULL, NULL, NULL, kind, state, total, done, applied, deferred, 0, failed, 0, 0, 6, 80,
                               NULL, NULL, NULL, NULL, NULL)::scenario.batch_runs) FROM pg_temp.last_run;
-- The next run tries them again.
DELETE FROM refused WHERE session = '27';
CALL scenario.mark_sessions(:t, :p);
TABLE pg_temp.last_run;
TABLE pg_temp.last_errors;
DROP TRIGGER asserts ON scenario.sessions;
DROP TRIGGER refuse ON scenario.sessions;
-- So it is with a constraint trigger that is deferred to the commit. The names in it are found by the caller's
-- search_path, as they would be at the commit.
CREATE FUNCTION public.refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM refused WHERE session = right(NEW.session_id::text, 2)) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'too late for this one';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER refuse_late AFTER UPDATE ON scenario.sessions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.refuse_late();
CALL scenario.mark_sessions(:t, :p);
TABLE pg_temp.last_run;
TABLE pg_temp.last_errors;
DELETE FROM refused;
CALL scenario.mark_sessions(:t, :p);
TABLE pg_temp.last_run;

-- Migrating: the same trigger at the commit.
INSERT INTO refused VALUES ('15'), ('20');
CALL scenario.migrate_sessions(:t, :p, batch_size => 4);
TABLE pg_temp.last_run;
TABLE pg_temp.last_errors;
DROP TRIGGER refuse_late ON scenario.sessions;
-- A failed assertion is an error like any other.
CREATE TRIGGER asserts BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.asserts();
CALL scenario.migrate_sessions(:t, :p);
TABLE pg_temp.last_run;
TABLE pg_temp.last_errors;
DROP TRIGGER asserts ON scenario.sessions;
CALL scenario.migrate_sessions(:t, :p);
TABLE pg_temp.last_run;

-- Taking back: the error is the problem of its session.
TRUNCATE refused;
INSERT INTO refused VALUES ('11');
CREATE TRIGGER refuse BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.refuse();
CREATE TRIGGER asserts BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.asserts();
SELECT reverted, scenario_version, step_id, problem, count(*), min(right(session_id::text, 2)) AS first
  FROM scenario.revert_plan(:t, :p, by => 'ann', reason => 'too early') GROUP BY 1, 2, 3, 4 ORDER BY 1, 4;
SELECT scenario_version, pinned_reason, count(*)
  FROM scenario.sessions WHERE tenant_id = :t GROUP BY 1, 2 ORDER BY 1, 3;
SELECT reason, count(*) FROM scenario.migration_audit WHERE tenant_id = :t AND action = 'revert' GROUP BY 1;
-- Who cancels the statement ends it all.
CREATE FUNCTION public.cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid());
    PERFORM pg_catalog.pg_sleep(10);
    RETURN NEW;
END
$$;
DROP TRIGGER asserts ON scenario.sessions;
CREATE TRIGGER cancel BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.cancel();
\set VERBOSITY sqlstate
SELECT * FROM scenario.revert_plan(:t, :p);
\set VERBOSITY default
DROP TRIGGER cancel ON scenario.sessions;
DROP TRIGGER refuse ON scenario.sessions;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
DROP FUNCTION public.refuse(), public.refuse_late(), public.asserts(), public.cancel();
DROP TABLE public.refused;
