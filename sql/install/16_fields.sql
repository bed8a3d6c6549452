-- What fields are, and what is known of customers.

CREATE TABLE scenario.field_definitions (
    tenant_id          uuid NOT NULL,
    field_name         text NOT NULL CHECK (field_name <> ''),
    display_name       text,
    schema             jsonb,
    collection_prompt  text,
    extraction_hint    text,
    extraction_pattern text,
    required_level     text NOT NULL DEFAULT 'hard' CHECK (required_level IN ('strict', 'hard', 'soft')),
    PRIMARY KEY (tenant_id, field_name)
);
COMMENT ON TABLE scenario.field_definitions IS
    'What a tenant says of a profile field: how to ask for it, find it and check it.';
COMMENT ON COLUMN scenario.field_definitions.schema IS
    'JSON Schema that a value must satisfy to fill a gap; NULL: any value.';
COMMENT ON COLUMN scenario.field_definitions.collection_prompt IS 'Question to the customer.';
COMMENT ON COLUMN scenario.field_definitions.extraction_hint IS 'What a language model is told to look for.';
COMMENT ON COLUMN scenario.field_definitions.extraction_pattern IS
    'Linear-time regular expression over customer messages.';
COMMENT ON COLUMN scenario.field_definitions.required_level IS
    'strict: ask the customer, who cannot decline; hard: ask the customer, who can decline (decline_field); soft: '
    'never ask, go on without.';

CREATE FUNCTION scenario.field_definitions_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM scenario.check_field_definition(NEW.field_name, NEW.schema, NEW.extraction_pattern);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.field_definitions_check() IS
    'Trigger: schema and pattern must compile when they are stored, not when a customer waits (22023).';

CREATE TRIGGER field_definitions_check
    BEFORE INSERT OR UPDATE OF field_name, schema, extraction_pattern ON scenario.field_definitions
    FOR EACH ROW WHEN (NEW.schema IS NOT NULL OR NEW.extraction_pattern IS NOT NULL)
    EXECUTE FUNCTION scenario.field_definitions_check();

CREATE TABLE scenario.profile_fields (
    tenant_id          uuid NOT NULL,
    customer_id        uuid NOT NULL,
    field_name         text NOT NULL CHECK (field_name <> ''),
    value              jsonb NOT NULL,
    status             text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'superseded', 'rejected')),
    source             text NOT NULL DEFAULT 'application',
    confidence         double precision CHECK (confidence BETWEEN 0 AND 1),
    needs_confirmation boolean NOT NULL DEFAULT false,
    quote              text,
    session_id         uuid,
    expires_at         timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, customer_id, field_name)
);
COMMENT ON TABLE scenario.profile_fields IS 'What is known of a customer, whatever session it came from.';
COMMENT ON COLUMN scenario.profile_fields.status IS 'Only an active value that has not expired fills a gap.';
COMMENT ON COLUMN scenario.profile_fields.quote IS 'The customer''s words that it was extracted from.';
COMMENT ON COLUMN scenario.profile_fields.session_id IS
    'Session it came from. No foreign key: the profile outlives it.';
COMMENT ON COLUMN scenario.profile_fields.updated_at IS
    'When the value was written, kept by trigger unless the statement gives another time. A session''s value that was '
    'given before counts less.';

CREATE FUNCTION scenario.profile_fields_touch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION scenario.profile_fields_touch() IS 'Trigger: a value of a profile was written, or settled, now.';

CREATE TRIGGER profile_fields_touch
    BEFORE UPDATE OF value, status, needs_confirmation ON scenario.profile_fields
    FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at)
    EXECUTE FUNCTION scenario.profile_fields_touch();
