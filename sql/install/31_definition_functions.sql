-- Contracts of the functions of src/api/definitions.rs.

COMMENT ON FUNCTION scenario.validate_scenario(jsonb) IS
    'Checks a definition and returns every finding, errors first: rows of severity (error, warning), code, step_id '
    '(NULL where it is about no one step), message. No rows: nothing to complain about. Raises 22023 for NULL. Only '
    'reads.';
COMMENT ON FUNCTION scenario.step_content_hash(jsonb) IS
    'The content hash of a step: 16 hex digits of what it means; id and transitions have no part in it and may be '
    'absent. Raises 22023 for NULL or a step that cannot be read. Only reads.';
COMMENT ON FUNCTION scenario.scenario_checksum(jsonb, integer) IS
    'The checksum of a definition as that version: 16 hex digits. Raises 22023, with all findings, for NULL or a '
    'definition with errors. Only reads.';
COMMENT ON FUNCTION scenario.scenario_digest(jsonb) IS
    'The digest of a definition: 32 hex digits over every key that pg_scenario knows, in document order. Layout, tags '
    'and other unknown keys have no part in it. Raises 22023, with all findings, for NULL or a definition with errors. '
    'Only reads.';
COMMENT ON FUNCTION scenario.create_scenario(uuid, jsonb, uuid, text) IS
    'Creates a scenario with its first version, published at once. Arguments: tenant, definition [, id of the scenario '
    '(default: a new one), who creates it (default: the login)]. Returns scenario_id. Raises 22023, with all findings, '
    'for NULL or a definition with errors; 23505 if the tenant has a scenario of that id. Writes scenarios, '
    'scenario_versions, scenario_steps.';
COMMENT ON FUNCTION scenario.create_scenario_version(uuid, uuid, jsonb, text) IS
    'Adds a version to a scenario, as a draft. Arguments: tenant, scenario, definition [, who creates it (default: the '
    'login)]. Returns the number of the version. Raises P0002 for an unknown scenario; 22023, with all findings, for '
    'NULL or a definition with errors. Writes scenario_versions, scenario_steps.';
COMMENT ON FUNCTION scenario.definition_steps(jsonb) IS
    'The steps of a definition as rows of scenario_steps, in document order: for the trigger that derives them. Raises '
    '22023, with all findings, for NULL or a definition with errors. Only reads.';
COMMENT ON FUNCTION scenario.check_field_definition(text, jsonb, text) IS
    'Checks the JSON Schema and the extraction pattern of a field: for the trigger of field_definitions. Arguments: '
    'field name, schema, pattern; any may be NULL. Raises 22023 with every reason. Only reads.';
