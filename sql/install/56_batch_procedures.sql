-- CALL mark_sessions(…) and CALL migrate_sessions(…): batches, each committed. A procedure that commits can have no SET
-- clause, so the procedures hold only the loop; everything else is in functions that have one.

CREATE FUNCTION scenario.start_batch(tenant_id uuid, plan_id uuid, kind text, batch_size integer)
    RETURNS scenario.batch_runs
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_run scenario.batch_runs;
BEGIN
    PERFORM scenario.begin_batch(start_batch.tenant_id, start_batch.plan_id, kind || '_sessions');
    IF start_batch.batch_size IS NULL OR start_batch.batch_size NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('batch_size %s is not between 1 and 100000',
                             coalesce(start_batch.batch_size::text, 'NULL')),
            HINT = 'It is the number of sessions that are locked together, and so how long a turn may have to wait.';
    END IF;
    -- Runs of this plan whose backend is gone: this one continues their work.
    UPDATE scenario.batch_runs AS r SET state = 'interrupted', finished_at = r.updated_at
     WHERE r.tenant_id = start_batch.tenant_id AND r.plan_id = start_batch.plan_id AND r.kind = start_batch.kind
       AND r.state IN ('running', 'paused') AND NOT scenario.batch_is_alive(r.run_id);
    INSERT INTO scenario.batch_runs (tenant_id, plan_id, kind, batch_size)
    VALUES (start_batch.tenant_id, start_batch.plan_id, start_batch.kind, start_batch.batch_size)
    RETURNING * INTO v_run;
    PERFORM scenario.batch_lock(v_run.run_id);
    IF start_batch.kind = 'migrate' THEN
        SELECT count(*) INTO v_run.total FROM scenario.sessions AS s
         WHERE s.tenant_id = start_batch.tenant_id AND s.pending_plan_id = start_batch.plan_id
           AND s.status IN ('active', 'completed');
    ELSE
        v_run.total := scenario.count_sessions_to_mark(start_batch.tenant_id, start_batch.plan_id);
    END IF;
    UPDATE scenario.batch_runs AS r SET total = v_run.total
     WHERE r.tenant_id = v_run.tenant_id AND r.run_id = v_run.run_id;
    RETURN v_run;
END
$$;
COMMENT ON FUNCTION scenario.start_batch(uuid, uuid, text, integer) IS
    'The row of a new run, for mark_sessions and migrate_sessions; runs whose backend is gone are set to interrupted. '
    'Raises 25001 inside a transaction block, 55000 for a plan that is not deployed, P0002, 22023. Writes batch_runs.';

-- Whether to go on is asked in a transaction of its own, before each batch.
CREATE FUNCTION scenario.batch_state(run scenario.batch_runs) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_state text;
BEGIN
    PERFORM scenario.batch_lock((run).run_id);
    SELECT r.state INTO v_state FROM scenario.batch_runs AS r
     WHERE r.tenant_id = (run).tenant_id AND r.run_id = (run).run_id;
    -- Somebody took the instant between two transactions for its end.
    IF v_state = 'interrupted' THEN
        UPDATE scenario.batch_runs AS r SET state = 'running', finished_at = NULL
         WHERE r.tenant_id = (run).tenant_id AND r.run_id = (run).run_id;
        RETURN 'running';
    END IF;
    RETURN coalesce(v_state, 'cancelled');  -- the plan was deleted, its runs with it
END
$$;
COMMENT ON FUNCTION scenario.batch_state(scenario.batch_runs) IS
    'For the worker of a run: says that it is alive, and returns the state that others may have set.';

