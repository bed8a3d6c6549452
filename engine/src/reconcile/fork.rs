//! How a replay goes on at a fork ("Replay" and "Blocked redirects" in docs/behaviour.md).

use super::decision::{CheckpointBlock, DecisionBranch, DecisionRequest, NeededFor};
use super::facts::Facts;
use super::settings::OnUndecided;
use super::trace::{Event, Trace};
use super::walker::{Walker, WayOn};
use crate::condition::{ConditionKind, Truth};
use crate::diff::{ForkChange, fork_change};
use crate::graph::{Branch, Graph, Node, StepIx};
use serde_json::json;

/// Where a branch of a fork leads that is none of the leads.
enum Aside {
    /// To another step of the path, a later one or one that the walk has not been at: its position.
    OnPath(usize),
    Elsewhere,
}

/// A branch of the fork at hand that leads elsewhere, to where a passed checkpoint forbids to redirect.
struct Blocked {
    branch: usize,
    block: CheckpointBlock,
}

impl<F: Facts> Walker<'_, '_, F> {
    /// Where the walk goes from the fork at hand; `leads` are its branches that lead to the target, one at least.
    pub(super) fn at_fork(&mut self, leads: &[usize]) -> Result<WayOn, F::Error> {
        let (at, relation) = (self.at, self.replay.relation);
        let unchanged = || fork_change(&relation.old, self.graph, &relation.pairing, at) == ForkChange::Unchanged;
        if self.replay.history.visited.contains(at) && unchanged() {
            return self.by_their_choice(leads);
        }
        if self.unsure {
            return self.along_the_path(leads, "the walk is unsure: keeps to the path");
        }
        if self.replay.keep_path {
            return self.along_the_path(leads, "keeps to the path");
        }
        if let Some(blocked) = self.all_blocked(leads)? {
            return self.past_blocked(leads, blocked);
        }
        self.decide(leads)
    }

