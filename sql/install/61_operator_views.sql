-- What an operator watches while a plan is under way: which sessions are stranded, which versions are still walked, and
-- how far runs have come.

CREATE FUNCTION scenario.stranded_sessions(tenant_id uuid, plan_id uuid)
    RETURNS TABLE (session_id uuid, step_id text, step_name text, waiting_for text, since timestamptz,
                   fields_asked text[], reason text, marked_at timestamptz, last_activity_at timestamptz)
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM scenario.find_plan(stranded_sessions.tenant_id, stranded_sessions.plan_id);
    RETURN QUERY
        SELECT s.session_id, s.step_id, st.name,
               CASE WHEN s.status <> 'active' THEN 'status ' || s.status
                    WHEN s.waiting_for IS NOT NULL THEN s.waiting_for
                    ELSE 'repair' END,
               CASE WHEN s.status <> 'active' THEN s.last_activity_at
                    WHEN s.waiting_for IS NOT NULL THEN s.waiting_since
                    ELSE e.at END,
               CASE WHEN s.status = 'active' AND s.waiting_for IS NOT NULL THEN coalesce(a.fields_asked, '{}')
                    ELSE '{}' END,
               CASE WHEN s.status <> 'active' THEN 'only active sessions are migrated'
                    WHEN s.waiting_for IS NOT NULL THEN concat_ws('; ', a.reason, d.reason)
                    ELSE e.sqlstate || ': ' || e.message END,
               s.pending_marked_at, s.last_activity_at
          FROM scenario.valid_marks AS m
          JOIN scenario.sessions AS s ON s.tenant_id = m.tenant_id AND s.session_id = m.session_id
          LEFT JOIN scenario.scenario_steps AS st
                 ON st.tenant_id = s.tenant_id AND st.scenario_id = s.scenario_id AND st.version = s.scenario_version
                    AND st.step_id = s.step_id
          -- The row that says what it waits for is its last.
          LEFT JOIN scenario.migration_audit AS a
                 ON a.tenant_id = s.tenant_id AND a.session_id = s.session_id AND a.revision = s.revision
          -- A field that is asked for although it was declined is a strict one.
          LEFT JOIN LATERAL (SELECT 'declined, which a strict field cannot be: '
                                    || string_agg(DISTINCT f.field_name, ', ' ORDER BY f.field_name) AS reason
                               FROM scenario.field_attempts AS f
                              WHERE f.tenant_id = s.tenant_id AND f.session_id = s.session_id AND f.state = 'declined'
                                AND f.field_name = ANY (a.fields_asked)) AS d ON true
          LEFT JOIN LATERAL (SELECT b.at, b.sqlstate, b.message FROM scenario.batch_errors AS b
                              WHERE b.tenant_id = s.tenant_id AND b.session_id = s.session_id
                                AND b.at >= s.pending_marked_at
                              ORDER BY b.at DESC LIMIT 1) AS e ON true
         WHERE m.tenant_id = stranded_sessions.tenant_id AND m.plan_id = stranded_sessions.plan_id
           AND (s.waiting_for IS NOT NULL OR s.status <> 'active' OR e.at IS NOT NULL)
         ORDER BY 5, 1;
END
$$;
COMMENT ON FUNCTION scenario.stranded_sessions(uuid, uuid) IS
    'Sessions that the plan has marked and that cannot go on by themselves: rows of session, where it is, what it '
    'waits for (customer, confirmation, action, decision; status …: it is not active; repair: its migration failed), '
    'since when, fields that were asked, why. Marked sessions that only have had no turn yet are not stranded, and not '
    'here. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only reads.';

CREATE VIEW scenario.version_drain AS
SELECT v.tenant_id, v.scenario_id, c.name AS scenario_name, v.version, v.status,
       coalesce(w.active, 0) AS sessions_active, coalesce(w.other, 0) AS sessions_other,
       coalesce(w.marked, 0) AS sessions_marked, coalesce(w.pinned, 0) AS sessions_pinned,
       w.oldest_activity_at, w.newest_activity_at, v.published_at, v.archived_at,
       ARRAY(SELECT p.plan_id FROM scenario.migration_plans AS p
              WHERE p.tenant_id = v.tenant_id AND p.scenario_id = v.scenario_id AND p.from_version = v.version
                AND (p.is_open OR p.status = 'deployed')
              ORDER BY p.created_at, p.plan_id) AS live_plan_ids,
       v.status = 'archived' AND w.scenario_id IS NULL AS is_empty
  FROM scenario.scenario_versions AS v
  JOIN scenario.scenarios AS c ON c.tenant_id = v.tenant_id AND c.scenario_id = v.scenario_id
  LEFT JOIN (SELECT s.tenant_id, s.scenario_id, s.scenario_version,
                    count(*) FILTER (WHERE s.status = 'active') AS active,
                    count(*) FILTER (WHERE s.status <> 'active') AS other,
                    count(m.plan_id) AS marked, count(s.pinned_at) FILTER (WHERE m.plan_id IS NULL) AS pinned,
                    min(s.last_activity_at) AS oldest_activity_at, max(s.last_activity_at) AS newest_activity_at
               FROM scenario.sessions AS s
               LEFT JOIN scenario.valid_marks AS m ON m.tenant_id = s.tenant_id AND m.session_id = s.session_id
              GROUP BY s.tenant_id, s.scenario_id, s.scenario_version) AS w
    ON w.tenant_id = v.tenant_id AND w.scenario_id = v.scenario_id AND w.scenario_version = v.version
 WHERE v.status <> 'draft';
COMMENT ON VIEW scenario.version_drain IS
    'Who still walks which version: one row a published or archived version. is_empty: nobody does any more, and '
    'apply_retention removes it in time. Ask for one tenant, or scenario: WHERE tenant_id = ….';
COMMENT ON COLUMN scenario.version_drain.sessions_pinned IS
    'Pinned, and not marked by a plan that was deployed since: they stay until a plan from this version is deployed, '
    'or unpin_session.';
COMMENT ON COLUMN scenario.version_drain.live_plan_ids IS 'Pending, approved and deployed plans from this version.';

CREATE VIEW scenario.batch_progress AS
SELECT r.tenant_id, r.run_id, r.plan_id, r.kind,
       CASE WHEN r.state IN ('running', 'paused') AND r.updated_at < pg_catalog.clock_timestamp() - interval '2 seconds'
                 AND NOT scenario.batch_is_alive(r.run_id) THEN 'interrupted' ELSE r.state END AS state,
       r.total, r.done,
       CASE WHEN r.total = 0 THEN 100 ELSE least(100, pg_catalog.round(100.0 * r.done / r.total, 1)) END AS percent,
       r.rate,
       CASE WHEN r.state = 'running' AND r.rate > 0 AND r.total >= r.done
            THEN pg_catalog.make_interval(secs => (r.total - r.done) / r.rate) END AS time_left,
       r.applied, r.deferred, r.blocked, r.failed, r.pinned, r.exited,
       r.started_at, r.updated_at, r.finished_at, r.started_by, r.backend_pid
  FROM scenario.batch_runs AS r;
COMMENT ON VIEW scenario.batch_progress IS
    'batch_runs with percent and time left, and with the state interrupted for a run whose backend is gone. A batch '
    'that takes longer than two seconds is not: its backend shows that it is alive.';

-- A view reads its tables with the rights of its owner, past their row security, unless it is told otherwise;
-- PostgreSQL 14 cannot be told.
DO $$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW scenario.version_drain SET (security_invoker = true);
        ALTER VIEW scenario.batch_progress SET (security_invoker = true);
    END IF;
END
$$;
