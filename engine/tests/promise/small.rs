//! Small worlds, one by one: every graph of three steps against every other, every graph of four steps against every
//! one that an edit makes of it. The moves are judged once more, by walking every way on step by step.
//!
//! `PROMISE_SMALL=1` goes through all of them (minutes, optimised); otherwise every so manieth, the same ones each
//! time.

use crate::check::{Harm, StepInVersion, harm, stays};
use crate::engine::{Engine, KEEPS_THE_PROMISE, Knobs};
use crate::journey::run;
use crate::story::{Event, Journey, Kind, Outcome, Violation};
use crate::world::{Act, Cond, Step, Uid, Version, Way};

/// Whether some way of at most `left` transitions leads to the act.
fn comes(version: &Version, at: usize, act: Act, left: usize) -> bool {
    left > 0 && version.next(at).any(|n| version.steps[n].act == act || comes(version, n, act, left - 1))
}

/// Whether some way ends without the act, or is so long without it that it goes round.
fn avoids(version: &Version, at: usize, act: Act, left: usize) -> bool {
    left == 0
        || version.steps[at].ways.is_empty()
        || version.next(at).any(|n| version.steps[n].act != act && avoids(version, n, act, left - 1))
}

fn harm_by_walking(chain: &[Version], from: StepInVersion, to: StepInVersion, act: Act) -> Option<Harm> {
    let (old, new) = (&chain[from.version], &chain[to.version]);
    let (left, right) = (old.steps.len() + 1, new.steps.len() + 1);
    let arrives = new.steps[to.step].act == act && !stays(chain, from, to);
    let (before, after) = (comes(old, from.step, act, left), arrives || comes(new, to.step, act, right));
    if after && !before {
        return Some(Harm::Possible);
    }
    let free = |version: &Version, at, most| avoids(version, at, act, most);
    (free(old, from.step, left) && (arrives || !free(new, to.step, right))).then_some(Harm::Forced)
}

const PAY: usize = 1;

/// The steps of a small world; the act is done at the second.
fn steps(count: usize, targets: &[Vec<Uid>]) -> Version {
    let step = |n: usize| {
        let ways = targets[n].iter().enumerate().map(|(place, to)| {
            let last = place + 1 == targets[n].len();
            Way { to: *to, cond: if last { Cond::Always } else { Cond::Field(n as u8 % 3, true) } }
        });
        Step {
            uid: n as Uid,
            act: Act::from(n == PAY),
            id: ["a", "pay", "b", "c"][n].to_owned(),
            name: ["Start", "Pay", "Packing", "Delivery"][n].to_owned(),
            words: String::new(),
            field: None,
            checkpoint: n == PAY,
            required: false,
            end: false,
            ways: ways.collect(),
        }
    };
    Version { steps: (0..count).map(step).collect(), entry: 0 }
}

/// Where the ways of one step can lead: nowhere, to one step, or to two.
fn choices(count: usize) -> Vec<Vec<Uid>> {
    let uids = 0..count as Uid;
    let ones = uids.clone().map(|a| vec![a]);
    let twos = uids.clone().flat_map(|a| (a + 1..count as Uid).map(move |b| vec![a, b]));
    std::iter::once(Vec::new()).chain(ones).chain(twos).collect()
}

/// The graph of a number.
fn graph(count: usize, choices: &[Vec<Uid>], mut number: usize) -> Version {
    let mut targets = Vec::new();
    for _ in 0..count {
        targets.push(choices[number % choices.len()].clone());
        number /= choices.len();
    }
    steps(count, &targets)
}

/// What else an edit does to the new version.
#[derive(Clone, Copy, Debug)]
enum Also {
    Nothing,
    NewIds,
    /// The act has other words and another id.
    Reworded,
    /// It was not flagged before.
    FlaggedNow,
}

fn also(old: &mut Version, new: &mut Version, what: Also) {
    match what {
        Also::Nothing => {}
        Also::NewIds => new.steps.iter_mut().for_each(|s| s.id = format!("{}2", s.id)),
        Also::Reworded => {
            let pay = &mut new.steps[PAY];
            (pay.id, pay.name) = ("charge".to_owned(), "Charge the card".to_owned());
        }
        Also::FlaggedNow => old.steps[PAY].checkpoint = false,
    }
}

/// A shortest walk from the entry to a step, past the act.
fn walk(version: &Version, goal: usize) -> Option<Vec<Uid>> {
    let mut open = vec![vec![0_usize]];
    for _ in 0..2 * version.steps.len() {
        let arrived = |path: &&Vec<usize>| path.last() == Some(&goal) && path.contains(&PAY);
        if let Some(path) = open.iter().find(arrived) {
            return Some(path[1..].iter().map(|s| *s as Uid).collect());
        }
        open = open
            .iter()
            .flat_map(|path| version.next(path[path.len() - 1]).map(move |n| [&path[..], &[n]].concat()))
            .collect();
    }
    None
}

#[derive(Default)]
struct Count {
    journeys: u64,
    harmed: u64,
    held: u64,
    held_without_need: u64,
    shown: Vec<String>,
}

