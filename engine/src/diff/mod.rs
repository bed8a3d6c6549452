//! The diff of two versions by meaning (SPEC section 4): a pure function of two definitions.
//!
//! `pairing` pairs the steps, `changes` says what changed between the pairs, `build` puts both together into the
//! [`TransformationMap`], and `classify` says for each anchor what its sessions need.

mod build;
mod changes;
mod classify;
mod compose;
mod map;
mod pairing;
mod relocation;
mod side;

pub(crate) use build::added_fields;
pub use build::diff;
pub use changes::{ForkChange, fork_change};
pub use compose::compose_pairs;
pub use map::{
    Ambiguity, Anchor, Catalogue, CatalogueFork, CatalogueTransition, DeletedStep, EditedStep, ForkBranch, ForkKind,
    InsertedStep, MapError, MigrationScenario, RelocationCandidate, TransformationMap, TransitionChange,
};
pub use pairing::{PairKind, Pairing};
pub use side::{Ranges, Side};
