//! A version compiled for walking: dense indexes, adjacency in both directions, reachability ("Words" in
//! docs/behaviour.md).

use crate::condition::Condition;
use crate::definition::{Definition, step_content_hash};
use fixedbitset::FixedBitSet;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// Index of a step in its [`Graph`]: its place in document order.
pub type StepIx = usize;

/// A step as the diff and the replay need it.
#[derive(Debug, Clone)]
pub struct Node {
    pub id: String,
    pub name: String,
    pub description: String,
    pub content_hash: String,
    /// Fields that it collects, in document order, without duplicates.
    pub collects: Vec<String>,
    pub has_rules: bool,
    pub is_required_action: bool,
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
    pub is_terminal: bool,
    /// The ways on, in the order in which they are tried. None leads on from a terminal step, whatever transitions its
    /// definition has.
    pub branches: Vec<Branch>,
}

/// A transition with its target resolved and its condition compiled.
#[derive(Debug, Clone)]
pub struct Branch {
    pub to: StepIx,
    pub condition: Condition,
    pub priority: i64,
}

impl Node {
    /// A step with two or more ways on.
    pub fn is_fork(&self) -> bool {
        self.branches.len() >= 2
    }

    /// A step where a walk ends: a terminal one, or one without a way on.
    pub fn is_end(&self) -> bool {
        self.branches.is_empty()
    }
}

/// What is known of a step without its version: enough to pair it with the steps of another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepWords {
    pub id: String,
    pub name: String,
    pub description: String,
    pub content_hash: String,
    pub collects: Vec<String>,
    pub is_checkpoint: bool,
}

/// One version of a scenario, compiled. Immutable; reachability is computed when it is first asked for.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    by_id: HashMap<String, StepIx>,
    entry: StepIx,
    incoming: Vec<Vec<StepIx>>,
    components: OnceCell<Components>,
    below: OnceCell<Reach>,
    above: OnceCell<Reach>,
}

impl Graph {
    /// Compiles a definition that has passed validation. A transition to a missing step, which validation refuses, is
    /// left out, and so is one of a terminal step. A definition without steps gives an empty graph, whose `entry` must
    /// not be used.
    pub fn compile(definition: &Definition) -> Graph {
        let known: HashSet<&str> =
            definition.steps.iter().flat_map(|s| s.collects_profile_fields.iter().map(String::as_str)).collect();
        let mut by_id = HashMap::with_capacity(definition.steps.len());
        for (ix, step) in definition.steps.iter().enumerate() {
            by_id.entry(step.id.clone()).or_insert(ix);
        }
        let nodes = definition
            .steps
            .iter()
            .map(|step| {
                let mut seen = HashSet::new();
                Node {
                    id: step.id.clone(),
                    name: step.name.clone(),
                    description: step.description.clone().unwrap_or_default(),
                    content_hash: step_content_hash(step),
                    collects: step.collects_profile_fields.iter().filter(|f| seen.insert(*f)).cloned().collect(),
                    has_rules: !step.rule_ids.is_empty(),
                    is_required_action: step.is_required_action,
                    is_checkpoint: step.is_checkpoint,
                    checkpoint_description: step.checkpoint_description.clone(),
                    is_terminal: step.is_terminal,
                    branches: step
                        .ordered_transitions()
                        .into_iter()
                        .filter(|_| crate::mutant!("graph/nothing-leads-on-from-the-end", !step.is_terminal, true))
                        .filter_map(|t| {
                            Some(Branch {
                                to: *by_id.get(&t.to_step_id)?,
                                condition: Condition::classify(&t.condition_text, &t.condition_fields, &known),
                                priority: t.priority,
                            })
                        })
                        .collect(),
                }
            })
            .collect();
        let entry = by_id.get(&definition.entry_step_id).copied().unwrap_or(0);
        Graph::from_nodes(nodes, by_id, entry)
    }

