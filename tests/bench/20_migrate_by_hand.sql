-- moving a session by hand: one UPDATE (with its visit) and one audit row, rolled back
\set n 100 * random(0, 19) + random(1, 18)
BEGIN;
UPDATE scenario.sessions SET scenario_version = 2, step_id = step_id, reconciled_deployments = 2, revision = revision + 1
 WHERE tenant_id = '00000000-0000-0000-0000-000000000002'
   AND session_id = ('00000000-0000-0000-0000-' || lpad(:n::text, 12, '0'))::uuid;
INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, from_version, to_version, action, reason)
VALUES ('00000000-0000-0000-0000-000000000002', ('00000000-0000-0000-0000-' || lpad(:n::text, 12, '0'))::uuid, 1,
        '00000000-0000-0000-0000-0000000000f2', 1, 2, 'teleport', 'by hand');
ROLLBACK;
