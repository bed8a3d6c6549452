//! What pg_scenario decides: definitions, diff, plans and reconciliation.
//!
//! This crate is pure. It knows no PostgreSQL, no SQL, no clock and does no I/O: whatever it needs from the world it
//! asks of a [`reconcile::Facts`] implementation, and only when it needs it. So one engine serves reconcile, preview,
//! explain, simulate and batch, and can be tested with a million random graphs in seconds.
//!
//! Rooms, each knowing only those above it in this list:
//!
//! | module | holds |
//! |---|---|
//! | [`condition`] | always / expression / natural language; three-valued evaluation |
//! | [`field`] | field definitions: schema validation, extraction patterns |
//! | [`definition`] | the scenario document: model, validation, canonical JSON, content hash, checksum |
//! | [`graph`] | compiled graph: dense indexes, adjacency, reachability |
//! | [`diff`] | pairing, changes, classification: the transformation map |
//! | [`acts`] | what checkpoints and actions stand for over all versions; which move undoes one |
//! | [`plan`] | policies, scope, summary, warnings; the way from one version to another |
//! | [`reconcile`] | replay, checkpoints, gap fill: one `Decision`, with its trace |
//! | [`report`] | versions and plans for people to look at: Mermaid, plain text |
//!
//! What the engine decides, and why, is in docs/behaviour.md; comments name its sections.

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
