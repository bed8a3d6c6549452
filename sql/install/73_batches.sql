-- Batch runs: what they keep, and one batch of each kind (SPEC 12).
-- Needs: 20_plans.sql, 30_sessions.sql, 50_audit.sql, 70_undo.sql, 71_simulation.sql. Calls, when they run:
--   scenario.reconcile_session(tenant_id, session_id)
--   scenario.graft_steps(tenant_id, plan_id)                                  src/api/batches.rs
--   scenario.mark_batch(tenant_id, plan_id, after_step_id, after_session_id, batch_size, second_look)
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
    'migrate: sessions that wait for the customer, an action or a decision, still marked. mark: sessions that their policy leaves out.';
COMMENT ON COLUMN scenario.batch_runs.blocked IS 'Those of done whose redirect a checkpoint forbade.';
COMMENT ON COLUMN scenario.batch_runs.failed IS 'Sessions whose migration raised an error, which is in batch_errors; still marked.';
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
    'Sessions that a run could not migrate, with the error of each. They are as they were and still marked. Goes with its run.';

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
                  ELSE format('; applied %s, waiting %s', trim(to_char((run).applied, 'FM999,999,999,999')),
                              trim(to_char((run).deferred, 'FM999,999,999,999')))
                       || CASE WHEN (run).pinned > 0 THEN ', pinned ' || trim(to_char((run).pinned, 'FM999,999,999,999')) ELSE '' END
                       || CASE WHEN (run).exited > 0 THEN ', exited ' || trim(to_char((run).exited, 'FM999,999,999,999')) ELSE '' END
                       || CASE WHEN (run).blocked > 0 THEN ', blocked ' || trim(to_char((run).blocked, 'FM999,999,999,999')) ELSE '' END
                       || format(', failed %s', trim(to_char((run).failed, 'FM999,999,999,999'))) END
$$;
COMMENT ON FUNCTION scenario.batch_line(scenario.batch_runs) IS
    'Progress of a run in one line, as its notices have it: SELECT scenario.batch_line(r) FROM scenario.batch_runs AS r. Only computes.';

-- One batch of a migration --------------------------------------------------------------------------------------------

-- Clean grafts go set-wise: what the engine would decide for each is known from the plan alone, and graft_steps has asked it.
-- Everything else is a turn of its own. What it writes is what reconcile_session writes, to the column.
CREATE FUNCTION scenario.graft_set(tenant_id uuid, plan scenario.migration_plans, session_ids uuid[], old_step_ids text[],
                                   new_step_ids text[], anchor_hashes text[], reasons text[]) RETURNS uuid[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_moved uuid[];
BEGIN
    WITH graft AS MATERIALIZED (
        SELECT g.* FROM ROWS FROM (unnest(graft_set.old_step_ids), unnest(graft_set.new_step_ids),
                                   unnest(graft_set.anchor_hashes), unnest(graft_set.reasons))
                          AS g (old_step_id, new_step_id, anchor_hash, reason)
    ), before AS MATERIALIZED (
        SELECT s.session_id, s.scenario_version, s.step_id, s.step_content_hash, s.scenario_checksum, s.reconciled_version,
               s.revision, s.visit_count, g.new_step_id, g.anchor_hash, g.reason
          FROM scenario.sessions AS s
          JOIN graft AS g ON g.old_step_id = s.step_id
         WHERE s.tenant_id = graft_set.tenant_id AND s.session_id = ANY (graft_set.session_ids)
           AND s.scenario_id = (graft_set.plan).scenario_id AND s.scenario_version = (graft_set.plan).from_version
           AND s.scenario_checksum = (graft_set.plan).from_checksum AND s.status = 'active'
    ), moved AS (
        UPDATE scenario.sessions AS s
           SET scenario_version = (graft_set.plan).to_version, step_id = b.new_step_id,
               reconciled_version = (graft_set.plan).to_version, visit_reason = 'migration',
               visit_plan_id = (graft_set.plan).plan_id, revision = s.revision + 1
          FROM before AS b
         WHERE s.tenant_id = graft_set.tenant_id AND s.session_id = b.session_id
        RETURNING s.session_id
    ), audited AS (
        INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version, to_version,
                migration_scenario, anchor_content_hash, step_before, step_after, action, reason)
        SELECT graft_set.tenant_id, b.session_id, b.revision + 1, (graft_set.plan).scenario_id,
               ARRAY[(graft_set.plan).plan_id], b.scenario_version, (graft_set.plan).to_version, 'clean_graft', b.anchor_hash,
               b.step_id, b.new_step_id, 'teleport', b.reason
          FROM before AS b
    ), undoable AS (
        INSERT INTO scenario.migration_undo AS u (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id,
                step_content_hash, scenario_checksum, reconciled_version, revision, visit_count)
        SELECT graft_set.tenant_id, b.session_id, (graft_set.plan).plan_id, (graft_set.plan).scenario_id, b.scenario_version,
               b.step_id, b.step_content_hash, b.scenario_checksum, b.reconciled_version, b.revision + 1, b.visit_count + 1
          FROM before AS b
        ON CONFLICT (tenant_id, session_id) DO UPDATE
           SET plan_id = excluded.plan_id, scenario_id = excluded.scenario_id, scenario_version = excluded.scenario_version,
               step_id = excluded.step_id, step_content_hash = excluded.step_content_hash,
               scenario_checksum = excluded.scenario_checksum, reconciled_version = excluded.reconciled_version,
               variables_written = excluded.variables_written, variables_before = excluded.variables_before,
               revision = excluded.revision, visit_count = excluded.visit_count, applied_at = excluded.applied_at,
               reverted_at = NULL
    )
    SELECT coalesce(array_agg(m.session_id), '{}') INTO v_moved FROM moved AS m;
    RETURN v_moved;
