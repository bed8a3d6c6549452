-- What functions in SQL check of their arguments.

CREATE FUNCTION scenario.require_argument(value uuid, name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('argument %s must not be NULL', name);
    END IF;
END
$$;
COMMENT ON FUNCTION scenario.require_argument(uuid, text) IS 'Raises 22023 if the value of an argument is NULL.';

CREATE FUNCTION scenario.find_plan(tenant_id uuid, plan_id uuid) RETURNS scenario.migration_plans
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_plan scenario.migration_plans;
BEGIN
    PERFORM scenario.require_argument(find_plan.tenant_id, 'tenant_id');
    PERFORM scenario.require_argument(find_plan.plan_id, 'plan_id');
    SELECT p.* INTO v_plan
      FROM scenario.migration_plans AS p
     WHERE p.tenant_id = find_plan.tenant_id AND p.plan_id = find_plan.plan_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('plan %s does not exist', find_plan.plan_id),
            HINT = 'Build it first: build_migration_plan(tenant_id, scenario_id, to_version).';
    END IF;
    RETURN v_plan;
END
$$;
COMMENT ON FUNCTION scenario.find_plan(uuid, uuid) IS
    'The row of a plan, for the functions of the extension. Raises P0002 for an unknown plan, 22023 for NULL. Only '
    'reads.';