    /// A fork that they visited and that did not change: straight to the target, else by the branch that they took,
    /// else by the first lead. Nothing is evaluated to redirect them.
    fn by_their_choice(&mut self, leads: &[usize]) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        let straight = leads.iter().find(|b| node.branches[**b].to == self.path_step(self.target));
        let choice = straight.copied().or_else(|| self.branch_that_they_took(leads)).unwrap_or(leads[0]);
        let branch = &node.branches[choice];
        if matches!(self.known_truth(branch)?, Truth::False) {
            let why = "visited and not changed: their choice stands, though the condition is false: unsure from here";
            self.trace.fork(node, branch, self.graph, why);
            return Ok(WayOn::Unsure(branch.to));
        }
        self.trace.fork(node, branch, self.graph, "visited and not changed: their choice stands");
        Ok(WayOn::To(branch.to))
    }

    /// The branch by which they went on when they were here; the last time, if they were here several times. One that
    /// leads to the target comes first; one that leads to another step of the path makes that the target.
    fn branch_that_they_took(&mut self, leads: &[usize]) -> Option<usize> {
        let branches = &self.graph.node(self.at).branches;
        let stops = self.replay.history.stops.windows(2).rev().filter(|pair| pair[0].new == Some(self.at));
        let next_steps: Vec<_> = stops.filter_map(|pair| pair[1].new).collect();
        let taken = |b: &usize, next: &StepIx| branches[*b].to == *next;
        if let Some(lead) = next_steps.iter().find_map(|next| leads.iter().find(|b| taken(b, next))) {
            return Some(*lead);
        }
        let all = next_steps.iter().flat_map(|next| (0..branches.len()).filter(move |b| taken(b, next)));
        let (branch, position) = all.into_iter().find_map(|b| match self.aside(&branches[b]) {
            Aside::OnPath(position) => Some((b, position)),
            Aside::Elsewhere => None,
        })?;
        self.make_for(position);
        Some(branch)
    }

    /// Makes another step of the path the target. A step that was skipped is gone back for once, or a walk that comes
    /// to other steps of the path before it would go round for ever.
    fn make_for(&mut self, position: usize) {
        if position < self.target {
            self.arrived.insert(position);
        }
        self.target = position;
    }

    /// By the first lead whose condition holds with what is known, else by the first lead.
    fn along_the_path(&mut self, leads: &[usize], why: &str) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        let choice = self.first_known_lead(leads)?;
        let branch = &node.branches[choice];
        self.trace.fork(node, branch, self.graph, why);
        Ok(WayOn::To(branch.to))
    }

    fn first_known_lead(&mut self, leads: &[usize]) -> Result<usize, F::Error> {
        let node = self.graph.node(self.at);
        for lead in leads {
            if self.known_truth(&node.branches[*lead])? == Truth::True {
                return Ok(*lead);
            }
        }
        Ok(leads[0])
    }

    /// Where a branch leads that is none of the leads.
    fn aside(&self, branch: &Branch) -> Aside {
        let later = self.target + 1..self.replay.path.steps.len();
        let skipped = (0..self.target).filter(|position| !self.arrived.contains(*position));
        let on_path = later.chain(skipped).find(|position| self.leads_to(branch.to, *position));
        on_path.map_or(Aside::Elsewhere, Aside::OnPath)
    }

    /// The branches that lead elsewhere and may still be taken, if there are any and each is blocked: then it makes no
    /// difference to the customer which of them is true.
    fn all_blocked(&mut self, leads: &[usize]) -> Result<Option<Vec<Blocked>>, F::Error> {
        let node = self.graph.node(self.at);
        let asides = node.branches.iter().enumerate().filter(|(index, _)| !leads.contains(index));
        let mut blocks: Vec<_> = asides.map(|(index, branch)| (index, self.forbidden(node, branch))).collect();
        if blocks.iter().all(|(_, block)| block.is_none()) {
            return Ok(None); // nearly always; nothing was looked up for it
        }
        blocks.retain(|(index, _)| matches!(self.aside(&node.branches[*index]), Aside::Elsewhere));
        let mut blocked = Vec::new();
        let mut blocks = blocks.into_iter().peekable();
        for (index, branch) in node.branches.iter().enumerate() {
            let truth = self.known_truth(branch)?;
            let elsewhere = blocks.next_if(|(aside, _)| *aside == index);
            match elsewhere {
                Some((_, Some(block))) if truth != Truth::False => blocked.push(Blocked { branch: index, block }),
                Some((_, None)) if truth != Truth::False => return Ok(None),
                _ => {}
            }
            if truth == Truth::True {
                break;
            }
        }
        Ok((!blocked.is_empty()).then_some(blocked))
    }

    /// Past a fork whose redirects are all blocked: asks nothing and waits for nobody.
    fn past_blocked(&mut self, leads: &[usize], blocked: Vec<Blocked>) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        for (index, branch) in node.branches.iter().enumerate() {
            match self.known_truth(branch)? {
                Truth::False => {}
                Truth::True => {
                    self.replayed.blocked_branch_is_taken |= blocked.iter().any(|b| b.branch == index);
                    break;
                }
                Truth::Unknown { error: Some(error), .. } => {
                    self.replayed.warn(cannot_be_evaluated(node, branch, &error));
                    break;
                }
                Truth::Unknown { .. } => break,
            }
        }
        for blocked in blocked {
            self.trace.step(Event::Checkpoint, node, json!({"blocked": blocked.block}));
            self.replayed.block(blocked.block);
        }
        let branch = &node.branches[self.first_known_lead(leads)?];
        self.trace.fork(node, branch, self.graph, "passed checkpoints forbid every redirect: unsure from here");
        Ok(WayOn::Unsure(branch.to))
    }

    /// A fork that the customer has not decided by walking it: the first branch that is true decides.
    fn decide(&mut self, leads: &[usize]) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        for (index, branch) in node.branches.iter().enumerate() {
            let natural = branch.condition.kind() == ConditionKind::Natural;
            let truth = if natural { self.followed_truth(node, branch) } else { self.needed_truth(node, branch)? };
            match truth {
                Truth::True => return self.take(leads, index),
                Truth::False if natural => self.trace.branch(node, branch, self.graph, "somebody decided against it"),
                Truth::False => self.trace.branch(node, branch, self.graph, "false"),
                Truth::Unknown { .. } if natural => {
                    if !matters(&node.branches[index..]) {
                        return self.take(leads, index);
                    }
                    if self.replay.settings.on_undecided == OnUndecided::Ask {
                        self.trace.branch(node, branch, self.graph, "nobody has decided it");
                        self.replayed.undecided = Some(decision_request(node, self.graph));
                        return Ok(WayOn::Stop);
                    }
                    let text = branch.condition.text();
                    let warning = format!("nobody has decided \"{text}\" at fork \"{}\"", node.name);
                    return Ok(self.nothing_left(leads, branch, "nobody has decided it", warning));
                }
                Truth::Unknown { missing, error } => {
                    if missing.iter().any(|field| self.fields.missing.iter().any(|m| m.field == *field)) {
                        self.trace.branch(node, branch, self.graph, "unknown: its fields are needed first");
                        return Ok(WayOn::Stop);
                    }
                    let (why, warning) = match error {
                        Some(error) => (format!("unknown: {error}"), cannot_be_evaluated(node, branch, &error)),
                        None => {
                            let lacking = missing.join(", ");
                            let text = branch.condition.text();
                            let warning =
                                format!("\"{text}\" at fork \"{}\" cannot be decided without {lacking}", node.name);
                            (format!("unknown, gone without {lacking}"), warning)
                        }
                    };
                    return Ok(self.nothing_left(leads, branch, &why, warning));
                }
            }
        }
        let branch = &node.branches[leads[0]];
        self.trace.fork(node, branch, self.graph, "no branch is true: unsure from here");
        Ok(WayOn::Unsure(branch.to))
    }

    /// A branch is unknown and nothing is left to ask for: nobody is redirected on it, nor on a branch after it.
    fn nothing_left(&mut self, leads: &[usize], unknown: &Branch, why: &str, warning: String) -> WayOn {
        let node = self.graph.node(self.at);
        self.trace.branch(node, unknown, self.graph, why);
        self.replayed.warn(format!("{warning}; the session keeps to its path"));
        let branch = &node.branches[leads[0]];
        self.trace.fork(node, branch, self.graph, "a branch is unknown: keeps to the path, unsure from here");
        WayOn::Unsure(branch.to)
    }

    /// By the branch that decides.
    fn take(&mut self, leads: &[usize], index: usize) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        let branch = &node.branches[index];
        if branch.condition.kind() == ConditionKind::Natural && self.answer().is_some() {
            self.trace.branch_taken(node, branch, self.graph, "somebody decided for it");
        }
        if leads.contains(&index) {
            self.trace.fork(node, branch, self.graph, "leads to the path");
            return Ok(WayOn::To(branch.to));
        }
        if let Aside::OnPath(position) = self.aside(branch) {
            self.make_for(position);
            self.trace.fork(node, branch, self.graph, "leads to another step of the path");
            return Ok(WayOn::To(branch.to));
        }
        if let Some(block) = self.forbidden(node, branch) {
            self.trace.step(Event::Checkpoint, node, json!({"blocked": block}));
            self.replayed.block(block);
            self.replayed.blocked_branch_is_taken = true;
            let lead = &node.branches[self.first_known_lead(leads)?];
            let why = "a passed checkpoint forbids the redirect: stays on the path, unsure from here";
            self.trace.fork(node, lead, self.graph, why);
            return Ok(WayOn::Unsure(lead.to));
        }
        self.trace.fork(node, branch, self.graph, "leads elsewhere");
        self.trace.step(Event::Redirect, self.graph.node(branch.to), json!({"from_step_id": node.id}));
        Ok(WayOn::Redirect(branch.to))
    }

    /// The truth of a natural-language branch by somebody's answer, of which note is taken.
    fn followed_truth(&mut self, node: &Node, branch: &Branch) -> Truth {
        if let Some(answer) = self.answer().map(str::to_owned) {
            self.replayed.follow(node, &answer, self.graph);
        }
        self.decided_truth(branch)
    }

    /// The truth of a branch that decides: the fields that it reads become fields that are needed.
    fn needed_truth(&mut self, node: &Node, branch: &Branch) -> Result<Truth, F::Error> {
        let mut read: Vec<String> = Vec::new();
        let (fields, facts) = (&mut *self.fields, &mut *self.facts);
        let truth = branch.condition.evaluate(&mut |field| {
            let value = fields.value(field, facts)?;
            if value.is_some() {
                read.push(field.to_owned());
            }
            Ok(value)
        })?;
        if let Truth::Unknown { missing, .. } = &truth {
            read.extend(missing.iter().cloned());
        }
        for field in read {
            let why = NeededFor::Fork {
                step_id: node.id.clone(),
                step_name: node.name.clone(),
                condition_text: branch.condition.text().to_owned(),
            };
            self.need_field(node, &field, why)?;
            self.fields.decides(&field);
        }
        Ok(truth)
    }

    /// Whether passed checkpoints forbid to redirect by a branch of the fork at hand.
    fn forbidden(&self, node: &Node, branch: &Branch) -> Option<CheckpointBlock> {
        let replay = self.replay;
        // Where they stood at the fork last, or else at the step of their path before it.
        let visit_before = || self.last_position.and_then(|position| replay.path.steps[position].last_visit);
        let fork_visit = replay.history.last_visit(self.at).or_else(visit_before);
        let is_met = |act: &str| self.met.contains(act);
        let (stop, rule) = replay.checkpoints.forbids_redirect(fork_visit, branch.to, is_met)?;
        let target = self.graph.node(branch.to);
        Some(CheckpointBlock {
            checkpoint_step_id: stop.step_id.clone(),
            checkpoint_name: stop.step_name.clone(),
            checkpoint_description: stop.checkpoint_description.clone(),
            fork_step_id: node.id.clone(),
            fork_step_name: node.name.clone(),
            target_step_id: target.id.clone(),
            target_step_name: target.name.clone(),
            condition_text: branch.condition.text().to_owned(),
            rule,
        })
    }
}

