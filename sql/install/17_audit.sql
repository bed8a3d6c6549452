-- The audit of migrations.

CREATE TABLE scenario.migration_audit (
    tenant_id             uuid NOT NULL,
    session_id            uuid NOT NULL,
    revision              integer NOT NULL CHECK (revision > 0),
    scenario_id           uuid,
    plan_ids              uuid[] NOT NULL DEFAULT '{}',
    from_version          integer,
    to_version            integer,
    migration_scenario    text CHECK (migration_scenario IN ('clean_graft', 'gap_fill', 're_route')),
    anchor_content_hash   text,
    step_before           text,
    step_after            text,
    action                text NOT NULL,
    applied               boolean NOT NULL GENERATED ALWAYS AS (action IN ('teleport', 'continue')) STORED,
    fields_filled         jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(fields_filled) = 'object'),
    fields_asked          text[] NOT NULL DEFAULT '{}',
    asked                 jsonb CHECK (pg_catalog.jsonb_typeof(asked) = 'array'),
    trace                 jsonb CHECK (pg_catalog.jsonb_typeof(trace) = 'array'),
    checkpoint            text,
    blocked_by_checkpoint boolean NOT NULL DEFAULT false,
    reason                text,
    microseconds          bigint CHECK (microseconds >= 0),
    created_at            timestamptz NOT NULL DEFAULT pg_catalog.now(),
    db_role               text NOT NULL DEFAULT CURRENT_USER,
    PRIMARY KEY (tenant_id, session_id, revision)
);
CREATE INDEX migration_audit_target ON scenario.migration_audit (tenant_id, scenario_id, to_version, created_at);
COMMENT ON TABLE scenario.migration_audit IS
    'One row per application, block, pin, exit, revert and first collect request. Append-only. No foreign key: it '
    'outlives sessions, plans and versions.';
COMMENT ON COLUMN scenario.migration_audit.revision IS
    'revision of the session once this was applied: the key that makes it happen at most once.';
COMMENT ON COLUMN scenario.migration_audit.plan_ids IS
    'Plans applied, in order; several when versions were skipped, none in a fallback.';
COMMENT ON COLUMN scenario.migration_audit.applied IS
    'Whether the session was moved, perhaps within its version: teleport, or continue where a redirect was blocked and '
    'the path kept. Whatever counts migrations counts these rows. A continue that stays on its version is recorded as '
    'a pin.';
COMMENT ON COLUMN scenario.migration_audit.fields_filled IS 'Field → source. Never a value.';
COMMENT ON COLUMN scenario.migration_audit.fields_asked IS
    'Fields that the customer was asked for or asked to confirm.';
COMMENT ON COLUMN scenario.migration_audit.asked IS
    'An object for each field that was needed: field, outcome (collect, confirm, filled), source, needed_for (the step '
    'or fork that needs it) and did_not_do (why what was known did not do: source and reasons, e.g. expired or denied; '
    'empty: no source had a value). Never a value.';
COMMENT ON COLUMN scenario.migration_audit.trace IS
    'The replay as explain_reconciliation told it then: event, step_id, step_name, detail; at most 200 events and 16 '
    'kB. Never a value. NULL for a clean graft that went through.';
COMMENT ON COLUMN scenario.migration_audit.checkpoint IS 'Checkpoint that blocked, by name.';
COMMENT ON COLUMN scenario.migration_audit.microseconds IS 'Time that the decision and its application took.';

CREATE FUNCTION scenario.migration_audit_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_owner oid;
BEGIN
    -- Retention deletes as the owner of the table, who could take this trigger off anyway; the setting is there so that
    -- not even the owner does it by accident.
    IF TG_OP = 'DELETE' AND current_setting('scenario.retention', true) = 'on' THEN
        SELECT c.relowner INTO v_owner FROM pg_class AS c WHERE c.oid = TG_RELID;
        IF pg_has_role(current_user, v_owner, 'USAGE') THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '42501',
        MESSAGE = format('migration_audit is append-only: %s is refused', TG_OP),
        DETAIL = 'It is the record of what was done to customers.',
        HINT = 'Old rows are removed by apply_retention() only.';
END
$$;
COMMENT ON FUNCTION scenario.migration_audit_refuse() IS
    'Trigger: refuses UPDATE, TRUNCATE, and DELETE but by retention: the owner, with scenario.retention = on (42501).';

CREATE TRIGGER migration_audit_refuse
    BEFORE UPDATE OR DELETE OR TRUNCATE ON scenario.migration_audit
    FOR EACH STATEMENT EXECUTE FUNCTION scenario.migration_audit_refuse();