impl Count {
    /// Everybody who has paid and stands somewhere in the old version meets the new one.
    fn pair(&mut self, old: &Version, new: &Version, what: Also) {
        let mut chain = [old.clone(), new.clone()];
        let [first, second] = &mut chain;
        also(first, second, what);
        let engine = Engine::new(&[chain[0].document(), chain[1].document()]);
        for goal in 0..old.steps.len() {
            for to in 0..new.steps.len() {
                let (from, to) = (StepInVersion { version: 0, step: goal }, StepInVersion { version: 1, step: to });
                let verdict = harm(&chain, from, to, 1);
                assert_eq!(verdict, harm_by_walking(&chain, from, to, 1), "{chain:?} {from:?} {to:?}");
            }
            // Who stands at an end is finished.
            if old.steps[goal].ways.is_empty() {
                continue;
            }
            let Some(walked) = walk(old, goal) else { continue };
            for data in [false, true] {
                let journey = Journey {
                    before: Vec::new(),
                    events: vec![
                        Event::Walk(walked.clone()),
                        Event::Publish { planned: true, direct: false, policy: None },
                        Event::Turn,
                    ],
                    data: [data; 3],
                    profile: [false; 3],
                    choice: 0,
                    knobs: Knobs::default(),
                    seed: 0,
                };
                let out = run(&chain, &engine, &journey);
                self.take(&out, &chain);
            }
        }
    }

    fn take(&mut self, out: &Outcome, chain: &[Version]) {
        self.journeys += 1;
        self.held += u64::from(out.held);
        self.held_without_need += u64::from(out.held_without_need.is_some());
        let told = |v: &&Violation| matches!(v.kind, Kind::Harm(_)) && v.untold.is_none();
        if let Some(violation) = out.violations.iter().find(told) {
            self.harmed += 1;
            if self.shown.len() < 8 && self.harmed.is_power_of_two() {
                let story = format!("`{}` → `{}`: {}", chain[0].notation(), chain[1].notation(), violation.story);
                self.shown.push(story);
            }
        }
    }

    fn tell(&self, name: &str) {
        println!(
            "{name}: {} journeys, {} harmed, {} held, {} of them without need",
            self.journeys, self.harmed, self.held, self.held_without_need
        );
        self.shown.iter().for_each(|s| println!("  {s}"));
        if KEEPS_THE_PROMISE || std::env::var("PROMISE_STRICT").is_ok_and(|v| v == "1") {
            assert_eq!(self.harmed, 0, "{}", self.shown.join("\n"));
        }
    }
}

/// Of every so many pairs one, or all.
fn stride(otherwise: usize) -> usize {
    if std::env::var("PROMISE_SMALL").is_ok_and(|v| v == "1") { 1 } else { otherwise }
}

#[test]
fn every_two_graphs_of_three_steps() {
    let choices = choices(3);
    let all = choices.len().pow(3);
    let mut count = Count::default();
    for number in (0..all * all).step_by(stride(37)) {
        let (old, new) = (graph(3, &choices, number % all), graph(3, &choices, number / all));
        for what in [Also::Nothing, Also::NewIds, Also::Reworded, Also::FlaggedNow] {
            count.pair(&old, &new, what);
        }
    }
    count.tell("three steps");
}

#[test]
fn every_edit_of_a_graph_of_four_steps() {
    let choices = choices(4);
    let all = choices.len().pow(4);
    let mut count = Count::default();
    for number in (0..all).step_by(stride(97)) {
        let old = graph(4, &choices, number);
        if !(0..4).any(|goal| walk(&old, goal).is_some()) {
            continue;
        }
        for step in 0..4 {
            for lead in &choices {
                let place = choices.len().pow(step as u32);
                let now = number / place % choices.len();
                let other = choices.iter().position(|c| c == lead).unwrap_or(0);
                if other != now {
                    count.pair(&old, &graph(4, &choices, number - now * place + other * place), Also::Nothing);
                }
            }
            // Two steps change places.
            for other in step + 1..4 {
                let mut new = old.clone();
                let swap = |uid: Uid| match usize::from(uid) {
                    u if u == step => other as Uid,
                    u if u == other => step as Uid,
                    _ => uid,
                };
                let ways = (new.steps[step].ways.clone(), new.steps[other].ways.clone());
                (new.steps[other].ways, new.steps[step].ways) = ways;
                new.steps.iter_mut().flat_map(|s| &mut s.ways).for_each(|w| w.to = swap(w.to));
                new.entry = swap(new.entry);
                count.pair(&old, &new, Also::Nothing);
            }
            // A step is left out, with a way past it.
            if step != PAY {
                let mut new = old.clone();
                let gone = new.steps.remove(step);
                let onward = gone.ways.last().map(|w| w.to).filter(|to| *to != gone.uid);
                for way in new.steps.iter_mut().flat_map(|s| &mut s.ways).filter(|w| w.to == gone.uid) {
                    way.to = onward.unwrap_or(gone.uid);
                }
                if new.entry == gone.uid {
                    new.entry = onward.unwrap_or(PAY as Uid);
                }
                new.tidy();
                count.pair(&old, &new, Also::Nothing);
            }
        }
    }
    count.tell("four steps");
}
