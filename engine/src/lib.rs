//! What pg_scenario decides: definitions, diff, plans and reconciliation.
//!
//! This crate is pure. It knows no PostgreSQL, no SQL, no clock and does no I/O: whatever it needs from the world it
//! asks of a [`reconcile::Facts`] implementation, and only when it needs it. So one engine serves reconcile, preview,
//! explain, simulate and batch, and can be tested with a million random graphs in seconds.
//!
//! Rooms, each knowing only those above it in this list:
//!
//! | module | SPEC | holds |
//! |---|---|---|
//! | [`condition`] | 2 | always / expression / natural language; three-valued evaluation |
//! | [`definition`] | 2, 3 | the scenario document: model, validation, canonical JSON, content hash, checksum |
//! | [`field`] | 8 | field definitions: schema validation, extraction patterns |
//! | [`graph`] | 4 | compiled graph: dense indexes, adjacency, reachability |
//! | [`diff`] | 4 | pairing, changes, classification: the transformation map |
//! | [`acts`] | "Acts and checkpoints" in docs/behaviour.md | what checkpoints and actions stand for over all versions; which move undoes one |
//! | [`plan`] | 5, 9 | policies, scope, summary, warnings; composing the maps of a chain |
//! | [`reconcile`] | 7 to 10 | replay, checkpoints, gap fill: one `Decision`, with its trace |
//! | [`report`] | 5 | versions and plans for people to look at: Mermaid, plain text |

pub mod acts;
pub mod condition;
pub mod definition;
pub mod diff;
pub mod field;
pub mod graph;
#[doc(hidden)]
pub mod mutant;
pub mod plan;
pub mod reconcile;
pub mod report;
