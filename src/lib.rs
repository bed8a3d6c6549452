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
//! | [`jsonb`] | values of our own as jsonb, without the way over text |
//! | [`json`], [`row`] | datum types: jsonb as text, whole rows |
//! | [`settings`] | the settings under `scenario.` |
//! | [`error`] | every error with its SQLSTATE |
//! | [`postgres_version`] | what differs between versions of PostgreSQL |
//!
//! A module uses only modules below it in this table.
//!
//! Tables, triggers, functions in SQL and the contracts of all functions are in `sql/install/`, which [`install`]
//! embeds.

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
pub mod install;
pub mod json;
pub mod jsonb;
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

/// Called once by each backend that loads the library.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
}
