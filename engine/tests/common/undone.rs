//! What "undone" means, written from its text by trying every way: no compiled graph, no sets kept from one question to
//! the next. Which steps stand for the same act is asked of the acts that the extension keeps; the tests of the acts
//! tell whether those are right.

use super::plain::Plain;
use scenario_engine::acts::Acts;

/// A move of a session that walks one version to a place in another.
pub struct Move<'a> {
    /// The version that the session walks, and its place there; `None` where that cannot be gone by.
    pub from: Option<(&'a Plain, usize)>,
    pub to: &'a Plain,
    pub place: usize,
    /// The place is the pair of the step that the session is at.
    pub stays_at_its_step: bool,
    /// The old step of a new one.
    pub old_of: &'a dyn Fn(usize) -> Option<usize>,
    pub acts: &'a Acts,
}

impl Move<'_> {
    /// Whether the move undoes the act that a passed step of this content stands for.
    pub fn undoes(&self, passed: &str) -> bool {
        let is_of = |plain: &Plain, step: usize| self.acts.are_same(&plain.steps[step].hash, passed);
        let mut steps: Vec<usize> = (0..self.to.steps.len()).filter(|s| is_of(self.to, *s)).collect();
        if steps.is_empty() {
            let unpaired = |s: &usize| self.to.steps[*s].checkpoint && (self.old_of)(*s).is_none();
            steps = (0..self.to.steps.len()).filter(unpaired).collect();
        }
        let arrived_at = |step: usize| step == self.place && !self.stays_at_its_step;
        let again = steps.iter().any(|step| {
            let comes = arrived_at(*step) || beyond(self.to, self.place, *step);
            let could =
                self.from.is_some_and(|(old, place)| (self.old_of)(*step).is_some_and(|pair| beyond(old, place, pair)));
            comes && !could
        });
        let could_avoid = self.from.is_none_or(|(old, place)| avoids(old, place, &|s| is_of(old, s)));
        let must = arrived_at(self.place) && steps.contains(&self.place)
            || !avoids(self.to, self.place, &|s| steps.contains(&s));
        !steps.is_empty() && (again || (could_avoid && must))
    }
}

/// By at least one transition.
fn beyond(plain: &Plain, from: usize, to: usize) -> bool {
    plain.steps[from].ways.iter().any(|way| plain.reaches(way.to, to))
}

/// Whether some way on from a place, itself left out, comes to an end or goes round a loop for ever without a step to
/// avoid. As many steps as there are in the version are walked without an end exactly if there is a loop.
fn avoids(plain: &Plain, from: usize, avoid: &dyn Fn(usize) -> bool) -> bool {
    let ends = |s: usize| plain.steps[s].ways.is_empty();
    let mut places = std::collections::BTreeSet::from([from]);
    for _ in 0..=plain.steps.len() {
        if places.iter().any(|place| ends(*place)) {
            return true;
        }
        let next = |place: &usize| plain.steps[*place].ways.iter().map(|way| way.to).collect::<Vec<_>>();
        places = places.iter().flat_map(next).filter(|step| !avoid(*step)).collect();
    }
    !places.is_empty()
}
