//! Random cases, and smaller ones that show the same.

use crate::edits::Author;
use crate::engine::{Engine, Knobs};
use crate::journey::{run, walk_before};
use crate::story::{Event, Journey, Outcome};
use crate::world::{Cond, ERRANDS, Rng, Uid, Version};

const POLICIES: [&str; 7] = [
    r#"{"update_downstream": false}"#,
    r#"{"session_condition": "f1"}"#,
    r#"{"exclude_channels": ["web"]}"#,
    r#"{"force_scenario": "clean_graft"}"#,
    r#"{"force_scenario": "gap_fill"}"#,
    r#"{"force_scenario": "re_route"}"#,
    r#"{"on_checkpoint_block": "pin"}"#,
];

/// The versions of one scenario, and customers in them.
#[derive(Clone)]
pub struct Case {
    pub chain: Vec<Version>,
    pub journey: Journey,
}

pub fn random_chain(rng: &mut Rng) -> Vec<Version> {
    let count = 2 + rng.below(3);
    let mut author = Author::new(rng);
    let mut chain = vec![author.first()];
    while chain.len() < count {
        let next = author.next(&chain[chain.len() - 1]);
        chain.push(next);
    }
    chain
}

pub fn random_journey(rng: &mut Rng, chain: &[Version]) -> Journey {
    let mut events = vec![Event::Stroll(1 + rng.below(7))];
    for version in 1..chain.len() {
        let policy = rng.chance(35).then(|| {
            let steps = &chain[version - 1].steps;
            let of = rng.chance(50).then(|| rng.pick(steps).uid);
            (of, (*rng.pick(&POLICIES)).to_owned())
        });
        events.push(Event::Publish { planned: rng.chance(85), direct: rng.chance(10), policy });
        if rng.chance(25) {
            events.push(Event::Batch);
        }
        if rng.chance(75) {
            events.push(Event::Turn);
        }
        if rng.chance(8) {
            events.push(Event::Cancel);
        }
        if rng.chance(8) {
            events.push(Event::Revert);
        }
        if rng.chance(4) {
            let back = rng.chance(30);
            events.push(Event::Hand { back, to: rng.pick(&chain[version].steps).uid });
        }
        if rng.chance(70) {
            events.push(Event::Stroll(1 + rng.below(4)));
        }
        if rng.chance(30) {
            events.push(Event::Turn);
        }
    }
    events.push(Event::Turn);
    let bits = |rng: &mut Rng, percent| [rng.chance(percent), rng.chance(percent), rng.chance(percent)];
    Journey {
        before: if rng.chance(6) { walk_before(&chain[0], rng) } else { Vec::new() },
        events,
        data: bits(rng, 50),
        profile: bits(rng, 30),
        choice: rng.below(4),
        knobs: Knobs { no_re_routing: rng.chance(8), stay_undecided: rng.chance(8), no_order_rule: rng.chance(8) },
        seed: rng.next(),
    }
}

impl Case {
    pub fn run(&self) -> Outcome {
        let documents: Vec<String> = self.chain.iter().map(Version::document).collect();
        run(&self.chain, &Engine::new(&documents), &self.journey)
    }

    /// In the notation of an example that a person can type in.
    pub fn show(&self) -> String {
        let versions: Vec<String> = self.chain.iter().map(|v| format!("`{}`", v.notation())).collect();
        let events: Vec<String> = self.journey.events.iter().map(|e| self.event(e)).collect();
        format!("{}\n    {}\n    {:?}", versions.join("\n  → "), events.join(", "), self.journey.knobs)
    }

