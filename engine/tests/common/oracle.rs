//! The oracle of replay, written from the text of its rules: walking the new version afresh from its entry with the
//! same data.

use super::data::Data;
use super::dice::Dice;
use super::plain::{Kind, Plain, Way};
use scenario_engine::acts::Acts;
use std::collections::{BTreeMap, BTreeSet};

/// How a customer walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gait {
    /// From the entry, by the first transition whose condition holds.
    ByData,
    /// From the entry, by any transition: as one walks whose data change on the way, or who is advanced by a backend.
    AnyWay,
    /// Anywhere, also by jumps.
    Jumping,
}

/// The steps that a customer visits, the one they are at last. Natural language is answered by `answer`.
pub fn walk(plain: &Plain, dice: &mut Dice<'_>, data: &Data, gait: Gait) -> Vec<usize> {
    let answers: BTreeMap<&str, bool> = super::data::TALK.iter().map(|t| (*t, dice.chance(50))).collect();
    let count = plain.steps.len();
    let visits = 1 + dice.below(count + 2);
    let mut at = if gait == Gait::Jumping && dice.chance(30) { dice.below(count) } else { plain.entry };
    let mut history = vec![at];
    while history.len() < visits {
        let ways = &plain.steps[at].ways;
        let holds = |w: &&Way| match w.kind {
            Kind::Natural => answers.get(w.text.as_str()).copied().unwrap_or(false),
            _ => w.truth(data) == Some(true),
        };
        let next = match gait {
            Gait::Jumping if dice.chance(25) => Some(dice.below(count)),
            Gait::Jumping | Gait::AnyWay if !ways.is_empty() => Some(dice.pick(ways).to),
            Gait::ByData => ways.iter().find(holds).map(|w| w.to),
            _ => None,
        };
        let Some(next) = next else { break };
        // With constant data a loop would never be left.
        if gait == Gait::ByData && history.contains(&next) {
            break;
        }
        at = next;
        history.push(at);
    }
    history
}

/// The pairs of two versions by index, as a plan has them.
pub struct Pairs {
    pub new_of: Vec<Option<usize>>,
    pub old_of: Vec<Option<usize>>,
}

impl Pairs {
    pub fn from_ids<'a>(old: &Plain, new: &Plain, ids: impl IntoIterator<Item = (&'a str, &'a str)>) -> Pairs {
        let mut pairs = Pairs { new_of: vec![None; old.steps.len()], old_of: vec![None; new.steps.len()] };
        for (was, is) in ids {
            let (o, n) = (old.find(was).expect("an old step"), new.find(is).expect("a new step"));
            pairs.new_of[o] = Some(n);
            pairs.old_of[n] = Some(o);
        }
        pairs
    }
}

/// "Its branches are old branches, in the old order, some perhaps left out."
pub fn unchanged(old: &Plain, new: &Plain, pairs: &Pairs, step: usize) -> bool {
    fn kept(was: &[Way], is: &[Way], pairs: &Pairs) -> bool {
        match (was, is) {
            (_, []) => true,
            ([], _) => false,
            ([w, before @ ..], [i, now @ ..]) => {
                let same = pairs.new_of[w.to] == Some(i.to) && (w.kind, &w.text) == (i.kind, &i.text);
                (same && kept(before, now, pairs)) || kept(before, is, pairs)
            }
        }
    }
    pairs.old_of[step].is_some_and(|o| kept(&old.steps[o].ways, &new.steps[step].ways, pairs))
}

/// What the walk afresh comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Afresh {
    /// It comes to the landing step.
    Lands(Met),
    /// It leaves the customer's path at a branch of a fork.
    Leaves { fork: usize, target: usize, met: Met },
    /// A fork cannot be decided by what is known: `met.lacking` holds the fields that it reads, too.
    Undecided(Met),
    /// The oracle says nothing, and why.
    Silent(&'static str),
}

/// What the walk meets that the customer lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    pub lacking: BTreeSet<String>,
    /// Required actions of steps that the customer did not visit.
    pub actions: BTreeSet<usize>,
}

/// One customer before two versions.
pub struct Case<'a> {
    pub old: &'a Plain,
    pub new: &'a Plain,
    pub pairs: &'a Pairs,
    /// Old steps, the current one last; without jumps, from the old entry.
    pub history: &'a [usize],
    pub landing: usize,
    /// What is known of the customer.
    pub known: &'a Data,
    /// What is true of the customer: by this they walked, and this they would answer.
    pub all: &'a Data,
    /// By which two steps are the same action.
    pub acts: &'a Acts,
}

