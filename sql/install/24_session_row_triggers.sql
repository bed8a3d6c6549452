-- What stays true of visits, actions, messages and attempts, which belong to a session.

CREATE FUNCTION scenario.step_visits_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '55000',
        MESSAGE = 'the history of a session cannot be changed',
        DETAIL = 'Checkpoints that a customer passed are read from it.',
        HINT = 'Move the session (advance_session, or UPDATE scenario.sessions); deleting a session deletes its '
               'history.';
END
$$;
COMMENT ON FUNCTION scenario.step_visits_refuse() IS 'Trigger: refuses UPDATE and direct DELETE of visits (55000).';

CREATE TRIGGER step_visits_refuse
    BEFORE UPDATE OR DELETE ON scenario.step_visits
    FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
    EXECUTE FUNCTION scenario.step_visits_refuse();

CREATE FUNCTION scenario.step_visits_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count integer;
BEGIN
    SELECT s.visit_count INTO v_count
      FROM scenario.sessions AS s
     WHERE s.tenant_id = NEW.tenant_id AND s.session_id = NEW.session_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('session %s does not exist', NEW.session_id);
    ELSIF NEW.visit_no > v_count THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('visit %s cannot be added to session %s: it counts %s',
                             NEW.visit_no, NEW.session_id, v_count),
            DETAIL = 'The next arrival of the session would collide with it.',
            HINT = 'Visits are recorded when the session moves: advance_session, or UPDATE scenario.sessions.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.step_visits_check() IS
    'Trigger: a visit written directly (a restore) must be one that its session counts (P0002, 55000).';

CREATE TRIGGER step_visits_check
    BEFORE INSERT ON scenario.step_visits
    FOR EACH ROW WHEN (pg_catalog.pg_trigger_depth() = 0
                       AND NOT scenario.is_written_by_writer(NEW.tenant_id, NEW.session_id, NEW.scenario_version,
                                                             NEW.step_id, NEW.visit_no))
    EXECUTE FUNCTION scenario.step_visits_check();

-- The next number is the greatest + 1 under the session's lock: two writers of one session wait for each other
-- instead of one failing. A sequence would have gaps, be shared by tenants and not be dumped. A row that gives its
-- number takes no lock.
CREATE FUNCTION scenario.number_in_session() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scenario.sessions AS s
      WHERE s.tenant_id = NEW.tenant_id AND s.session_id = NEW.session_id
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('session %s does not exist', NEW.session_id),
            HINT = 'Start it first: start_session(tenant_id, session_id, scenario_id).';
    END IF;
    IF TG_TABLE_NAME = 'messages' THEN
        NEW.message_no := coalesce((SELECT max(m.message_no) FROM scenario.messages AS m
                                     WHERE m.tenant_id = NEW.tenant_id AND m.session_id = NEW.session_id), 0) + 1;
    ELSE
        NEW.attempt_no := coalesce((SELECT max(f.attempt_no) FROM scenario.field_attempts AS f
                                     WHERE f.tenant_id = NEW.tenant_id AND f.session_id = NEW.session_id), 0) + 1;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.number_in_session() IS
    'Trigger: gives a message or an attempt the next number of its session, and locks the session. Raises P0002.';

CREATE TRIGGER messages_number
    BEFORE INSERT ON scenario.messages
    FOR EACH ROW WHEN (NEW.message_no IS NULL)
    EXECUTE FUNCTION scenario.number_in_session();

CREATE TRIGGER field_attempts_number
    BEFORE INSERT ON scenario.field_attempts
    FOR EACH ROW WHEN (NEW.attempt_no IS NULL)
    EXECUTE FUNCTION scenario.number_in_session();

-- A restored row has its number. Not the time: all of a transaction has one.
CREATE FUNCTION scenario.session_actions_count() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.visit_count INTO NEW.visit_no
      FROM scenario.sessions AS s
     WHERE s.tenant_id = NEW.tenant_id AND s.session_id = NEW.session_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('session %s does not exist', NEW.session_id),
            HINT = 'Start it first: start_session(tenant_id, session_id, scenario_id).';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.session_actions_count() IS
    'Trigger: says at which visit of its session an action was recorded. Raises P0002.';

CREATE TRIGGER session_actions_count
    BEFORE INSERT ON scenario.session_actions
    FOR EACH ROW WHEN (NEW.visit_no IS NULL)
    EXECUTE FUNCTION scenario.session_actions_count();
