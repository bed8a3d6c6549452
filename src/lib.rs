//! pg_scenario: how PostgreSQL reaches the engine that moves customers from one version of a scenario to the next.

use pgrx::prelude::*;

pg_module_magic!(name, version);

/// Called once by each backend that loads the library.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {}