END
$$;
COMMENT ON FUNCTION scenario.graft_set(uuid, scenario.migration_plans, uuid[], text[], text[], text[], text[]) IS
    'Applies clean grafts set-wise, for migrate_sessions: the sessions, which it has locked, that are at one of the old steps. '
    'Returns those that it moved. Writes sessions, visits, migration_audit, migration_undo.';

CREATE FUNCTION scenario.migrate_one(tenant_id uuid, session_id uuid, INOUT run scenario.batch_runs)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_before integer;
    v_came   record;
BEGIN
    SELECT s.scenario_version INTO v_before FROM scenario.sessions AS s
     WHERE s.tenant_id = migrate_one.tenant_id AND s.session_id = migrate_one.session_id;
    SELECT r.* INTO STRICT v_came FROM scenario.reconcile_session(migrate_one.tenant_id, migrate_one.session_id) AS r;
    run.done := run.done + 1;
    IF v_came.blocked_by_checkpoint THEN
        run.blocked := run.blocked + 1;
    END IF;
    CASE
        WHEN v_came.action = 'exit_scenario' THEN
            run.exited := run.exited + 1;
        WHEN v_came.action IN ('collect', 'execute_action', 'decide') THEN
            run.deferred := run.deferred + 1;
        WHEN v_came.action = 'teleport' OR v_came.scenario_version IS DISTINCT FROM v_before THEN
            run.applied := run.applied + 1;
        ELSE
            run.pinned := run.pinned + 1;
    END CASE;
END
$$;
COMMENT ON FUNCTION scenario.migrate_one(uuid, uuid, scenario.batch_runs) IS
    'One turn for migrate_sessions, counted into its run. Raises and writes as reconcile_session.';

