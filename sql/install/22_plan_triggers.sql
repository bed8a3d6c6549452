-- What stays true of plans, anchors and policies.

CREATE FUNCTION scenario.count_deployment(p_tenant_id uuid, p_scenario_id uuid) RETURNS integer
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scenario.scenarios AS s SET deployments = s.deployments + 1
     WHERE s.tenant_id = p_tenant_id AND s.scenario_id = p_scenario_id
    RETURNING s.deployments
$$;
COMMENT ON FUNCTION scenario.count_deployment(uuid, uuid) IS
    'Counts a deployment or a cancellation of the scenario, so that sessions look at its plans again, and returns the '
    'number. For the trigger of migration_plans. Locks the scenario. Writes scenarios.';

CREATE FUNCTION scenario.migration_plans_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.tenant_id, NEW.plan_id, NEW.scenario_id, NEW.from_version, NEW.to_version, NEW.from_checksum,
        NEW.to_checksum, NEW.from_digest, NEW.to_digest, NEW.fields_digest, NEW.created_at, NEW.created_by)
       IS DISTINCT FROM
       (OLD.tenant_id, OLD.plan_id, OLD.scenario_id, OLD.from_version, OLD.to_version, OLD.from_checksum,
        OLD.to_checksum, OLD.from_digest, OLD.to_digest, OLD.fields_digest, OLD.created_at, OLD.created_by)
       OR NEW.changes IS DISTINCT FROM OLD.changes THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('plan %s cannot be changed', OLD.plan_id),
            DETAIL = 'What was reviewed is what is deployed: only the status of a plan and its policies move.',
            HINT = 'Build it again: build_migration_plan(tenant_id, scenario_id, to_version, replace => true).';
    END IF;

    IF NEW.status IS DISTINCT FROM OLD.status THEN
        PERFORM scenario.check_plan_status(OLD.plan_id, OLD.status, NEW.status);
        -- The time and the author of every change are kept, whoever makes it.
        CASE NEW.status
            WHEN 'approved' THEN
                NEW.approved_at := coalesce(NEW.approved_at, now());
                NEW.approved_by := coalesce(NEW.approved_by, session_user);
            WHEN 'rejected' THEN
                NEW.rejected_at := coalesce(NEW.rejected_at, now());
                NEW.rejected_by := coalesce(NEW.rejected_by, session_user);
            WHEN 'deployed' THEN
                NEW.deployed_at := coalesce(NEW.deployed_at, now());
                NEW.deployed_by := coalesce(NEW.deployed_by, session_user);
                -- A plan that is deployed by a publication gets the number of that.
                NEW.deployment_no := coalesce(NEW.deployment_no,
                                              scenario.count_deployment(NEW.tenant_id, NEW.scenario_id));
            WHEN 'cancelled' THEN
                NEW.cancelled_at := coalesce(NEW.cancelled_at, now());
                NEW.cancelled_by := coalesce(NEW.cancelled_by, session_user);
                PERFORM scenario.count_deployment(NEW.tenant_id, NEW.scenario_id);
            WHEN 'superseded' THEN
                NEW.superseded_at := coalesce(NEW.superseded_at, now());
            ELSE
                NULL;
        END CASE;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.migration_plans_check() IS
    'Trigger: the content of a plan is fixed and its status moves only as the lifecycle of plans says (55000); who and '
    'when is filled in.';

CREATE TRIGGER migration_plans_check
    BEFORE UPDATE ON scenario.migration_plans
    FOR EACH ROW EXECUTE FUNCTION scenario.migration_plans_check();

CREATE FUNCTION scenario.plan_anchors_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '55000',
        MESSAGE = 'the anchors of a plan cannot be changed or taken out',
        DETAIL = 'What was reviewed is what is deployed.',
        HINT = 'Set a policy with set_anchor_policy(…), or build the plan again with replace => true.';
END
$$;
COMMENT ON FUNCTION scenario.plan_anchors_refuse() IS 'Trigger: refuses UPDATE and direct DELETE of anchors (55000).';

-- Depth 0 is a statement of a client; the cascade from a deleted plan comes from inside a trigger.
CREATE TRIGGER plan_anchors_refuse
    BEFORE UPDATE OR DELETE ON scenario.plan_anchors
    FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
    EXECUTE FUNCTION scenario.plan_anchors_refuse();

CREATE FUNCTION scenario.anchor_policies_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_row  record;
    v_plan record;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.tenant_id, NEW.plan_id, NEW.anchor_content_hash)
                            IS DISTINCT FROM (OLD.tenant_id, OLD.plan_id, OLD.anchor_content_hash) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('the policy of anchor %s of plan %s cannot be moved to another',
                             OLD.anchor_content_hash, OLD.plan_id),
            HINT = 'Set the policy of the other anchor with set_anchor_policy(…).';
    END IF;
    IF TG_OP = 'DELETE' THEN v_row := OLD; ELSE v_row := NEW; END IF;

    -- The lock makes approving wait for the policy, or the policy see that it comes too late.
    SELECT p.status, coalesce(p.approved_at, p.rejected_at, p.superseded_at) AS closed_at INTO v_plan
      FROM scenario.migration_plans AS p
     WHERE p.tenant_id = v_row.tenant_id AND p.plan_id = v_row.plan_id
       FOR SHARE;
    IF NOT FOUND THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;  -- the plan is being deleted
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('plan %s does not exist', v_row.plan_id),
            HINT = 'Build it first: build_migration_plan(tenant_id, scenario_id, to_version).';
    END IF;
    -- A policy that was set before the plan left pending is one that a restore brings back.
    IF v_plan.status <> 'pending' AND NOT (TG_OP = 'INSERT' AND v_row.set_at <= v_plan.closed_at) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('plan %s is %s: its policies cannot change', v_row.plan_id, v_plan.status),
            DETAIL = 'Policies can be set only while the plan is pending.',
            HINT = 'Build the plan again and set the policy before you approve it.';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.set_at = OLD.set_at THEN
        NEW.set_at := now();
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.anchor_policies_check() IS
    'Trigger: policies change only while their plan is pending (55000); locks the plan so that approval cannot '
    'overtake.';

CREATE TRIGGER anchor_policies_check
    BEFORE INSERT OR UPDATE OR DELETE ON scenario.anchor_policies
    FOR EACH ROW EXECUTE FUNCTION scenario.anchor_policies_check();

-- Backends keep what the plans of a scenario say for as long as the row of the scenario is the same.
CREATE FUNCTION scenario.migration_plans_gone() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Somebody who holds the row is about to write it: to wait would be a deadlock with a deployment.
    PERFORM FROM scenario.scenarios AS c
      WHERE c.tenant_id = OLD.tenant_id AND c.scenario_id = OLD.scenario_id
        FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE scenario.scenarios AS c SET acts_revision = c.acts_revision
         WHERE c.tenant_id = OLD.tenant_id AND c.scenario_id = OLD.scenario_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.migration_plans_gone() IS
    'Trigger: writes the row of the scenario anew when a plan that was deployed is deleted, so that backends forget '
    'what the plan said.';

CREATE TRIGGER migration_plans_gone
    AFTER DELETE ON scenario.migration_plans
    FOR EACH ROW WHEN (OLD.deployed_at IS NOT NULL)
    EXECUTE FUNCTION scenario.migration_plans_gone();
