//! Diagrams in Mermaid: one version, or a plan with both versions in one picture.
//!
//! Whatever an author wrote comes into a diagram only through [`label`]. Node names are ours (`n0`, `d0`), so that no
//! step id can be mistaken for syntax.

use super::{PlanView, sessions, short};
use crate::diff::PairKind;
use crate::graph::{Branch, Graph, Node};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

const NAME: usize = 60;
const CONDITION: usize = 60;

/// A version as a flow chart: entry and ends rounded, forks as diamonds, checkpoints as hexagons; fields below the
/// names, conditions on the arrows.
pub fn scenario_diagram(graph: &Graph) -> String {
    let mut out = String::from("flowchart TD\n");
    for (ix, node) in graph.nodes().iter().enumerate() {
        write_node(&mut out, graph, ix, &lines_of(node), kind_class(node));
    }
    for (ix, node) in graph.nodes().iter().enumerate() {
        for branch in &node.branches {
            write_edge(&mut out, ix, branch, "-->");
        }
    }
    out.push_str("  classDef checkpoint stroke-width:3px,stroke:#b45309\n");
    out
}

/// A plan: the new version with what was kept, edited and inserted, the deleted steps of the old one beside it, where
/// their sessions go, transitions that are gone, and how many sessions are at each step.
pub fn plan_diagram(view: &PlanView<'_>) -> String {
    let PlanView { map, old, new, .. } = *view;
    let mut out = String::from("flowchart TD\n");
    let by_new: HashMap<&str, (&str, PairKind)> =
        map.anchors.iter().map(|a| (a.new_step_id.as_str(), (a.old_step_id.as_str(), a.pairing))).collect();
    let forks: HashSet<&str> = map.catalogue.new_forks.iter().map(|fork| fork.step_id.as_str()).collect();
    for (ix, node) in new.nodes().iter().enumerate() {
        let mut lines = lines_of(node);
        let class = match by_new.get(node.id.as_str()) {
            None => {
                lines.push("inserted".to_owned());
                "inserted"
            }
            Some((old_step_id, pairing)) => {
                let at = view.sessions_at(old_step_id);
                if *pairing == PairKind::Edited {
                    lines.push("edited".to_owned());
                }
                if at > 0 {
                    lines.push(sessions(at));
                }
                if *pairing == PairKind::Edited { "edited" } else { "kept" }
            }
        };
        if forks.contains(node.id.as_str()) {
            lines.push("new fork".to_owned());
        }
        write_node(&mut out, new, ix, &lines, class);
    }
    let old_arrows = OldArrows::of(view);
    for (ix, node) in new.nodes().iter().enumerate() {
        for branch in &node.branches {
            let is_new = old_arrows.is_new(node, new.node(branch.to));
            write_edge(&mut out, ix, branch, if is_new { "==>" } else { "-->" });
        }
    }
    for (place, step) in map.deleted_steps.iter().enumerate() {
        let mut lines = vec![short(&step.name, NAME), "deleted".to_owned()];
        let at = view.sessions_at(&step.step_id);
        if at > 0 {
            lines.push(sessions(at));
        }
        let _ = writeln!(out, "  d{place}[\"{}\"]:::deleted", label(&lines));
        if let Some(to) = step.candidates.first().and_then(|c| new.find(&c.new_step_id)) {
            let _ = writeln!(out, "  d{place} -.->|\"sessions go to\"| n{to}");
        } else if at > 0 {
            let _ = writeln!(out, "  d{place} -.->|\"sessions leave\"| gone([\"no place left\"]):::deleted");
        }
    }
    let deleted: HashMap<&str, usize> =
        map.deleted_steps.iter().enumerate().map(|(place, step)| (step.step_id.as_str(), place)).collect();
    for (from, to) in old_arrows.gone(old, new, &deleted) {
        let _ = writeln!(out, "  {from} -.->|\"removed\"| {to}");
    }
    out.push_str("  classDef kept fill:#f8fafc,stroke:#64748b\n");
    out.push_str("  classDef edited fill:#fef9c3,stroke:#a16207\n");
    out.push_str("  classDef inserted fill:#dcfce7,stroke:#15803d\n");
    out.push_str("  classDef deleted fill:#fee2e2,stroke:#b91c1c,stroke-dasharray:4\n");
    out
}

/// The arrows of the old version, by the ids that the steps have in the new one.
struct OldArrows<'a> {
    new_of: HashMap<&'a str, &'a str>,
    arrows: HashSet<(&'a str, &'a str)>,
}

