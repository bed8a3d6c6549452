-- What happened to a session, in order, from the rows that record it ("Sessions and history" in docs/behaviour.md).

CREATE FUNCTION scenario.asked_in_words(asked jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(
               format('%s%s (%s)',
                      CASE f.value ->> 'outcome' WHEN 'confirm' THEN 'confirmation of ' ELSE '' END
                      || (f.value ->> 'field'),
                      CASE f.value #>> '{needed_for,kind}'
                          WHEN 'step' THEN format(', needed at step "%s"', f.value #>> '{needed_for,step_name}')
                          WHEN 'fork' THEN format(', needed for %s at fork "%s"',
                                                  f.value #>> '{needed_for,condition_text}',
                                                  f.value #>> '{needed_for,step_name}')
                          ELSE '' END,
                      coalesce((SELECT string_agg(format('%s: %s', r.value ->> 'source',
                                                         (SELECT string_agg(w.why, ', ' ORDER BY w.place)
                                                            FROM jsonb_array_elements_text(r.value -> 'reasons')
                                                                 WITH ORDINALITY AS w (why, place))),
                                                  '; ' ORDER BY r.place)
                                  FROM jsonb_array_elements(f.value -> 'did_not_do')
                                       WITH ORDINALITY AS r (value, place)),
                               CASE f.value ->> 'outcome' WHEN 'confirm' THEN 'found in: ' || (f.value ->> 'source')
                                                         ELSE 'no source has a value' END)),
               '; ' ORDER BY f.place)
      FROM jsonb_array_elements($1) WITH ORDINALITY AS f (value, place)
     WHERE f.value ->> 'outcome' IN ('collect', 'confirm')
$$;
COMMENT ON FUNCTION scenario.asked_in_words(jsonb) IS
    'The questions of migration_audit.asked as a sentence: each field, what needs it, and why what was known did not '
    'do. Argument: the column. NULL: nothing was asked. Only reads.';

CREATE FUNCTION scenario.session_story(tenant_id uuid, session_id uuid)
    RETURNS TABLE (at timestamptz, event text, step_name text, text text, detail jsonb)
    LANGUAGE plpgsql STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_tenant  uuid := session_story.tenant_id;
    v_session uuid := session_story.session_id;
BEGIN
    PERFORM scenario.require_argument(v_tenant, 'tenant_id');
    PERFORM scenario.require_argument(v_session, 'session_id');
    PERFORM FROM scenario.sessions AS s WHERE s.tenant_id = v_tenant AND s.session_id = v_session;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('session %s does not exist', v_session),
            HINT = 'Start it first: start_session(tenant_id, session_id, scenario_id).';
    END IF;

    RETURN QUERY
    WITH audit AS (
        -- The arrival that belongs to a move, or to taking one back, was written by the same statement: it is told
        -- once.
        SELECT a.*, v.visit_no, v.step_name AS arrived_at
          FROM scenario.migration_audit AS a
          LEFT JOIN LATERAL (
               SELECT i.visit_no, i.step_name FROM scenario.step_visits AS i
                WHERE i.tenant_id = a.tenant_id AND i.session_id = a.session_id AND (a.applied OR a.action = 'revert')
                  AND i.reason IN ('migration', 'revert') AND i.entered_at = a.created_at AND i.step_id = a.step_after
                  AND i.scenario_version = a.to_version
                ORDER BY i.visit_no LIMIT 1) AS v ON true
         WHERE a.tenant_id = v_tenant AND a.session_id = v_session
    ), told (at, place, nr, event, step_name, text, detail) AS (
        SELECT v.entered_at, 1, v.visit_no, CASE WHEN v.visit_no = 1 THEN 'started' ELSE 'arrived' END, v.step_name,
               format('%s at "%s" of version %s (%s)', CASE WHEN v.visit_no = 1 THEN 'started' ELSE 'arrived' END,
                      v.step_name, v.scenario_version, v.reason)
               || CASE WHEN v.is_checkpoint THEN ', a checkpoint' ELSE '' END,
               jsonb_strip_nulls(jsonb_build_object(
                   'visit_no', v.visit_no, 'step_id', v.step_id, 'version', v.scenario_version,
                   'turn_number', v.turn_number, 'reason', v.reason, 'confidence', v.confidence,
                   'is_checkpoint', v.is_checkpoint,
                   'checkpoint_description', v.checkpoint_description))
          FROM scenario.step_visits AS v
         WHERE v.tenant_id = v_tenant AND v.session_id = v_session
           AND NOT EXISTS (SELECT FROM audit AS a WHERE a.visit_no = v.visit_no)
        UNION ALL
        SELECT a.created_at, 2, a.revision,
               CASE a.action WHEN 'teleport' THEN 'migrated' WHEN 'continue' THEN 'migrated' WHEN 'pin' THEN 'pinned'
                             WHEN 'revert' THEN 'reverted' WHEN 'exit_scenario' THEN 'left' WHEN 'collect' THEN 'asked'
                             WHEN 'execute_action' THEN 'action_due' WHEN 'decide' THEN 'decision_due'
                             ELSE a.action END,
               coalesce(a.arrived_at, b.name),
               CASE WHEN a.from_version <> a.to_version AND (a.applied OR a.action = 'revert')
                    THEN format('version %s to %s: ', a.from_version, a.to_version) ELSE '' END
               || coalesce(CASE WHEN a.action = 'collect' THEN 'asked for ' || scenario.asked_in_words(a.asked) END,
                           a.reason, a.action),
               jsonb_strip_nulls(jsonb_build_object(
                   'revision', a.revision, 'from_version', a.from_version, 'to_version', a.to_version,
                   'migration_scenario', a.migration_scenario, 'step_before', a.step_before, 'step_after', a.step_after,
                   'action', a.action, 'reason', a.reason, 'visit_no', a.visit_no, 'checkpoint', a.checkpoint,
                   'plan_ids', nullif(to_jsonb(a.plan_ids), '[]'),
                   'fields_asked', nullif(to_jsonb(a.fields_asked), '[]'),
                   'fields_filled', nullif(a.fields_filled, '{}'), 'asked', a.asked, 'db_role', a.db_role))
          FROM audit AS a
          LEFT JOIN scenario.scenario_steps AS b
                 ON b.tenant_id = a.tenant_id AND b.scenario_id = a.scenario_id AND b.version = a.from_version
                    AND b.step_id = a.step_before
        UNION ALL
        SELECT d.completed_at, 3, 0, 'action_done', st.name,
               format('action "%s" of version %s was done', coalesce(st.name, d.step_id), d.scenario_version)
               || CASE WHEN st.is_checkpoint THEN ', a checkpoint' ELSE '' END,
               jsonb_build_object('step_id', d.step_id, 'version', d.scenario_version, 'by', d.completed_by,
                                  'is_checkpoint', coalesce(st.is_checkpoint, false))
          FROM scenario.session_actions AS d
          LEFT JOIN scenario.acts AS st
                 ON st.tenant_id = d.tenant_id AND st.scenario_id = d.scenario_id
                    AND st.content_hash = d.step_content_hash
         WHERE d.tenant_id = v_tenant AND d.session_id = v_session
        UNION ALL
        SELECT d.decided_at, 3, 0, 'decided', f.name,
               format('fork "%s" of version %s was decided for "%s"', coalesce(f.name, d.fork_step_id),
                      d.scenario_version, coalesce(g.name, d.target_step_id)),
               jsonb_build_object('fork_step_id', d.fork_step_id, 'target_step_id', d.target_step_id,
                                  'version', d.scenario_version, 'by', d.decided_by)
          FROM scenario.session_decisions AS d
          LEFT JOIN scenario.scenario_steps AS f
                 ON f.tenant_id = d.tenant_id AND f.scenario_id = d.scenario_id AND f.version = d.scenario_version
                    AND f.step_id = d.fork_step_id
          LEFT JOIN scenario.scenario_steps AS g
                 ON g.tenant_id = d.tenant_id AND g.scenario_id = d.scenario_id AND g.version = d.scenario_version
                    AND g.step_id = d.target_step_id
         WHERE d.tenant_id = v_tenant AND d.session_id = v_session
        UNION ALL
        -- Neither the value nor the words that it was taken from.
        SELECT t.created_at, 3, t.attempt_no,
               CASE t.state WHEN 'refused' THEN 'value_refused' WHEN 'to_confirm' THEN 'value_found'
                            ELSE t.state END, NULL,
               CASE t.state
                   WHEN 'refused' THEN format('a value of %s was found and does not do: %s', t.field_name, t.reason)
                   WHEN 'to_confirm'
                   THEN format('a value of %s was found, which the customer is to confirm', t.field_name)
                   WHEN 'confirmed' THEN format('the customer confirmed the value of %s', t.field_name)
                   WHEN 'denied' THEN format('the customer denied the value of %s', t.field_name)
                   ELSE format('%s was %s: %s', t.field_name, t.state, t.reason) END,
               jsonb_strip_nulls(jsonb_build_object('field', t.field_name, 'state', t.state,
                                                    'confidence', t.confidence))
          FROM scenario.field_attempts AS t
         WHERE t.tenant_id = v_tenant AND t.session_id = v_session
    )
    SELECT t.at, t.event, t.step_name, t.text, t.detail FROM told AS t ORDER BY t.at, t.place, t.nr, t.text;
END
$$;
COMMENT ON FUNCTION scenario.session_story(uuid, uuid) IS
    'Everything that happened to a session, in order: rows of when, event (started, arrived, migrated, asked, '
    'action_due, decision_due, pinned, reverted, left, action_done, decided, value_found, value_refused, confirmed, '
    'denied), the name of the step, a sentence for people, and the details. Never a field''s value. Arguments: tenant, '
    'session. Raises P0002 for an unknown session, 22023 for NULL. Only reads.';