-- Last in each batch, so that pause_batch and cancel_batch wait for no more than a commit.
CREATE FUNCTION scenario.note_batch(INOUT run scenario.batch_runs, paused double precision, ending text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.rate := (run).done / greatest(extract(epoch FROM clock_timestamp() - (run).started_at) - paused, 0.001);
    UPDATE scenario.batch_runs AS r
       SET done = (run).done, applied = (run).applied, deferred = (run).deferred, blocked = (run).blocked,
           failed = (run).failed, pinned = (run).pinned, exited = (run).exited, rate = (run).rate,
           updated_at = clock_timestamp(), state = coalesce(ending, r.state),
           finished_at = CASE WHEN ending IS NOT NULL THEN clock_timestamp() ELSE r.finished_at END
     WHERE r.tenant_id = (run).tenant_id AND r.run_id = (run).run_id
    RETURNING r.* INTO run;
END
$$;
COMMENT ON FUNCTION scenario.note_batch(scenario.batch_runs, double precision, text) IS
    'For the worker of a run: writes its counts, and how it ended if it has. Arguments: run, seconds that it was '
    'paused, ending or NULL. Returns the row as written.';

CREATE PROCEDURE scenario.migrate_sessions(tenant_id uuid, plan_id uuid, batch_size integer DEFAULT 500,
                                           max_sessions bigint DEFAULT NULL, max_failures bigint DEFAULT NULL)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_run     scenario.batch_runs;
    v_start   uuid := '00000000-0000-0000-0000-000000000000';
    v_after   uuid := v_start;
    v_skipped uuid[] := '{}';
    v_only    uuid[];
    v_looked  integer;
    v_wanted  integer;
    v_batch   record;
    v_state   text;
    v_paused  double precision := 0;
    v_since   timestamptz;
    v_ending  text := 'finished';
BEGIN
    IF max_sessions < 0 OR max_failures < 0 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'max_sessions and max_failures must not be negative',
            HINT = 'NULL: no limit.';
    END IF;
    v_run := scenario.start_batch(tenant_id, plan_id, 'migrate', batch_size);
    COMMIT;

    LOOP
        v_state := scenario.batch_state(v_run);
        IF v_state = 'paused' THEN
            v_since := pg_catalog.clock_timestamp();
            PERFORM scenario.note_batch(v_run, v_paused, NULL);
            COMMIT;
            v_state := scenario.batch_state(v_run);
            WHILE v_state = 'paused' LOOP
                -- A transaction each, so that nothing is held for longer: no row, no snapshot that vacuum would wait
                -- for.
                PERFORM pg_catalog.pg_sleep(0.2);
                COMMIT;
                v_state := scenario.batch_state(v_run);
            END LOOP;
            v_paused := v_paused + extract(epoch FROM pg_catalog.clock_timestamp() - v_since);
        END IF;
        IF v_state <> 'running' THEN
            v_ending := v_state;
            EXIT;
        END IF;

        v_wanted := least(batch_size, max_sessions - v_run.done);
        IF v_wanted <= 0 THEN
            EXIT;
        END IF;
        -- The second look: what the first one skipped, a page at a time.
        IF v_looked IS NOT NULL THEN
            v_only := v_skipped[v_looked + 1 : v_looked + v_wanted];
            v_looked := v_looked + pg_catalog.cardinality(v_only);
            EXIT WHEN pg_catalog.cardinality(v_only) = 0;
        END IF;
        SELECT b.run, b.after, b.looked_at, b.skipped INTO STRICT v_batch
          FROM scenario.migrate_batch(v_run, CASE WHEN v_looked IS NULL THEN v_after ELSE v_start END, v_wanted, v_only,
                                      coalesce(max_failures, 9223372036854775807)) AS b;
        v_after := v_batch.after;
        v_run := scenario.note_batch(v_batch.run, v_paused, NULL);
        COMMIT;
        IF v_batch.looked_at > 0 THEN
            RAISE NOTICE '%', scenario.batch_line(v_run);
        END IF;
        IF v_run.failed > max_failures THEN
            v_ending := 'failed';
            EXIT;
        END IF;
        IF v_looked IS NULL THEN
            v_skipped := v_skipped || v_batch.skipped;
            IF v_batch.looked_at < v_wanted THEN
                v_looked := 0;
            END IF;
        END IF;
    END LOOP;

    v_run := scenario.note_batch(v_run, v_paused, v_ending);
    COMMIT;
    RAISE NOTICE '%', scenario.batch_line(v_run);
    IF v_ending = 'failed' THEN
        RAISE WARNING USING
            MESSAGE = pg_catalog.format('run %s stopped: %s sessions failed', v_run.run_id, v_run.failed),
            DETAIL = 'What was migrated stays so; the others keep their marks.',
            HINT = 'Their errors are in scenario.batch_errors.';
    END IF;
END
$$;
COMMENT ON PROCEDURE scenario.migrate_sessions(uuid, uuid, integer, bigint, bigint) IS
    'Migrates the marked sessions of a deployed plan without waiting for their turns: those that need nobody are '
    'moved, those that need the customer, an action or a decision stay as they are, marked, and are counted '
    '(deferred): their next turn asks. Commits after each batch, so it cannot be called inside a transaction block '
    '(25001). Rows that somebody has locked are skipped, and looked at once more at the end. A session that fails is '
    'kept in batch_errors and does not stop the others. Several can run at once, and one that was stopped is continued '
    'by calling again. Arguments: tenant, plan, sessions per batch (500), sessions in all (NULL: all), failures after '
    'which to stop (NULL: never). Progress: a notice per batch and a row in batch_runs; pause_batch, resume_batch, '
    'cancel_batch from another connection. Raises P0002, 55000 (plan not deployed, scenario.enabled off), 25001, '
    '22023. Writes as reconcile_session, and batch_runs, batch_errors.';

CREATE PROCEDURE scenario.mark_sessions(tenant_id uuid, plan_id uuid, batch_size integer DEFAULT 1000)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_run    scenario.batch_runs;
    v_page   record;
    v_step   text := '';
    v_after  uuid := '00000000-0000-0000-0000-000000000000';
    v_second boolean := false;
    v_state  text;
    v_paused double precision := 0;
    v_since  timestamptz;
    v_ending text := 'finished';
BEGIN
    v_run := scenario.start_batch(tenant_id, plan_id, 'mark', batch_size);
    COMMIT;
    LOOP
        v_state := scenario.batch_state(v_run);
        IF v_state = 'paused' THEN
            v_since := pg_catalog.clock_timestamp();
            WHILE v_state = 'paused' LOOP
                PERFORM pg_catalog.pg_sleep(0.2);
                COMMIT;
                v_state := scenario.batch_state(v_run);
            END LOOP;
            v_paused := v_paused + extract(epoch FROM pg_catalog.clock_timestamp() - v_since);
        END IF;
        IF v_state <> 'running' THEN
            v_ending := v_state;
            EXIT;
        END IF;

        SELECT m.looked_at, m.marked, m.failed, m.last_step_id, m.last_session_id INTO STRICT v_page
          FROM scenario.mark_batch(tenant_id, plan_id, v_step, v_after, batch_size, v_run.run_id) AS m;
        v_run.applied := v_run.applied + v_page.marked;
        v_run.failed := v_run.failed + v_page.failed;
        -- At the second look those that the policy leaves out come again: they are counted once.
        IF NOT v_second THEN
            v_run.deferred := v_run.deferred + v_page.looked_at - v_page.marked - v_page.failed;
        END IF;
        v_run.done := v_run.applied + v_run.deferred + v_run.failed;
        v_run := scenario.note_batch(v_run, v_paused, NULL);
        COMMIT;
        IF v_page.looked_at > 0 AND NOT v_second OR v_page.marked + v_page.failed > 0 THEN
            RAISE NOTICE '%', scenario.batch_line(v_run);
        END IF;
        -- A page can be shorter than it was: what somebody has locked was not looked at.
        IF v_page.last_session_id IS NULL THEN
            EXIT WHEN v_second;
            v_second := true;
            v_step := '';
            v_after := '00000000-0000-0000-0000-000000000000';
        ELSE
            v_step := v_page.last_step_id;
            v_after := v_page.last_session_id;
        END IF;
    END LOOP;
    v_run := scenario.note_batch(v_run, v_paused, v_ending);
    COMMIT;
    RAISE NOTICE '%', scenario.batch_line(v_run);
END
$$;
COMMENT ON PROCEDURE scenario.mark_sessions(uuid, uuid, integer) IS
    'Marks the sessions of a deployed plan that its policies let in and that have no mark yet: for tenants that are '
    'too large to be marked in one transaction (deploy with scenario.auto_mark_sessions = off), and for sessions that '
    'were locked then. Sessions that were pinned since the plan was deployed are left alone, also those that '
    'revert_session took back. A session that cannot be marked is kept in batch_errors and does not stop the others. '
    'Commits after each batch, so it cannot be called inside a transaction block (25001). Arguments: tenant, plan, '
    'sessions per batch (1000). Progress and control as for migrate_sessions. Raises P0002, 55000 (plan not deployed), '
    '25001, 22023. Writes sessions, migration_plans, batch_runs, batch_errors.';
