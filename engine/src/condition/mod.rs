//! Conditions: always, expression or natural language; three-valued evaluation ("Conditions" in docs/behaviour.md).
//! Expressions are CEL (Common Expression Language), by the crate `cel`.
//!
//! | file | holds |
//! |---|---|
//! | `kind` | [`Condition`]: a text whose kind is decided |
//! | `program` | from the text to a program, and the limits on texts |
//! | `evaluation` | from a program and values to a [`Truth`] |
//! | `literals` | what an expression compares its fields with |
//! | `same` | whether two conditions are the same |

mod evaluation;
mod kind;
mod literals;
mod program;
mod same;
#[cfg(test)]
mod tests;

pub use evaluation::Truth;
pub(crate) use kind::says_always;
pub use kind::{Condition, ConditionKind};
pub use literals::FieldUse;
pub use program::{MAX_CONDITION_BYTES, MAX_DEPTH, MAX_NESTING, MAX_OPERATORS};
