//! Versions as they really are. Every step carries hidden labels that no definition shows: which step it has always
//! been (`uid`), and which act it performs (`act`). Edits carry the labels along, whatever they do to ids and words.

use serde_json::{Value, json};

/// Random numbers of one seed (SplitMix64).
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Which step it has always been.
pub type Uid = u16;
/// What a step really does: 0 is nothing, each other number one act in the world.
pub type Act = u8;

/// Acts from this number on are harmless if they are repeated on purpose, but must not be executed twice by the system.
pub const ERRANDS: Act = 100;

pub const FIELDS: [&str; 3] = ["f0", "f1", "f2"];
const TALK: [&str; 2] = ["the customer sounds unhappy", "they ask for a person"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cond {
    Always,
    Field(u8, bool),
    Talk(u8),
}

impl Cond {
    pub fn text(self) -> String {
        match self {
            Cond::Always => String::new(),
            Cond::Field(field, true) => FIELDS[usize::from(field)].to_owned(),
            Cond::Field(field, false) => format!("!{}", FIELDS[usize::from(field)]),
            Cond::Talk(which) => TALK[usize::from(which)].to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub to: Uid,
    pub cond: Cond,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub uid: Uid,
    pub act: Act,
    pub id: String,
    pub name: String,
    pub words: String,
    pub field: Option<u8>,
    pub checkpoint: bool,
    pub required: bool,
    /// Said to be an end: what an editor has left of its ways leads nowhere.
    pub end: bool,
    /// As they are written down; [`Step::onward`] gives those that lead on.
    pub ways: Vec<Way>,
}

impl Step {
    /// Everything that its definition says except its id.
    pub fn says(&self) -> (&str, &str, Option<u8>, bool) {
        (&self.name, &self.words, self.field, self.checkpoint)
    }

    /// The ways that lead on from it.
    pub fn onward(&self) -> &[Way] {
        if self.end { &[] } else { &self.ways }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub steps: Vec<Step>,
    pub entry: Uid,
}

impl Version {
    pub fn find(&self, uid: Uid) -> Option<usize> {
        self.steps.iter().position(|s| s.uid == uid)
    }

    pub fn find_id(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|s| s.id == id)
    }

    pub fn entry(&self) -> usize {
        self.find(self.entry).unwrap_or(0)
    }

    /// Where a step's ways lead, in their order.
    pub fn next(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        self.steps[step].onward().iter().filter_map(|w| self.find(w.to))
    }

    /// Takes out what leads nowhere, so that the definition is valid.
    pub fn tidy(&mut self) {
        let uids: Vec<Uid> = self.steps.iter().map(|s| s.uid).collect();
        for step in &mut self.steps {
            step.ways.retain(|w| uids.contains(&w.to));
            let ways = std::mem::take(&mut step.ways);
            for way in ways {
                if !step.ways.iter().any(|w| w.to == way.to && w.cond == way.cond) {
                    step.ways.push(way);
                }
            }
        }
        if !uids.contains(&self.entry) {
            self.entry = uids[0];
        }
    }

    /// The definition that operators write and customers walk.
    pub fn document(&self) -> String {
        let id = |uid: Uid| self.find(uid).map(|s| self.steps[s].id.clone());
        let step = |s: &Step| -> Value {
            let ways: Vec<Value> = s
                .ways
                .iter()
                .map(|w| {
                    let fields: Vec<&str> = match w.cond {
                        Cond::Field(field, _) => vec![FIELDS[usize::from(field)]],
                        _ => Vec::new(),
                    };
                    json!({"to_step_id": id(w.to), "condition_text": w.cond.text(), "condition_fields": fields})
                })
                .collect();
            let collects: Vec<&str> = s.field.iter().map(|f| FIELDS[usize::from(*f)]).collect();
            json!({
                "id": s.id, "name": s.name, "description": s.words, "collects_profile_fields": collects,
                "is_checkpoint": s.checkpoint, "is_required_action": s.required, "performs_action": s.required,
                "is_terminal": s.onward().is_empty(), "transitions": ways,
            })
        };
        let steps: Vec<Value> = self.steps.iter().map(step).collect();
        json!({"name": "World", "entry_step_id": id(self.entry), "steps": steps}).to_string()
    }

    /// `id=Name/words!*.?field>cond:to|to; …`, the entry first; a point marks an end. Acts are shown as `{n}`, which no
    /// definition shows.
    pub fn notation(&self) -> String {
        let entry = self.entry();
        let order = std::iter::once(entry).chain((0..self.steps.len()).filter(|s| *s != entry));
        let shown = |s: &Step| {
            let mut text = s.id.clone();
            if s.name != s.id {
                text += &format!("={}", s.name);
            }
            if !s.words.is_empty() {
                text += &format!("/{}", s.words);
            }
            if s.checkpoint {
                text += "!";
            }
            if s.required {
                text += "*";
            }
            if s.end {
                text += ".";
            }
            if let Some(field) = s.field {
                text += &format!("?{}", FIELDS[usize::from(field)]);
            }
            if s.act > 0 {
                text += &format!("{{{}}}", s.act);
            }
            let ways: Vec<String> = s
                .ways
                .iter()
                .map(|w| {
                    let to = self.find(w.to).map_or("?", |t| &self.steps[t].id);
                    if w.cond == Cond::Always { to.to_owned() } else { format!("{}:{to}", w.cond.text()) }
                })
                .collect();
            if ways.is_empty() { text } else { format!("{text}>{}", ways.join("|")) }
        };
        order.map(|s| shown(&self.steps[s])).collect::<Vec<_>>().join("; ")
    }
}
