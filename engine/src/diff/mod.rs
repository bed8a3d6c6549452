//! The diff of two versions by meaning: a pure function of two definitions.
//!
//! `matching` pairs the steps (with `twins`, `edited` and `unpaired`), `pairing` holds the pairs, `changes` says what
//! changed between the pairs, `build` puts both together into the [`TransformationMap`], `classify` says for each
//! anchor what its sessions need, and `relocation` where those of a deleted step may go.

mod build;
mod changes;
mod classify;
mod compose;
mod edited;
mod map;
mod matching;
mod pairing;
mod relocation;
mod side;
mod twins;
mod unpaired;

pub(crate) use build::added_fields;
pub use build::diff;
pub use changes::{ForkChange, fork_change};
pub use compose::compose_pairs;
pub use map::{
    Anchor, Catalogue, CatalogueFork, CatalogueTransition, DeletedStep, EditedStep, ForkBranch, ForkKind, InsertedStep,
    MapError, MigrationScenario, RelocationCandidate, TransformationMap, TransitionChange,
};
pub use pairing::{Ambiguity, PairKind, Pairing};
pub use relocation::{KEPT_CANDIDATES, Relocation, Relocations, behind_untaken, untaken};
pub use side::{Ranges, Side};