impl<'a> OldArrows<'a> {
    fn of(view: &PlanView<'a>) -> OldArrows<'a> {
        let new_of: HashMap<&str, &str> =
            view.map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str())).collect();
        let mut arrows = HashSet::new();
        for node in view.old.nodes() {
            for branch in &node.branches {
                let to = view.old.node(branch.to);
                if let (Some(from), Some(to)) = (new_of.get(node.id.as_str()), new_of.get(to.id.as_str())) {
                    arrows.insert((*from, *to));
                }
            }
        }
        OldArrows { new_of, arrows }
    }

    fn is_new(&self, from: &Node, to: &Node) -> bool {
        !self.arrows.contains(&(from.id.as_str(), to.id.as_str()))
    }

    /// Arrows of the old version that the new one does not have, between the nodes of the picture.
    fn gone(&self, old: &Graph, new: &Graph, deleted: &HashMap<&str, usize>) -> Vec<(String, String)> {
        let place = |id: &str| match (self.new_of.get(id), deleted.get(id)) {
            (Some(new_id), _) => new.find(new_id).map(|ix| format!("n{ix}")),
            (None, Some(place)) => Some(format!("d{place}")),
            (None, None) => None,
        };
        let mut gone = Vec::new();
        for (ix, node) in old.nodes().iter().enumerate() {
            for next in old.successors(ix) {
                let to = old.node(next);
                let both = self.new_of.get(node.id.as_str()).zip(self.new_of.get(to.id.as_str()));
                let still_there = both.is_some_and(|(from, to)| {
                    new.find(from).is_some_and(|from| new.successors(from).any(|s| new.node(s).id == *to))
                });
                if !still_there && let (Some(from), Some(to)) = (place(&node.id), place(&to.id)) {
                    gone.push((from, to));
                }
            }
        }
        gone
    }
}

fn lines_of(node: &Node) -> Vec<String> {
    let mut lines = vec![short(if node.name.is_empty() { &node.id } else { &node.name }, NAME)];
    if !node.collects.is_empty() {
        lines.push(short(&format!("asks {}", node.collects.join(", ")), NAME));
    }
    if node.is_required_action {
        lines.push("required action".to_owned());
    }
    if node.is_checkpoint {
        lines.push("checkpoint".to_owned());
    }
    lines
}

fn kind_class(node: &Node) -> &'static str {
    if node.is_checkpoint { "checkpoint" } else { "" }
}

fn write_node(out: &mut String, graph: &Graph, ix: usize, lines: &[String], class: &str) {
    let node = graph.node(ix);
    let (open, close) = if ix == graph.entry() || node.is_terminal {
        ("([", "])")
    } else if node.is_checkpoint {
        ("{{", "}}")
    } else if node.is_fork() {
        ("{", "}")
    } else {
        ("[", "]")
    };
    let _ = write!(out, "  n{ix}{open}\"{}\"{close}", label(lines));
    let _ = if class.is_empty() { writeln!(out) } else { writeln!(out, ":::{class}") };
}

fn write_edge(out: &mut String, from: usize, branch: &Branch, arrow: &str) {
    let condition = short(branch.condition.text(), CONDITION);
    let _ = if condition.is_empty() {
        writeln!(out, "  n{from} {arrow} n{}", branch.to)
    } else {
        writeln!(out, "  n{from} {arrow}|\"{}\"| n{}", escaped(&condition), branch.to)
    };
}

/// Lines of a label, as they may stand between quotes.
fn label(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

/// Letters, digits and harmless punctuation as they are; everything that Mermaid, Markdown or HTML could take for more
/// than text as an entity code of Mermaid's.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let harmless = c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '…' | '?' | '!' | '\'' | '/' | '(' | ')');
        if harmless || !c.is_ascii() && !c.is_control() {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse;

    fn graph(text: &str) -> Graph {
        Graph::compile(&parse(text).unwrap_or_else(|findings| panic!("{findings:?}")))
    }

    #[test]
    fn a_version() {
        let graph = graph(
            r#"{"name": "x", "entry_step_id": "a", "steps": [
                {"id": "a", "name": "Hello", "collects_profile_fields": ["age"], "transitions": [
                    {"to_step_id": "c", "condition_text": "age < 18"}, {"to_step_id": "b"}]},
                {"id": "b", "name": "Pay", "is_checkpoint": true, "transitions": [{"to_step_id": "c"}]},
                {"id": "c", "name": "Bye", "is_terminal": true}]}"#,
        );
        let expected = "flowchart TD\n  n0([\"Hello<br/>asks age\"])\n  n1{{\"Pay<br/>checkpoint\"}}:::checkpoint\n  \
                        n2([\"Bye\"])\n  n0 -->|\"age #60; 18\"| n2\n  n0 --> n1\n  n1 --> n2\n  \
                        classDef checkpoint stroke-width:3px,stroke:#b45309\n";
        assert_eq!(scenario_diagram(&graph), expected);
    }

    #[test]
    fn nothing_that_an_author_writes_is_syntax() {
        for text in
            ["\"]; click n0 href \"javascript:x\"", "%%{init: {}}%%", "<script>", "`**md**`", "end", "a & b #quot;"]
        {
            let safe = escaped(text);
            assert!(!safe.contains(['"', '%', '<', '>', '`', '*', '[', ']', '{', '}', '&', '|', '\\']), "{safe}");
            // every # begins a code, every ; ends one
            for (at, _) in safe.match_indices('#') {
                let code = safe[at + 1..].split(';').next().unwrap_or_default();
                assert!(!code.is_empty() && code.chars().all(|c| c.is_ascii_digit()), "{safe}");
            }
            assert_eq!(safe.matches('#').count(), safe.matches(';').count());
        }
    }
}
