//! What the engine asks for when it decides: each fact is read when the engine asks for it, and none before.
//!
//! | type | answers for |
//! |---|---|
//! | [`SessionFacts`] | one session |
//! | [`PageFacts`] | the sessions of a page, whose `SessionFacts` share what was read for all of them at once |
//! | [`CommonFacts`] | every session at one step: it refuses a question whose answer depends on the session |
//! | [`PlanFacts`] | the plans of a tenant, which the others share |
//! | [`DefinitionFacts`] | versions and fields of a tenant, likewise |

mod common;
mod definitions;
mod page;
mod plans;
mod session;

pub use common::{CommonAnswer, CommonFacts, NoCommonAnswer, session_at};
pub use definitions::DefinitionFacts;
pub use page::PageFacts;
pub use plans::PlanFacts;
pub use session::{PATTERN_CONFIDENCE, SessionFacts, has_builtin_profile};
