-- What stays true of sessions, and their history.
--
-- The statements that make the extension's own moves (src/store/session_changes/) check and complete them. The triggers
-- of this file do so for every other statement, also for one in a trigger that such a move fires.
--
-- An UPDATE of a session costs one lookup of the step and one visit when the session arrives somewhere, one expression
-- over the variables when they change, and one assignment when only turn_count is written. Otherwise it costs nothing:
-- the WHEN clauses are false.

CREATE FUNCTION scenario.version_to_walk(
    p_tenant_id uuid, p_scenario_id uuid, INOUT p_version integer, INOUT p_step_id text, OUT p_checksum text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_published integer;
    v_status    text;
BEGIN
    IF p_version IS NOT NULL THEN
        SELECT v.checksum, v.status INTO p_checksum, v_status
          FROM scenario.scenario_versions AS v
         WHERE v.tenant_id = p_tenant_id AND v.scenario_id = p_scenario_id AND v.version = p_version;
    END IF;
    IF v_status IS NULL THEN
        SELECT s.published_version INTO v_published
          FROM scenario.scenarios AS s
         WHERE s.tenant_id = p_tenant_id AND s.scenario_id = p_scenario_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'P0002',
                MESSAGE = format('scenario %s does not exist', p_scenario_id),
                HINT = 'Create it first: create_scenario(tenant_id, definition).';
        ELSIF p_version IS NULL AND v_published IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = '55000',
                MESSAGE = format('scenario %s has no published version', p_scenario_id),
                HINT = 'Publish one: UPDATE scenario.scenarios SET published_version = ….';
        END IF;
        p_version := coalesce(p_version, v_published);
        SELECT v.checksum, v.status INTO p_checksum, v_status
          FROM scenario.scenario_versions AS v
         WHERE v.tenant_id = p_tenant_id AND v.scenario_id = p_scenario_id AND v.version = p_version;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'P0002',
                MESSAGE = format('version %s of scenario %s does not exist', p_version, p_scenario_id),
                HINT = 'Leave scenario_version NULL for the published one.';
        END IF;
    END IF;
    -- A draft can still change, and would take the step from under the session.
    IF v_status = 'draft' THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('version %s of scenario %s is a draft: no session can walk it', p_version, p_scenario_id),
            HINT = 'Publish it first, or leave scenario_version NULL for the published one.';
    END IF;
    IF p_step_id IS NULL THEN
        SELECT s.step_id INTO p_step_id
          FROM scenario.scenario_steps AS s
         WHERE s.tenant_id = p_tenant_id AND s.scenario_id = p_scenario_id AND s.version = p_version AND s.is_entry;
    END IF;
END
$$;
COMMENT ON FUNCTION scenario.version_to_walk(uuid, uuid, integer, text) IS
    'The version that a session walks (NULL: the published one), the step (NULL: the entry), the checksum. For the '
    'triggers of sessions. Raises P0002 for a missing scenario or version, 55000 for a draft or where nothing is '
    'published. Only reads.';

CREATE FUNCTION scenario.deployments_at_arrival(
    p_tenant_id uuid, p_scenario_id uuid, p_version integer, p_matches boolean) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.deployments FROM scenario.scenarios AS s
     WHERE s.tenant_id = p_tenant_id AND s.scenario_id = p_scenario_id AND s.published_version = p_version AND p_matches
$$;
COMMENT ON FUNCTION scenario.deployments_at_arrival(uuid, uuid, integer, boolean) IS
    'reconciled_deployments of a session that is put into a scenario: NULL, so that its next turn looks at it, unless '
    'it walks the published version as that is stored. For the triggers of sessions. Only reads.';

CREATE FUNCTION scenario.raise_no_step(p_scenario_id uuid, p_version integer, p_step_id text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'P0002',
        MESSAGE = format('step %s does not exist in version %s of scenario %s',
                         coalesce('"' || p_step_id || '"', 'NULL'), p_version, p_scenario_id),
        HINT = 'The steps of a version are in scenario.scenario_steps.';
END
$$;
COMMENT ON FUNCTION scenario.raise_no_step(uuid, integer, text) IS 'Raises P0002: the version has no such step.';

-- A new session -------------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.sessions_start() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_place record;
    v_hash  text;
BEGIN
    IF NEW.revision = 0 THEN
        -- Audit rows outlive sessions: an id that is used again goes on after them and never collides.
        NEW.revision := coalesce((SELECT max(a.revision) FROM scenario.migration_audit AS a
                                   WHERE a.tenant_id = NEW.tenant_id AND a.session_id = NEW.session_id), 0);
    END IF;
    IF NEW.scenario_id IS NULL THEN
        IF num_nonnulls(NEW.scenario_version, NEW.step_id) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('session %s has a version or a step but no scenario', NEW.session_id),
                HINT = 'Give scenario_id too; version and step may be left NULL for the published version and its '
                       'entry step.';
        END IF;
        RETURN NEW;
    END IF;

    v_place := scenario.version_to_walk(NEW.tenant_id, NEW.scenario_id, NEW.scenario_version, NEW.step_id);
    NEW.scenario_version := v_place.p_version;
    NEW.step_id := v_place.p_step_id;
    SELECT s.content_hash INTO v_hash
      FROM scenario.scenario_steps AS s
     WHERE s.tenant_id = NEW.tenant_id AND s.scenario_id = NEW.scenario_id
       AND s.version = NEW.scenario_version AND s.step_id = NEW.step_id;
    IF NOT FOUND THEN
        PERFORM scenario.raise_no_step(NEW.scenario_id, NEW.scenario_version, NEW.step_id);
    END IF;
    -- Values that are given stay: a restore brings the session back as it was, and a foreign checksum is legal
    -- ("Fallback" in docs/behaviour.md).
    NEW.step_content_hash := coalesce(NEW.step_content_hash, v_hash);
    NEW.scenario_checksum := coalesce(NEW.scenario_checksum, v_place.p_checksum);
    NEW.reconciled_deployments := coalesce(NEW.reconciled_deployments,
        scenario.deployments_at_arrival(NEW.tenant_id, NEW.scenario_id, NEW.scenario_version,
                                        NEW.scenario_checksum = v_place.p_checksum));
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.sessions_start() IS
    'Trigger: checks and completes a new session: published version, entry step, hash, checksum. Raises P0002, 55000, '
    '22023.';

CREATE TRIGGER sessions_start
    BEFORE INSERT ON scenario.sessions
    FOR EACH ROW EXECUTE FUNCTION scenario.sessions_start();

CREATE FUNCTION scenario.sessions_first_visit() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Not in BEFORE INSERT: the visit refers to the session, and INSERT … ON CONFLICT fires it for rows that never come
    -- to be.
    UPDATE scenario.sessions AS s SET visit_count = 1
     WHERE s.tenant_id = NEW.tenant_id AND s.session_id = NEW.session_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.sessions_first_visit() IS
    'Trigger: a new session arrives at its step. A restored one has visits counted, and they are restored themselves.';

CREATE TRIGGER sessions_first_visit
    AFTER INSERT ON scenario.sessions
    FOR EACH ROW WHEN (NEW.visit_count = 0 AND NEW.step_id IS NOT NULL)
    EXECUTE FUNCTION scenario.sessions_first_visit();

-- What the customer said, and when ------------------------------------------------------------------------------------

CREATE FUNCTION scenario.sessions_time_variables() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One expression for INSERT, where OLD is NULL, and UPDATE. Each document is read once, however many variables it
    -- has.
    NEW.variables_set_at := (
        SELECT coalesce(OLD.variables_set_at, '{}') - coalesce(array_agg(o.key) FILTER (WHERE n.key IS NULL), '{}')
               || coalesce(jsonb_object_agg(n.key, extract(epoch FROM now())) FILTER (WHERE n.key IS NOT NULL), '{}')
          FROM jsonb_each(CASE jsonb_typeof(NEW.variables) WHEN 'object' THEN NEW.variables END) AS n
          FULL JOIN jsonb_each(OLD.variables) AS o ON o.key = n.key
         WHERE n.value IS DISTINCT FROM o.value);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.sessions_time_variables() IS
    'Trigger: keeps in variables_set_at when each variable was given: those that changed, now; those that are gone, '
    'not at all.';

CREATE TRIGGER sessions_time_new_variables
    BEFORE INSERT ON scenario.sessions
    FOR EACH ROW WHEN (NEW.variables_set_at IS NULL)
    EXECUTE FUNCTION scenario.sessions_time_variables();

-- A statement that gives the times itself, as a migration does, is left alone.
CREATE TRIGGER sessions_time_variables
    BEFORE UPDATE OF variables ON scenario.sessions
    FOR EACH ROW WHEN (NEW.variables IS DISTINCT FROM OLD.variables
                       AND NEW.variables_set_at IS NOT DISTINCT FROM OLD.variables_set_at
                       AND NOT scenario.is_written_by_writer(NEW.tenant_id, NEW.session_id, NEW.scenario_version,
                                                             NEW.step_id, NEW.visit_count))
    EXECUTE FUNCTION scenario.sessions_time_variables();

-- A session that moves ------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.sessions_touch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.last_activity_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.sessions_touch() IS
    'Trigger: a turn was taken, or something was said.';

CREATE TRIGGER sessions_touch
    BEFORE UPDATE OF turn_count, variables ON scenario.sessions
    FOR EACH ROW WHEN (NEW.last_activity_at = OLD.last_activity_at AND NEW.visit_plan_id IS NULL
                       AND NOT scenario.is_written_by_writer(NEW.tenant_id, NEW.session_id, NEW.scenario_version,
                                                             NEW.step_id, NEW.visit_count))
    EXECUTE FUNCTION scenario.sessions_touch();

CREATE FUNCTION scenario.sessions_arrive() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_other_scenario boolean := NEW.scenario_id IS DISTINCT FROM OLD.scenario_id;
    v_other_version  boolean := v_other_scenario OR NEW.scenario_version IS DISTINCT FROM OLD.scenario_version;
    v_arrives        boolean := v_other_version OR NEW.step_id IS DISTINCT FROM OLD.step_id
                                OR NEW.visit_count <> OLD.visit_count;
    v_place          record;
    v_step           record;
BEGIN
    IF NEW.tenant_id <> OLD.tenant_id OR NEW.session_id <> OLD.session_id OR NEW.revision < OLD.revision
       OR NEW.visit_count NOT IN (OLD.visit_count, OLD.visit_count + 1) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('session %s: tenant_id, session_id, revision and visit_count cannot be set like this',
                             OLD.session_id),
            DETAIL = 'A session keeps its id and tenant; its revision never goes back; visit_count goes up by 1 with '
                     'each arrival.',
            HINT = 'Start another session instead.';
    END IF;
    -- Not when a plan moves the session: a batch over idle sessions makes nobody active.
    IF v_arrives AND NEW.last_activity_at = OLD.last_activity_at AND NEW.visit_plan_id IS NULL THEN
        NEW.last_activity_at := now();
    END IF;
    IF v_other_version THEN
        -- The mark and what it waits for belong to the version that is left, unless this statement sets them.
        IF NEW.pending_plan_id IS NOT DISTINCT FROM OLD.pending_plan_id THEN
            NEW.pending_plan_id := NULL;
            NEW.pending_target_version := NULL;
            NEW.pending_anchor_hash := NULL;
            NEW.pending_marked_at := NULL;
        END IF;
        -- So does its pin. A statement that sets a pin says which deployments it has seen.
        IF NEW.pinned_at IS NULL OR NEW.pinned_at IS NOT DISTINCT FROM OLD.pinned_at THEN
            NEW.pinned_at := NULL;
            NEW.pinned_reason := NULL;
            NEW.pinned_plan_id := NULL;
            NEW.reconciled_deployments := NULL;
        END IF;
        IF NEW.waiting_since IS NOT DISTINCT FROM OLD.waiting_since THEN
            NEW.waiting_for := NULL;
            NEW.waiting_since := NULL;
        END IF;
    END IF;

    IF NEW.scenario_id IS NULL THEN
        IF NOT v_other_scenario AND num_nonnulls(NEW.scenario_version, NEW.step_id) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('session %s is in no scenario and cannot be put at a step', OLD.session_id),
                HINT = 'Give scenario_id too; version and step may be left NULL for the published version and its '
                       'entry step.';
        END IF;
        NEW.scenario_version := NULL;
        NEW.step_id := NULL;
        NEW.step_content_hash := NULL;
        NEW.scenario_checksum := NULL;
        NEW.already_done := false;
        NEW.visit_count := OLD.visit_count;
    ELSIF v_arrives THEN
        IF v_other_version THEN
            IF NOT v_other_scenario AND (NEW.step_id IS NULL OR NEW.scenario_version IS NULL) THEN
                RAISE EXCEPTION USING ERRCODE = '22023',
                    MESSAGE = format('session %s needs a step and a version', OLD.session_id),
                    HINT = 'To leave the scenario, set scenario_id to NULL.';
            END IF;
            v_place := scenario.version_to_walk(NEW.tenant_id, NEW.scenario_id, NEW.scenario_version, NEW.step_id);
            NEW.scenario_version := v_place.p_version;
            NEW.step_id := v_place.p_step_id;
            NEW.scenario_checksum := v_place.p_checksum;
            IF v_other_scenario THEN
                NEW.reconciled_deployments := scenario.deployments_at_arrival(
                    NEW.tenant_id, NEW.scenario_id, NEW.scenario_version, true);
            END IF;
        ELSIF NEW.step_id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('session %s needs a step', OLD.session_id),
                HINT = 'To leave the scenario, set scenario_id to NULL.';
        END IF;

        SELECT s.name, s.content_hash, s.is_checkpoint, s.checkpoint_description, s.is_entry, s.is_terminal,
               s.is_required_action
          INTO v_step
          FROM scenario.scenario_steps AS s
         WHERE s.tenant_id = NEW.tenant_id AND s.scenario_id = NEW.scenario_id
           AND s.version = NEW.scenario_version AND s.step_id = NEW.step_id;
        IF NOT FOUND THEN
            PERFORM scenario.raise_no_step(NEW.scenario_id, NEW.scenario_version, NEW.step_id);
        END IF;
        -- Arriving again where it is (also the first visit, after an INSERT that gave a hash) keeps the hash.
        IF v_other_version OR NEW.step_id <> OLD.step_id THEN
            NEW.step_content_hash := v_step.content_hash;
        END IF;
        NEW.visit_count := OLD.visit_count + 1;
        NEW.already_done := false;
        IF v_step.is_required_action AND NOT v_other_scenario AND OLD.visit_count > 0 THEN
            NEW.already_done := scenario.is_already_done(NEW.tenant_id, NEW.session_id, NEW.scenario_id,
                                                         OLD.scenario_version, OLD.step_id, NEW.scenario_version,
                                                         NEW.step_id,
                                                         coalesce(NEW.visit_reason IN ('migration', 'revert', 'move'),
                                                                  false));
        END IF;
        IF NOT v_step.is_entry AND (v_other_scenario OR OLD.visit_count = 0) THEN
            PERFORM scenario.begin_in_the_middle(NEW.tenant_id, NEW.session_id, NEW.scenario_id, NEW.scenario_version,
                                                 NEW.step_id);
        END IF;
        IF v_step.is_terminal AND NEW.status = OLD.status AND NEW.status IN ('active', 'paused') THEN
            NEW.status := 'completed';
            -- Nothing is done with a finished session any more, unless this statement says so.
            IF NEW.pending_plan_id IS NOT DISTINCT FROM OLD.pending_plan_id THEN
                NEW.pending_plan_id := NULL;
                NEW.pending_target_version := NULL;
                NEW.pending_anchor_hash := NULL;
                NEW.pending_marked_at := NULL;
            END IF;
            NEW.waiting_for := NULL;
            NEW.waiting_since := NULL;
        END IF;
        INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
                step_name, step_content_hash, turn_number, reason, confidence, is_checkpoint, checkpoint_description,
                plan_id, already_done)
        VALUES (NEW.tenant_id, NEW.session_id, NEW.visit_count, NEW.scenario_id, NEW.scenario_version, NEW.step_id,
                v_step.name, v_step.content_hash, NEW.turn_count,
                coalesce(NEW.visit_reason, CASE WHEN NEW.visit_count = 1 THEN 'start' ELSE 'update' END),
                NEW.visit_confidence, v_step.is_checkpoint, v_step.checkpoint_description, NEW.visit_plan_id,
                NEW.already_done);
    END IF;

    NEW.visit_reason := NULL;
    NEW.visit_confidence := NULL;
    NEW.visit_plan_id := NULL;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.sessions_arrive() IS
    'Trigger: checks where a session moves, keeps hash and checksum, appends the visit, and completes a session that '
    'arrives at a terminal step. Raises P0002, 55000, 22023.';

-- BEFORE, so that one lookup serves the row and the visit; it fires last (by name), on the row as it will be, under its
-- lock. A statement that names none of these columns, as a mark does, changes none of them.
CREATE TRIGGER zz_sessions_arrive
    BEFORE UPDATE OF tenant_id, session_id, scenario_id, scenario_version, step_id, revision, visit_count,
                     visit_reason, visit_confidence, visit_plan_id ON scenario.sessions
    FOR EACH ROW WHEN ((NEW.step_id IS DISTINCT FROM OLD.step_id
                        OR NEW.scenario_version IS DISTINCT FROM OLD.scenario_version
                        OR NEW.scenario_id IS DISTINCT FROM OLD.scenario_id
                        OR NEW.visit_count <> OLD.visit_count OR NEW.revision < OLD.revision
                        OR NEW.session_id <> OLD.session_id OR NEW.tenant_id <> OLD.tenant_id
                        OR NEW.visit_reason IS NOT NULL OR NEW.visit_confidence IS NOT NULL
                        OR NEW.visit_plan_id IS NOT NULL)
                       AND NOT scenario.is_written_by_writer(NEW.tenant_id, NEW.session_id, NEW.scenario_version,
                                                             NEW.step_id, NEW.visit_count))
    EXECUTE FUNCTION scenario.sessions_arrive();
