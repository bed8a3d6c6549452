-- Dump and restore of the tables of 70 and 73, as 90_dump.sql and 91_restore.sql do it for the others.
-- Needs: 70_undo.sql, 73_batches.sql, 91_restore.sql. Works only inside CREATE EXTENSION.

SELECT pg_catalog.pg_extension_config_dump('scenario.migration_undo', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.batch_runs', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.batch_errors', '');

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['migration_undo', 'batch_runs', 'batch_errors'] LOOP
        EXECUTE pg_catalog.format($trigger$
            CREATE TRIGGER restore_as_is
                BEFORE INSERT ON scenario.%I
                FOR EACH STATEMENT WHEN (pg_catalog.current_setting('application_name') = 'pg_restore')
                EXECUTE FUNCTION scenario.restore_as_is()$trigger$, v_table);
    END LOOP;
END
$$;
