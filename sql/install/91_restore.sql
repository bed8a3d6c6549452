-- How pg_restore -j brings back rows of the tables of an extension, which arrive in any order, since pg_dump writes no
-- dependency between their data into the archive. Foreign keys and triggers would then refuse rows whose parents are
-- still on their way. So a statement of pg_restore takes the rows as they are: they were consistent when they were
-- dumped. Only a superuser can restore an extension, and only for a superuser are the checks left out.

CREATE FUNCTION scenario.restore_as_is() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('is_superuser') = 'on' THEN
        PERFORM set_config('session_replication_role', 'replica', true);  -- until the end of this transaction
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.restore_as_is() IS
    'Trigger: rows that pg_restore brings are neither checked against other tables nor completed; scenario_steps is '
    'still derived.';

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['scenario_versions', 'acts', 'act_pairs', 'migration_plans', 'plan_anchors',
                                   'anchor_policies', 'sessions', 'step_visits', 'passed_at_start', 'session_actions',
                                   'session_decisions', 'session_requests', 'messages', 'field_attempts',
                                   'migration_undo', 'batch_runs', 'batch_errors'] LOOP
        EXECUTE pg_catalog.format($trigger$
            CREATE TRIGGER restore_as_is
                BEFORE INSERT ON scenario.%I
                FOR EACH STATEMENT WHEN (pg_catalog.current_setting('application_name') = 'pg_restore')
                EXECUTE FUNCTION scenario.restore_as_is()$trigger$, v_table);
    END LOOP;
END
$$;

-- Steps are not in the dump: this one fires in that mode too (and on a logical replica).
ALTER TABLE scenario.scenario_versions ENABLE ALWAYS TRIGGER scenario_versions_derive;
