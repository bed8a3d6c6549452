//! Several versions behind ("Chains" in docs/behaviour.md): chains of versions, composed and migrated once.

#[path = "../common/mod.rs"]
mod common;
mod examples;
mod properties;