/// A decision between branches that all lead to one step changes nothing.
fn matters(branches: &[Branch]) -> bool {
    branches.windows(2).any(|pair| pair[0].to != pair[1].to)
}

/// Names types, never values.
fn cannot_be_evaluated(fork: &Node, branch: &Branch, error: &str) -> String {
    format!("\"{}\" at fork \"{}\" cannot be evaluated ({error})", branch.condition.text(), fork.name)
}

fn decision_request(node: &Node, graph: &Graph) -> DecisionRequest {
    DecisionRequest {
        fork_step_id: node.id.clone(),
        fork_step_name: node.name.clone(),
        branches: node
            .branches
            .iter()
            .map(|b| DecisionBranch {
                target_step_id: graph.node(b.to).id.clone(),
                target_step_name: graph.node(b.to).name.clone(),
                condition_text: b.condition.text().to_owned(),
            })
            .collect(),
    }
}

impl Trace {
    pub(super) fn fork(&mut self, node: &Node, taken: &Branch, graph: &Graph, why: &str) {
        self.at_fork("taken", node, taken, graph, why);
    }

    fn branch_taken(&mut self, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        self.at_fork("decided", node, branch, graph, why);
    }

    fn branch(&mut self, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        self.at_fork("skipped", node, branch, graph, why);
    }

    fn at_fork(&mut self, what: &str, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        let about = json!({"to_step_id": graph.node(branch.to).id, "condition_text": branch.condition.text()});
        self.step(Event::Fork, node, json!({what: about, "why": why}));
    }
}
