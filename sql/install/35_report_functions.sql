-- Contracts of the functions of src/api/reports.rs.

COMMENT ON FUNCTION scenario.scenario_mermaid(jsonb) IS
    'A definition as a flow chart in Mermaid: entry and ends rounded, forks as diamonds, checkpoints as hexagons. '
    'Raises 22023, with all findings, for NULL or a definition with errors. Only reads.';
COMMENT ON FUNCTION scenario.plan_mermaid(uuid, uuid) IS
    'A plan as a picture in Mermaid: what is kept, edited, inserted and deleted, new forks and transitions, and how '
    'many sessions are at each step now. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. '
    'Only reads.';
COMMENT ON FUNCTION scenario.plan_report(uuid, uuid) IS
    'A plan as a page of plain text, a row a line (in psql: \pset tuples_only, \pset format unaligned): figures, '
    'warnings with their sessions, fields to ask for, and a line a step with what its sessions need, its fields and '
    'policy. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only reads.';
