-- Contracts of the functions of src/api/writer.rs.

COMMENT ON FUNCTION scenario.is_written_by_writer(uuid, uuid, integer, text, integer) IS
    'For the triggers of sessions and step_visits: whether the row is an arrival that the extension itself is writing '
    'at this moment. False for every other statement, whoever runs it. Arguments: tenant, session, version, step, '
    'number of the visit; NULL in any of them: false. Raises nothing. Only reads.';
