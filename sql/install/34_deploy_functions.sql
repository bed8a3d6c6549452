-- Contracts of the functions of src/api/deploy.rs.

COMMENT ON FUNCTION scenario.deploy_migration_plan(uuid, uuid, text) IS
    'Deploys a plan: publishes its version, unless that is published already, and marks its sessions. Arguments: '
    'tenant, plan [, who deploys (default: the login)]. Returns one row: plan_id, sessions_marked, sessions_by_anchor '
    '(content hash of the anchor, or none for a deleted step with nowhere to go → sessions), deployed_at. Raises P0002 '
    'for an unknown plan; 55000 if it is not approved (or pending, with require_approval off), is stale, or does not '
    'start at the published version; 22023 for NULL. Writes scenarios, scenario_versions, migration_plans, sessions '
    '(marks only).';
COMMENT ON FUNCTION scenario.cancel_deployment(uuid, uuid, text) IS
    'Stops a deployment: the plan is cancelled, its marks are void, and everybody whose way leads over it is pinned at '
    'their next turn; those migrated stay. Waits for no session. Arguments: tenant, plan [, who cancels (default: the '
    'login)]. Returns sessions whose mark is void now. Raises P0002 for an unknown plan, 55000 if it is not deployed, '
    '22023 for NULL. Writes migration_plans, scenarios.';
COMMENT ON FUNCTION scenario.deployment_status(uuid, uuid) IS
    'How far a deployment has come, counted from sessions and audit rows. Arguments: tenant, plan. Returns one row, '
    'all counts in sessions: marked (marks that it has set), applied, pending (marked now, and the plan is deployed), '
    'pinned (now, by the plan or at its old version), collecting (pending and waiting for the customer), '
    'waiting_action, waiting_decision, checkpoint_blocks, exits, by_scenario (applied), by_action, last_applied_at. '
    'Raises P0002 for an unknown plan, 22023 for NULL. Only reads.';
COMMENT ON FUNCTION scenario.on_publish(uuid, uuid, integer, integer, text) IS
    'What belongs to publishing, for the trigger of scenarios: deploys the plan between the two versions and marks '
    'sessions. Arguments: tenant, scenario, version published before (NULL: none), version published now [, who '
    'publishes (default: the login)]. Raises 55000 if sessions walk the old version and no plan is approved, or the '
    'plan is stale; 22023 for NULL. Writes migration_plans, plan_anchors, sessions (marks only).';
COMMENT ON FUNCTION scenario.keep_acts(uuid, uuid, integer, integer) IS
    'Keeps what the steps of a version said, and which acts they stand for, for the trigger of scenarios when the '
    'version is published. Arguments: tenant, scenario, version published before (NULL: none), version published now. '
    'Raises P0002 for an unknown scenario or version, 22023 for NULL. Writes acts, act_pairs, scenarios '
    '(acts_revision).';
