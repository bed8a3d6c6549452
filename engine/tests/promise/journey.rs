//! One customer's journey through the versions of a scenario: the customer walks, operators publish, the shell asks
//! the engine and does what it says. Every move of the system is judged by the labels.

use crate::check::{Harm, StepInVersion, Untold, harm, is_known, is_unmistakable, recognisable, stays, untold};
use crate::engine::{Engine, Plan, Row, Verdict};
use crate::story::{Event, Journey, Kind, Outcome, Violation};
use crate::world::{Act, Cond, ERRANDS, FIELDS, Rng, Uid, Version};
use std::collections::{BTreeMap, BTreeSet};

/// Why a session stays on its version.
struct Pin {
    /// The cancelled link, if it was one.
    link: Option<(usize, usize)>,
}

struct Shell<'a> {
    chain: &'a [Version],
    engine: &'a Engine,
    journey: &'a Journey,
    rng: Rng,
    plans: Vec<Plan>,
    published: usize,
    deployments: u32,
    row: Row,
    reconciled: Option<u32>,
    pin: Option<Pin>,
    finished: bool,
    exited: bool,
    /// Where to go back to.
    undo: Option<(usize, String)>,
    undo_refused: bool,
    done: Vec<(Act, StepInVersion)>,
    /// Acts that were executed at the system's request while the customer stood elsewhere, and in which version.
    executed: Vec<(Act, usize)>,
    errands: Vec<(Act, StepInVersion)>,
    answered: BTreeSet<String>,
    out: Outcome,
}

pub fn run(chain: &[Version], engine: &Engine, journey: &Journey) -> Outcome {
    let mut shell = Shell {
        chain,
        engine,
        journey,
        rng: Rng(journey.seed),
        plans: Vec::new(),
        published: 0,
        deployments: 1,
        row: Row::default(),
        reconciled: Some(1),
        pin: None,
        finished: false,
        exited: false,
        undo: None,
        undo_refused: false,
        done: Vec::new(),
        executed: Vec::new(),
        errands: Vec::new(),
        answered: BTreeSet::new(),
        out: Outcome::default(),
    };
    shell.begin();
    for event in &journey.events {
        if shell.exited {
            break;
        }
        let did = shell.event(event);
        shell.out.events.push(did);
    }
    shell.out
}

