-- One page of migrate_sessions or of mark_sessions. Rust decides what a session comes to, and writes it. Only PL/pgSQL
-- can set a savepoint, so that a session that fails stops no other one.

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

-- Deferred triggers fire before the savepoint is released, since an error at COMMIT would stop the run. There is no SET
-- clause, so that the triggers of the application find their names as at a turn.
CREATE FUNCTION scenario.migrate_batch(
    INOUT run scenario.batch_runs, INOUT after uuid, wanted integer, session_ids uuid[], failures_left bigint,
    OUT looked_at integer, OUT skipped uuid[])
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_last    CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_until   uuid;
    v_skips   boolean := false;
    v_ids     uuid[];
    v_id      uuid;
    v_came    record;
    v_message text;
    v_detail  text;
    v_hint    text;
BEGIN
    -- Nearly always nobody holds a session of the page, and nothing was skipped.
    BEGIN
        v_ids := scenario.lock_marked_sessions((run).tenant_id, (run).plan_id, after, wanted, session_ids, false);
    EXCEPTION
        WHEN lock_not_available THEN
            v_ids := scenario.lock_marked_sessions((run).tenant_id, (run).plan_id, after, wanted, session_ids, true);
            v_skips := true;
    END;
    looked_at := pg_catalog.cardinality(v_ids);
    skipped := '{}';
    -- Sessions between those of the page, which somebody has locked, and after a page that is not full.
    IF session_ids IS NULL AND v_skips THEN
        v_until := CASE WHEN looked_at < wanted THEN v_last ELSE v_ids[looked_at] END;
        skipped := ARRAY(SELECT s.session_id FROM scenario.sessions AS s
                          WHERE s.tenant_id = (run).tenant_id AND s.pending_plan_id = (run).plan_id
                            AND s.status IN ('active', 'completed')
                            AND s.session_id > after AND s.session_id <= v_until
                            AND NOT EXISTS (SELECT FROM pg_catalog.unnest(v_ids) AS i (id)
                                             WHERE i.id = s.session_id));
    END IF;
    IF looked_at = 0 THEN
        RETURN;
    END IF;
    after := v_ids[looked_at];

    -- Nearly always nobody fails, and one savepoint is enough for all. If somebody does, each session gets one of its
    -- own.
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
                GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
                                        v_hint = PG_EXCEPTION_HINT;
                run.done := run.done + 1;
                run.failed := run.failed + 1;
                INSERT INTO scenario.batch_errors (tenant_id, run_id, session_id, sqlstate, message, detail, hint)
                VALUES ((run).tenant_id, (run).run_id, v_id, SQLSTATE, v_message, nullif(v_detail, ''),
                        nullif(v_hint, ''));
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

-- A deployment is one transaction, which is its caller's, so that deferred triggers fire where its caller wants them
-- to.
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
    'marked, how many failed, and what the first of them raised. Raises P0002, 22023. Writes sessions (marks only), '
    'batch_errors.';

CREATE FUNCTION scenario.try_mark_steps(tenant_id uuid, plan_id uuid, anchor_hashes jsonb, left_out text[])
    RETURNS bigint
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN scenario.mark_steps(tenant_id, plan_id, anchor_hashes, left_out);
EXCEPTION
    WHEN OTHERS OR assert_failure THEN  -- a cancelled statement is not among them: it ends the call
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.try_mark_steps(uuid, uuid, jsonb, text[]) IS
    'For deploy_migration_plan: mark_steps in a savepoint. Arguments: those of mark_steps. Returns how many it has '
    'marked; NULL: a session has failed, and none is marked. Writes sessions (marks only).';
