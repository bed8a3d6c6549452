-- What the benchmarks measure on: flows, tenants and sessions, loaded past the triggers, since to load a million
-- sessions through them takes longer than what is measured.

CREATE SCHEMA bench;

CREATE FUNCTION bench.id(kind text, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
    RETURN ('00000000-0000-4000-' || kind || '-' || lpad(n::text, 12, '0'))::uuid;

-- A chain of steps. Version 2 has one more step at the end, and for each name in `asked` a question inserted after the
-- second step: with no question, every session makes a clean graft; with some, every session behind them fills a gap.
CREATE FUNCTION bench.chain(steps integer, version integer, asked text[] DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    WITH step AS (
        SELECT n::numeric AS place, 's' || n AS id, 'Step ' || n AS name, '{}'::text[] AS fields
          FROM generate_series(1, steps + version - 1) AS n
        UNION ALL
        SELECT 2 + q.n / 100.0, 'ask_' || q.field, 'Ask for ' || q.field, ARRAY[q.field]
          FROM unnest(asked) WITH ORDINALITY AS q (field, n) WHERE version = 2
    ), linked AS (
        SELECT st.*, lead(st.id) OVER (ORDER BY st.place) AS next FROM step AS st
    )
    SELECT jsonb_build_object('name', 'Chain', 'entry_step_id', 's1', 'steps', jsonb_agg(jsonb_build_object(
               'id', l.id, 'name', l.name, 'description', 'What the customer reads at ' || l.name,
               'collects_profile_fields', to_jsonb(l.fields), 'is_terminal', l.next IS NULL,
               'transitions', CASE WHEN l.next IS NULL THEN '[]'
                                   ELSE jsonb_build_array(jsonb_build_object('to_step_id', l.next)) END)
               ORDER BY l.place))
      FROM linked AS l
$$;

-- Fills a tenant: a scenario whose first version is published, and sessions spread over its steps (from `first_step`
-- on, never at the last), each with its last `visits` visits.
CREATE PROCEDURE bench.load(p_tenant uuid, definition jsonb, sessions bigint, first_step integer DEFAULT 1,
                            visits integer DEFAULT 1, variables jsonb DEFAULT '{"name": "A customer", "lang": "en"}')
    LANGUAGE plpgsql AS $$
DECLARE
    v_steps integer := jsonb_array_length(definition -> 'steps');
BEGIN
    PERFORM scenario.create_scenario(p_tenant, definition, p_tenant);
    SET LOCAL session_replication_role = replica;
    INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, reconciled_deployments,
            step_id, step_content_hash, scenario_checksum, customer_id, variables, variables_set_at, visit_count,
            turn_count)
    SELECT p_tenant, bench.id('8000', n), p_tenant, 1, c.deployments, st.step_id, st.content_hash, v.checksum,
           bench.id('9000', n), load.variables, '{}', load.visits, load.visits
      FROM generate_series(1, sessions) AS n
      JOIN scenario.scenarios AS c ON c.tenant_id = p_tenant AND c.scenario_id = p_tenant
      JOIN scenario.scenario_versions AS v ON v.tenant_id = p_tenant AND v.scenario_id = p_tenant AND v.version = 1
      JOIN scenario.scenario_steps AS st
        ON st.tenant_id = p_tenant AND st.scenario_id = p_tenant AND st.version = 1
           AND st.step_id = 's' || first_step + n % (v_steps - first_step);
    INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
            step_name, step_content_hash, turn_number, reason, is_checkpoint)
    SELECT p_tenant, s.session_id, load.visits - back, p_tenant, 1, st.step_id, st.name, st.content_hash,
           load.visits - back, 'start', false
      FROM scenario.sessions AS s
     CROSS JOIN generate_series(0, load.visits - 1) AS back
      JOIN scenario.scenario_steps AS st
        ON st.tenant_id = p_tenant AND st.scenario_id = p_tenant AND st.version = 1
           AND st.step_id = 's' || 1 + (substr(s.step_id, 2)::integer - 1 + v_steps - back % v_steps) % v_steps
     WHERE s.tenant_id = p_tenant;
    RESET session_replication_role;
END
$$;

-- Builds and approves a plan to a second version; returns it.
CREATE FUNCTION bench.approve(p_tenant uuid, definition jsonb) RETURNS uuid LANGUAGE sql AS $$
    SELECT (scenario.approve_migration_plan(p_tenant, scenario.build_migration_plan(p_tenant, p_tenant,
               scenario.create_scenario_version(p_tenant, p_tenant, definition)))).plan_id
$$;

-- Copies a tenant into the tables of the baseline, with the columns that are not generated.
CREATE PROCEDURE bench.copy_to_baseline(p_tenant uuid) LANGUAGE plpgsql AS $$
DECLARE
    v_table record;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR v_table IN
        SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
          FROM pg_class AS c
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         WHERE c.relnamespace = 'by_hand'::regnamespace AND c.relkind = 'r'
         GROUP BY c.relname
    LOOP
        EXECUTE format('INSERT INTO by_hand.%I (%s) SELECT %2$s FROM scenario.%1$I WHERE tenant_id = $1',
                       v_table.relname, v_table.columns) USING p_tenant;
    END LOOP;
    RESET session_replication_role;
END
$$;
