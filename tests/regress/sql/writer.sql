-- What the extension writes when it migrates, and that nobody else can write in its way.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '∅'
\set t '''75111111-1111-4111-8111-111111111111'''
\set s '''75aaaaaa-0000-4000-8000-000000000001'''
SET client_min_messages = warning;
SELECT scenario.create_scenario(:t, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye", "transitions": []}]}', :s) IS NOT NULL AS created;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, step_id)
SELECT :t, ('75bbbbbb-0000-4000-8000-0000000000' || n)::uuid, :s, (ARRAY['cart', 'pay'])[1 + n % 2]
  FROM generate_series(10, 29) AS n;
SELECT scenario.create_scenario_version(:t, :s, '{"name": "Shop", "entry_step_id": "cart", "steps": [
  {"id": "cart", "name": "Cart", "transitions": [{"to_step_id": "pay"}]},
  {"id": "pay", "name": "Pay", "is_checkpoint": true, "transitions": [{"to_step_id": "tip"}]},
  {"id": "tip", "name": "Tip", "transitions": [{"to_step_id": "bye"}]},
  {"id": "bye", "name": "Bye", "transitions": []}]}') AS version;
SELECT scenario.build_migration_plan(:t, :s, 2) AS plan \gset
\set p '''':plan''''
SELECT status FROM scenario.approve_migration_plan(:t, :p);
SELECT sessions_marked FROM scenario.deploy_migration_plan(:t, :p);
CREATE VIEW who AS
SELECT right(s.session_id::text, 2) AS session, s.scenario_version AS version, s.step_id, s.revision,
       s.visit_count AS visits
  FROM scenario.sessions AS s WHERE s.tenant_id = '75111111-1111-4111-8111-111111111111';

-- A turn and a batch write the same, but for the time that a turn took.
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000011');
CALL scenario.migrate_sessions(:t, :p, max_sessions => 2);
SELECT session, version, step_id, revision, visits FROM who WHERE version = 2 ORDER BY session;
SELECT right(v.session_id::text, 2) AS session, v.visit_no, v.step_id, v.step_name, v.scenario_version AS version,
       v.reason,
       v.is_checkpoint, v.plan_id = :p AS by_plan
  FROM scenario.step_visits AS v WHERE v.tenant_id = :t AND v.visit_no > 1 ORDER BY 1;
SELECT right(a.session_id::text, 2) AS session, a.revision, a.action, a.migration_scenario, a.step_before, a.step_after,
       a.from_version AS was, a.to_version AS now, a.plan_ids = ARRAY[:p]::uuid[] AS by_plan, a.reason,
       a.microseconds IS NOT NULL AS timed
  FROM scenario.migration_audit AS a WHERE a.tenant_id = :t ORDER BY 1;
SELECT right(u.session_id::text, 2) AS session, u.step_id, u.scenario_version AS version, u.revision, u.visit_count
  FROM scenario.migration_undo AS u WHERE u.tenant_id = :t ORDER BY 1;

-- A session that fails stops nobody, whether it would move alone or with all others at its step.
CREATE FUNCTION public.not_thirteen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'P0042', MESSAGE = 'not this one';
END
$$;
CREATE TRIGGER not_thirteen BEFORE UPDATE ON scenario.sessions
    FOR EACH ROW WHEN (NEW.session_id = '75bbbbbb-0000-4000-8000-000000000013') EXECUTE FUNCTION public.not_thirteen();
CALL scenario.migrate_sessions(:t, :p, batch_size => 4, max_sessions => 4);
SELECT state, done, applied, failed FROM scenario.batch_runs WHERE tenant_id = :t ORDER BY started_at DESC LIMIT 1;
SELECT right(session_id::text, 2) AS session, sqlstate, message FROM scenario.batch_errors WHERE tenant_id = :t;
DROP TRIGGER not_thirteen ON scenario.sessions;

-- A statement in a trigger that the move fires is checked like any other: it appends a visit, and it cannot name a step
-- that does not exist.
CREATE FUNCTION public.also_fourteen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE scenario.sessions SET step_id = TG_ARGV[0] WHERE session_id = '75bbbbbb-0000-4000-8000-000000000028';
    RETURN NULL;
