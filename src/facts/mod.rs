//! What the engine asks for when it decides: each fact is read when the engine asks for it, and none before.
//!
//! | type | answers for |
//! |---|---|
//! | [`SessionFacts`] | one session |
//! | [`CommonFacts`] | every session at one step: it refuses a question whose answer depends on the session |
//! | [`PlanFacts`] | the plans of a tenant, which the others share |

mod common;
mod plans;
mod session;

pub use common::{CommonAnswer, CommonFacts, NoCommonAnswer, session_at};
pub use plans::PlanFacts;
pub use session::{PATTERN_CONFIDENCE, SessionFacts, has_builtin_profile};
