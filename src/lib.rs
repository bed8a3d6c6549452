//! pg_scenario: how PostgreSQL reaches the engine that moves customers from one version of a scenario to the next.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the SQL functions: arguments → engine → result, one file a subject |
//! | [`planning`], [`publishing`], [`lifecycle`] | building, reviewing and deploying plans, and publishing versions |
//! | [`session_marks`], [`held_sessions`] | which sessions a plan marks, and which of them it would pin |
//! | [`batch`] | one page of a batch migration |
//! | [`turn`] | one turn of one session: read, decide, write |
//! | [`sessions`] | how sessions start, advance and are imported |
//! | [`answers`] | answers of customers, models and people to what a turn has asked |
//! | [`manual_changes`] | what an operator does with one session: pin, unpin, move |
//! | [`writer`] | what decisions write, for one session or many |
//! | [`history`] | what a session passed before it began, and what was done before it was moved |
//! | [`facts`] | what the engine asks for when it decides |
//! | [`acts`] | which steps stand for the same act: kept at publication, and what a plan would make of it |
//! | [`store`] | every SQL statement that Rust runs, one file a table |
//! | [`cache`] | compiled graphs, pairs and acts that a backend keeps |
//! | [`json`], [`row`] | datum types: jsonb as text, whole rows |
//! | [`settings`] | the settings under `scenario.` |
//! | [`error`] | every error with its SQLSTATE |
//! | [`postgres_version`] | what differs between versions of PostgreSQL |
//!
//! A module uses only modules below it in this table.
//!
//! Tables, triggers and comments are in `sql/install/`, embedded below and beside the functions they belong to.

// Functions return pgrx's ErrorReport, whatever it weighs: it alone keeps SQLSTATE, DETAIL and HINT.
#![allow(clippy::result_large_err)]

pub mod acts;
pub mod answers;
pub mod api;
pub mod batch;
pub mod cache;
pub mod error;
pub mod facts;
pub mod held_sessions;
pub mod history;
pub mod json;
pub mod lifecycle;
pub mod manual_changes;
pub mod planning;
pub mod postgres_version;
pub mod publishing;
pub mod row;
pub mod session_marks;
pub mod sessions;
pub mod settings;
pub mod store;
pub mod turn;
pub mod writer;

use pgrx::prelude::*;

pg_module_magic!(name, version);

// Tables first, then the Rust functions that return their rows, then the rest. Triggers call Rust functions by name and
// only when they fire, so they come with the tables. Comments on Rust functions are embedded beside these, in src/api.
extension_sql_file!("../sql/install/10_scenarios.sql", name = "scenarios", bootstrap);
extension_sql_file!("../sql/install/12_acts.sql", name = "acts", requires = ["scenarios"]);
extension_sql_file!("../sql/install/20_plans.sql", name = "plans", requires = ["acts"]);
extension_sql_file!("../sql/install/30_sessions.sql", name = "sessions", requires = ["plans"]);
extension_sql_file!("../sql/install/40_fields.sql", name = "fields", requires = ["sessions"]);
extension_sql_file!("../sql/install/50_audit.sql", name = "audit", requires = ["fields"]);
extension_sql_file!("../sql/install/11_scenario_triggers.sql", name = "scenario_triggers", requires = ["audit"]);
extension_sql_file!("../sql/install/21_plan_triggers.sql", name = "plan_triggers", requires = ["scenario_triggers"]);
extension_sql_file!(
    "../sql/install/31_session_triggers.sql",
    name = "session_triggers",
    requires = ["plan_triggers", is_written_by_writer]
);
extension_sql_file!("../sql/install/32_session_rows.sql", name = "session_rows", requires = ["session_triggers"]);
extension_sql_file!("../sql/install/90_dump.sql", name = "dump", requires = ["session_rows"]);
extension_sql_file!("../sql/install/91_restore.sql", name = "restore", requires = ["dump"]);
extension_sql_file!("../sql/install/70_undo.sql", name = "undo", requires = ["restore"]);
extension_sql_file!("../sql/install/71_simulation.sql", name = "simulation", requires = ["undo"]);
extension_sql_file!("../sql/install/73_batches.sql", name = "batches", requires = ["simulation"]);
extension_sql_file!("../sql/install/74_batch_procedures.sql", name = "batch_procedures", requires = ["batches"]);
extension_sql_file!("../sql/install/75_watch.sql", name = "watch", requires = ["batch_procedures"]);
extension_sql_file!("../sql/install/76_metrics.sql", name = "metrics", requires = ["watch"]);
extension_sql_file!("../sql/install/77_retention.sql", name = "retention", requires = ["metrics"]);
extension_sql_file!("../sql/install/78_invariants.sql", name = "invariants", requires = ["retention"]);
extension_sql_file!("../sql/install/79_operations_dump.sql", name = "operations_dump", requires = ["invariants"]);
extension_sql_file!("../sql/install/83_story.sql", name = "story", requires = ["operations_dump"]);
extension_sql_file!("../sql/install/99_revoke.sql", name = "revoke", finalize);

/// Called once by each backend that loads the library.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
}
