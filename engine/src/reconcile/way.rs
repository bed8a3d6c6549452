//! Where the session's step leads, by a plan, a chain of plans, or none (SPEC 7.2, 9, 10).

use super::facts::{Facts, Goal, PlanRow, Session};
use super::history::Relation;
use crate::diff::{MigrationScenario, Pairing, compose_pairs};
use crate::graph::{Graph, StepIx};
use crate::plan::{OnCheckpointBlock, PlanRef, ScopeSubject};
use std::collections::HashMap;
use std::rc::Rc;

/// One place in the newest version that the plans lead to.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub step_id: String,
    pub step_name: String,
    pub anchor_content_hash: Option<String>,
    pub migration_scenario: MigrationScenario,
    /// The scenario was forced by a policy.
    pub forced: bool,
    pub on_checkpoint_block: OnCheckpointBlock,
    /// The current step was deleted on the way: the session is relocated.
    pub relocated: bool,
    /// Why a policy on the way leaves the session out.
    pub left_out: Option<String>,
}

/// Where the plans lead from the session's step.
#[derive(Debug)]
pub(super) enum Places {
    /// In the order in which they are to be tried; more than one only after a deleted step.
    Some(Vec<Place>),
    /// A plan does not know the step.
    Unknown,
}

/// More places than this are not tried: a chain of versions that each delete thousands of steps.
const PLACES: usize = 10_000;

/// Follows the chain from the session's step. Every link's policy counts; the scenario is the strongest of the links.
pub(super) fn follow<F: Facts>(chain: &[PlanRef], session: &Session, facts: &mut F) -> Result<Places, F::Error> {
    let mut places = vec![Place {
        step_id: session.step_id.clone(),
        step_name: String::new(),
        anchor_content_hash: None,
        migration_scenario: MigrationScenario::CleanGraft,
        forced: false,
        on_checkpoint_block: OnCheckpointBlock::Graft,
        relocated: false,
        left_out: None,
    }];
    for plan in chain {
        let mut rows: HashMap<String, Option<PlanRow>> = HashMap::new();
        let mut onward: Vec<Place> = Vec::new();
        for place in places {
            let row = match rows.get(&place.step_id) {
                Some(row) => row.clone(),
                None => {
                    let row = facts.plan_row(plan, &place.step_id)?;
                    rows.insert(place.step_id.clone(), row.clone());
                    row
                }
            };
            let Some(row) = row else {
                if onward.is_empty() && !place.relocated {
                    return Ok(Places::Unknown);
                }
                continue;
            };
            for goal in &row.goals {
                let next = place.onward(session, &row, goal);
                if onward.len() < PLACES && !onward.iter().any(|p| p.step_id == next.step_id) {
                    onward.push(next);
                }
            }
        }
        places = onward;
    }
    Ok(Places::Some(places))
}

impl Place {
    fn onward(&self, session: &Session, row: &PlanRow, goal: &Goal) -> Place {
        let subject = ScopeSubject {
            session_id: session.session_id,
            channel: session.channel.as_deref(),
            step_name: &row.old_step_name,
            age_days: session.age_days,
        };
        let mut variable =
            |name: &str| session.variables.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let left_out = self.left_out.clone().or_else(|| goal.policy.admits(&subject, &mut variable).err());
        let on_checkpoint_block = match goal.policy.on_checkpoint_block {
            OnCheckpointBlock::Pin => OnCheckpointBlock::Pin,
            OnCheckpointBlock::Graft => self.on_checkpoint_block,
        };
        Place {
            step_id: goal.new_step_id.clone(),
            step_name: goal.new_step_name.clone(),
            // The anchor is the one of the session's own version: that is the one an operator knows.
            anchor_content_hash: self.anchor_content_hash.clone().or_else(|| Some(goal.anchor_content_hash.clone())),
            migration_scenario: self
                .migration_scenario
                .max(goal.policy.force_scenario.unwrap_or(goal.migration_scenario)),
            forced: self.forced || goal.policy.force_scenario.is_some(),
            on_checkpoint_block,
            relocated: self.relocated || row.deleted,
            left_out,
        }
    }
}

/// The session's version and the newest one, with the chain's pairs composed. A step that an intermediate version dropped and
/// a later one took up again with the same content is the same step.
pub(super) fn relate<F: Facts>(
    chain: &[PlanRef],
    session: &Session,
    published_version: i32,
    facts: &mut F,
) -> Result<Relation, F::Error> {
    let old = facts.graph(session.scenario_version)?;
    let new = facts.graph(published_version)?;
    let mut composed: Option<Vec<(String, String)>> = None;
    for plan in chain {
        let link: Rc<Vec<(String, String)>> = facts.plan_pairs(plan)?;
        composed = Some(match composed {
            None => link.to_vec(),
            Some(so_far) => compose_pairs(&so_far, &link),
        });
    }
    let pairs = composed.unwrap_or_default();
    let mut pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
    if chain.len() > 1 {
        pairing.add_same_content(&old, &new);
    }
    Ok(Relation { old, new, pairing, old_is_whole: true })
}

/// A stand-in relation, for a session whose own version cannot be gone by: what its history tells of the old steps, paired with
/// the newest version as in section 4.1.
pub(super) fn relate_by_history(old: Graph, new: Rc<Graph>) -> Relation {
    let pairing = Pairing::of(&old, &new);
    Relation { old: Rc::new(old), new, pairing, old_is_whole: false }
}

/// The kept old version and the newest one, paired anew.
pub(super) fn relate_anew(old: Rc<Graph>, new: Rc<Graph>) -> Relation {
    let pairing = Pairing::of(&old, &new);
    Relation { old, new, pairing, old_is_whole: true }
}

/// The landing step and the old step that it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landing {
    pub new: StepIx,
    pub old: Option<StepIx>,
}
