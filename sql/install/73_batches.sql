-- Batch runs: what they keep, and one batch of each kind (SPEC 12).
-- Needs: 20_plans.sql, 30_sessions.sql, 50_audit.sql, 70_undo.sql, 71_simulation.sql. Calls, when they run:
--   scenario.lock_marked_sessions(tenant_id, plan_id, after_session_id, batch_size, session_ids)
--   scenario.migrate_page(tenant_id, session_ids)
--   scenario.mark_batch(tenant_id, plan_id, after_step_id, after_session_id, batch_size, run_id)
--   scenario.mark_together(tenant_id, plan_id, session_ids, step_ids, anchor_hashes, at_finished)
-- The procedures that run batches one after the other are in 74_batch_procedures.sql.

CREATE TABLE scenario.batch_runs (
    tenant_id   uuid NOT NULL,
    run_id      uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    plan_id     uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('mark', 'migrate')),
    state       text NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'paused', 'cancelled', 'finished', 'failed', 'interrupted')),
    total       bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    done        bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
    applied     bigint NOT NULL DEFAULT 0 CHECK (applied >= 0),
    deferred    bigint NOT NULL DEFAULT 0 CHECK (deferred >= 0),
    blocked     bigint NOT NULL DEFAULT 0 CHECK (blocked >= 0),
    failed      bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    pinned      bigint NOT NULL DEFAULT 0 CHECK (pinned >= 0),
    exited      bigint NOT NULL DEFAULT 0 CHECK (exited >= 0),
    batch_size  integer NOT NULL CHECK (batch_size > 0),
    rate        double precision NOT NULL DEFAULT 0 CHECK (rate >= 0),
    started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    started_by  text NOT NULL DEFAULT SESSION_USER,
    backend_pid integer NOT NULL DEFAULT pg_catalog.pg_backend_pid(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES scenario.migration_plans ON DELETE CASCADE,
    CHECK ((state IN ('running', 'paused')) = (finished_at IS NULL))
);
CREATE INDEX batch_runs_plan ON scenario.batch_runs (tenant_id, plan_id, started_at);
COMMENT ON TABLE scenario.batch_runs IS
    'One row per CALL of mark_sessions or migrate_sessions, written after each batch, in its transaction: the counts are those '
    'of what is committed. Goes with its plan.';
COMMENT ON COLUMN scenario.batch_runs.state IS
    'running → paused → running → finished, cancelled (cancel_batch) or failed (more than max_failures). interrupted: its '
    'backend is gone; the view batch_progress says so at once, the row when the next run begins.';
COMMENT ON COLUMN scenario.batch_runs.total IS
    'Sessions to look at when it began. Turns and other runs take some of them, so done may stay below.';
COMMENT ON COLUMN scenario.batch_runs.done IS 'Sessions looked at: applied + deferred + pinned + exited + failed.';
COMMENT ON COLUMN scenario.batch_runs.applied IS 'migrate: sessions moved to the new version. mark: sessions marked.';
COMMENT ON COLUMN scenario.batch_runs.deferred IS
    'migrate: sessions whose turn would ask for something: a field, a confirmation, an action or a decision. They '
    'are as they were, still marked, and nobody has been asked. mark: sessions that their policy leaves out.';
COMMENT ON COLUMN scenario.batch_runs.blocked IS 'Those of done whose redirect a checkpoint forbade.';
COMMENT ON COLUMN scenario.batch_runs.failed IS
    'Sessions whose migration or marking raised an error, which is in batch_errors. They are as they were.';
COMMENT ON COLUMN scenario.batch_runs.rate IS 'Sessions per second, time in which it was paused left out.';

