//! The SQL of the extension, in the order in which `CREATE EXTENSION` runs it: that of the numbers of the files. Each
//! file requires the one before it. A file with the contracts of Rust functions requires these functions too; a trigger
//! calls a Rust function by name when it fires, and requires it only where its WHEN clause names it.

use pgrx::extension_sql_file;

extension_sql_file!("../sql/install/10_scenarios.sql", name = "scenarios", bootstrap);
extension_sql_file!("../sql/install/11_acts.sql", name = "acts", requires = ["scenarios"]);
extension_sql_file!("../sql/install/12_plans.sql", name = "plans", requires = ["acts"]);
extension_sql_file!("../sql/install/13_sessions.sql", name = "sessions", requires = ["plans"]);
extension_sql_file!("../sql/install/14_session_history.sql", name = "session_history", requires = ["sessions"]);
extension_sql_file!("../sql/install/15_session_answers.sql", name = "session_answers", requires = ["session_history"]);
extension_sql_file!("../sql/install/16_fields.sql", name = "fields", requires = ["session_answers"]);
extension_sql_file!("../sql/install/17_audit.sql", name = "audit", requires = ["fields"]);
extension_sql_file!("../sql/install/18_undo.sql", name = "undo", requires = ["audit"]);
extension_sql_file!("../sql/install/19_batch_runs.sql", name = "batch_runs", requires = ["undo"]);
extension_sql_file!("../sql/install/20_arguments.sql", name = "arguments", requires = ["batch_runs"]);
extension_sql_file!("../sql/install/21_scenario_triggers.sql", name = "scenario_triggers", requires = ["arguments"]);
extension_sql_file!("../sql/install/22_plan_triggers.sql", name = "plan_triggers", requires = ["scenario_triggers"]);
extension_sql_file!(
    "../sql/install/23_session_triggers.sql",
    name = "session_triggers",
    requires = ["plan_triggers", is_written_by_writer]
);
extension_sql_file!(
    "../sql/install/24_session_row_triggers.sql",
    name = "session_row_triggers",
    requires = ["session_triggers"]
);
extension_sql_file!(
    "../sql/install/25_session_change.sql",
    name = "session_change",
    requires = ["session_row_triggers"]
);
extension_sql_file!("../sql/install/30_reconciliation.sql", name = "reconciliation", requires = ["session_change"]);
extension_sql_file!(
    "../sql/install/31_definition_functions.sql",
    name = "definition_functions",
    requires = [
        "reconciliation",
        validate_scenario,
        step_content_hash,
        scenario_checksum,
        scenario_digest,
        create_scenario,
        create_scenario_version,
        definition_steps,
        check_field_definition
    ]
);
extension_sql_file!(
    "../sql/install/32_diff_functions.sql",
    name = "diff_functions",
    requires = ["definition_functions", scenario_diff, scenario_diff_of_versions]
);
extension_sql_file!(
    "../sql/install/33_plan_functions.sql",
    name = "plan_functions",
    requires = [
        "diff_functions",
        build_migration_plan,
        migration_plan,
        migration_summary,
        set_anchor_policy,
        approve_migration_plan,
        reject_migration_plan,
        check_plan_status
    ]
);
extension_sql_file!(
    "../sql/install/34_deploy_functions.sql",
    name = "deploy_functions",
    requires = ["plan_functions", deploy_migration_plan, cancel_deployment, deployment_status, on_publish, keep_acts]
);
extension_sql_file!(
    "../sql/install/35_report_functions.sql",
    name = "report_functions",
    requires = ["deploy_functions", scenario_mermaid, plan_mermaid, plan_report]
);
extension_sql_file!(
    "../sql/install/40_session_functions.sql",
    name = "session_functions",
    requires = ["report_functions", start_session, advance_session, next_steps, import_session]
);
extension_sql_file!(
    "../sql/install/41_reconcile_functions.sql",
    name = "reconcile_functions",
    requires = ["session_functions", reconcile_session, preview_reconciliation, explain_reconciliation]
);
extension_sql_file!(
    "../sql/install/42_answer_functions.sql",
    name = "answer_functions",
    requires = [
        "reconcile_functions",
        submit_fields,
        confirm_field,
        decline_field,
        record_extraction,
        complete_action,
        submit_decision
    ]
);
extension_sql_file!(
    "../sql/install/43_manual_change_functions.sql",
    name = "manual_change_functions",
    requires = ["answer_functions", pin_session, unpin_session, move_session]
);
extension_sql_file!(
    "../sql/install/44_revert_functions.sql",
    name = "revert_functions",
    requires = ["manual_change_functions", revert_session, revert_plan]
);
extension_sql_file!(
    "../sql/install/45_history_functions.sql",
    name = "history_functions",
    requires = ["revert_functions", begin_in_the_middle, is_already_done]
);
extension_sql_file!(
    "../sql/install/46_writer_functions.sql",
    name = "writer_functions",
    requires = ["history_functions", is_written_by_writer]
);
extension_sql_file!(
    "../sql/install/50_simulation.sql",
    name = "simulation",
    requires = ["writer_functions", simulate_migration_plan, simulated_groups]
);
extension_sql_file!(
    "../sql/install/51_session_mark_functions.sql",
    name = "session_mark_functions",
    requires = ["simulation", mark_batch, mark_together, mark_steps, count_sessions_to_mark]
);
extension_sql_file!(
    "../sql/install/52_batch_functions.sql",
    name = "batch_functions",
    requires = ["session_mark_functions", begin_batch, lock_marked_sessions, migrate_page, retention_days]
);
extension_sql_file!("../sql/install/53_batch_workers.sql", name = "batch_workers", requires = ["batch_functions"]);
extension_sql_file!("../sql/install/54_batch_pages.sql", name = "batch_pages", requires = ["batch_workers"]);
extension_sql_file!("../sql/install/55_batch_control.sql", name = "batch_control", requires = ["batch_pages"]);
extension_sql_file!("../sql/install/56_batch_procedures.sql", name = "batch_procedures", requires = ["batch_control"]);
extension_sql_file!("../sql/install/60_session_story.sql", name = "session_story", requires = ["batch_procedures"]);
extension_sql_file!("../sql/install/61_operator_views.sql", name = "operator_views", requires = ["session_story"]);
extension_sql_file!("../sql/install/62_metrics.sql", name = "metrics", requires = ["operator_views"]);
extension_sql_file!("../sql/install/63_retention.sql", name = "retention", requires = ["metrics"]);
extension_sql_file!("../sql/install/64_invariants.sql", name = "invariants", requires = ["retention"]);
extension_sql_file!("../sql/install/90_dump.sql", name = "dump", requires = ["invariants"]);
extension_sql_file!("../sql/install/91_restore.sql", name = "restore", requires = ["dump"]);
extension_sql_file!("../sql/install/99_revoke.sql", name = "revoke", finalize);
