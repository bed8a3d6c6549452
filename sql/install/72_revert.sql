-- Taking a migration back (SPEC 12).
-- Needs: 70_undo.sql, 71_simulation.sql (find_plan, require_argument), 50_audit.sql. Calls no Rust function.
--
-- A session goes back only if it has not moved since: revision and visit_count are those that the migration left. It is then
-- pinned to the version that it goes back to: otherwise the next turn would migrate it again at once. A plan that is built and
-- deployed from that version later takes it along like any pinned session; the one that was taken back never marks it again.

CREATE FUNCTION scenario.revert_session(tenant_id uuid, session_id uuid) RETURNS scenario.sessions
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_session   scenario.sessions;
    v_undo      scenario.migration_undo;
    v_restored  jsonb;
BEGIN
    PERFORM scenario.require_argument(revert_session.tenant_id, 'tenant_id');
    PERFORM scenario.require_argument(revert_session.session_id, 'session_id');
    -- The same lock as a turn's: it comes before or after this, never in between.
    SELECT s.* INTO v_session FROM scenario.sessions AS s
     WHERE s.tenant_id = revert_session.tenant_id AND s.session_id = revert_session.session_id
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('session %s does not exist', revert_session.session_id),
            HINT = 'Start it first: start_session(tenant_id, session_id, scenario_id).';
    END IF;
    SELECT u.* INTO v_undo FROM scenario.migration_undo AS u
     WHERE u.tenant_id = revert_session.tenant_id AND u.session_id = revert_session.session_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('session %s cannot be reverted: it has not been migrated', revert_session.session_id),
            HINT = 'What was done to it is in scenario.migration_audit.';
    ELSIF v_undo.reverted_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('session %s cannot be reverted: its last migration was taken back already', revert_session.session_id),
            DETAIL = format('It was at step %s of version %s then.', quote_ident(v_undo.step_id), v_undo.scenario_version),
            HINT = 'Only the last migration of a session can be taken back, and once.';
    ELSIF (v_session.revision, v_session.visit_count) IS DISTINCT FROM (v_undo.revision, v_undo.visit_count) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('session %s cannot be reverted: it has moved since its migration', revert_session.session_id),
            DETAIL = format('Visits then %s, now %s; revision then %s, now %s.',
                            v_undo.visit_count, v_session.visit_count, v_undo.revision, v_session.revision),
            HINT = 'To put it anywhere, UPDATE scenario.sessions SET scenario_version = …, step_id = ….';
    END IF;

    -- Locked, so that retention does not remove the version meanwhile.
    PERFORM FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = v_undo.tenant_id AND v.scenario_id = v_undo.scenario_id AND v.version = v_undo.scenario_version
        FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('session %s cannot be reverted: version %s is not kept any more',
                             revert_session.session_id, v_undo.scenario_version),
            HINT = 'scenario.version_retention_days says how long versions that nobody walks are kept.';
    END IF;

    -- A value that somebody has given since stays: it is not the migration's.
    SELECT v_session.variables - coalesce(array_agg(w.key), '{}')
           || coalesce(jsonb_object_agg(w.key, v_undo.variables_before -> w.key) FILTER (WHERE v_undo.variables_before ? w.key), '{}')
      INTO v_restored
      FROM jsonb_each(v_undo.variables_written) AS w
     WHERE v_session.variables -> w.key = w.value;

    UPDATE scenario.sessions AS s
       SET scenario_id = v_undo.scenario_id, scenario_version = v_undo.scenario_version, step_id = v_undo.step_id,
           reconciled_deployments = (SELECT c.deployments FROM scenario.scenarios AS c
                                      WHERE c.tenant_id = v_undo.tenant_id AND c.scenario_id = v_undo.scenario_id),
           pinned_at = clock_timestamp(), pinned_reason = 'reverted', pinned_plan_id = v_undo.plan_id,
           variables = v_restored,
           visit_count = s.visit_count + 1, visit_reason = 'revert', visit_plan_id = v_undo.plan_id, revision = s.revision + 1,
           pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL, pending_marked_at = NULL,
           waiting_for = NULL, waiting_since = NULL
     WHERE s.tenant_id = v_undo.tenant_id AND s.session_id = v_undo.session_id;
    -- The trigger has given it the version's own hash and checksum. They were others if it did not match its version (SPEC 10).
    UPDATE scenario.sessions AS s
       SET step_content_hash = v_undo.step_content_hash, scenario_checksum = v_undo.scenario_checksum
     WHERE s.tenant_id = v_undo.tenant_id AND s.session_id = v_undo.session_id
       AND (s.step_content_hash <> v_undo.step_content_hash OR s.scenario_checksum <> v_undo.scenario_checksum);
    UPDATE scenario.migration_undo AS u SET reverted_at = now()
     WHERE u.tenant_id = v_undo.tenant_id AND u.session_id = v_undo.session_id;
    INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version, to_version,
            step_before, step_after, action, reason)
    VALUES (v_undo.tenant_id, v_undo.session_id, v_undo.revision + 1, v_undo.scenario_id, array_remove(ARRAY[v_undo.plan_id], NULL),
            v_session.scenario_version, v_undo.scenario_version, v_session.step_id, v_undo.step_id, 'revert',
            'taken back, and pinned to its version');

    SELECT s.* INTO v_session FROM scenario.sessions AS s
     WHERE s.tenant_id = v_undo.tenant_id AND s.session_id = v_undo.session_id;
    RETURN v_session;
END
$$;
COMMENT ON FUNCTION scenario.revert_session(uuid, uuid) IS
    'Takes the last migration of a session back, if it has not moved since (SPEC 12): version, step, hash, checksum and the '
    'variables that the migration filled are as before, and the session is pinned to that version, so that its next turn does '
    'not migrate it again. What was learnt about the customer stays in the profile. Arguments: tenant, session. Returns the '
    'session''s row. Raises P0002 for an unknown session; 55000 if it was not migrated, has moved since, was reverted already, '
    'or its old version is gone; 22023 for NULL. Writes the session, a visit (reason revert), migration_undo, an audit row.';

CREATE FUNCTION scenario.revert_plan(tenant_id uuid, plan_id uuid)
    RETURNS TABLE (session_id uuid, reverted boolean, scenario_version integer, step_id text, problem text)
    LANGUAGE plpgsql ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_session_id uuid;
    v_session    scenario.sessions;
BEGIN
    PERFORM scenario.find_plan(revert_plan.tenant_id, revert_plan.plan_id);
    FOR v_session_id IN
        SELECT u.session_id FROM scenario.migration_undo AS u
         WHERE u.tenant_id = revert_plan.tenant_id AND u.plan_id = revert_plan.plan_id AND u.reverted_at IS NULL
         ORDER BY u.session_id
    LOOP
        session_id := v_session_id;
        BEGIN
            v_session := scenario.revert_session(revert_plan.tenant_id, v_session_id);
            reverted := true;
            scenario_version := v_session.scenario_version;
            step_id := v_session.step_id;
            problem := NULL;
        EXCEPTION
            -- These say something of one session, and the others go on. Everything else ends the call, and nothing has changed.
            WHEN object_not_in_prerequisite_state OR no_data_found THEN
                reverted := false;
                scenario_version := NULL;
                step_id := NULL;
                problem := SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION scenario.revert_plan(uuid, uuid) IS
    'revert_session for every session that the plan was the last to migrate (SPEC 12), in one transaction: rows of session, '
    'whether it was reverted, where it is then, and else why not. To keep the plan from marking others, cancel_deployment first. '
    'Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Writes as revert_session.';
