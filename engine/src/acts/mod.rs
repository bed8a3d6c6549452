//! Acts.
mod landing;
mod ledger;
mod publish;
mod rules;
mod undone;

pub use landing::{LandingActs, accepted, landing_acts, landing_acts_of};
pub use ledger::{ActPair, ActRow, Acts, PairSource};
pub(crate) use publish::words;
pub use publish::{Before, Changed, DeployedPairs, Publication};
pub use rules::{
    Arrival, CannotGoBack, LastMove, PassedAtStart, SinceMigration, is_already_done, may_go_back, passed_at_start,
};
pub use undone::{Ground, UndoneBy};
