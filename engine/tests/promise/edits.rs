//! Random versions, and random edits of them: what operators do between two releases, and what they do by mistake.

use crate::world::{Act, Cond, ERRANDS, Rng, Step, Uid, Version, Way};

const PLAIN: [&str; 8] = ["Cart", "Address", "Confirm", "Packing", "Greeting", "Survey", "Delivery", "Wait"];
const DEEDS: [&str; 4] = ["Pay", "Ship parcel", "Sign contract", "Book room"];
const OTHER: [&str; 8] = [
    "Charge card",
    "Debit account",
    "Hand over goods",
    "Settle invoice",
    "Execute order",
    "Buy now",
    "Make it final",
    "Transfer",
];

/// Makes the versions of one scenario, one after the other.
pub struct Author<'a> {
    rng: &'a mut Rng,
    fresh_uid: Uid,
    fresh_act: Act,
    fresh_word: usize,
    /// Ids are positions, and change with every insertion.
    numbered: bool,
    /// Different steps like to have the same words.
    twins: bool,
    used_ids: Vec<String>,
    gone: Vec<Step>,
}

impl<'a> Author<'a> {
    pub fn new(rng: &'a mut Rng) -> Author<'a> {
        let (numbered, twins) = (rng.chance(20), rng.chance(12));
        Author {
            rng,
            fresh_uid: 0,
            fresh_act: 0,
            fresh_word: 0,
            numbered,
            twins,
            used_ids: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The first version: a line with forks and loops, and one to three acts on it.
    pub fn first(&mut self) -> Version {
        let count = 3 + self.rng.below(4);
        let mut version = Version { steps: Vec::new(), entry: 0 };
        let acts = 1 + self.rng.below(2) + usize::from(self.rng.chance(20));
        for _ in 0..count {
            let step = self.plain(&version);
            version.steps.push(step);
        }
        for _ in 0..acts {
            // Early, so that many customers come past it.
            let at = self.rng.below(count).min(self.rng.below(count));
            if version.steps[at].act == 0 {
                self.becomes_act(&mut version.steps[at]);
            }
        }
        let uids: Vec<Uid> = version.steps.iter().map(|s| s.uid).collect();
        for at in 0..count - 1 {
            version.steps[at].ways.push(Way { to: uids[at + 1], cond: Cond::Always });
            if self.rng.chance(30) {
                let way = Way { to: *self.rng.pick(&uids), cond: self.cond() };
                version.steps[at].ways.insert(0, way);
            }
        }
        version.entry = uids[0];
        if self.rng.chance(12) {
            self.becomes_an_end(&mut version, count - 1);
        }
        self.renumber(&mut version);
        version.tidy();
        version
    }

    /// The next version: one to four edits.
    pub fn next(&mut self, old: &Version) -> Version {
        let mut new = old.clone();
        for _ in 0..*self.rng.pick(&[1, 1, 1, 2, 2, 3, 4]) {
            self.edit(&mut new);
            new.tidy();
        }
        self.renumber(&mut new);
        new
    }

    fn plain(&mut self, version: &Version) -> Step {
        let uid = self.fresh_uid;
        self.fresh_uid += 1;
        let name =
            if self.twins { PLAIN[self.rng.below(3)].to_owned() } else { PLAIN[usize::from(uid) % 8].to_owned() };
        let name = if usize::from(uid) >= 8 && !self.twins { format!("{name} {uid}") } else { name };
        let field = self.rng.chance(12).then(|| self.rng.below(3) as u8);
        let required = self.rng.chance(6);
        let id = self.fresh_id(version);
        Step {
            uid,
            act: if required { self.errand() } else { 0 },
            id,
            name,
            words: String::new(),
            field,
            checkpoint: false,
            required,
            end: false,
            ways: Vec::new(),
        }
    }

    fn errand(&mut self) -> Act {
        self.fresh_act += 1;
        ERRANDS + self.fresh_act
    }

    fn becomes_act(&mut self, step: &mut Step) {
        self.fresh_act += 1;
        step.act = self.fresh_act;
        step.required = self.rng.chance(20);
        step.name = if self.twins { DEEDS[0] } else { DEEDS[usize::from(step.act) % 4] }.to_owned();
        if step.act > 4 && !self.twins {
            step.name += &format!(" {}", step.act);
        }
        step.checkpoint = self.rng.chance(85);
    }

    fn cond(&mut self) -> Cond {
        match self.rng.below(10) {
            0 => Cond::Always,
            1 => Cond::Talk(self.rng.below(2) as u8),
            _ => Cond::Field(self.rng.below(3) as u8, self.rng.chance(70)),
        }
    }

    fn word(&mut self) -> String {
        self.fresh_word += 1;
        let word = OTHER[self.rng.below(8)];
        if self.twins { word.to_owned() } else { format!("{word} {}", self.fresh_word) }
    }

    /// A new id; sometimes one that another step had in a version before.
    fn fresh_id(&mut self, version: &Version) -> String {
        let free: Vec<&String> = self.used_ids.iter().filter(|id| version.find_id(id).is_none()).collect();
        if !free.is_empty() && self.rng.chance(15) {
            return (*self.rng.pick(&free)).clone();
        }
        let id = format!("s{}", self.used_ids.len());
        self.used_ids.push(id.clone());
        id
    }

    fn renumber(&mut self, version: &mut Version) {
        if self.numbered {
            for (number, step) in version.steps.iter_mut().enumerate() {
                step.id = (number + 1).to_string();
            }
        }
    }

    fn edit(&mut self, version: &mut Version) {
        let count = version.steps.len();
        // Acts are where it matters.
        let acts: Vec<usize> = (0..count).filter(|s| version.steps[*s].act > 0).collect();
        let at = if !acts.is_empty() && self.rng.chance(30) { *self.rng.pick(&acts) } else { self.rng.below(count) };
        let other = self.rng.below(count);
        match self.rng.below(34) {
            0 => version.steps[at].words = format!("As of {}", self.rng.below(4)),
            1 => version.steps[at].name += " now",
            2 => version.steps[at].name = self.word(),
            3 if self.rng.chance(50) => {
                version.steps[at].name = self.word();
                version.steps[at].words = String::new();
                version.steps[at].id = self.fresh_id(version);
            }
            4 | 5 => {
                let step = self.plain(version);
                self.put(version, step);
            }
            6 => {
                let mut step = self.plain(version);
                self.becomes_act(&mut step);
                self.put(version, step);
            }
            7 | 8 => self.delete(version, at),
            9..=11 => self.shift(version, at),
            12 => reverse(version),
            13 => self.duplicate(version, at),
            14 => self.merge(version, at, other),
            15 | 16 => {
                let way = Way { to: version.steps[other].uid, cond: self.cond() };
                let place = self.rng.below(version.steps[at].ways.len() + 1);
                version.steps[at].ways.insert(place, way);
            }
            17 => drop(version.steps[at].ways.pop()),
            18 => {
                let (cond, to) = (self.cond(), version.steps[other].uid);
                let lead = self.rng.chance(50);
                let which = self.rng.below(version.steps[at].ways.len());
                if let Some(way) = version.steps[at].ways.get_mut(which) {
                    if lead { way.to = to } else { way.cond = cond }
                }
            }
            19 => version.steps[at].ways.reverse(),
            20 => {
                if version.steps[at].act > 0 && version.steps[at].act < ERRANDS {
                    version.steps[at].checkpoint = !version.steps[at].checkpoint;
                }
            }
            21 => {
                for step in 0..count {
                    version.steps[step].id = self.fresh_id(version);
                }
            }
            22 => swap(version, at, other, |a, b| std::mem::swap(&mut a.id, &mut b.id)),
            23 if self.rng.chance(30) => swap(version, at, other, |a, b| {
                std::mem::swap(&mut a.name, &mut b.name);
                std::mem::swap(&mut a.words, &mut b.words);
            }),
            24 | 25 => {
                let gone: Vec<Step> = self.gone.iter().filter(|g| version.find(g.uid).is_none()).cloned().collect();
                if !gone.is_empty() {
                    let mut step = self.rng.pick(&gone).clone();
                    if version.find_id(&step.id).is_some() || self.rng.chance(30) {
                        step.id = self.fresh_id(version);
                    }
                    match self.rng.below(6) {
                        0 => step.name = self.word(),
                        1 => step.words = "Again".to_owned(),
                        _ => {}
                    }
                    self.put(version, step);
                }
            }
            26 => version.entry = version.steps[at].uid,
            27 => version.steps.rotate_left(at),
            28 => version.steps[at].field = self.rng.chance(70).then(|| self.rng.below(3) as u8),
            29 => {
                let errand = self.errand();
                let step = &mut version.steps[at];
                if step.act == 0 || step.act >= ERRANDS {
                    step.required = !step.required;
                    step.act = if step.act == 0 { errand } else { step.act };
                }
            }
            30 | 31 => {
                // Mostly what is one anyway: most customers would be finished.
                let ends: Vec<usize> = (0..count).filter(|s| version.steps[*s].onward().is_empty()).collect();
                let end = if ends.is_empty() || self.rng.chance(25) { at } else { *self.rng.pick(&ends) };
                match version.steps[end].end {
                    true => version.steps[end].end = false,
                    false => self.becomes_an_end(version, end),
                }
            }
            // Exchanges two neighbours of a line: what came before comes after.
            32 => {
                let next = version.next(at).next();
                if let Some(next) = next {
                    let uids = (version.steps[at].uid, version.steps[next].uid);
                    exchange(version, uids.0, uids.1);
                }
            }
            _ => {
                let uids = (version.steps[at].uid, version.steps[other].uid);
                exchange(version, uids.0, uids.1);
            }
        }
    }

    /// A step is said to be an end and keeps what ways it has, or gets one that it had in some draft.
    fn becomes_an_end(&mut self, version: &mut Version, at: usize) {
        let to = version.steps[self.rng.below(version.steps.len())].uid;
        let step = &mut version.steps[at];
        step.end = true;
        if step.ways.is_empty() {
            step.ways.push(Way { to, cond: Cond::Always });
        }
    }

    /// Puts a step on a way, or before the entry.
    fn put(&mut self, version: &mut Version, mut step: Step) {
        let from = self.rng.below(version.steps.len());
        let ways = version.steps[from].ways.len();
        step.ways.clear();
        step.end = false;
        if ways == 0 {
            step.ways.push(Way { to: version.entry, cond: Cond::Always });
            version.entry = step.uid;
        } else {
            let which = self.rng.below(ways);
            let way = &mut version.steps[from].ways[which];
            step.ways.push(Way { to: way.to, cond: Cond::Always });
            way.to = step.uid;
        }
        if self.rng.chance(15) {
            let way = Way { to: version.steps[self.rng.below(version.steps.len())].uid, cond: self.cond() };
            step.ways.insert(0, way);
        }
        let place = if self.numbered { from + usize::from(ways > 0) } else { version.steps.len() };
        version.steps.insert(place, step);
    }

    fn delete(&mut self, version: &mut Version, at: usize) {
        if version.steps.len() < 3 {
            return;
        }
        let bypass = self.rng.chance(75);
        let step = take(version, at, bypass);
        self.gone.push(step);
    }

    /// Moves a step to another place.
    fn shift(&mut self, version: &mut Version, at: usize) {
        if version.steps.len() < 3 {
            return;
        }
        let step = take(version, at, true);
        self.put(version, step);
    }

    /// The same act at a second place.
    fn duplicate(&mut self, version: &mut Version, at: usize) {
        let mut twin = version.steps[at].clone();
        twin.uid = self.fresh_uid;
        self.fresh_uid += 1;
        twin.id = self.fresh_id(version);
        if self.rng.chance(15) {
            twin.name = self.word();
        }
        self.put(version, twin);
    }

    /// Two steps become one; if one of them does something, that one stays.
    fn merge(&mut self, version: &mut Version, at: usize, other: usize) {
        if at == other || version.steps.len() < 3 {
            return;
        }
        let (keep, lose) = if version.steps[other].act > 0 { (other, at) } else { (at, other) };
        if version.steps[lose].act > 0 {
            return;
        }
        let (kept, lost) = (version.steps[keep].uid, version.steps[lose].uid);
        for step in &mut version.steps {
            step.ways.iter_mut().filter(|w| w.to == lost).for_each(|w| w.to = kept);
        }
        if version.entry == lost {
            version.entry = kept;
        }
        version.steps[keep].words = "Merged".to_owned();
        let gone = version.steps.remove(lose);
        self.gone.push(gone);
    }
}

/// Takes a step out; `bypass` leads those who came to it to where it led.
fn take(version: &mut Version, at: usize, bypass: bool) -> Step {
    let step = version.steps.remove(at);
    let onward = step.ways.iter().map(|w| w.to).rfind(|to| *to != step.uid);
    for other in &mut version.steps {
        match onward {
            Some(onward) if bypass => {
                other.ways.iter_mut().filter(|w| w.to == step.uid).for_each(|w| w.to = onward);
            }
            _ => other.ways.retain(|w| w.to != step.uid),
        }
    }
    if version.entry == step.uid {
        version.entry = onward.unwrap_or(version.steps[0].uid);
    }
    step
}

/// Every way leads back; the last end is the entry.
fn reverse(version: &mut Version) {
    let old: Vec<(Uid, Vec<Way>)> = version.steps.iter().map(|s| (s.uid, s.ways.clone())).collect();
    let end = version.steps.iter().rev().find(|s| s.ways.is_empty()).map(|s| s.uid);
    for step in &mut version.steps {
        step.ways = old
            .iter()
            .flat_map(|(from, ways)| ways.iter().map(move |w| (*from, *w)))
            .filter(|(_, w)| w.to == step.uid)
            .map(|(from, w)| Way { to: from, cond: w.cond })
            .collect();
    }
    version.entry = end.unwrap_or(version.entry);
}

/// Two steps change places in the graph.
fn exchange(version: &mut Version, a: Uid, b: Uid) {
    let other = |uid: Uid| {
        if uid == a {
            b
        } else if uid == b {
            a
        } else {
            uid
        }
    };
    let (Some(at), Some(bt)) = (version.find(a), version.find(b)) else { return };
    if at == bt {
        return;
    }
    let ways = (version.steps[at].ways.clone(), version.steps[bt].ways.clone());
    (version.steps[at].ways, version.steps[bt].ways) = (ways.1, ways.0);
    for step in &mut version.steps {
        step.ways.iter_mut().for_each(|w| w.to = other(w.to));
    }
    version.entry = other(version.entry);
}

fn swap(version: &mut Version, a: usize, b: usize, change: impl Fn(&mut Step, &mut Step)) {
    let (a, b) = (a.min(b), a.max(b));
    if a != b {
        let (left, right) = version.steps.split_at_mut(b);
        change(&mut left[a], &mut right[0]);
    }
}
