//! What the engine's tests share: random scenarios and edits, walkers, oracles written from the text of
//! docs/behaviour.md, and an in-memory world behind [`Facts`](scenario_engine::reconcile::Facts).
//!
//! Nothing here calls the code under test to find out what is right: graphs, reachability, conditions and the fresh
//! walk are done once more, naively.

#![allow(dead_code)] // every test file uses another part of it

pub mod chain_pairs;
pub mod data;
pub mod dice;
pub mod draws;
pub mod edit;
pub mod flow;
pub mod kept;
pub mod notation;
pub mod oracle;
pub mod plain;
pub mod property;
pub mod scenario;
pub mod scene;
pub mod short;
pub mod two;
pub mod undone;
pub mod world;
