-- What stays true of scenarios and versions, and what publishing does. A trigger calls a Rust function by name when it
-- fires, so that the function can be created later.

-- Versions ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.scenario_versions_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_published integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.scenario_id, NEW.version)
           IS DISTINCT FROM (OLD.tenant_id, OLD.scenario_id, OLD.version) THEN
            RAISE EXCEPTION USING ERRCODE = '55000',
                MESSAGE = format('version %s of scenario %s cannot be renumbered or moved',
                                 OLD.version, OLD.scenario_id),
                DETAIL = 'Tenant, scenario and number identify a version for as long as it exists.',
                HINT = 'Store the definition as a new version: create_scenario_version(tenant_id, scenario_id, '
                       'definition).';
        END IF;
        IF OLD.status <> 'draft' AND NEW.definition IS DISTINCT FROM OLD.definition THEN
            RAISE EXCEPTION USING ERRCODE = '55000',
                MESSAGE = format('version %s of scenario %s is %s: its definition cannot change',
                                 OLD.version, OLD.scenario_id, OLD.status),
                DETAIL = 'Sessions walk it, and plans and audit rows refer to it.',
                HINT = 'Store the change as a new version: create_scenario_version(tenant_id, scenario_id, '
                       'definition).';
        END IF;
    END IF;

    IF TG_OP = 'INSERT' OR NEW.status IS DISTINCT FROM OLD.status THEN
        SELECT s.published_version INTO v_published
          FROM scenario.scenarios AS s
         WHERE s.tenant_id = NEW.tenant_id AND s.scenario_id = NEW.scenario_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'P0002',
                MESSAGE = format('scenario %s does not exist', NEW.scenario_id),
                HINT = 'Create it first: create_scenario(tenant_id, definition).';
        END IF;
        -- scenarios.published_version is the truth and the status follows it. The state is tested, not who
        -- asks: so the status can only become what publishing makes it, and a restored row has it already.
        IF TG_OP = 'INSERT' AND NEW.status = 'draft' AND v_published = NEW.version THEN
            NEW.status := 'published';
        END IF;
        IF NEW.status = 'published' AND v_published IS DISTINCT FROM NEW.version
           OR NEW.status = 'archived' AND v_published IS NOT DISTINCT FROM NEW.version
           OR TG_OP = 'UPDATE'
              AND (OLD.status, NEW.status) NOT IN (('draft', 'published'), ('published', 'archived')) THEN
            RAISE EXCEPTION USING ERRCODE = '55000',
                MESSAGE = format('version %s of scenario %s cannot be made %s by hand',
                                 NEW.version, NEW.scenario_id, NEW.status),
                DETAIL = format('The version is %s; the published version of the scenario is %s.',
                                CASE WHEN TG_OP = 'UPDATE' THEN OLD.status ELSE 'new' END,
                                coalesce(v_published::text, 'none')),
                HINT = 'Publish with UPDATE scenario.scenarios SET published_version = …, or '
                       'deploy_migration_plan(tenant_id, plan_id).';
        END IF;
        IF NEW.status <> 'draft' THEN
            NEW.published_at := coalesce(NEW.published_at, now());
            NEW.published_by := coalesce(NEW.published_by, session_user);
        END IF;
        IF NEW.status = 'archived' THEN
            NEW.archived_at := coalesce(NEW.archived_at, now());
        END IF;
    END IF;

    IF NEW.definition IS NOT NULL
       AND (TG_OP = 'INSERT'
            OR NEW.definition IS DISTINCT FROM OLD.definition
            OR (NEW.checksum, NEW.digest) IS DISTINCT FROM (OLD.checksum, OLD.digest)) THEN
        NEW.checksum := scenario.scenario_checksum(NEW.definition, NEW.version);
        NEW.digest := scenario.scenario_digest(NEW.definition);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.scenario_versions_check() IS
    'Trigger: a version keeps its number, and its definition once published; its status follows '
    'scenarios.published_version; its checksum and digest are computed. Raises 55000, P0002, and 22023 for a '
    'definition with errors.';

CREATE TRIGGER scenario_versions_check
    BEFORE INSERT OR UPDATE ON scenario.scenario_versions
    FOR EACH ROW EXECUTE FUNCTION scenario.scenario_versions_check();