END
$$;
CREATE TRIGGER also_fourteen AFTER INSERT ON scenario.migration_audit
    FOR EACH STATEMENT EXECUTE FUNCTION public.also_fourteen('bye');
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000021');
SELECT session, version, step_id, visits FROM who WHERE session IN ('21', '28') ORDER BY session;
SELECT count(*) AS visits FROM scenario.step_visits WHERE session_id = '75bbbbbb-0000-4000-8000-000000000028';
DROP TRIGGER also_fourteen ON scenario.migration_audit;
CREATE TRIGGER also_fourteen AFTER INSERT ON scenario.migration_audit
    FOR EACH STATEMENT EXECUTE FUNCTION public.also_fourteen('nowhere');
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
DROP TRIGGER also_fourteen ON scenario.migration_audit;
-- The error has ended the writer's work. The same arrival, written by hand right after it in the same transaction, is
-- checked.
BEGIN;
CREATE TRIGGER not_thirteen AFTER INSERT ON scenario.step_visits
    FOR EACH ROW WHEN (NEW.session_id = '75bbbbbb-0000-4000-8000-000000000023') EXECUTE FUNCTION public.not_thirteen();
SAVEPOINT before;
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
ROLLBACK TO before;
DROP TRIGGER not_thirteen ON scenario.step_visits;
SELECT scenario.is_written_by_writer(:t, '75bbbbbb-0000-4000-8000-000000000023', 2, 'pay', 2);
UPDATE scenario.sessions SET scenario_version = 2, step_id = 'pay'
 WHERE tenant_id = :t AND session_id = '75bbbbbb-0000-4000-8000-000000000023';
SELECT count(*) AS visits FROM scenario.step_visits WHERE session_id = '75bbbbbb-0000-4000-8000-000000000023';
ROLLBACK;
-- Nor does a function that runs inside the writer's own statement, at the same depth: one that a constraint calls.
CREATE FUNCTION public.moves_twenty_eight(session_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF session_id = '75bbbbbb-0000-4000-8000-000000000023' THEN
        UPDATE scenario.sessions AS s SET step_id = 'nowhere'
         WHERE s.session_id = '75bbbbbb-0000-4000-8000-000000000028';
    END IF;
    RETURN true;
END
$$;
ALTER TABLE scenario.migration_audit ADD CONSTRAINT calls_a_function
  CHECK (public.moves_twenty_eight(session_id)) NOT VALID;
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
ALTER TABLE scenario.migration_audit DROP CONSTRAINT calls_a_function;

-- A trigger of somebody's that swallows the move, or bends it: nothing is recorded that was not done.
CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.swallow();
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
DROP TRIGGER swallow ON scenario.sessions;
CREATE FUNCTION public.bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.step_id := 'cart'; RETURN NEW; END $$;
CREATE TRIGGER bend BEFORE UPDATE ON scenario.sessions FOR EACH ROW EXECUTE FUNCTION public.bend();
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
DROP TRIGGER bend ON scenario.sessions;
SELECT session, version, step_id, revision, visits FROM who WHERE session = '23';

-- A trigger may call for another session's turn meanwhile.
CREATE FUNCTION public.and_the_other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM scenario.reconcile_session(NEW.tenant_id, '75bbbbbb-0000-4000-8000-000000000025');
    RETURN NULL;
END
$$;
CREATE TRIGGER and_the_other AFTER UPDATE ON scenario.sessions
    FOR EACH ROW WHEN (NEW.session_id = '75bbbbbb-0000-4000-8000-000000000023') EXECUTE FUNCTION public.and_the_other();
SELECT action FROM scenario.reconcile_session(:t, '75bbbbbb-0000-4000-8000-000000000023');
DROP TRIGGER and_the_other ON scenario.sessions;
SELECT session, version, step_id, revision, visits FROM who WHERE session IN ('23', '25') ORDER BY session;

CALL scenario.migrate_sessions(:t, :p);
SELECT version, step_id, revision, visits, count(*) FROM who GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT * FROM scenario.check_invariants() WHERE tenant_id = :t;
DROP VIEW who;
DROP FUNCTION public.not_thirteen(), public.also_fourteen(), public.moves_twenty_eight(uuid), public.swallow(),
  public.bend(),
              public.and_the_other();
