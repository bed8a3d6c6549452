//! Whether a move of the system did harm, told from the labels alone and by a search of its own.

use crate::world::{Act, Step, Version};

/// How a move harms somebody who has done an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The act can be done again from the new place, and could not from the old one.
    Possible,
    /// It could be avoided from the old place, and cannot from the new one.
    Forced,
    /// Thrown out of the scenario after the act.
    ThrownOut,
}

/// Why the harm cannot be seen in the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Untold {
    /// The words of the act belong to another act, too, and ids do not tell them apart.
    SharedWords,
    /// A step that was never flagged comes back with new words and a new id.
    NeverFlagged,
    /// A new step without any likeness does the act, while the act still has another step.
    StillHasAStep,
    /// It came back without any likeness in a version before, in which the customer was moved past it.
    CameBackBefore,
}

/// A step of one of the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepInVersion {
    pub version: usize,
    pub step: usize,
}

/// Whether the act can be done by going on from a step, by one way at least.
pub fn can_come(version: &Version, from: usize, wanted: &dyn Fn(usize) -> bool) -> bool {
    let mut seen = vec![false; version.steps.len()];
    let mut open: Vec<usize> = version.next(from).collect();
    while let Some(at) = open.pop() {
        if wanted(at) {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(version.next(at));
        }
    }
    false
}

/// Whether one can go on from a step, to an end or round a loop for ever, and never come to a step to avoid. The step
/// itself does not count.
pub fn can_avoid(version: &Version, from: usize, avoid: &dyn Fn(usize) -> bool) -> bool {
    // Steps from which one can go on for ever or end: take away those from which every way leads to a step taken away.
    let mut safe: Vec<bool> = (0..version.steps.len()).map(|s| !avoid(s)).collect();
    let ends = |s: usize| version.next(s).next().is_none();
    loop {
        let lost = (0..safe.len()).find(|s| safe[*s] && !ends(*s) && !version.next(*s).any(|n| safe[n]));
        match lost {
            Some(step) => safe[step] = false,
            None => break,
        }
    }
    ends(from) || version.next(from).any(|n| safe[n])
}

/// Whether the customer stays at the step where they are: the new place is that step, or does the same under the same
/// name, or is what the versions between have made of such a step.
pub fn stays(chain: &[Version], from: StepInVersion, to: StepInVersion) -> bool {
    let (here, there) = (&chain[from.version].steps[from.step], &chain[to.version].steps[to.step]);
    let is_still =
        |was: &Step, is: &Step| was.uid == is.uid || (was.act == is.act && was.act > 0 && was.name == is.name);
    let mut known = vec![here];
    for between in chain.iter().take(to.version).skip(from.version + 1) {
        let found: Vec<&Step> = between.steps.iter().filter(|s| known.iter().any(|was| is_still(was, s))).collect();
        known.extend(found);
    }
    known.iter().any(|was| is_still(was, there))
}

/// Whether a step is told from every other step by what it says: nothing else in these versions says the same.
pub fn is_unmistakable(chain: &[Version], step: &Step) -> bool {
    chain.iter().flat_map(|version| &version.steps).all(|other| other.uid == step.uid || other.says() != step.says())
}

/// The harm of a move to somebody who has done `act`, where only the new steps that `counts` names do it.
pub fn harm_by(
    chain: &[Version],
    from: StepInVersion,
    to: StepInVersion,
    act: Act,
    counts: &dyn Fn(usize) -> bool,
) -> Option<Harm> {
    let (old, new) = (&chain[from.version], &chain[to.version]);
    let old_does = |s: usize| old.steps[s].act == act;
    let new_does = |s: usize| new.steps[s].act == act && counts(s);
    let arrives = new_does(to.step) && !stays(chain, from, to);
    if (arrives || can_come(new, to.step, &new_does)) && !can_come(old, from.step, &old_does) {
        return Some(Harm::Possible);
    }
    if can_avoid(old, from.step, &old_does) && (arrives || !can_avoid(new, to.step, &new_does)) {
        return Some(Harm::Forced);
    }
    None
}