CREATE FUNCTION scenario.scenario_versions_derive() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM scenario.scenario_steps AS s
         WHERE s.tenant_id = NEW.tenant_id AND s.scenario_id = NEW.scenario_id AND s.version = NEW.version;
    END IF;
    INSERT INTO scenario.scenario_steps (tenant_id, scenario_id, version, step_id, ordinal, name, content_hash,
            is_checkpoint, checkpoint_description, is_terminal, is_required_action, is_entry, collects_profile_fields,
            next_step_ids, transitions)
    SELECT NEW.tenant_id, NEW.scenario_id, NEW.version, d.step_id, d.ordinal, d.name, d.content_hash, d.is_checkpoint,
           d.checkpoint_description, d.is_terminal, d.is_required_action, d.is_entry,
           d.collects_profile_fields, d.next_step_ids, d.transitions
      FROM scenario.definition_steps(NEW.definition) AS d;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.scenario_versions_derive() IS
    'Trigger: writes scenario_steps from a definition that was stored.';

CREATE TRIGGER scenario_versions_derive
    AFTER INSERT OR UPDATE OF definition ON scenario.scenario_versions
    FOR EACH ROW EXECUTE FUNCTION scenario.scenario_versions_derive();

CREATE FUNCTION scenario.scenario_versions_keep() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_published integer;
    v_plan      record;
BEGIN
    IF EXISTS (SELECT FROM scenario.sessions AS s
                WHERE s.tenant_id = OLD.tenant_id AND s.scenario_id = OLD.scenario_id
                  AND s.scenario_version = OLD.version) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('version %s of scenario %s cannot be deleted: sessions walk it',
                             OLD.version, OLD.scenario_id),
            HINT = 'Migrate these sessions, take them out of the scenario, or delete them first.';
    END IF;

    SELECT s.published_version INTO v_published
      FROM scenario.scenarios AS s
     WHERE s.tenant_id = OLD.tenant_id AND s.scenario_id = OLD.scenario_id;
    IF NOT FOUND THEN
        RETURN OLD;  -- the whole scenario is being deleted, its plans with it
    END IF;
    IF v_published = OLD.version THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('version %s of scenario %s cannot be deleted: it is the published one',
                             OLD.version, OLD.scenario_id),
            HINT = 'Publish another version first, or delete the scenario.';
    END IF;

    SELECT p.plan_id, p.status INTO v_plan
      FROM scenario.migration_plans AS p
     WHERE p.tenant_id = OLD.tenant_id AND p.scenario_id = OLD.scenario_id
       AND (p.from_version = OLD.version OR p.to_version = OLD.version)
       AND (p.is_open OR p.status = 'deployed')
     ORDER BY p.plan_id
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('version %s of scenario %s cannot be deleted: a live plan needs it',
                             OLD.version, OLD.scenario_id),
            DETAIL = format('Plan %s is %s.', v_plan.plan_id, v_plan.status),
            HINT = 'Reject an open plan or cancel a deployed one first.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION scenario.scenario_versions_keep() IS
    'Trigger: a version that is published, walked by a session or needed by a live plan is not deleted (55000).';

CREATE TRIGGER scenario_versions_keep
    BEFORE DELETE ON scenario.scenario_versions
    FOR EACH ROW EXECUTE FUNCTION scenario.scenario_versions_keep();

-- Derived steps -------------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.scenario_steps_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '55000',
        MESSAGE = 'scenario_steps is derived from scenario_versions.definition and cannot be written directly',
        HINT = 'Change the definition of a draft, or store a new version with create_scenario_version(…).';
END
$$;
COMMENT ON FUNCTION scenario.scenario_steps_refuse() IS
    'Trigger: refuses direct writes (55000). nothing takes a step away from sessions that are at it, since sessions '
    'have no foreign key to steps.';

-- Depth 0 is a statement of a client; derivation and ON DELETE CASCADE come from inside a trigger.
CREATE TRIGGER scenario_steps_refuse
    BEFORE INSERT OR UPDATE OR DELETE ON scenario.scenario_steps
    FOR EACH STATEMENT WHEN (pg_catalog.pg_trigger_depth() = 0)
    EXECUTE FUNCTION scenario.scenario_steps_refuse();

