-- What a plan would do to each session: preview_reconciliation for every one of them, with the engine of the turn.
-- src/api/simulation.rs asks it; here are the groups.

COMMENT ON FUNCTION scenario.simulate_migration_plan(uuid, uuid) IS
    'What the plan would do to each session, whatever the plan''s status: rows of session, where it is, and what its '
    'next turn would say and why. First come the sessions active or paused at its from_version as that is stored, then '
    'the finished ones there that a policy reopens, then those of older versions whose chain of plans leads through '
    'this one. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only reads; works in a '
    'read-only transaction and on a hot standby.';

CREATE FUNCTION scenario.simulation_summary(tenant_id uuid, plan_id uuid)
    RETURNS TABLE (action text, migration_scenario text, step_id text, step_name text, target_step_id text,
                   target_step_name text, sessions bigint, blocked bigint, fields_asked jsonb, actions_to_execute jsonb,
                   reason text)
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH simulated AS MATERIALIZED (
            SELECT * FROM scenario.simulated_groups(simulation_summary.tenant_id, simulation_summary.plan_id)
        ), grouped AS (
            SELECT m.action, m.migration_scenario, m.step_id, m.step_name, m.target_step_id, m.target_step_name,
                   sum(m.sessions)::bigint AS sessions,
                   coalesce(sum(m.sessions) FILTER (WHERE m.blocked_by_checkpoint), 0)::bigint AS blocked,
                   min(m.reason) AS reason, count(DISTINCT m.reason) AS reasons
              FROM simulated AS m
             GROUP BY 1, 2, 3, 4, 5, 6
        ), asked AS (
            SELECT f.action, f.migration_scenario, f.step_id, f.target_step_id,
                   jsonb_object_agg(f.field, f.sessions) AS fields
              FROM (SELECT m.action, m.migration_scenario, m.step_id, m.target_step_id, field,
                           sum(m.sessions)::bigint AS sessions
                      FROM simulated AS m, unnest(m.asked_fields) AS field
                     GROUP BY 1, 2, 3, 4, 5) AS f
             GROUP BY 1, 2, 3, 4
        ), executed AS (
            SELECT e.action, e.migration_scenario, e.step_id, e.target_step_id,
                   jsonb_object_agg(e.step, e.sessions) AS steps
              FROM (SELECT m.action, m.migration_scenario, m.step_id, m.target_step_id, step,
                           sum(m.sessions)::bigint AS sessions
                      FROM simulated AS m, unnest(m.execute_step_ids) AS step
                     GROUP BY 1, 2, 3, 4, 5) AS e
             GROUP BY 1, 2, 3, 4
        )
        SELECT g.action, g.migration_scenario, g.step_id, g.step_name, g.target_step_id, g.target_step_name, g.sessions,
               g.blocked, coalesce(a.fields, '{}'), coalesce(e.steps, '{}'),
               g.reason || CASE WHEN g.reasons > 1 THEN format(' (and %s other reasons)', g.reasons - 1) ELSE '' END
          FROM grouped AS g
          LEFT JOIN asked AS a
                 ON a.action = g.action AND a.migration_scenario IS NOT DISTINCT FROM g.migration_scenario
                    AND a.step_id = g.step_id AND a.target_step_id IS NOT DISTINCT FROM g.target_step_id
          LEFT JOIN executed AS e
                 ON e.action = g.action AND e.migration_scenario IS NOT DISTINCT FROM g.migration_scenario
                    AND e.step_id = g.step_id AND e.target_step_id IS NOT DISTINCT FROM g.target_step_id
         ORDER BY g.action, g.migration_scenario, g.step_id, g.target_step_id;
END
$$;
COMMENT ON FUNCTION scenario.simulation_summary(uuid, uuid) IS
    'simulate_migration_plan in groups: what is done, from where to where, for how many sessions, how many of them a '
    'checkpoint blocks, and which fields and actions they wait for, each with the number of sessions. Arguments: '
    'tenant, plan. Raises P0002, 22023. Only reads.';

COMMENT ON FUNCTION scenario.simulated_groups(uuid, uuid) IS
    'The rows of simulate_migration_plan that say the same, counted, for simulation_summary. Arguments: tenant, plan. '
    'Raises P0002, 22023. Only reads.';