CREATE FUNCTION scenario.migrate_batch(
    INOUT run scenario.batch_runs, INOUT after uuid, plan scenario.migration_plans, wanted integer, second_look boolean,
    failures_left bigint, old_step_ids text[], new_step_ids text[], anchor_hashes text[], reasons text[], OUT looked_at integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_ids     uuid[];
    v_moved   uuid[] := '{}';
    v_rest    uuid[];
    v_id      uuid;
    v_so_far  scenario.batch_runs;
    v_message text;
    v_detail  text;
    v_hint    text;
BEGIN
    -- What a turn or another worker has locked is skipped; so is, at the second look, what has been looked at.
    SELECT coalesce(array_agg(p.session_id ORDER BY p.session_id), '{}') INTO v_ids
      FROM (SELECT s.session_id FROM scenario.sessions AS s
             WHERE s.tenant_id = (run).tenant_id AND s.pending_plan_id = (run).plan_id AND s.status = 'active'
               AND s.session_id > after
               AND NOT (second_look AND (s.waiting_for IS NOT NULL
                                         OR EXISTS (SELECT FROM scenario.batch_errors AS e
                                                     WHERE e.tenant_id = (run).tenant_id AND e.run_id = (run).run_id
                                                       AND e.session_id = s.session_id)))
             ORDER BY s.session_id
             LIMIT wanted
               FOR NO KEY UPDATE SKIP LOCKED) AS p;
    looked_at := cardinality(v_ids);
    IF looked_at = 0 THEN
        RETURN;
    END IF;
    after := v_ids[looked_at];

    IF cardinality(old_step_ids) > 0 AND scenario.plan_is_the_way(plan) THEN
        v_moved := scenario.graft_set((run).tenant_id, plan, v_ids, old_step_ids, new_step_ids, anchor_hashes, reasons);
        run.done := run.done + cardinality(v_moved);
        run.applied := run.applied + cardinality(v_moved);
    END IF;

    v_rest := ARRAY(SELECT i FROM unnest(v_ids) AS i EXCEPT SELECT m FROM unnest(v_moved) AS m ORDER BY 1);
    -- Nearly always nobody fails, and one subtransaction is enough for all. If somebody does, each gets one of their own.
    v_so_far := run;
    BEGIN
        FOREACH v_id IN ARRAY v_rest LOOP
            run := scenario.migrate_one((run).tenant_id, v_id, run);
        END LOOP;
        RETURN;
    EXCEPTION
        WHEN OTHERS THEN  -- not a cancelled statement: that is not among them, and ends the run
            run := v_so_far;
    END;
    FOREACH v_id IN ARRAY v_rest LOOP
        v_so_far := run;
        BEGIN
            run := scenario.migrate_one((run).tenant_id, v_id, run);
        EXCEPTION
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
                run := v_so_far;
                run.done := run.done + 1;
                run.failed := run.failed + 1;
                INSERT INTO scenario.batch_errors (tenant_id, run_id, session_id, sqlstate, message, detail, hint)
                VALUES ((run).tenant_id, (run).run_id, v_id, SQLSTATE, v_message, nullif(v_detail, ''), nullif(v_hint, ''));
        END;
        -- The others of this batch stay marked, for the next run.
        EXIT WHEN (run).failed > failures_left;
    END LOOP;
END
$$;
COMMENT ON FUNCTION scenario.migrate_batch(scenario.batch_runs, uuid, scenario.migration_plans, integer, boolean, bigint, text[],
                                           text[], text[], text[]) IS
    'One batch of migrate_sessions: the next sessions after the one that is given. Arguments: run, session to go on after, plan, '
    'how many, whether it is the second look, failures that are allowed in all, and the clean grafts of the plan. Returns the run '
    'with its counts, the last session, how many were looked at. Errors of sessions are kept in batch_errors.';

CREATE FUNCTION scenario.plan_is_the_way(plan scenario.migration_plans) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_and(c.published_version = (plan).to_version
                             AND (plan).plan_id = (SELECT p.plan_id FROM scenario.migration_plans AS p
                                                    WHERE p.tenant_id = (plan).tenant_id AND p.scenario_id = (plan).scenario_id
                                                      AND p.from_version = (plan).from_version
                                                      AND p.to_version = (plan).to_version
                                                      AND p.status IN ('deployed', 'cancelled')
                                                    ORDER BY p.deployed_at DESC, p.created_at DESC, p.plan_id LIMIT 1)
                             AND EXISTS (SELECT FROM scenario.migration_plans AS p
                                          WHERE p.tenant_id = (plan).tenant_id AND p.plan_id = (plan).plan_id
                                            AND p.status = 'deployed')), false)
      FROM scenario.scenarios AS c
     WHERE c.tenant_id = (plan).tenant_id AND c.scenario_id = (plan).scenario_id
$$;
COMMENT ON FUNCTION scenario.plan_is_the_way(scenario.migration_plans) IS
    'Whether the plan, as it stands now, is the one that its sessions go by: deployed, straight to the published version, the '
    'newest of its kind. Asked again for each batch, since an operator may cancel or publish meanwhile. Only reads.';

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
