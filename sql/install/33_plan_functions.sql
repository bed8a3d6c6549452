-- Contracts of the functions of src/api/plans.rs.

COMMENT ON FUNCTION scenario.build_migration_plan(uuid, uuid, integer, integer, text, boolean) IS
    'Builds a migration plan and stores it, pending. Arguments: tenant, scenario, to_version (a draft; with '
    'from_version also the published one) [, from_version (default: the published one), who builds it (default: the '
    'login), replace: supersede an open plan for the same versions]. Returns plan_id. Raises P0002 for an unknown '
    'scenario or version; 55000 if nothing is published, to_version is archived or from_version a draft; 22023 for '
    'NULL or equal versions; 23505 for a second open plan. Writes migration_plans, plan_anchors.';
COMMENT ON FUNCTION scenario.migration_plan(uuid, uuid) IS
    'The whole plan as one document: plan_id, scenario_id, versions and checksums, status, stale (a version has '
    'changed since it was built), sessions_marked, history (status, at, by, reason), policies by anchor, '
    'transformation_map. Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL, 54000 above a '
    'million changes. Only reads.';
COMMENT ON FUNCTION scenario.migration_summary(uuid, uuid) IS
    'What an operator is told before approving: anchors by migration scenario; steps deleted, with where their '
    'sessions go; sessions counted in all and by anchor with the paused ones, those that are relocated, leave or would '
    'be finished, those on older versions (which come along, which stay pinned, which have no way), finished ones and '
    'those with a foreign checksum; fields to collect with why; warnings with severity and number of sessions. '
    'Arguments: tenant, plan. Raises P0002 for an unknown plan, 22023 for NULL. Only reads.';
COMMENT ON FUNCTION scenario.set_anchor_policy(uuid, uuid, text, jsonb, boolean, text, text) IS
    'Sets the policy of an anchor or a deleted step of a pending plan, or of all of them. Arguments: tenant, plan, '
    'content hash of the anchor or the deleted step (NULL: every one of the plan), policy (include_channels, '
    'exclude_channels, include_current_nodes, exclude_current_nodes: lists; max_session_age_days, '
    'min_session_age_days: days; session_condition: CEL over the variables; rollout_percent: 0 to 100; '
    'update_downstream: boolean; force_scenario; on_checkpoint_block: graft or pin; accept_repeat: content hashes of '
    'checkpoints that may come again; accept_held: boolean; reopen: boolean) [, replace: the policy takes the place of '
    'the one that is set (default: its keys are merged into that, and a null sets the default of a key), who sets it '
    '(default: the login), reason]. Returns the policy as stored; for a NULL hash, as an anchor without a policy '
    'stores it. Raises P0002 for an unknown plan or a hash that it does not have, listing those it has; 55000 if it is '
    'not pending; 22023, with all findings, for NULL or a policy that is not valid, and for a hash in accept_repeat '
    'that no act of the scenario and no step of the two versions has. Writes anchor_policies.';
COMMENT ON FUNCTION scenario.approve_migration_plan(uuid, uuid, text) IS
    'Approves a pending plan. Arguments: tenant, plan [, who approves (default: the login)]. Returns the row of the '
    'plan. Raises P0002 for an unknown plan; 55000 if it is not pending, or stale because a version has changed; 22023 '
    'for NULL. Writes migration_plans.';
COMMENT ON FUNCTION scenario.reject_migration_plan(uuid, uuid, text, text) IS
    'Rejects a pending plan. Arguments: tenant, plan [, who rejects (default: the login), reason]. Returns the row of '
    'the plan. Raises P0002 for an unknown plan, 55000 if it is not pending, 22023 for NULL. Writes migration_plans.';
COMMENT ON FUNCTION scenario.check_plan_status(uuid, text, text) IS
    'For the trigger of migration_plans: whether a plan can become what it is to become. Arguments: plan, its status, '
    'the next one. Raises 55000 if it cannot, 22023 for NULL. Only computes.';