CREATE TABLE scenario.batch_errors (
    tenant_id  uuid NOT NULL,
    run_id     uuid NOT NULL,
    session_id uuid NOT NULL,
    sqlstate   text NOT NULL,
    message    text NOT NULL,
    detail     text,
    hint       text,
    at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (tenant_id, run_id, session_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES scenario.batch_runs ON DELETE CASCADE
);
CREATE INDEX batch_errors_session ON scenario.batch_errors (tenant_id, session_id, at);
COMMENT ON TABLE scenario.batch_errors IS
    'Sessions that a run could not migrate or mark, with the error of each. They are as they were: marked, or not. '
    'Goes with its run.';

-- A worker holds an advisory lock of this name while it works, so that everybody can see whether it is alive, without the
-- rights that pg_stat_activity asks for. It is taken anew in each transaction: however a worker ends, it is let go.
CREATE FUNCTION scenario.batch_lock(run_id uuid) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT pg_advisory_xact_lock(29539, hashtext(run_id::text)) $$;
COMMENT ON FUNCTION scenario.batch_lock(uuid) IS 'Shows, until the transaction ends, that the run of this id has a worker.';

CREATE FUNCTION scenario.batch_is_alive(run_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks AS l
                    WHERE l.locktype = 'advisory' AND l.granted
                      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                      AND l.classid = 29539 AND l.objsubid = 2
                      AND l.objid = (hashtext(run_id::text)::bigint & 4294967295)::oid)
$$;
COMMENT ON FUNCTION scenario.batch_is_alive(uuid) IS
    'Whether a run has a worker now. Between two of its transactions it has none for an instant. Only reads.';

-- One line a batch ----------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.duration_in_words(seconds double precision) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN seconds < 100 THEN format('%s s', round(seconds))
                WHEN seconds < 6000 THEN format('%s min', round(seconds / 60))
                ELSE format('%s h', round(seconds / 3600)) END
$$;
COMMENT ON FUNCTION scenario.duration_in_words(double precision) IS 'Seconds as people say them: 15 s, 12 min, 3 h. Only computes.';

CREATE FUNCTION scenario.batch_line(run scenario.batch_runs) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s %s%% %s of %s, %s/s', (run).kind,
                  CASE WHEN (run).total = 0 THEN 100 ELSE least(100, floor(100.0 * (run).done / (run).total)) END,
                  trim(to_char((run).done, 'FM999,999,999,999')), trim(to_char((run).total, 'FM999,999,999,999')),
                  trim(to_char(round((run).rate::numeric), 'FM999,999,999')))
           || CASE WHEN (run).state <> 'running' THEN ', ' || (run).state
                   WHEN (run).rate > 0 AND (run).total > (run).done
                       THEN format(', %s left', scenario.duration_in_words(((run).total - (run).done) / (run).rate))
                   ELSE '' END
           || CASE (run).kind
                  WHEN 'mark' THEN format('; marked %s, left out %s', trim(to_char((run).applied, 'FM999,999,999,999')),
                                          trim(to_char((run).deferred, 'FM999,999,999,999')))
                       || CASE WHEN (run).failed > 0
                               THEN ', failed ' || trim(to_char((run).failed, 'FM999,999,999,999')) ELSE '' END
                  ELSE format('; applied %s, would ask %s', trim(to_char((run).applied, 'FM999,999,999,999')),
                              trim(to_char((run).deferred, 'FM999,999,999,999')))
                       || CASE WHEN (run).pinned > 0 THEN ', pinned ' || trim(to_char((run).pinned, 'FM999,999,999,999')) ELSE '' END
                       || CASE WHEN (run).exited > 0 THEN ', exited ' || trim(to_char((run).exited, 'FM999,999,999,999')) ELSE '' END
                       || CASE WHEN (run).blocked > 0 THEN ', blocked ' || trim(to_char((run).blocked, 'FM999,999,999,999')) ELSE '' END
                       || format(', failed %s', trim(to_char((run).failed, 'FM999,999,999,999'))) END
$$;
COMMENT ON FUNCTION scenario.batch_line(scenario.batch_runs) IS
    'Progress of a run in one line, as its notices have it: SELECT scenario.batch_line(r) FROM scenario.batch_runs AS r. Only computes.';

-- One batch of a migration --------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.add_to_run(INOUT run scenario.batch_runs, page record)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.applied := (run).applied + page.applied;
    run.deferred := (run).deferred + page.deferred;
    run.pinned := (run).pinned + page.pinned;
    run.exited := (run).exited + page.exited;
    run.blocked := (run).blocked + page.blocked;
    run.done := (run).done + page.applied + page.deferred + page.pinned + page.exited;
END
$$;
COMMENT ON FUNCTION scenario.add_to_run(scenario.batch_runs, record) IS
    'For migrate_batch: adds the counts of a page, a row of migrate_page, to those of its run. Only computes.';

-- What a session comes to, and what is written for it, is decided by migrate_page (src/batch.rs). Here is what only PL/pgSQL
-- can do: a savepoint, so that a session that fails stops nobody. Deferred triggers fire before it is released, since
-- an error at COMMIT would stop the run. No SET clause: the triggers of the application find their names as at a turn.
CREATE FUNCTION scenario.migrate_batch(
    INOUT run scenario.batch_runs, INOUT after uuid, wanted integer, session_ids uuid[], failures_left bigint,
    OUT looked_at integer, OUT skipped uuid[])
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids     uuid[];
    v_id      uuid;
    v_came    record;
    v_message text;
    v_detail  text;
    v_hint    text;
