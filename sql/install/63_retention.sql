-- Removing what nobody needs any more ("Retention" in docs/behaviour.md).
--
-- It is safe while turns, deployments and other retentions go on: whatever is in use is locked by its user and skipped
-- until the next time, and what looked unused is checked again under the lock.

CREATE FUNCTION scenario.needed_plans(tenant_id uuid, scenario_id uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE way AS (
        -- From each version that a session walks that is not finished, along the plans that lead on from there: also
        -- cancelled ones, which pin.
        SELECT DISTINCT s.scenario_version AS version FROM scenario.sessions AS s
         WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.status <> 'completed'
        UNION
        SELECT p.to_version FROM way AS w
          JOIN scenario.migration_plans AS p
            ON p.tenant_id = $1 AND p.scenario_id = $2 AND p.from_version = w.version
               AND p.deployed_at IS NOT NULL
    )
    SELECT p.plan_id FROM scenario.migration_plans AS p
     WHERE p.tenant_id = $1 AND p.scenario_id = $2
       AND (p.is_open
            OR p.deployed_at IS NOT NULL AND p.from_version IN (SELECT w.version FROM way AS w)
            OR EXISTS (SELECT FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = p.plan_id))
$$;
COMMENT ON FUNCTION scenario.needed_plans(uuid, uuid) IS
    'Plans of a scenario that are open, that a session is marked with, or that are on the way of a version that a '
    'session walks that is not finished. Arguments: tenant, scenario. Only reads.';

CREATE FUNCTION scenario.remove_void_marks(tenant_id uuid, plan_id uuid) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sessions uuid[];
BEGIN
    v_sessions := ARRAY(SELECT s.session_id FROM scenario.sessions AS s
                         WHERE s.tenant_id = remove_void_marks.tenant_id
                           AND s.pending_plan_id = remove_void_marks.plan_id
                         ORDER BY s.session_id
                           FOR NO KEY UPDATE SKIP LOCKED);
    UPDATE scenario.sessions AS s
       SET pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL, pending_marked_at = NULL,
           waiting_for = NULL, waiting_since = NULL
     WHERE s.tenant_id = remove_void_marks.tenant_id AND s.session_id = ANY (v_sessions);
    RETURN cardinality(v_sessions);
END
$$;
COMMENT ON FUNCTION scenario.remove_void_marks(uuid, uuid) IS
    'For apply_retention: takes the marks of a cancelled plan off, those of locked sessions left out, and returns how '
    'many. Arguments: tenant, plan. Writes sessions (marks only).';

CREATE FUNCTION scenario.apply_retention(audit_days integer DEFAULT NULL)
    RETURNS TABLE (what text, tenant_id uuid, scenario_id uuid, version integer, plan_id uuid, action text, detail text)
    LANGUAGE plpgsql ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_plans_before    timestamptz;
    v_versions_before timestamptz;
    v_plan            record;
    v_version         record;
    v_rows            bigint;
    v_unlocked        boolean;
BEGIN
    IF audit_days < 0 THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('audit_days %s is negative', audit_days),
            HINT = 'NULL, the default, keeps every audit row.';
    END IF;
    v_plans_before := now() - make_interval(days => scenario.retention_days('plan'));
    v_versions_before := now() - make_interval(days => scenario.retention_days('version'));

    FOR v_plan IN
        SELECT p.tenant_id, p.scenario_id, p.plan_id
          FROM scenario.migration_plans AS p
         WHERE p.status = 'cancelled'
         ORDER BY p.tenant_id, p.plan_id
    LOOP
        v_rows := scenario.remove_void_marks(v_plan.tenant_id, v_plan.plan_id);
        CONTINUE WHEN v_rows = 0;
        what := 'marks';
        tenant_id := v_plan.tenant_id;
        scenario_id := v_plan.scenario_id;
        version := NULL;
        plan_id := v_plan.plan_id;
        action := 'deleted';
        detail := format('%s void marks of a cancelled plan', v_rows);
        RETURN NEXT;
    END LOOP;

    FOR v_plan IN
        SELECT p.tenant_id, p.scenario_id, p.plan_id, p.status, p.from_version, p.to_version
          FROM scenario.migration_plans AS p
         WHERE NOT p.is_open
           AND greatest(p.created_at, p.deployed_at, p.cancelled_at, p.rejected_at, p.superseded_at) < v_plans_before
         ORDER BY p.tenant_id, p.scenario_id, p.created_at, p.plan_id
    LOOP
        PERFORM FROM scenario.migration_plans AS p
          WHERE p.tenant_id = v_plan.tenant_id AND p.plan_id = v_plan.plan_id
            FOR UPDATE SKIP LOCKED;
        -- A session that came by it and still walks is replayed with its pairs when the next version comes.
        CONTINUE WHEN NOT FOUND
            OR v_plan.plan_id IN (SELECT n FROM scenario.needed_plans(v_plan.tenant_id, v_plan.scenario_id) AS n)
            OR EXISTS (SELECT FROM scenario.migration_undo AS u
                         JOIN scenario.sessions AS s ON s.tenant_id = u.tenant_id AND s.session_id = u.session_id
                        WHERE u.tenant_id = v_plan.tenant_id AND u.plan_id = v_plan.plan_id AND u.reverted_at IS NULL
                          AND s.scenario_id = v_plan.scenario_id AND s.scenario_version = v_plan.to_version
                          AND s.status IN ('active', 'paused'));
        DELETE FROM scenario.migration_plans AS p
         WHERE p.tenant_id = v_plan.tenant_id AND p.plan_id = v_plan.plan_id;
        what := 'plan';
        tenant_id := v_plan.tenant_id;
        scenario_id := v_plan.scenario_id;
        version := NULL;
        plan_id := v_plan.plan_id;
        action := 'deleted';
        detail := format('%s, from version %s to %s', v_plan.status, v_plan.from_version, v_plan.to_version);
        RETURN NEXT;
    END LOOP;

    FOR v_version IN
        SELECT v.tenant_id, v.scenario_id, v.version
          FROM scenario.scenario_versions AS v
         WHERE v.status = 'archived' AND v.archived_at < v_versions_before
         ORDER BY v.tenant_id, v.scenario_id, v.version
    LOOP
        -- Every row that refers to the version locks it: once it is ours, no session can come to it.
        PERFORM FROM scenario.scenario_versions AS v
          WHERE v.tenant_id = v_version.tenant_id AND v.scenario_id = v_version.scenario_id
            AND v.version = v_version.version
            FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND
            OR EXISTS (SELECT FROM scenario.sessions AS s
                        WHERE s.tenant_id = v_version.tenant_id AND s.scenario_id = v_version.scenario_id
                          AND s.scenario_version = v_version.version)
            OR EXISTS (SELECT FROM scenario.needed_plans(v_version.tenant_id, v_version.scenario_id) AS n
                         JOIN scenario.migration_plans AS p ON p.tenant_id = v_version.tenant_id AND p.plan_id = n
                        WHERE v_version.version IN (p.from_version, p.to_version));
        -- Its plans cannot be kept without it. Nobody needs them; what they did is in the audit. Another retention may
        -- have locked some: to wait for that one while it waits for this one would be a deadlock.
        SELECT count(*) INTO v_rows FROM scenario.migration_plans AS p
         WHERE p.tenant_id = v_version.tenant_id AND p.scenario_id = v_version.scenario_id
           AND v_version.version IN (p.from_version, p.to_version);
        SELECT count(*) = v_rows INTO v_unlocked
          FROM (SELECT FROM scenario.migration_plans AS p
                 WHERE p.tenant_id = v_version.tenant_id AND p.scenario_id = v_version.scenario_id
                   AND v_version.version IN (p.from_version, p.to_version)
                   FOR UPDATE SKIP LOCKED) AS locked;
        CONTINUE WHEN NOT v_unlocked;
        FOR v_plan IN
            DELETE FROM scenario.migration_plans AS p
             WHERE p.tenant_id = v_version.tenant_id AND p.scenario_id = v_version.scenario_id
               AND v_version.version IN (p.from_version, p.to_version)
            RETURNING p.plan_id, p.status, p.from_version, p.to_version
        LOOP
            what := 'plan';
            tenant_id := v_version.tenant_id;
            scenario_id := v_version.scenario_id;
            version := NULL;
            plan_id := v_plan.plan_id;
            action := 'deleted';
            detail := format('%s, from version %s to %s; goes with version %s', v_plan.status, v_plan.from_version,
                             v_plan.to_version, v_version.version);
            RETURN NEXT;
        END LOOP;
        DELETE FROM scenario.scenario_versions AS v
         WHERE v.tenant_id = v_version.tenant_id AND v.scenario_id = v_version.scenario_id
           AND v.version = v_version.version;
        what := 'version';
        tenant_id := v_version.tenant_id;
        scenario_id := v_version.scenario_id;
        version := v_version.version;
        plan_id := NULL;
        action := 'deleted';
        detail := 'archived, and nobody walks it';
        RETURN NEXT;
    END LOOP;

    IF audit_days IS NOT NULL THEN
        PERFORM set_config('scenario.retention', 'on', true);
        FOR v_version IN SELECT DISTINCT c.tenant_id FROM scenario.scenarios AS c ORDER BY 1 LOOP
            DELETE FROM scenario.migration_audit AS a
             USING (SELECT o.session_id, o.revision FROM scenario.migration_audit AS o
                     WHERE o.tenant_id = v_version.tenant_id
                       AND o.created_at < now() - make_interval(days => audit_days)
                       FOR UPDATE SKIP LOCKED) AS old
             WHERE a.tenant_id = v_version.tenant_id AND a.session_id = old.session_id AND a.revision = old.revision;
            GET DIAGNOSTICS v_rows = ROW_COUNT;
            CONTINUE WHEN v_rows = 0;
            what := 'audit';
            tenant_id := v_version.tenant_id;
            scenario_id := NULL;
            version := NULL;
            plan_id := NULL;
            action := 'deleted';
            detail := format('%s rows older than %s days', v_rows, audit_days);
            RETURN NEXT;
        END LOOP;
        PERFORM set_config('scenario.retention', 'off', true);
    END IF;
END
$$;
COMMENT ON FUNCTION scenario.apply_retention(integer) IS
    'Removes what nobody needs any more: marks of cancelled plans, plans that ended scenario.plan_retention_days ago, '
    'and versions that were archived scenario.version_retention_days ago, with their plans. Never a version that a '
    'session walks, nor a plan that is open, that a session is marked with, or that the way of a walked version needs. '
    'Audit rows are kept, but for those older than audit_days if that is given (only the owner of the table may). '
    'Returns a row for each thing removed; none when called again. What others have locked is left for the next time, '
    'so that two at once do not wait for each other. Raises 22023, 42501. Writes sessions (marks only), '
    'migration_plans, scenario_versions, migration_audit.';
