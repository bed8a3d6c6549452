//! A scenario read naively: no compiled graph, no bit sets, reachability by trying.

use super::data::{Data, question};
use scenario_engine::definition::{Definition, step_content_hash};
use std::collections::{BTreeSet, VecDeque};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Always,
    Expression,
    Natural,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub to: usize,
    pub text: String,
    pub kind: Kind,
    pub priority: i64,
}

impl Way {
    /// "Conditions" in docs/behaviour.md; `None` is unknown.
    pub fn truth(&self, data: &Data) -> Option<bool> {
        match self.kind {
            Kind::Always => Some(true),
            Kind::Expression => (question(&self.text)?.truth)(data),
            Kind::Natural => None,
        }
    }

    pub fn reads(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Expression => question(&self.text).map(|q| q.reads).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[derive(Debug, Clone)]
pub struct Stand {
    pub id: String,
    pub name: String,
    pub hash: String,
    pub collects: BTreeSet<String>,
    pub required: bool,
    pub checkpoint: bool,
    pub terminal: bool,
    /// In the order in which they are tried; a terminal step has none.
    pub ways: Vec<Way>,
}

pub struct Plain {
    pub steps: Vec<Stand>,
    pub entry: usize,
}

impl Plain {
    pub fn of(definition: &Definition) -> Plain {
        let at = |id: &str| definition.steps.iter().position(|s| s.id == id);
        let collected: BTreeSet<&str> =
            definition.steps.iter().flat_map(|s| s.collects_profile_fields.iter().map(String::as_str)).collect();
        let steps = definition
            .steps
            .iter()
            .map(|step| {
                let mut ways: Vec<Way> = step
                    .transitions
                    .iter()
                    .filter(|_| !step.is_terminal)
                    .map(|t| {
                        let known = |f: &&str| t.condition_fields.iter().any(|g| g == f) || collected.contains(f);
                        let kind = match question(&t.condition_text) {
                            _ if t.condition_text.is_empty() => Kind::Always,
                            Some(q) if q.reads.iter().all(known) => Kind::Expression,
                            _ => Kind::Natural,
                        };
                        let to = at(&t.to_step_id).expect("a transition to a missing step");
                        Way { to, text: t.condition_text.clone(), kind, priority: t.priority }
                    })
                    .collect();
                // Insertion sort by hand: higher priority first, document order within.
                for i in 1..ways.len() {
                    let mut j = i;
                    while j > 0 && ways[j - 1].priority < ways[j].priority {
                        ways.swap(j - 1, j);
                        j -= 1;
                    }
                }
                Stand {
                    id: step.id.clone(),
                    name: step.name.clone(),
                    hash: step_content_hash(step),
                    collects: step.collects_profile_fields.iter().cloned().collect(),
                    required: step.is_required_action,
                    checkpoint: step.is_checkpoint,
                    terminal: step.is_terminal,
                    ways,
                }
            })
            .collect();
        Plain { steps, entry: at(&definition.entry_step_id).expect("the entry is missing") }
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.id == id)
    }

    /// Whether `to` can be reached from `from`, which reaches itself.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.flood(from, None).contains(&to)
    }

    /// Whether `to` can be reached from `from` without setting foot on `avoid`.
    pub fn reaches_avoiding(&self, from: usize, to: usize, avoid: usize) -> bool {
        from != avoid && self.flood(from, Some(avoid)).contains(&to)
    }

    /// All that can be reached, the start included.
    pub fn flood(&self, from: usize, avoid: Option<usize>) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([from]);
        let mut queue = VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            for way in &self.steps[at].ways {
                if Some(way.to) != avoid && seen.insert(way.to) {
                    queue.push_back(way.to);
                }
            }
        }
        seen
    }

    /// Every step from which it can be reached, itself excluded ("Words" in docs/behaviour.md).
    pub fn upstream(&self, step: usize) -> BTreeSet<usize> {
        (0..self.steps.len()).filter(|s| *s != step && self.reaches(*s, step)).collect()
    }

    /// Every step that it can reach, itself excluded ("Words" in docs/behaviour.md).
    pub fn downstream(&self, step: usize) -> BTreeSet<usize> {
        let mut below = self.flood(step, None);
        below.remove(&step);
        below
    }
}
