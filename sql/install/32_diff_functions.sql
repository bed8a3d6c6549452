-- Contracts of the functions of src/api/diff.rs.

COMMENT ON FUNCTION scenario.scenario_diff(jsonb, jsonb) IS
    'The transformation map of two definitions: anchors with their changes, deleted and inserted steps. Arguments: the '
    'old definition, the new one. The same two give the same map. Raises 22023, with all findings, for NULL or a '
    'definition with errors; 54000 above a million changes. Only reads.';
COMMENT ON FUNCTION scenario.scenario_diff(uuid, uuid, integer, integer) IS
    'The transformation map of two stored versions. Arguments: tenant, scenario, from_version, to_version. Raises '
    'P0002 for an unknown scenario or version, 22023 for NULL, 54000 above a million changes. Only reads.';