BEGIN
    v_ids := scenario.lock_marked_sessions((run).tenant_id, (run).plan_id, after, wanted, session_ids);
    looked_at := pg_catalog.cardinality(v_ids);
    -- Sessions between those of the page, which somebody has locked, and after a page that is not full.
    IF session_ids IS NULL THEN
        skipped := ARRAY(SELECT s.session_id FROM scenario.sessions AS s
                          WHERE s.tenant_id = (run).tenant_id AND s.pending_plan_id = (run).plan_id
                            AND s.status = 'active'
                            AND s.session_id > after AND (looked_at < wanted OR s.session_id < v_ids[looked_at])
                            AND s.session_id <> ALL (v_ids));
    END IF;
    IF looked_at = 0 THEN
        RETURN;
    END IF;
    after := v_ids[looked_at];

    -- Nearly always nobody fails, and one savepoint is enough for all. If somebody does, each session gets one of its own.
    BEGIN
        SELECT m.* INTO STRICT v_came FROM scenario.migrate_page((run).tenant_id, v_ids) AS m;
        SET CONSTRAINTS ALL IMMEDIATE;
        run := scenario.add_to_run(run, v_came);
        RETURN;
    EXCEPTION
        WHEN OTHERS OR assert_failure THEN  -- a cancelled statement is not among them: it ends the run
            NULL;
    END;
    FOREACH v_id IN ARRAY v_ids LOOP
        BEGIN
            SELECT m.* INTO STRICT v_came FROM scenario.migrate_page((run).tenant_id, ARRAY[v_id]) AS m;
            SET CONSTRAINTS ALL IMMEDIATE;
            run := scenario.add_to_run(run, v_came);
        EXCEPTION
            WHEN OTHERS OR assert_failure THEN
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
                run.done := run.done + 1;
                run.failed := run.failed + 1;
                INSERT INTO scenario.batch_errors (tenant_id, run_id, session_id, sqlstate, message, detail, hint)
                VALUES ((run).tenant_id, (run).run_id, v_id, SQLSTATE, v_message, nullif(v_detail, ''), nullif(v_hint, ''));
        END;
        -- The others of this page stay marked, for the next run.
        EXIT WHEN (run).failed > failures_left;
    END LOOP;
END
$$;
COMMENT ON FUNCTION scenario.migrate_batch(scenario.batch_runs, uuid, integer, uuid[], bigint) IS
    'One page of migrate_sessions: the next sessions after the one that is given. Arguments: run, session to go on '
    'after, how many, the sessions to look at (NULL: all that are marked), failures that are allowed in all. Returns '
    'the run with its counts, the last session, how many sessions it looked at, and which it skipped since somebody '
    'has locked them. Keeps the error of each session that fails in batch_errors. Writes as reconcile_session, and '
    'batch_errors.';

-- One page of marks ---------------------------------------------------------------------------------------------------

-- As migrate_batch: only here can a savepoint be had. A deployment is one transaction, which is its caller's: deferred
-- triggers fire where its caller wants them to.
CREATE FUNCTION scenario.mark_page(
    tenant_id uuid, plan_id uuid, session_ids uuid[], step_ids text[], anchor_hashes text[], at_finished boolean,
    run_id uuid, OUT marked bigint, OUT failed bigint, OUT first_error text)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids     uuid[];
    v_id      uuid;
    v_marked  bigint;
    v_message text;
    v_detail  text;
    v_hint    text;