impl Shell<'_> {
    fn here(&self) -> StepInVersion {
        StepInVersion {
            version: self.row.version,
            step: self.chain[self.row.version].find_id(&self.row.step_id).unwrap_or(0),
        }
    }

    fn begin(&mut self) {
        let first = &self.chain[0];
        let mut path: Vec<usize> = self.journey.before.iter().filter_map(|u| first.find(*u)).collect();
        let is_walk = path.windows(2).all(|p| first.next(p[0]).any(|n| n == p[1]));
        if !is_walk || path.first() != Some(&first.entry()) || path.last() == Some(&first.entry()) {
            path.clear();
        }
        for (field, knows) in FIELDS.iter().zip(self.journey.profile) {
            if knows {
                let value = self.journey.data[FIELDS.iter().position(|f| f == field).unwrap_or(0)];
                self.row.profile.insert((*field).to_owned(), value);
            }
        }
        let (start, before) = match path.split_last() {
            Some((last, before)) => (*last, before),
            None => (first.entry(), &path[..]),
        };
        self.out.in_the_middle = start != first.entry();
        for step in before {
            self.does(StepInVersion { version: 0, step: *step });
            self.row.began_after.push(first.steps[*step].id.clone());
        }
        self.arrive(StepInVersion { version: 0, step: start }, true);
    }

    /// What a step really does happens.
    fn does(&mut self, place: StepInVersion) {
        let act = self.chain[place.version].steps[place.step].act;
        if (1..ERRANDS).contains(&act) {
            self.done.push((act, place));
        }
    }

    fn arrive(&mut self, place: StepInVersion, acts: bool) {
        let step = &self.chain[place.version].steps[place.step];
        self.row.version = place.version;
        self.row.step_id = step.id.clone();
        self.row.visits.push((place.version, step.id.clone()));
        self.finished = step.onward().is_empty();
        if acts {
            self.does(place);
        }
    }

    fn event(&mut self, event: &Event) -> Event {
        match event {
            Event::Stroll(count) => {
                let mut went = Vec::new();
                for _ in 0..*count {
                    let Some(next) = self.choose() else { break };
                    went.push(self.chain[self.row.version].steps[next].uid);
                    self.step_on(next);
                }
                return Event::Walk(went);
            }
            Event::Walk(uids) => {
                for uid in uids {
                    let here = self.here();
                    let version = &self.chain[here.version];
                    if let Some(next) = version.next(here.step).find(|n| version.steps[*n].uid == *uid) {
                        self.step_on(next);
                    }
                }
            }
            Event::Publish { planned, direct, policy } => self.publish(*planned, *direct, policy.as_ref()),
            Event::Cancel => {
                let published = self.published;
                if let Some(plan) = self.plans.iter_mut().rev().find(|p| p.to == published) {
                    plan.cancelled = true;
                    self.deployments += 1;
                }
            }
            Event::Turn => self.turn(true),
            Event::Batch => self.turn(false),
            Event::Revert => self.revert(),
            Event::Hand { back, to } => {
                let version = if *back { self.row.version.saturating_sub(1) } else { self.row.version };
                if let Some(step) = self.chain[version].find(*to) {
                    if version != self.row.version {
                        (self.reconciled, self.pin) = (None, None);
                    }
                    self.undo = None;
                    self.arrive(StepInVersion { version, step }, true);
                }
            }
        }
        event.clone()
    }

    /// The customer's next step.
    fn choose(&mut self) -> Option<usize> {
        let here = self.here();
        let version = &self.chain[here.version];
        let ways = version.steps[here.step].onward();
        if ways.is_empty() {
            return None;
        }
        let any = *self.rng.pick(ways);
        let by_data = self.rng.chance(60);
        let talk = self.rng.chance(50);
        let holds = |cond: Cond| match cond {
            Cond::Always => true,
            Cond::Field(field, wanted) => self.journey.data[usize::from(field)] == wanted,
            Cond::Talk(_) => talk,
        };
        // Most customers are met before they come to an end.
        let ends = |to: Uid| version.find(to).is_none_or(|s| version.steps[s].onward().is_empty());
        let lingers = self.rng.chance(80);
        let way = if by_data { ways.iter().find(|w| holds(w.cond)).copied() } else { Some(any) };
        let to = way.unwrap_or(any).to;
        if lingers && ends(to) { None } else { version.find(to) }
    }

    fn step_on(&mut self, next: usize) {
        let here = self.here();
        let step = &self.chain[here.version].steps[here.step];
        if let Some(field) = step.field {
            let field = usize::from(field);
            self.row.variables.insert(FIELDS[field].to_owned(), self.journey.data[field]);
        }
        if step.required && !self.errands.iter().any(|(act, _)| *act == step.act) {
            self.errands.push((step.act, here));
            self.row.completed.push((here.version, step.id.clone(), self.row.visits.len() as i32));
        }
        self.undo = None;
        self.arrive(StepInVersion { version: here.version, step: next }, true);
    }

    fn publish(&mut self, planned: bool, direct: bool, policy: Option<&(Option<Uid>, String)>) {
        if self.published + 1 >= self.chain.len() {
            return;
        }
        let from = self.published;
        self.published += 1;
        self.deployments += 1;
        let of = |uid: &Option<Uid>| {
            uid.and_then(|u| self.chain[from].find(u)).map(|s| self.chain[from].steps[s].id.clone())
        };
        let policy = policy.map(|(uid, text)| (of(uid), text.clone()));
        let plan = |from, policy| Plan { from, to: from + 1, cancelled: false, policy, number: self.deployments };
        let mut plans = Vec::new();
        if planned {
            plans.push(plan(from, policy));
        }
        if direct && from > 0 {
            plans.push(Plan { to: self.published, ..plan(0, None) });
        }
        self.plans.extend(plans);
    }

    fn revert(&mut self) {
        let Some((version, step_id)) = self.undo.take() else { return };
        if self.undo_refused {
            return;
        }
        let step = self.chain[version].find_id(&step_id).unwrap_or(0);
        self.arrive(StepInVersion { version, step }, false);
        self.pin = Some(Pin { link: None });
        self.reconciled = Some(self.deployments);
    }

    fn is_due(&self) -> bool {
        !self.finished && self.row.version != self.published && self.reconciled != Some(self.deployments)
    }

    fn pin_ended(&self, pin: &Pin) -> bool {
        let later = |p: &Plan| !p.cancelled && self.reconciled.is_none_or(|r| p.number > r);
        self.plans.iter().any(|p| {
            later(p) && (p.from == self.row.version || pin.link.is_some_and(|(from, to)| p.from == from && p.to == to))
        })
    }

    /// One reconciliation; with somebody there to answer, as many as it takes.
    fn turn(&mut self, answers: bool) {
        if !self.is_due() {
            return;
        }
        if let Some(pin) = &self.pin {
            if !self.pin_ended(pin) {
                self.reconciled = Some(self.deployments);
                return;
            }
            self.pin = None;
        }
        self.out.with_checkpoint |= !self.passed().is_empty();
        let mut executed = false;
        for _ in 0..40 {
            self.out.asked += 1;
            let verdict = self.engine.reconcile(&self.plans, &self.row, self.published, self.journey.knobs);
            match verdict {
                Verdict::Nothing => return,
                Verdict::Pin { held } => {
                    self.pinned(held);
                    return;
                }
                Verdict::Exit => {
                    self.exited = true;
                    self.out.exits += 1;
                    for (act, arrivals) in self.passed() {
                        let known = is_known(&self.chain[..=self.published], act, &arrivals);
                        let untold = (!known).then_some(Untold::NeverFlagged);
                        self.found(Kind::Harm(Harm::ThrownOut), untold, act, None);
                    }
                    return;
                }
                Verdict::Move { version, step_id, filled } => {
                    self.undo_refused = executed;
                    self.moved(version, &step_id, filled);
                    return;
                }
                _ if !answers => return,
                Verdict::Collect(fields) => self.answer(&fields),
                Verdict::Execute(steps) => {
                    executed = true;
                    self.execute(&steps);
                }
                Verdict::Decide(forks) => self.decide(forks),
            }
        }
        self.found(Kind::NeverSettles, None, 0, None);
    }

    fn pinned(&mut self, held: bool) {
        let cancelled = self.plans.iter().rev().find(|p| p.cancelled).map(|p| (p.from, p.to));
        self.pin = Some(Pin { link: cancelled.filter(|_| !held) });
        self.reconciled = Some(self.deployments);
        if held {
            self.out.held = true;
            if let Some(to) = self.harmless() {
                let text = self.told(&format!("held, though {} would harm nobody", self.name(to)));
                self.out.held_without_need = Some(text);
            }
        }
    }

    fn moved(&mut self, version: usize, step_id: &str, filled: BTreeMap<String, bool>) {
        let from = self.here();
        let to = StepInVersion { version, step: self.chain[version].find_id(step_id).unwrap_or(0) };
        for (act, arrivals) in self.passed() {
            // Who comes into a version after doing what it asked of them has done it as that version has it.
            let is_asked = |place: &StepInVersion| place.version == version && self.executed.contains(&(act, version));
            let arrivals: Vec<StepInVersion> = arrivals.into_iter().filter(|place| !is_asked(place)).collect();
            if arrivals.is_empty() {
                continue;
            }
            if let Some(kind) = harm(self.chain, from, to, act) {
                let untold = untold(self.chain, from, to, act, &arrivals);
                self.found(Kind::Harm(kind), untold, act, Some(to));
            }
        }
        let stays = stays(self.chain, from, to);
        self.undo_refused |= !stays && self.chain[to.version].steps[to.step].checkpoint;
        self.undo = Some((self.row.version, self.row.step_id.clone()));
        self.row.variables.extend(filled);
        self.out.moves += 1;
        self.arrive(to, !stays);
        self.reconciled = Some(self.deployments);
    }

    /// Acts that were really done and that a published version calls a checkpoint, with where they were done.
    fn passed(&self) -> BTreeMap<Act, Vec<StepInVersion>> {
        let known = &self.chain[..=self.published];
        let flagged = |act: Act| known.iter().flat_map(|v| &v.steps).any(|s| s.act == act && s.checkpoint);
        let mut passed: BTreeMap<Act, Vec<StepInVersion>> = BTreeMap::new();
        for (act, place) in self.done.iter().filter(|(act, _)| flagged(*act)) {
            passed.entry(*act).or_default().push(*place);
        }
        passed
    }

    /// A place in the published version to which the customer could have been moved without harm: the step where they
    /// are, or if it is gone, one that is left of those around it; without a plan, of those that they visited. Nobody
    /// can know a place that is not like what it was.
    fn harmless(&self) -> Option<StepInVersion> {
        let from = self.here();
        let (old, new) = (&self.chain[from.version], &self.chain[self.published]);
        let now = |step: usize| {
            let found = new.find(old.steps[step].uid)?;
            recognisable(&old.steps[step], &new.steps[found]).then_some(found)
        };
        let place = |step| StepInVersion { version: self.published, step };
        let fine = |step: &usize| self.passed().keys().all(|act| harm(self.chain, from, place(*step), *act).is_none());
        if let Some(step) = now(from.step) {
            return Some(step).filter(fine).map(place);
        }
        if !self.plans.iter().any(|p| p.from == from.version && !p.cancelled) {
            let visited =
                self.row.visits.iter().filter(|(v, _)| *v == from.version).filter_map(|(_, id)| old.find_id(id));
            return visited.filter_map(now).find(fine).map(place);
        }
        let mut near = vec![from.step];
        let mut seen = 0;
        while seen < near.len() {
            let at = near[seen];
            seen += 1;
            let back = (0..old.steps.len()).filter(|s| old.next(*s).any(|n| n == at));
            for step in old.next(at).chain(back) {
                if !near.contains(&step) {
                    near.push(step);
                }
            }
        }
        near.into_iter().filter_map(now).find(fine).map(place)
    }

    fn answer(&mut self, fields: &[String]) {
        for field in fields {
            if self.row.variables.contains_key(field) {
                self.found(Kind::AskedTwice, None, 0, None);
            }
            let value = FIELDS.iter().position(|f| f == field).is_some_and(|f| self.journey.data[f]);
            self.row.variables.insert(field.clone(), value);
        }
    }

    fn execute(&mut self, steps: &[String]) {
        for step_id in steps {
            let version = &self.chain[self.published];
            let place = StepInVersion { version: self.published, step: version.find_id(step_id).unwrap_or(0) };
            let act = version.steps[place.step].act;
            let before: Vec<StepInVersion> = self.errands.iter().filter(|(a, _)| *a == act).map(|(_, p)| *p).collect();
            if !before.is_empty() && before.iter().any(|p| self.looks_alike(*p, place)) {
                self.found(Kind::ExecutedTwice, None, act, Some(place));
            }
            self.errands.push((act, place));
            self.does(place);
            self.executed.push((act, self.published));
            self.row.completed.push((self.published, step_id.clone(), self.row.visits.len() as i32));
        }
    }

    fn looks_alike(&self, a: StepInVersion, b: StepInVersion) -> bool {
        let (x, y) = (&self.chain[a.version].steps[a.step], &self.chain[b.version].steps[b.step]);
        x.says() == y.says() && self.chain.iter().flat_map(|v| &v.steps).all(|s| s.says() != x.says() || s.act == x.act)
    }

    fn decide(&mut self, forks: Vec<(String, Vec<String>)>) {
        for (fork, targets) in forks {
            let version = &self.chain[self.published];
            let at = version.find_id(&fork).unwrap_or(0);
            let step = &version.steps[at];
            let leads: Vec<_> = version.next(at).map(|n| &version.steps[n].name).collect();
            let key = format!("{} {:?} {:?} {leads:?}", step.uid, step.says(), step.ways);
            let known = &self.chain[..=self.published];
            let told = std::iter::once(step)
                .chain(version.next(at).map(|n| &version.steps[n]))
                .all(|step| is_unmistakable(known, step));
            if !self.answered.insert(key) {
                self.found(Kind::DecidedTwice, (!told).then_some(Untold::SharedWords), 0, None);
            }
            let target = targets[self.journey.choice % targets.len()].clone();
            self.row.decided.push((self.published, fork, target));
        }
    }

    fn name(&self, place: StepInVersion) -> String {
        let step = &self.chain[place.version].steps[place.step];
        format!("{} of version {}", step.id, place.version + 1)
    }

    fn found(&mut self, kind: Kind, untold: Option<Untold>, act: Act, to: Option<StepInVersion>) {
        let to = to.map_or(String::new(), |to| format!(" → {}", self.name(to)));
        let what = if act > 0 { format!("{kind:?} of act {act}") } else { format!("{kind:?}") };
        let story = self.told(&format!("{what}: {}{to}", self.name(self.here())));
        self.out.violations.push(Violation { kind, untold, story });
    }

    fn told(&self, what: &str) -> String {
        let came: Vec<String> = self.row.visits.iter().map(|(v, id)| format!("{}.{id}", v + 1)).collect();
        let elsewhere = if self.out.in_the_middle {
            format!(" (after {} elsewhere)", self.row.began_after.join(" "))
        } else {
            String::new()
        };
        format!("{what}; came by {}{elsewhere}; data {:?}", came.join(" "), self.journey.data)
    }
}

/// A walk from the entry to some step: what a customer did elsewhere before the session began.
pub fn walk_before(version: &Version, rng: &mut Rng) -> Vec<Uid> {
    let mut path = vec![version.entry];
    let mut at = version.entry();
    for _ in 0..1 + rng.below(version.steps.len()) {
        let next: Vec<usize> = version.next(at).collect();
        if next.is_empty() {
            break;
        }
        at = *rng.pick(&next);
        path.push(version.steps[at].uid);
    }
    // Nobody begins at an end.
    if version.steps[at].onward().is_empty() { vec![version.entry] } else { path }
}