    fn event(&self, event: &Event) -> String {
        let id = |uid: &Uid| {
            let step = self.chain.iter().flat_map(|v| &v.steps).find(|s| s.uid == *uid);
            step.map_or("?".to_owned(), |s| s.id.clone())
        };
        match event {
            Event::Walk(uids) => format!("walk {}", uids.iter().map(id).collect::<Vec<_>>().join(" ")),
            Event::Hand { back, to } => {
                format!("update to {}{}", id(to), if *back { " of the version before" } else { "" })
            }
            Event::Publish { planned, direct, policy } => {
                let plan = if *planned { "publish" } else { "publish without a plan" };
                let also = if *direct { " and from version 1" } else { "" };
                let with = policy.as_ref().map_or(String::new(), |(of, text)| {
                    format!(" with {text} for {}", of.as_ref().map_or("all".to_owned(), id))
                });
                format!("{plan}{also}{with}")
            }
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// The smallest case found that still shows a told violation of this kind.
    pub fn shrunk(&self, shows: &dyn Fn(&Outcome) -> bool) -> Case {
        let mut best = self.clone();
        let mut out = best.run();
        best.journey.events = out.events.clone();
        if !shows(&best.run()) {
            return self.clone();
        }
        let mut budget = 4000;
        loop {
            let smaller = best.smaller().into_iter().filter(|c| c.is_whole()).find(|c| {
                budget -= 1;
                budget > 0 && shows(&c.run())
            });
            match smaller {
                Some(case) => {
                    best = case;
                    out = best.run();
                    best.journey.events = out.events.clone();
                }
                None => return best,
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.chain.iter().all(|v| {
            let mut ids: Vec<&String> = v.steps.iter().map(|s| &s.id).collect();
            ids.sort();
            ids.dedup();
            ids.len() == v.steps.len() && v.find(v.entry).is_some()
        })
    }

    /// Cases with one thing less.
    fn smaller(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut with = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            if case.chain != self.chain || case.journey != self.journey {
                cases.push(case);
            }
        };
        let publishes: Vec<usize> = (0..self.journey.events.len())
            .filter(|e| matches!(self.journey.events[*e], Event::Publish { .. }))
            .collect();
        if self.chain.len() > 2 {
            for version in 0..self.chain.len() {
                with(&|c| {
                    c.chain.remove(version);
                    c.journey.events.remove(publishes[version.saturating_sub(1).min(publishes.len() - 1)]);
                });
            }
        }
        for event in 0..self.journey.events.len() {
            if !publishes.contains(&event) {
                with(&|c| drop(c.journey.events.remove(event)));
            }
            with(&|c| match &mut c.journey.events[event] {
                Event::Publish { policy, direct, .. } => (*policy, *direct) = (None, false),
                Event::Walk(uids) => drop(uids.pop()),
                _ => {}
            });
            with(&|c| {
                if let Event::Publish { planned, .. } = &mut c.journey.events[event] {
                    *planned = true
                }
            });
        }
        let uids: std::collections::BTreeSet<Uid> = self.chain.iter().flat_map(|v| &v.steps).map(|s| s.uid).collect();
        for uid in &uids {
            for bypass in [true, false] {
                with(&|c| c.chain.iter_mut().for_each(|v| remove(v, *uid, bypass)));
            }
        }
        for version in 0..self.chain.len() {
            for uid in &uids {
                with(&|c| remove(&mut c.chain[version], *uid, true));
            }
            for step in 0..self.chain[version].steps.len() {
                for way in 0..self.chain[version].steps[step].ways.len() {
                    with(&|c| {
                        c.chain[version].steps[step].ways.remove(way);
                    });
                    with(&|c| c.chain[version].steps[step].ways[way].cond = Cond::Always);
                }
            }
        }
        for uid in &uids {
            let everywhere = |change: &dyn Fn(&mut crate::world::Step)| {
                let steps = |c: &mut Case| {
                    c.chain.iter_mut().flat_map(|v| &mut v.steps).filter(|s| s.uid == *uid).for_each(change);
                };
                let mut case = self.clone();
                steps(&mut case);
                case
            };
            let more = [
                everywhere(&|s| s.field = None),
                everywhere(&|s| s.words = String::new()),
                everywhere(&|s| {
                    if s.act >= ERRANDS {
                        (s.act, s.required) = (0, false)
                    }
                }),
            ];
            cases.extend(more.into_iter().filter(|c| c.chain != self.chain));
        }
        let mut with = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            if case.journey != self.journey {
                cases.push(case);
            }
        };
        with(&|c| c.journey.knobs = Knobs::default());
        with(&|c| c.journey.profile = [false; 3]);
        with(&|c| c.journey.before = Vec::new());
        with(&|c| c.journey.choice = 0);
        cases
    }
}

fn remove(version: &mut Version, uid: Uid, bypass: bool) {
    let Some(at) = version.find(uid).filter(|_| version.steps.len() > 1) else { return };
    let gone = version.steps.remove(at);
    let onward = gone.ways.iter().map(|w| w.to).find(|to| *to != uid);
    for step in &mut version.steps {
        if let (true, Some(onward)) = (bypass, onward) {
            step.ways.iter_mut().filter(|w| w.to == uid).for_each(|w| w.to = onward);
        }
    }
    if version.entry == uid {
        version.entry = onward.unwrap_or(version.steps[0].uid);
    }
    version.tidy();
}
