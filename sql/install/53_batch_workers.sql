-- Whether a run has a worker, and how far the run has come.

-- A worker holds an advisory lock of this name while it works, so that everybody can see whether it is alive, without
-- the rights that pg_stat_activity asks for. It is taken anew in each transaction: however a worker ends, it is let go.
CREATE FUNCTION scenario.batch_lock(run_id uuid) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT pg_advisory_xact_lock(29539, hashtext(run_id::text)) $$;
COMMENT ON FUNCTION scenario.batch_lock(uuid) IS
    'Shows, until the transaction ends, that the run of this id has a worker.';

CREATE FUNCTION scenario.batch_is_alive(run_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks AS l
                    WHERE l.locktype = 'advisory' AND l.granted
                      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                      AND l.classid = 29539 AND l.objsubid = 2
                      AND l.objid = (hashtext(run_id::text)::bigint & 4294967295)::oid)
$$;
COMMENT ON FUNCTION scenario.batch_is_alive(uuid) IS
    'Whether a run has a worker now. Between two of its transactions it has none for an instant. Only reads.';

CREATE FUNCTION scenario.duration_in_words(seconds double precision) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN seconds < 100 THEN format('%s s', round(seconds))
                WHEN seconds < 6000 THEN format('%s min', round(seconds / 60))
                ELSE format('%s h', round(seconds / 3600)) END
$$;
COMMENT ON FUNCTION scenario.duration_in_words(double precision) IS
    'Seconds as people say them: 15 s, 12 min, 3 h. Only computes.';

CREATE FUNCTION scenario.batch_line(run scenario.batch_runs) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s %s%% %s of %s, %s/s', (run).kind,
                  CASE WHEN (run).total = 0 THEN 100 ELSE least(100, floor(100.0 * (run).done / (run).total)) END,
                  n.done, n.total, to_char(round((run).rate::numeric), 'FM999,999,999'))
           || CASE WHEN (run).state <> 'running' THEN ', ' || (run).state
                   WHEN (run).rate > 0 AND (run).total > (run).done
                       THEN format(', %s left', scenario.duration_in_words(((run).total - (run).done) / (run).rate))
                   ELSE '' END
           || CASE (run).kind
                  WHEN 'mark' THEN format('; marked %s, left out %s', n.applied, n.deferred)
                       || CASE WHEN (run).failed > 0 THEN ', failed ' || n.failed ELSE '' END
                  ELSE format('; applied %s, would ask %s', n.applied, n.deferred)
                       || CASE WHEN (run).pinned > 0 THEN ', pinned ' || n.pinned ELSE '' END
                       || CASE WHEN (run).exited > 0 THEN ', exited ' || n.exited ELSE '' END
                       || CASE WHEN (run).blocked > 0 THEN ', blocked ' || n.blocked ELSE '' END
                       || ', failed ' || n.failed END
      FROM (SELECT to_char((run).done, f) AS done, to_char((run).total, f) AS total,
                   to_char((run).applied, f) AS applied, to_char((run).deferred, f) AS deferred,
                   to_char((run).pinned, f) AS pinned, to_char((run).exited, f) AS exited,
                   to_char((run).blocked, f) AS blocked, to_char((run).failed, f) AS failed
              FROM (VALUES ('FM999,999,999,999')) AS format_of_counts (f)) AS n
$$;
COMMENT ON FUNCTION scenario.batch_line(scenario.batch_runs) IS
    'Progress of a run in one line, as its notices have it: SELECT scenario.batch_line(r) FROM scenario.batch_runs AS '
    'r. Only computes.';
