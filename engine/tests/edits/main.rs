//! The table "What an edit does to whom" of `docs/behaviour.md`: one module for each row, one test for each column. The
//! flows are those of the page. The tests look at what the customer meets, not at how it is decided.

mod all_ids_regenerated;
mod branch_added;
mod branch_removed;
#[path = "../common/mod.rs"]
mod common;
mod condition_changed;
mod customer;
mod field_added;
mod field_removed;
mod fork_added;
mod ids_renumbered;
mod only_metadata;
mod order_of_branches_changed;
mod page;
mod silence;
mod step_becomes_a_checkpoint;
mod step_becomes_a_required_action;
mod step_becomes_terminal;
mod step_deleted;
mod step_duplicated;
mod step_inserted;
mod step_moved;
mod step_split;
mod steps_merged;
mod wording_of_a_step;