pub fn harm(chain: &[Version], from: StepInVersion, to: StepInVersion, act: Act) -> Option<Harm> {
    harm_by(chain, from, to, act, &|_| true)
}

/// Why no definition tells that the move harms; `None` if one does. `arrivals`: where the act was done.
pub fn untold(
    chain: &[Version],
    from: StepInVersion,
    to: StepInVersion,
    act: Act,
    arrivals: &[StepInVersion],
) -> Option<Untold> {
    let known = &chain[..=to.version.max(from.version)];
    let likeness = Likeness::of(known, act);
    let steps: Vec<usize> =
        (0..chain[to.version].steps.len()).filter(|s| chain[to.version].steps[*s].act == act).collect();
    // What was done where nothing of the kind was ever flagged was no checkpoint for any reader.
    let done: Vec<StepInVersion> = arrivals.iter().filter(|a| likeness.flagged(known, **a)).copied().collect();
    if done.is_empty() {
        return Some(Untold::NeverFlagged);
    }
    let same = |s: usize| done.iter().any(|a| likeness.alike(*a, StepInVersion { version: to.version, step: s }));
    let has_a_step = steps.iter().any(|s| same(*s));
    let shared = |s: usize| {
        let step = &chain[to.version].steps[s];
        known.iter().flat_map(|v| &v.steps).any(|o| o.act != act && (o.says() == step.says() || o.name == step.name))
    };
    let old = &chain[from.version];
    let looks_like_another = |s: usize| {
        let step = &chain[to.version].steps[s];
        old.steps.iter().any(|o| o.act != act && (o.name == step.name || (o.id == step.id && similar(o, step))))
    };
    // It has a step in the version that they walk, which is not known to be the act either.
    let was_there = |s: usize| {
        let step = &chain[to.version].steps[s];
        let clue = |o: &Step| {
            shared_words(o, step) >= 0.45
                || (o.field.is_some() && o.field == step.field)
                || (!o.words.is_empty() && o.words == step.words)
        };
        let alike = |o: usize| {
            likeness
                .alike(StepInVersion { version: from.version, step: o }, StepInVersion { version: to.version, step: s })
        };
        let is_it = |o: usize, was: &Step| was.name == step.name || (was.id == step.id && clue(was)) || alike(o);
        old.steps.iter().enumerate().any(|(o, was)| was.act == act && is_it(o, was))
    };
    let some_are_shared = likeness.shares_words(known, act, &done);
    // Without a step of its own, an act is looked for in every new checkpoint.
    let looked_for = !has_a_step && !some_are_shared;
    let new_checkpoint =
        |s: usize| chain[to.version].steps[s].checkpoint && !looks_like_another(s) && !shared(s) && !was_there(s);
    let told = |s: usize| same(s) || (looked_for && new_checkpoint(s));
    // Taken for the step where they are, it is no arrival.
    let (here, there) = (&old.steps[from.step], &chain[to.version].steps[to.step]);
    let has_the_name = here.name == there.name || likeness.has_name(known, to, &here.name);
    let taken_for_here = here.act != act && there.act == act && (has_the_name || here.id == there.id);
    // Taken for an old step that does something else and could come before, it does not come anew.
    let taken_for_what_could_come = |s: usize| {
        let step = &chain[to.version].steps[s];
        let looks_like = |o: &Step| o.act != act && (o.name == step.name || (o.id == step.id && similar(o, step)));
        can_come(old, from.step, &|o| looks_like(&old.steps[o]))
    };
    let comes_anew = |s: usize| told(s) && !taken_for_what_could_come(s);
    let forced_by = |a: &StepInVersion| {
        let one = |s: usize| {
            likeness.alike(*a, StepInVersion { version: to.version, step: s }) || (looked_for && new_checkpoint(s))
        };
        harm_by(chain, from, to, act, &one).is_some()
    };
    match harm_by(chain, from, to, act, &told) {
        // Taken for one act with another of the same words, avoiding is judged for both.
        Some(Harm::Forced) if some_are_shared => Some(Untold::SharedWords),
        Some(_) if taken_for_here => Some(Untold::SharedWords),
        Some(Harm::Possible)
            if some_are_shared && harm_by(chain, from, to, act, &comes_anew) != Some(Harm::Possible) =>
        {
            Some(Untold::SharedWords)
        }
        // Steps of one act without any likeness are several for a reader: one may be avoided by the other.
        Some(Harm::Forced) if !done.iter().any(forced_by) => Some(Untold::StillHasAStep),
        Some(_) => None,
        None if some_are_shared || steps.iter().any(|s| shared(*s) || looks_like_another(*s)) => {
            Some(Untold::SharedWords)
        }
        None if has_a_step => Some(Untold::StillHasAStep),
        None if steps.iter().any(|s| was_there(*s)) => Some(Untold::CameBackBefore),
        None => Some(Untold::NeverFlagged),
    }
}

