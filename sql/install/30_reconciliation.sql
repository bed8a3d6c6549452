-- The row that reconcile_session and preview_reconciliation return. src/turn/result.rs fills its columns by name.

CREATE TYPE scenario.reconciliation AS (
    action                text,
    target_step_id        text,
    target_step_name      text,
    scenario_version      integer,
    migration_scenario    text,
    anchor_content_hash   text,
    collect_fields        text[],
    confirm_fields        text[],
    prompts               jsonb,
    execute_step_ids      text[],
    decisions             jsonb,
    fields_filled         jsonb,
    blocked_by_checkpoint boolean,
    checkpoint_warning    text,
    user_message          text,
    reason                text,
    plan_id               uuid
);
COMMENT ON TYPE scenario.reconciliation IS
    'What the backend is to do with a turn, and what for: the row of reconcile_session.';
COMMENT ON COLUMN scenario.reconciliation.action IS
    'continue, teleport, collect, execute_action, decide or exit_scenario.';
COMMENT ON COLUMN scenario.reconciliation.target_step_id IS
    'Step where the session is; on collect, execute_action and decide, the step where it would land.';
COMMENT ON COLUMN scenario.reconciliation.scenario_version IS
    'Version that the session walks after the turn; NULL after an exit.';
COMMENT ON COLUMN scenario.reconciliation.migration_scenario IS
    'clean_graft, gap_fill or re_route; NULL if nothing was decided.';
COMMENT ON COLUMN scenario.reconciliation.anchor_content_hash IS
    'Content hash of the step of the old version that the plan starts from.';
COMMENT ON COLUMN scenario.reconciliation.collect_fields IS 'Fields to ask the customer for.';
COMMENT ON COLUMN scenario.reconciliation.confirm_fields IS
    'Fields whose value the customer is to confirm (confirm_field).';
COMMENT ON COLUMN scenario.reconciliation.prompts IS
    'An object for each field to ask for or to confirm: what a person or a model needs to do it well.';
COMMENT ON COLUMN scenario.reconciliation.execute_step_ids IS 'Required actions to execute (complete_action).';
COMMENT ON COLUMN scenario.reconciliation.decisions IS
    'Forks that somebody must decide, with their branches (submit_decision).';
COMMENT ON COLUMN scenario.reconciliation.fields_filled IS
    'Field → source (profile, session, extraction), for fields that were found.';
COMMENT ON COLUMN scenario.reconciliation.blocked_by_checkpoint IS 'Whether a passed checkpoint forbade a redirect.';
COMMENT ON COLUMN scenario.reconciliation.checkpoint_warning IS
    'Names checkpoint, rule and target of a forbidden redirect.';
COMMENT ON COLUMN scenario.reconciliation.user_message IS 'What to tell the customer.';
COMMENT ON COLUMN scenario.reconciliation.reason IS 'Why, for an operator.';
COMMENT ON COLUMN scenario.reconciliation.plan_id IS
    'Last plan of the way that the decision followed; NULL without a plan.';