    /// A stand-in for a version that is not at hand: steps without transitions, the first of each id.
    pub fn from_words(steps: impl IntoIterator<Item = StepWords>) -> Graph {
        let mut by_id = HashMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for step in steps {
            if by_id.contains_key(&step.id) {
                continue;
            }
            by_id.insert(step.id.clone(), nodes.len());
            nodes.push(Node {
                id: step.id,
                name: step.name,
                description: step.description,
                content_hash: step.content_hash,
                collects: step.collects,
                has_rules: false,
                is_required_action: false,
                is_checkpoint: step.is_checkpoint,
                checkpoint_description: None,
                is_terminal: false,
                branches: Vec::new(),
            });
        }
        Graph::from_nodes(nodes, by_id, 0)
    }

    fn from_nodes(nodes: Vec<Node>, by_id: HashMap<String, StepIx>, entry: StepIx) -> Graph {
        let mut incoming = vec![Vec::new(); nodes.len()];
        for (from, node) in nodes.iter().enumerate() {
            for branch in &node.branches {
                if incoming[branch.to].last() != Some(&from) {
                    incoming[branch.to].push(from);
                }
            }
        }
        Graph {
            nodes,
            by_id,
            entry,
            incoming,
            components: OnceCell::new(),
            below: OnceCell::new(),
            above: OnceCell::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn entry(&self) -> StepIx {
        self.entry
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, step: StepIx) -> &Node {
        &self.nodes[step]
    }

    pub fn find(&self, step_id: &str) -> Option<StepIx> {
        self.by_id.get(step_id).copied()
    }

    /// Steps with a transition to this one, each once.
    pub fn predecessors(&self, step: StepIx) -> &[StepIx] {
        &self.incoming[step]
    }

    /// Targets of the step's transitions in the order in which they are tried, each once.
    pub fn successors(&self, step: StepIx) -> impl Iterator<Item = StepIx> + '_ {
        let branches = &self.nodes[step].branches;
        branches.iter().enumerate().filter(|(i, b)| branches[..*i].iter().all(|a| a.to != b.to)).map(|(_, b)| b.to)
    }

    /// Whether `to` can be reached from `from`; every step reaches itself.
    pub fn reaches(&self, from: StepIx, to: StepIx) -> bool {
        self.below().set(from).contains(to)
    }

    /// Whether `to` can be reached from `from` by at least one transition; a step reaches itself so only round a loop.
    pub fn reaches_onward(&self, from: StepIx, to: StepIx) -> bool {
        if from != to {
            return self.reaches(from, to);
        }
        self.successors(from).any(|next| self.reaches(next, to))
    }

    /// Whether `from` comes to `to` without passing `avoiding`. False if either end is the step to avoid.
    pub fn reaches_avoiding(&self, from: StepIx, to: StepIx, avoiding: StepIx) -> bool {
        if from == avoiding || to == avoiding || !self.reaches(from, to) {
            return false;
        }
        if from == to || !(self.reaches(from, avoiding) && self.reaches(avoiding, to)) {
            return true; // no way between them passes it
        }
        let mut seen = FixedBitSet::with_capacity(self.len());
        seen.insert(avoiding);
        seen.insert(from);
        let mut queue = vec![from];
        while let Some(at) = queue.pop() {
            for branch in &self.nodes[at].branches {
                if branch.to == to {
                    return true;
                }
                if !seen.put(branch.to) {
                    queue.push(branch.to);
                }
            }
        }
        false
    }

    /// Steps from which `step` can be reached, itself excluded.
    pub fn upstream(&self, step: StepIx) -> FixedBitSet {
        let mut set = self.above().set(step).clone();
        set.set(step, false);
        set
    }

    /// Whether `other` lies upstream of `step`: reaches it, and is not it.
    pub fn is_upstream(&self, other: StepIx, step: StepIx) -> bool {
        other != step && self.reaches(other, step)
    }

    fn components(&self) -> &Components {
        self.components.get_or_init(|| Components::of(self))
    }

    fn below(&self) -> &Reach {
        self.below.get_or_init(|| self.labelled_below(self.len(), |step| step))
    }

    fn above(&self) -> &Reach {
        self.above.get_or_init(|| self.labelled_above(self.len(), |step| step))
    }

    /// Reachability downstream in a numbering of the caller's, so that the sets of two graphs can be compared word by
    /// word.
    pub fn labelled_below(&self, labels: usize, label: impl Fn(StepIx) -> usize) -> Reach {
        let components = self.components();
        // Tarjan's order gives a component after all that it leads to.
        Reach::build(components, labels, label, 0..components.members.len(), |step, visit| {
            for branch in &self.nodes[step].branches {
                visit(branch.to);
            }
        })
    }

    /// The same, upstream.
    pub fn labelled_above(&self, labels: usize, label: impl Fn(StepIx) -> usize) -> Reach {
        let components = self.components();
        Reach::build(components, labels, label, (0..components.members.len()).rev(), |step, visit| {
            for from in &self.incoming[step] {
                visit(*from);
            }
        })
    }

    /// Roughly what it keeps in memory once reachability was asked for, in bytes: for bounded caches.
    pub fn weight(&self) -> usize {
        let text: usize = self
            .nodes
            .iter()
            .map(|n| {
                512 + n.id.len() * 2
                    + n.name.len()
                    + n.description.len()
                    + n.branches.iter().map(|b| 512 + 8 * b.condition.text().len()).sum::<usize>()
            })
            .sum();
        text + self.len() * self.len() / 4
    }
}

/// For each step, the set of steps that can be reached in one direction, the step itself included.
#[derive(Debug)]
pub struct Reach {
    component_of: Vec<usize>,
    sets: Vec<FixedBitSet>,
}

impl Reach {
    fn build(
        components: &Components,
        labels: usize,
        label: impl Fn(StepIx) -> usize,
        order: impl Iterator<Item = usize>,
        neighbours: impl Fn(StepIx, &mut dyn FnMut(StepIx)),
    ) -> Reach {
        let mut sets: Vec<FixedBitSet> = vec![FixedBitSet::new(); components.members.len()];
        for component in order {
            let mut set = FixedBitSet::with_capacity(labels);
            for &step in &components.members[component] {
                set.insert(label(step));
                neighbours(step, &mut |next| {
                    let other = components.of[next];
                    if other != component && !set.contains(label(next)) {
                        set.union_with(&sets[other]);
                    }
                });
            }
            sets[component] = set;
        }
        Reach { component_of: components.of.clone(), sets }
    }

