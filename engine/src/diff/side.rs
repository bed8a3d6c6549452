//! The changes on one side of an anchor, as references into the map's catalogue.
//!
//! A version of 10,000 steps can have 10,000 anchors with thousands of changes upstream of each. Changes are therefore
//! kept once, in the catalogue, and each anchor keeps the ranges of them that lie on its side: most flows are written
//! down in the order in which they are walked, so a side is a few ranges.

use serde::{Deserialize, Serialize};

/// An ascending set of catalogue positions, as inclusive ranges: `[0,4, 7,7]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranges(Vec<u32>);

impl Ranges {
    /// From ascending positions.
    pub fn from_ascending(positions: impl IntoIterator<Item = u32>) -> Ranges {
        let mut ends: Vec<u32> = Vec::new();
        for position in positions {
            match ends.last_mut() {
                Some(last) if *last + 1 == position => *last = position,
                _ => ends.extend([position, position]),
            }
        }
        Ranges(ends)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many positions there are.
    pub fn len(&self) -> usize {
        self.0.chunks_exact(2).map(|r| (r[1].saturating_sub(r[0])) as usize + 1).sum()
    }

    /// Whether any of some ascending positions is among them.
    pub fn contains_any(&self, positions: &[u32]) -> bool {
        self.0.chunks_exact(2).any(|range| {
            let from = positions.partition_point(|p| *p < range[0]);
            positions.get(from).is_some_and(|p| *p <= range[1])
        })
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.chunks_exact(2).flat_map(|r| r[0] as usize..=r[1] as usize)
    }
}

/// Upstream or downstream changes of one anchor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Side {
    pub inserted_steps: Ranges,
    pub edited_steps: Ranges,
    pub removed_step_ids: Ranges,
    pub new_forks: Ranges,
    pub modified_transitions: Ranges,
}

impl Side {
    /// How many changes there are, of all kinds.
    pub fn len(&self) -> usize {
        self.inserted_steps.len()
            + self.edited_steps.len()
            + self.removed_step_ids.len()
            + self.new_forks.len()
            + self.modified_transitions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
