-- Numbers for monitoring, counted from rows. docs/monitoring.md has the configuration of exporters.
--
-- One row per metric and combination of labels. A label that a metric does not have is '', which to Prometheus is the
-- same as not having it: so one query serves every metric.

CREATE VIEW scenario.migration_metrics AS
WITH audit AS MATERIALIZED (
    -- One pass over the audit. Counters never go back, so what is taken back later stays counted.
    SELECT a.tenant_id, a.scenario_id, a.action, coalesce(a.migration_scenario, '') AS migration_scenario,
           a.applied, a.blocked_by_checkpoint, a.microseconds, a.fields_filled
      FROM scenario.migration_audit AS a
), durations AS (
    SELECT d.tenant_id, d.scenario_id, d.migration_scenario, count(*) AS count, sum(d.microseconds) / 1e6 AS sum,
           ARRAY[count(*) FILTER (WHERE d.microseconds <= 500), count(*) FILTER (WHERE d.microseconds <= 1000),
                 count(*) FILTER (WHERE d.microseconds <= 2500), count(*) FILTER (WHERE d.microseconds <= 5000),
                 count(*) FILTER (WHERE d.microseconds <= 10000), count(*) FILTER (WHERE d.microseconds <= 25000),
                 count(*) FILTER (WHERE d.microseconds <= 50000), count(*) FILTER (WHERE d.microseconds <= 100000),
                 count(*) FILTER (WHERE d.microseconds <= 250000), count(*) FILTER (WHERE d.microseconds <= 1000000),
                 count(*)] AS buckets
      FROM audit AS d WHERE d.applied AND d.microseconds IS NOT NULL
     GROUP BY 1, 2, 3
), metrics (metric, kind, tenant_id, scenario_id, status, action, migration_scenario, source, waiting_for, le, value)
AS (
    SELECT 'pg_scenario_plans', 'gauge', p.tenant_id, p.scenario_id, p.status, '', '', '', '', '',
           count(*)::double precision
      FROM scenario.migration_plans AS p GROUP BY p.tenant_id, p.scenario_id, p.status
    UNION ALL
    SELECT 'pg_scenario_plans_generated_total', 'counter', p.tenant_id, p.scenario_id, '', '', '', '', '', '', count(*)
      FROM scenario.migration_plans AS p GROUP BY p.tenant_id, p.scenario_id
    UNION ALL
    SELECT 'pg_scenario_plans_approved_total', 'counter', p.tenant_id, p.scenario_id, '', '', '', '', '', '',
           count(p.approved_at)
      FROM scenario.migration_plans AS p GROUP BY p.tenant_id, p.scenario_id
    UNION ALL
    SELECT 'pg_scenario_plans_deployed_total', 'counter', p.tenant_id, p.scenario_id, '', '', '', '', '', '',
           count(p.deployed_at)
      FROM scenario.migration_plans AS p GROUP BY p.tenant_id, p.scenario_id
    UNION ALL
    SELECT 'pg_scenario_sessions_marked_total', 'counter', p.tenant_id, p.scenario_id, '', '', '', '', '', '',
           sum(p.sessions_marked)
      FROM scenario.migration_plans AS p GROUP BY p.tenant_id, p.scenario_id
    UNION ALL
    SELECT 'pg_scenario_sessions_pending', 'gauge', m.tenant_id, m.scenario_id, '', '', '', '',
           coalesce(m.waiting_for, 'turn'), '', count(*)
      FROM scenario.valid_marks AS m
     GROUP BY m.tenant_id, m.scenario_id, m.waiting_for
    UNION ALL
    SELECT 'pg_scenario_migrations_applied_total', 'counter', a.tenant_id, a.scenario_id, '', '', a.migration_scenario,
           '', '', '', count(*)
      FROM audit AS a WHERE a.applied GROUP BY a.tenant_id, a.scenario_id, a.migration_scenario
    UNION ALL
    SELECT 'pg_scenario_decisions_total', 'counter', a.tenant_id, a.scenario_id, '', a.action, '', '', '', '', count(*)
      FROM audit AS a GROUP BY a.tenant_id, a.scenario_id, a.action
    UNION ALL
    SELECT 'pg_scenario_gap_fills_total', 'counter', a.tenant_id, a.scenario_id, '', '', '', f.value, '', '', count(*)
      FROM audit AS a CROSS JOIN LATERAL pg_catalog.jsonb_each_text(a.fields_filled) AS f
     WHERE a.applied GROUP BY a.tenant_id, a.scenario_id, f.value
    UNION ALL
    SELECT 'pg_scenario_checkpoint_blocks_total', 'counter', a.tenant_id, a.scenario_id, '', '', '', '', '', '',
           count(*)
      FROM audit AS a WHERE a.blocked_by_checkpoint GROUP BY a.tenant_id, a.scenario_id
    UNION ALL
    SELECT 'pg_scenario_migration_duration_seconds_bucket', 'counter', d.tenant_id, d.scenario_id, '', '',
           d.migration_scenario, '', '', b.le, b.count
      FROM durations AS d
     CROSS JOIN ROWS FROM (unnest(ARRAY['0.0005', '0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25',
                                        '1', '+Inf']),
                           unnest(d.buckets)) AS b (le, count)
    UNION ALL
    SELECT 'pg_scenario_migration_duration_seconds_sum', 'counter', d.tenant_id, d.scenario_id, '', '',
           d.migration_scenario, '', '', '', d.sum
      FROM durations AS d
    UNION ALL
    SELECT 'pg_scenario_migration_duration_seconds_count', 'counter', d.tenant_id, d.scenario_id, '', '',
           d.migration_scenario, '', '', '', d.count
      FROM durations AS d
    UNION ALL
    SELECT 'pg_scenario_batch_runs', 'gauge', r.tenant_id, p.scenario_id, r.state, '', '', '', '', '', count(*)
      FROM scenario.batch_progress AS r
      JOIN scenario.migration_plans AS p ON p.tenant_id = r.tenant_id AND p.plan_id = r.plan_id
     GROUP BY r.tenant_id, p.scenario_id, r.state
    UNION ALL
    SELECT 'pg_scenario_batch_failures_total', 'counter', r.tenant_id, p.scenario_id, '', '', '', '', '', '',
           sum(r.failed)
      FROM scenario.batch_runs AS r
      JOIN scenario.migration_plans AS p ON p.tenant_id = r.tenant_id AND p.plan_id = r.plan_id
     GROUP BY r.tenant_id, p.scenario_id
)
SELECT m.metric, m.kind, m.tenant_id, m.scenario_id, m.status, m.action, m.migration_scenario, m.source, m.waiting_for,
       m.le, m.value
  FROM metrics AS m;
COMMENT ON VIEW scenario.migration_metrics IS
    'Numbers for Prometheus exporters: one row per metric and labels; a label that a metric does not have is ''''. '
    'Counted from rows when it is asked: counters go back only when retention removes what they count. It reads the '
    'whole audit, so scrape it once a minute rather than each second.';
COMMENT ON COLUMN scenario.migration_metrics.kind IS 'counter or gauge, as Prometheus means it.';
COMMENT ON COLUMN scenario.migration_metrics.waiting_for IS
    'customer, confirmation, action, decision; turn: for nothing but its next turn.';
COMMENT ON COLUMN scenario.migration_metrics.le IS
    'Upper bound of a bucket of the duration, in seconds. Clean grafts that a batch applied set-wise have no duration '
    'of their own and are in none.';

DO $$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW scenario.migration_metrics SET (security_invoker = true);
    END IF;
END
$$;