-- Publishing ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION scenario.scenarios_publish_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_status text;
BEGIN
    IF NEW.published_version IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('scenario %s cannot be unpublished', OLD.scenario_id),
            DETAIL = format('Version %s is published.', OLD.published_version),
            HINT = 'Publish another version; sessions go on in the version that they walk.';
    END IF;
    SELECT v.status INTO v_status
      FROM scenario.scenario_versions AS v
     WHERE v.tenant_id = NEW.tenant_id AND v.scenario_id = NEW.scenario_id AND v.version = NEW.published_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('version %s of scenario %s does not exist', NEW.published_version, NEW.scenario_id),
            HINT = 'Store it first: create_scenario_version(tenant_id, scenario_id, definition).';
    END IF;
    IF v_status <> 'draft' THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('version %s of scenario %s is %s and cannot be published again',
                             NEW.published_version, NEW.scenario_id, v_status),
            DETAIL = 'Only a draft can be published.',
            HINT = 'To go back to an older definition, store it as a new version and publish that.';
    END IF;
    -- This statement locks the row, so that publications, deployments and cancellations of a scenario have an order.
    NEW.deployments := OLD.deployments + 1;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.scenarios_publish_check() IS
    'Trigger: only an existing draft can be published (P0002, 55000), and nothing is unpublished (55000); a '
    'publication is counted in deployments.';

CREATE TRIGGER scenarios_publish_check
    BEFORE UPDATE OF published_version ON scenario.scenarios
    FOR EACH ROW WHEN (NEW.published_version IS DISTINCT FROM OLD.published_version)
    EXECUTE FUNCTION scenario.scenarios_publish_check();

-- Nothing is left for a later statement, which would take it for its own.
CREATE FUNCTION scenario.scenarios_forget_publisher() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.publish_by := NULL;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.scenarios_forget_publisher() IS
    'Trigger: takes publish_by from a statement that publishes nothing.';

CREATE TRIGGER scenarios_forget_publisher_insert
    BEFORE INSERT ON scenario.scenarios
    FOR EACH ROW WHEN (NEW.publish_by IS NOT NULL)
    EXECUTE FUNCTION scenario.scenarios_forget_publisher();

CREATE TRIGGER scenarios_forget_publisher_update
    BEFORE UPDATE OF publish_by ON scenario.scenarios
    FOR EACH ROW WHEN (NEW.publish_by IS NOT NULL AND NEW.published_version IS NOT DISTINCT FROM OLD.published_version)
    EXECUTE FUNCTION scenario.scenarios_forget_publisher();

CREATE FUNCTION scenario.scenarios_publish() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Plans first, while the statuses still say what was: the new version a draft, the one before it published.
    PERFORM scenario.on_publish(NEW.tenant_id, NEW.scenario_id, OLD.published_version, NEW.published_version,
                                NEW.publish_by);
    -- The one before goes first: never are two published.
    UPDATE scenario.scenario_versions AS v SET status = 'archived'
     WHERE v.tenant_id = NEW.tenant_id AND v.scenario_id = NEW.scenario_id
       AND v.version <> NEW.published_version AND v.status = 'published';
    UPDATE scenario.scenario_versions AS v SET status = 'published', published_after = OLD.published_version
     WHERE v.tenant_id = NEW.tenant_id AND v.scenario_id = NEW.scenario_id
       AND v.version = NEW.published_version AND v.status = 'draft';
    PERFORM scenario.keep_acts(NEW.tenant_id, NEW.scenario_id, OLD.published_version, NEW.published_version);
    IF NEW.publish_by IS NOT NULL THEN
        UPDATE scenario.scenarios AS s SET publish_by = NULL
         WHERE s.tenant_id = NEW.tenant_id AND s.scenario_id = NEW.scenario_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION scenario.scenarios_publish() IS
    'Trigger: publishing. on_publish deploys the plan and marks sessions; then the statuses of the versions move.';

CREATE TRIGGER scenarios_publish
    AFTER UPDATE OF published_version ON scenario.scenarios
    FOR EACH ROW WHEN (NEW.published_version IS DISTINCT FROM OLD.published_version)
    EXECUTE FUNCTION scenario.scenarios_publish();