/// Whether a reader of the definitions knows that a checkpoint was passed where the act was done.
pub fn is_known(chain: &[Version], act: Act, arrivals: &[StepInVersion]) -> bool {
    let likeness = Likeness::of(chain, act);
    arrivals.iter().any(|a| likeness.flagged(chain, *a))
}

/// Which steps that do an act a careful reader of the definitions takes for the same.
struct Likeness {
    /// Group of each step of each version; `usize::MAX` for steps that do something else.
    group: Vec<Vec<usize>>,
}

impl Likeness {
    fn of(chain: &[Version], act: Act) -> Likeness {
        let mut places = Vec::new();
        let mut group: Vec<Vec<usize>> = Vec::new();
        for (version, steps) in chain.iter().enumerate() {
            let does = steps.steps.iter().enumerate().map(|(step, s)| {
                if s.act != act {
                    return usize::MAX;
                }
                places.push(StepInVersion { version, step });
                places.len() - 1
            });
            group.push(does.collect());
        }
        let mut likeness = Likeness { group };
        for (n, a) in places.iter().enumerate() {
            for b in &places[n + 1..] {
                if (a.version == b.version && says_the_same(chain, *a, *b, act))
                    || (a.version < b.version && recognised(chain, *a, *b, act))
                {
                    likeness.join(*a, *b);
                }
            }
        }
        likeness
    }

    fn join(&mut self, a: StepInVersion, b: StepInVersion) {
        let (keep, lose) = (self.group[a.version][a.step], self.group[b.version][b.step]);
        for group in self.group.iter_mut().flatten().filter(|g| **g == lose) {
            *group = keep;
        }
    }

    fn alike(&self, a: StepInVersion, b: StepInVersion) -> bool {
        self.group[a.version][a.step] == self.group[b.version][b.step]
    }

    /// Whether some step that is alike this one has the name.
    fn has_name(&self, chain: &[Version], of: StepInVersion, name: &str) -> bool {
        let group = self.group[of.version][of.step];
        let mut steps = chain.iter().zip(&self.group).flat_map(|(v, groups)| v.steps.iter().zip(groups));
        group != usize::MAX && steps.any(|(s, g)| *g == group && s.name == name)
    }

    /// Whether some step that is alike one of these has the name of one that does something else.
    fn shares_words(&self, chain: &[Version], act: Act, arrivals: &[StepInVersion]) -> bool {
        let all = || chain.iter().zip(&self.group).flat_map(|(v, groups)| v.steps.iter().zip(groups));
        let groups: Vec<usize> = arrivals.iter().map(|a| self.group[a.version][a.step]).collect();
        all().filter(|(_, g)| groups.contains(g)).any(|(s, _)| all().any(|(o, _)| o.act != act && o.name == s.name))
    }

