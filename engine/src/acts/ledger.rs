//! Which contents stand for the same act, over all published versions of a scenario.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a step said, kept once for each content hash, and the act that the content stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActRow {
    pub content_hash: String,
    /// The smallest content hash of the act's contents: the same whatever the order in which they were joined.
    pub act: String,
    pub name: String,
    pub description: String,
    /// Fields that the step collects, in document order.
    pub collects: Vec<String>,
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
    /// The id that the step had in the last version that has the content.
    pub last_step_id: String,
    /// The last version that has the content.
    pub last_version: i32,
}

/// Where a pair of contents comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairSource {
    /// A version and the version that was published before it.
    Succession,
    /// A step that the version before lacks and an earlier one had.
    Return,
    /// A deployed plan between two other versions.
    Plan,
}

impl PairSource {
    /// The word in the column `source`.
    pub fn as_str(self) -> &'static str {
        match self {
            PairSource::Succession => "succession",
            PairSource::Return => "return",
            PairSource::Plan => "plan",
        }
    }

    /// The source of that name.
    pub fn parse(text: &str) -> Option<PairSource> {
        [PairSource::Succession, PairSource::Return, PairSource::Plan].into_iter().find(|s| s.as_str() == text)
    }
}

/// Two contents that were joined: the reason why they stand for one act. Pairs of equal content are not kept, since
/// equal contents are one act by themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActPair {
    pub from_version: i32,
    pub to_version: i32,
    pub source: PairSource,
    pub old_content_hash: String,
    pub new_content_hash: String,
}

/// The acts of a scenario at one revision. A pure value, made from rows and turned into rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acts {
    revision: i32,
    rows: BTreeMap<String, ActRow>,
    /// Acts of which some published content is a checkpoint.
    flagged: BTreeSet<String>,
}

impl Acts {
    /// The acts as they are stored: the rows, and the scenario's revision of them.
    pub fn from_rows(revision: i32, rows: impl IntoIterator<Item = ActRow>) -> Acts {
        let rows: BTreeMap<String, ActRow> = rows.into_iter().map(|row| (row.content_hash.clone(), row)).collect();
        let flagged = rows.values().filter(|row| row.is_checkpoint).map(|row| row.act.clone()).collect();
        Acts { revision, rows, flagged }
    }

    /// The rows to store, by content hash.
    pub fn rows(&self) -> impl Iterator<Item = &ActRow> {
        self.rows.values()
    }

    /// Counts the changes of a scenario's acts; what was worked out at another revision may not hold any more.
    pub fn revision(&self) -> i32 {
        self.revision
    }

    /// What the step of a content said; `None` for a content that was never published.
    pub fn said(&self, content_hash: &str) -> Option<&ActRow> {
        self.rows.get(content_hash)
    }

    /// The act that a content stands for. A content that was never published stands for itself.
    pub fn act_of<'a>(&'a self, content_hash: &'a str) -> &'a str {
        self.rows.get(content_hash).map_or(content_hash, |row| &row.act)
    }

    /// Whether two contents stand for the same act.
    pub fn are_same(&self, one: &str, other: &str) -> bool {
        one == other || self.act_of(one) == self.act_of(other)
    }

    /// Whether some published version flags the act of a content as a checkpoint.
    pub fn is_flagged(&self, content_hash: &str) -> bool {
        self.flagged.contains(self.act_of(content_hash))
    }

    /// The acts that are flagged in some published version.
    pub fn flagged(&self) -> impl Iterator<Item = &str> {
        self.flagged.iter().map(String::as_str)
    }

    /// Every content whose visit counts as passing a checkpoint: those of all flagged acts.
    pub fn flagged_contents(&self) -> impl Iterator<Item = &str> {
        self.rows.values().filter(|row| self.flagged.contains(&row.act)).map(|row| row.content_hash.as_str())
    }

    /// The same contents, joined anew by all their pairs, at a revision.
    pub fn worked_out<'a>(&self, pairs: impl IntoIterator<Item = &'a ActPair>, revision: i32) -> Acts {
        let contents: Vec<ActRow> =
            self.rows().cloned().map(|row| ActRow { act: row.content_hash.clone(), ..row }).collect();
        let mut acts = Acts::from_rows(revision, contents);
        acts.join(pairs.into_iter().map(|p| (p.old_content_hash.as_str(), p.new_content_hash.as_str())));
        acts
    }

    /// Keeps what a step said, last said in this version.
    pub(super) fn keep(&mut self, said: ActRow) {
        if said.is_checkpoint {
            self.flagged.insert(said.act.clone());
        }
        self.rows.insert(said.content_hash.clone(), said);
    }

    /// Joins the acts of these contents; contents that are not kept are left out.
    pub(super) fn join<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let hashes: Vec<String> = self.rows.keys().cloned().collect();
        let place: HashMap<&str, usize> = hashes.iter().enumerate().map(|(ix, hash)| (hash.as_str(), ix)).collect();
        let mut parent: Vec<usize> = (0..hashes.len()).collect();
        let mut unite = |one: &str, other: &str| {
            if let (Some(&one), Some(&other)) = (place.get(one), place.get(other)) {
                let (one, other) = (root(&mut parent, one), root(&mut parent, other));
                // Hashes are in order here, so the smaller place is the smaller hash.
                parent[one.max(other)] = one.min(other);
            }
        };
        self.rows.values().for_each(|row| unite(&row.content_hash, &row.act));
        pairs.into_iter().for_each(|(one, other)| unite(one, other));
        for (ix, hash) in hashes.iter().enumerate() {
            let act = root(&mut parent, ix);
            if let Some(row) = self.rows.get_mut(hash) {
                row.act.clone_from(&hashes[act]);
            }
        }
        self.flagged = self.rows.values().filter(|row| row.is_checkpoint).map(|row| row.act.clone()).collect();
    }
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}
