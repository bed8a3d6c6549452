//! What happens to one customer, and what came of it.

use crate::check::{Harm, Untold};
use crate::engine::Knobs;
use crate::world::Uid;

/// What happens, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The customer goes on by so many steps, by their data or by chance.
    Stroll(usize),
    /// The customer goes on to these steps, as far as ways lead there.
    Walk(Vec<Uid>),
    /// The next version is published: with a plan from the version before, with one from the first version too, with
    /// a policy.
    Publish {
        planned: bool,
        direct: bool,
        policy: Option<(Option<Uid>, String)>,
    },
    /// The newest deployment is cancelled.
    Cancel,
    Turn,
    /// The same decision with nobody there to answer.
    Batch,
    Revert,
    /// Somebody puts the session at a step by UPDATE, of its version or of the one before.
    Hand {
        back: bool,
        to: Uid,
    },
}

/// What happens to one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// The session begins at the last of these steps; what lies before was walked elsewhere.
    pub before: Vec<Uid>,
    pub events: Vec<Event>,
    pub data: [bool; 3],
    /// What the profile knows.
    pub profile: [bool; 3],
    pub choice: usize,
    pub knobs: Knobs,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Harm(Harm),
    ExecutedTwice,
    AskedTwice,
    DecidedTwice,
    NeverSettles,
}

/// Something that must not have happened.
#[derive(Clone, Debug)]
pub struct Violation {
    pub kind: Kind,
    pub untold: Option<Untold>,
    pub story: String,
}

#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The customer had passed a checkpoint when the engine was asked.
    pub with_checkpoint: bool,
    pub in_the_middle: bool,
    pub violations: Vec<Violation>,
    pub held: bool,
    pub held_without_need: Option<String>,
    pub asked: usize,
    pub moves: usize,
    pub exits: usize,
    /// What happened, with the customer's steps written out.
    pub events: Vec<Event>,
}
