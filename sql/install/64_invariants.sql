-- What must hold between tables, checked again: for tests, and for a DBA after a repair by hand.

CREATE FUNCTION scenario.check_invariants()
    RETURNS TABLE (invariant text, tenant_id uuid, id uuid, problem text)
    LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'a session has as many visits as it counts', s.tenant_id, s.session_id,
           format('counts %s, has %s, the last is %s', s.visit_count, v.visits, v.last)
      FROM scenario.sessions AS s
     CROSS JOIN LATERAL (SELECT count(*) AS visits, coalesce(max(v.visit_no), 0) AS last FROM scenario.step_visits AS v
                          WHERE v.tenant_id = s.tenant_id AND v.session_id = s.session_id) AS v
     WHERE v.visits <> s.visit_count OR v.last <> s.visit_count
    UNION ALL
    SELECT 'a session is where it last arrived', s.tenant_id, s.session_id,
           format('is at %s of version %s, arrived at %s of version %s', quote_ident(s.step_id), s.scenario_version,
                  quote_ident(v.step_id), v.scenario_version)
      FROM scenario.sessions AS s
      JOIN scenario.step_visits AS v
        ON v.tenant_id = s.tenant_id AND v.session_id = s.session_id AND v.visit_no = s.visit_count
     WHERE s.scenario_id IS NOT NULL
       AND (v.scenario_id, v.scenario_version, v.step_id)
           IS DISTINCT FROM (s.scenario_id, s.scenario_version, s.step_id)
    UNION ALL
    SELECT 'a session is at a step of its version', s.tenant_id, s.session_id,
           format('version %s has no step %s', s.scenario_version, quote_ident(s.step_id))
      FROM scenario.sessions AS s
     WHERE s.scenario_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM scenario.scenario_steps AS st
                        WHERE st.tenant_id = s.tenant_id AND st.scenario_id = s.scenario_id
                          AND st.version = s.scenario_version AND st.step_id = s.step_id)
    UNION ALL
    -- A session with another checksum does not match its version, which is legal ("Fallback" in docs/behaviour.md). Its
    -- hash may differ then, too.
    SELECT 'a session that matches its version has the hash of its step', s.tenant_id, s.session_id,
           format('hash %s, the step has %s', s.step_content_hash, st.content_hash)
      FROM scenario.sessions AS s
      JOIN scenario.scenario_versions AS v
        ON v.tenant_id = s.tenant_id AND v.scenario_id = s.scenario_id AND v.version = s.scenario_version
           AND v.checksum = s.scenario_checksum
      JOIN scenario.scenario_steps AS st
        ON st.tenant_id = s.tenant_id AND st.scenario_id = s.scenario_id AND st.version = s.scenario_version
           AND st.step_id = s.step_id
     WHERE st.content_hash <> s.step_content_hash
    UNION ALL
    -- A mark of a cancelled plan is void, which is legal.
    SELECT 'a mark is of a plan of the session''s scenario that was deployed', s.tenant_id, s.session_id,
           format('plan %s is %s, from version %s to %s; the session walks version %s and is marked for version %s',
                  s.pending_plan_id, coalesce(p.status, 'missing'), p.from_version, p.to_version, s.scenario_version,
                  s.pending_target_version)
      FROM scenario.sessions AS s
      LEFT JOIN scenario.migration_plans AS p ON p.tenant_id = s.tenant_id AND p.plan_id = s.pending_plan_id
     WHERE s.pending_plan_id IS NOT NULL
       AND (p.deployed_at IS NULL OR p.scenario_id IS DISTINCT FROM s.scenario_id)
    UNION ALL
    SELECT 'no count of deployments is ahead of its scenario', s.tenant_id, s.session_id,
           format('the session has seen %s deployments, the scenario counts %s', s.reconciled_deployments,
                  c.deployments)
      FROM scenario.sessions AS s
      JOIN scenario.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id
     WHERE s.reconciled_deployments > c.deployments
    UNION ALL
    SELECT 'no count of deployments is ahead of its scenario', p.tenant_id, p.plan_id,
           format('the plan was deployed as number %s, the scenario counts %s', p.deployment_no, c.deployments)
      FROM scenario.migration_plans AS p
      JOIN scenario.scenarios AS c ON c.tenant_id = p.tenant_id AND c.scenario_id = p.scenario_id
     WHERE p.deployment_no > c.deployments
    UNION ALL
    SELECT 'a session''s revision is its last audit row', s.tenant_id, s.session_id,
           format('revision %s, last audit row %s, audit rows %s', s.revision, a.last, a.rows)
      FROM scenario.sessions AS s
     CROSS JOIN LATERAL (SELECT max(a.revision) AS last, count(*) AS rows FROM scenario.migration_audit AS a
                          WHERE a.tenant_id = s.tenant_id AND a.session_id = s.session_id) AS a
     WHERE a.last <> s.revision  -- none: retention has removed them, or there was none
    UNION ALL
    SELECT 'what can be taken back was done to the session', u.tenant_id, u.session_id,
           format('undo of revision %s and visit %s; the session has revision %s and %s visits', u.revision,
                  u.visit_count, s.revision, s.visit_count)
      FROM scenario.migration_undo AS u
      JOIN scenario.sessions AS s ON s.tenant_id = u.tenant_id AND s.session_id = u.session_id
     WHERE u.revision > s.revision OR u.visit_count > s.visit_count
    UNION ALL
    SELECT 'the published version exists and is published', c.tenant_id, c.scenario_id,
           format('version %s is %s', c.published_version, coalesce(v.status, 'missing'))
      FROM scenario.scenarios AS c
      LEFT JOIN scenario.scenario_versions AS v
             ON v.tenant_id = c.tenant_id AND v.scenario_id = c.scenario_id AND v.version = c.published_version
     WHERE c.published_version IS NOT NULL AND v.status IS DISTINCT FROM 'published'
    UNION ALL
    SELECT 'a published version is its scenario''s', v.tenant_id, v.scenario_id,
           format('version %s is published, the scenario says %s', v.version,
                  coalesce(c.published_version::text, 'none'))
      FROM scenario.scenario_versions AS v
      JOIN scenario.scenarios AS c ON c.tenant_id = v.tenant_id AND c.scenario_id = v.scenario_id
     WHERE v.status = 'published' AND c.published_version IS DISTINCT FROM v.version
    UNION ALL
    SELECT 'a version has its steps, one of them the entry', v.tenant_id, v.scenario_id,
           format('version %s has %s steps, its definition %s', v.version, st.steps,
                  jsonb_array_length(v.definition -> 'steps'))
      FROM scenario.scenario_versions AS v
     CROSS JOIN LATERAL (SELECT count(*) AS steps, count(*) FILTER (WHERE st.is_entry) AS entries
                           FROM scenario.scenario_steps AS st
                          WHERE st.tenant_id = v.tenant_id AND st.scenario_id = v.scenario_id
                            AND st.version = v.version) AS st
     WHERE st.steps <> jsonb_array_length(v.definition -> 'steps') OR st.entries <> 1
    UNION ALL
    SELECT 'what the steps of a version that was published said is kept', v.tenant_id, v.scenario_id,
           format('nothing is kept of step %s of version %s', quote_ident(st.step_id), v.version)
      FROM scenario.scenario_versions AS v
      JOIN scenario.scenario_steps AS st
        ON st.tenant_id = v.tenant_id AND st.scenario_id = v.scenario_id AND st.version = v.version
     WHERE v.status <> 'draft'
       AND NOT EXISTS (SELECT FROM scenario.acts AS a
                        WHERE a.tenant_id = v.tenant_id AND a.scenario_id = v.scenario_id
                          AND a.content_hash = st.content_hash)
    UNION ALL
    SELECT 'an act has the name of its first content', a.tenant_id, a.scenario_id,
           format('is called %s, its first content is %s', a.act, min(a.content_hash COLLATE "C"))
      FROM scenario.acts AS a
     GROUP BY a.tenant_id, a.scenario_id, a.act
    HAVING a.act <> min(a.content_hash COLLATE "C")
    UNION ALL
    SELECT 'contents that a pair joins are one act', p.tenant_id, p.scenario_id,
           format('%s and %s are joined from version %s to %s', p.old_content_hash, p.new_content_hash,
                  p.from_version, p.to_version)
      FROM scenario.act_pairs AS p
      LEFT JOIN scenario.acts AS o
        ON o.tenant_id = p.tenant_id AND o.scenario_id = p.scenario_id AND o.content_hash = p.old_content_hash
      LEFT JOIN scenario.acts AS n
        ON n.tenant_id = p.tenant_id AND n.scenario_id = p.scenario_id AND n.content_hash = p.new_content_hash
     WHERE o.act IS DISTINCT FROM n.act OR o.act IS NULL
    UNION ALL
    SELECT 'an ended plan has no version that changed under it', p.tenant_id, p.plan_id,
           format('built for checksums %s and %s, the versions have %s and %s', p.from_checksum, p.to_checksum,
                  f.checksum, t.checksum)
      FROM scenario.migration_plans AS p
      JOIN scenario.scenario_versions AS f
        ON f.tenant_id = p.tenant_id AND f.scenario_id = p.scenario_id AND f.version = p.from_version
      JOIN scenario.scenario_versions AS t
        ON t.tenant_id = p.tenant_id AND t.scenario_id = p.scenario_id AND t.version = p.to_version
     WHERE p.deployed_at IS NOT NULL AND (f.checksum, t.checksum) IS DISTINCT FROM (p.from_checksum, p.to_checksum)
    UNION ALL
    SELECT 'a batch run counts what it did', r.tenant_id, r.run_id,
           format('done %s; applied %s, deferred %s, pinned %s, exited %s, failed %s', r.done, r.applied, r.deferred,
                  r.pinned, r.exited, r.failed)
      FROM scenario.batch_runs AS r
     WHERE r.done <> r.applied + r.deferred + r.pinned + r.exited + r.failed
$$;
COMMENT ON FUNCTION scenario.check_invariants() IS
    'What is wrong between tables: rows of the invariant that does not hold, tenant, id of the session, scenario, plan '
    'or run, and what is there instead. No rows: all is well. Reads every session, so it takes its time. Only reads.';