impl Case<'_> {
    fn visited(&self, step: usize) -> bool {
        self.pairs.old_of[step].is_some_and(|o| self.history.contains(&o))
    }

    /// Whether the customer went from one step straight to the other.
    fn went(&self, from: usize, to: usize) -> bool {
        let counterpart = |s: usize| self.pairs.new_of[s];
        self.history.windows(2).any(|p| counterpart(p[0]) == Some(from) && counterpart(p[1]) == Some(to))
    }

    /// The path: the new counterparts of the visited steps before the current one that lie between the entry and the
    /// landing step, and that step. Coming back to a step drops what lay between; a step from which the next one can no
    /// longer be reached is left out.
    fn path(&self) -> Vec<usize> {
        let before = &self.history[..self.history.len() - 1];
        let between = |s: &usize| self.new.reaches(self.new.entry, *s) && self.new.reaches(*s, self.landing);
        let mut path: Vec<usize> = Vec::new();
        for step in before.iter().filter_map(|s| self.pairs.new_of[*s]).filter(between).chain([self.landing]) {
            if let Some(at) = path.iter().position(|s| *s == step) {
                path.truncate(at);
            }
            path.push(step);
        }
        let leads_on = |at: &usize| path.get(at + 1).is_none_or(|next| self.new.reaches(path[*at], *next));
        (0..path.len()).filter(leads_on).map(|at| path[at]).collect()
    }

    /// Whether a way of a fork leads neither to the landing step nor to another step of the path that is still ahead.
    fn leads_off(&self, fork: usize, to: usize, ahead: &[usize]) -> bool {
        !ahead.iter().any(|step| to == *step || self.new.reaches_avoiding(to, *step, fork))
    }

    /// Walks the new version from its entry.
    pub fn afresh(&self) -> Afresh {
        let (new, landing) = (self.new, self.landing);
        if !new.reaches(new.entry, landing) {
            return Afresh::Silent("the entry does not lead to the landing step");
        }
        let path = self.path();
        let mut met = Met::default();
        let mut passed = BTreeSet::new();
        let mut at = new.entry;
        while at != landing {
            if !passed.insert(at) {
                return Afresh::Silent("the walk afresh goes in circles");
            }
            let step = &new.steps[at];
            met.lacking.extend(step.collects.iter().filter(|f| !self.known.contains_key(*f)).cloned());
            let same = |hash: &str| self.acts.are_same(hash, &step.hash);
            let was_there = self.history.iter().any(|s| same(&self.old.steps[*s].hash));
            if step.required && !was_there && !met.actions.iter().any(|a| same(&new.steps[*a].hash)) {
                met.actions.insert(at);
            }
            let way = match step.ways.as_slice() {
                [] => return Afresh::Silent("the walk afresh comes to a dead end"),
                [only] => match only.truth(self.all) {
                    Some(true) => only,
                    Some(false) => return Afresh::Silent("the only way on is closed"),
                    None => return Afresh::Silent("natural language"),
                },
                ways if self.visited(at) && unchanged(self.old, new, self.pairs, at) => {
                    // Their own choice stands. It is what the data say, unless their branch is gone.
                    if ways.iter().any(|w| w.kind == Kind::Natural) {
                        return Afresh::Silent("natural language");
                    }
                    let Some(taken) = ways.iter().find(|w| w.truth(self.all) == Some(true)) else {
                        return Afresh::Silent("no branch is true");
                    };
                    if !self.went(at, taken.to) {
                        return Afresh::Silent("the branch that they took is gone");
                    }
                    let off_path = !path.contains(&taken.to);
                    if off_path && ways.iter().any(|w| path.contains(&w.to) && !passed.contains(&w.to)) {
                        return Afresh::Silent("their own step is no part of the path, and another branch leads there");
                    }
                    if !(taken.to == landing || new.reaches_avoiding(taken.to, landing, at)) {
                        return Afresh::Silent("their own choice does not lead on any more");
                    }
                    taken
                }
                ways => {
                    let mut taken = None;
                    for way in ways {
                        match (way.kind, way.truth(self.known)) {
                            (Kind::Natural, _) => return Afresh::Silent("natural language"),
                            (_, Some(false)) => {}
                            (_, Some(true)) => {
                                taken = Some(way);
                                break;
                            }
                            (_, None) => {
                                let paid = self.history.iter().any(|s| self.old.steps[*s].checkpoint);
                                let ahead: Vec<usize> = path.iter().copied().filter(|s| !passed.contains(s)).collect();
                                if paid && ways.iter().any(|w| self.leads_off(at, w.to, &ahead)) {
                                    return Afresh::Silent("a redirect may be blocked, and nobody asked for it");
                                }
                                let lacking = way.reads().iter().filter(|f| !self.known.contains_key(**f));
                                met.lacking.extend(lacking.map(|f| (*f).to_owned()));
                                return Afresh::Undecided(met);
                            }
                        }
                    }
                    let Some(taken) = taken else { return Afresh::Silent("no branch is true") };
                    let leads = |step: usize| taken.to == step || new.reaches_avoiding(taken.to, step, at);
                    let ahead: Vec<usize> = path.iter().copied().filter(|s| !passed.contains(s)).collect();
                    match (leads(landing), !self.leads_off(at, taken.to, &ahead)) {
                        (false, false) => return Afresh::Leaves { fork: at, target: taken.to, met },
                        (false, true) => return Afresh::Silent("onto the path, but not to its end"),
                        (true, _) => taken,
                    }
                }
            };
            at = way.to;
        }
        Afresh::Lands(met)
    }
}