BEGIN
    failed := 0;
    -- The second look of a run leaves out whom the first could not mark.
    v_ids := ARRAY(SELECT i.id FROM pg_catalog.unnest(session_ids) WITH ORDINALITY AS i (id, place)
                    WHERE NOT EXISTS (SELECT FROM scenario.batch_errors AS e
                                       WHERE e.tenant_id = mark_page.tenant_id AND e.run_id = mark_page.run_id
                                         AND e.session_id = i.id)
                    ORDER BY i.place);
    BEGIN
        marked := scenario.mark_together(mark_page.tenant_id, plan_id, v_ids, step_ids, anchor_hashes, at_finished);
        IF mark_page.run_id IS NOT NULL THEN
            SET CONSTRAINTS ALL IMMEDIATE;
        END IF;
        RETURN;
    EXCEPTION
        WHEN OTHERS OR assert_failure THEN  -- a cancelled statement is not among them: it ends the call
            marked := 0;
    END;
    FOREACH v_id IN ARRAY v_ids LOOP
        BEGIN
            v_marked := scenario.mark_together(mark_page.tenant_id, plan_id, ARRAY[v_id], step_ids, anchor_hashes,
                                               at_finished);
            IF mark_page.run_id IS NOT NULL THEN
                SET CONSTRAINTS ALL IMMEDIATE;
            END IF;
            marked := marked + v_marked;
        EXCEPTION
            WHEN OTHERS OR assert_failure THEN
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
                                        v_hint = PG_EXCEPTION_HINT;
                failed := failed + 1;
                first_error := coalesce(first_error, pg_catalog.format('Session %s: %s', v_id, v_message));
                IF mark_page.run_id IS NOT NULL THEN
                    INSERT INTO scenario.batch_errors (tenant_id, run_id, session_id, sqlstate, message, detail, hint)
                    VALUES (mark_page.tenant_id, mark_page.run_id, v_id, SQLSTATE, v_message, nullif(v_detail, ''),
                            nullif(v_hint, ''));
                END IF;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION scenario.mark_page(uuid, uuid, uuid[], text[], text[], boolean, uuid) IS
    'For deploy_migration_plan and mark_sessions: marks these sessions; one that fails stops nobody. Arguments: '
    'tenant, plan, sessions in the order in which they are locked, steps at which they are, the anchor of each step, '
    'whether finished sessions are marked, the run (NULL: a deployment, which keeps no errors). Returns how many it '
    'marked, how many failed, and what the first of them raised. Raises P0002, 22023. Writes sessions '
    '(marks only), batch_errors.';

-- From another connection ---------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.set_batch_state(tenant_id uuid, run_id uuid, wanted text, allowed text[]) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_state text;
BEGIN
    PERFORM scenario.require_argument(set_batch_state.tenant_id, 'tenant_id');
    PERFORM scenario.require_argument(set_batch_state.run_id, 'run_id');
    SELECT r.state INTO v_state FROM scenario.batch_runs AS r
     WHERE r.tenant_id = set_batch_state.tenant_id AND r.run_id = set_batch_state.run_id
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002', MESSAGE = format('batch run %s does not exist', set_batch_state.run_id),
            HINT = 'Runs are in scenario.batch_runs.';
    ELSIF v_state = wanted THEN
        RETURN v_state;
    ELSIF NOT v_state = ANY (allowed) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('batch run %s is %s and cannot become %s', set_batch_state.run_id, v_state, wanted),
            DETAIL = format('It can when it is %s.', array_to_string(allowed, ' or ')),
            HINT = 'A run that has ended is continued by a new one: CALL mark_sessions(…) or migrate_sessions(…).';
    END IF;
    UPDATE scenario.batch_runs AS r
       SET state = wanted, updated_at = clock_timestamp(),
           finished_at = CASE WHEN wanted IN ('running', 'paused') THEN NULL ELSE clock_timestamp() END
     WHERE r.tenant_id = set_batch_state.tenant_id AND r.run_id = set_batch_state.run_id;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION scenario.set_batch_state(uuid, uuid, text, text[]) IS
    'For pause_batch, resume_batch, cancel_batch: sets the state of a run if it is one of those that are allowed.';

CREATE FUNCTION scenario.pause_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'paused', ARRAY['running']) $$;
COMMENT ON FUNCTION scenario.pause_batch(uuid, uuid) IS
    'Makes a run wait after its current batch, for as long as nobody resumes or cancels it; it holds no lock and no snapshot '
    'meanwhile. Arguments: tenant, run. Returns its state. Raises P0002 for an unknown run, 55000 for one that has ended, 22023 '
    'for NULL. Writes batch_runs.';

CREATE FUNCTION scenario.resume_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'running', ARRAY['paused']) $$;
COMMENT ON FUNCTION scenario.resume_batch(uuid, uuid) IS
    'Lets a paused run go on. One whose backend is gone is continued by a new CALL. Arguments: tenant, run. Returns its state. '
    'Raises P0002 for an unknown run, 55000 for one that has ended, 22023 for NULL. Writes batch_runs.';

CREATE FUNCTION scenario.cancel_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'cancelled', ARRAY['running', 'paused', 'interrupted']) $$;
COMMENT ON FUNCTION scenario.cancel_batch(uuid, uuid) IS
    'Ends a run after its current batch. What it has done stays; the other sessions keep their marks. Arguments: tenant, run. '
    'Returns its state. Raises P0002 for an unknown run, 55000 for one that has ended, 22023 for NULL. Writes batch_runs.';