    fn flagged(&self, chain: &[Version], of: StepInVersion) -> bool {
        let group = self.group[of.version][of.step];
        let mut steps = chain.iter().zip(&self.group).flat_map(|(v, groups)| v.steps.iter().zip(groups));
        steps.any(|(s, g)| *g == group && s.checkpoint)
    }
}

/// Whether two steps of one version say the same, and no step that does something else says it in any.
fn says_the_same(chain: &[Version], a: StepInVersion, b: StepInVersion, act: Act) -> bool {
    let says = chain[a.version].steps[a.step].says();
    says == chain[b.version].steps[b.step].says()
        && chain.iter().flat_map(|v| &v.steps).all(|s| s.says() != says || s.act == act)
}

/// Whether the step of a later version is recognised as that of an earlier one, and as no other.
fn recognised(chain: &[Version], a: StepInVersion, b: StepInVersion, act: Act) -> bool {
    let (old, new) = (&chain[a.version], &chain[b.version]);
    let (x, y) = (&old.steps[a.step], &new.steps[b.step]);
    let everywhere = |test: &dyn Fn(&Step) -> bool| chain.iter().flat_map(|v| &v.steps).all(test);
    if x.says() == y.says() {
        return x.id == y.id || everywhere(&|s| s.says() != x.says() || s.act == act);
    }
    let next = a.version + 1 == b.version;
    let taken_up_again = chain[a.version + 1..b.version].iter().all(|v| v.steps.iter().all(|s| s.act != act));
    if !next && !taken_up_again {
        return false;
    }
    // Equal words come before everything else.
    let left = |s: &Step, other: &Version| other.steps.iter().all(|o| o.says() != s.says());
    if !left(x, new) || !left(y, old) {
        return false;
    }
    let of_that_name = |version: &Version, other: &Version, name: &str| {
        version.steps.iter().filter(|s| s.name == name && left(s, other)).count()
    };
    if x.name == y.name && of_that_name(old, new, &x.name) == 1 && of_that_name(new, old, &y.name) == 1 {
        return true;
    }
    let named_elsewhere = of_that_name(new, old, &x.name) > 0 || of_that_name(old, new, &y.name) > 0;
    let alone = |same: &dyn Fn(&Step) -> bool| {
        same(x) && same(y) && [old, new].iter().all(|v| v.steps.iter().filter(|s| same(s)).count() == 1)
    };
    let clue =
        alone(&|s| s.field.is_some() && s.field == x.field) || alone(&|s| !s.words.is_empty() && s.words == x.words);
    x.id == y.id
        && (x.name == y.name || (!named_elsewhere && (similar(x, y) || (clue && x.checkpoint == y.checkpoint))))
}

/// Whether a step that is the same can be told to be the same by what it says.
pub fn recognisable(old: &Step, new: &Step) -> bool {
    old.uid == new.uid && (old.name == new.name || (old.id == new.id && similar(old, new)))
}

/// Whether half of the letter pairs of two steps' words are the same (with some room: what is nearly so is not
/// claimed).
fn similar(a: &Step, b: &Step) -> bool {
    shared_words(a, b) >= 0.55
}

/// Which share of the letter pairs of two steps' words is the same.
fn shared_words(a: &Step, b: &Step) -> f64 {
    let pairs = |s: &Step| -> Vec<(char, char)> {
        let text: Vec<char> = format!("{} {}", s.name, s.words).chars().filter(|c| !c.is_whitespace()).collect();
        text.windows(2).map(|w| (w[0], w[1])).collect()
    };
    let (x, mut y) = (pairs(a), pairs(b));
    let total = x.len() + y.len();
    let both = x.iter().filter(|p| y.iter().position(|q| q == *p).map(|at| y.swap_remove(at)).is_some()).count();
    both as f64 * 2.0 / total.max(1) as f64
}