    /// The set of a step, itself included.
    pub fn set(&self, step: StepIx) -> &FixedBitSet {
        &self.sets[self.component_of[step]]
    }
}

/// Strongly connected components, in Tarjan's order: each after all those that it leads to.
#[derive(Debug)]
struct Components {
    of: Vec<usize>,
    members: Vec<Vec<StepIx>>,
}

impl Components {
    /// Tarjan's algorithm with a stack of its own: a line of 10,000 steps must not overflow the backend's.
    fn of(graph: &Graph) -> Components {
        const UNSEEN: usize = usize::MAX;
        let n = graph.len();
        let mut index = vec![UNSEEN; n];
        let mut low = vec![0; n];
        let mut on_stack = FixedBitSet::with_capacity(n);
        let mut stack = Vec::new();
        let mut of = vec![0; n];
        let mut members: Vec<Vec<StepIx>> = Vec::new();
        let mut next_index = 0;
        let mut frames: Vec<(StepIx, usize)> = Vec::new();
        for root in 0..n {
            if index[root] != UNSEEN {
                continue;
            }
            frames.push((root, 0));
            while let Some(&(step, branch)) = frames.last() {
                if branch == 0 && index[step] == UNSEEN {
                    index[step] = next_index;
                    low[step] = next_index;
                    next_index += 1;
                    stack.push(step);
                    on_stack.insert(step);
                }
                if let Some(next) = graph.nodes[step].branches.get(branch).map(|b| b.to) {
                    if let Some(frame) = frames.last_mut() {
                        frame.1 += 1;
                    }
                    if index[next] == UNSEEN {
                        frames.push((next, 0));
                    } else if on_stack.contains(next) {
                        low[step] = low[step].min(index[next]);
                    }
                    continue;
                }
                frames.pop();
                if let Some(&(parent, _)) = frames.last() {
                    low[parent] = low[parent].min(low[step]);
                }
                if low[step] == index[step] {
                    let mut component = Vec::new();
                    while let Some(member) = stack.pop() {
                        on_stack.set(member, false);
                        of[member] = members.len();
                        component.push(member);
                        if member == step {
                            break;
                        }
                    }
                    component.sort_unstable();
                    members.push(component);
                }
            }
        }
        Components { of, members }
    }
}
