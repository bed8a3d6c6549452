//! A plan as a page of plain text: what an operator reads before they approve it.

use super::{PlanView, grouped, sessions, short};
use crate::diff::{Anchor, MigrationScenario, PairKind};
use crate::plan::{FieldReasonKind, Policy, SessionFigures, Summary};
use serde_json::Value;

/// What stands at the head of the page.
pub struct PlanHeader<'a> {
    pub plan_id: &'a str,
    pub scenario_name: &'a str,
    pub from_version: i32,
    pub to_version: i32,
    pub status: &'a str,
    /// A version has changed since the plan was built.
    pub stale: bool,
}

const NAME: usize = 32;
const LINE: usize = 118;

/// The page, line by line. `summary` is what [`crate::plan::summarize`] gave for the same plan.
pub fn plan_report(header: &PlanHeader<'_>, view: &PlanView<'_>, summary: &Summary) -> Vec<String> {
    let mut page = Page(Vec::new());
    page.head(header);
    page.figures(view, summary);
    page.warnings(summary);
    page.fields(summary);
    page.anchors(view);
    page.deleted(view);
    page.0
}

struct Page(Vec<String>);

impl Page {
    fn line(&mut self, text: impl Into<String>) {
        self.0.push(text.into().trim_end().to_owned());
    }

    fn title(&mut self, text: &str) {
        self.line("");
        self.line(text);
        self.line("-".repeat(text.chars().count()));
    }

    fn head(&mut self, header: &PlanHeader<'_>) {
        let title = format!(
            "{}: version {} to version {}",
            short(header.scenario_name, 60),
            header.from_version,
            header.to_version
        );
        self.line(title.clone());
        self.line("=".repeat(title.chars().count()));
        let stale = if header.stale { ", stale: a version has changed since it was built" } else { "" };
        self.line(format!("plan {}, {}{stale}", header.plan_id, header.status));
    }

    fn figures(&mut self, view: &PlanView<'_>, summary: &Summary) {
        self.line("");
        let figures = &summary.sessions;
        let paused =
            if figures.paused > 0 { format!(", {} of them paused", grouped(figures.paused)) } else { "".into() };
        self.line(format!("sessions   {} on the old version{paused}", grouped(figures.total)));
        for (scenario, what) in [
            (MigrationScenario::CleanGraft, "moved in silence"),
            (MigrationScenario::GapFill, "replayed: data looked up, or asked for"),
            (MigrationScenario::ReRoute, "replayed: perhaps asked, perhaps sent elsewhere"),
        ] {
            let name = scenario.as_str();
            let at = grouped(figures.by_scenario.of(scenario));
            let steps = summary.anchors.by_scenario.of(scenario);
            let held = of_them_held(figures.held_by_scenario.of(scenario));
            self.line(format!("           {at:>9}  {name:<11}  {steps:>4} steps  {what}{held}"));
        }
        let at_deleted: u64 = view.map.deleted_steps.iter().map(|step| view.sessions_at(&step.step_id)).sum();
        let deleted = view.map.deleted_steps.len();
        let held = of_them_held(figures.held.saturating_sub(figures.held_by_scenario.total()));
        let (at, name) = (grouped(at_deleted), "deleted");
        self.line(format!("           {at:>9}  {name:<11}  {deleted:>4} steps  relocated{held}"));
        self.elsewhere(figures);
        self.line(format!(
            "steps      {} kept, {} edited, {} inserted, {} deleted",
            view.map.anchors.iter().filter(|a| a.pairing != PairKind::Edited).count(),
            view.map.anchors.iter().filter(|a| a.pairing == PairKind::Edited).count(),
            view.map.catalogue.inserted_step_ids.len(),
            deleted,
        ));
    }

    /// Sessions that no step of the old version tells of, and those that the plan leads elsewhere; what is none is not
    /// told.
    fn elsewhere(&mut self, figures: &SessionFigures) {
        let led =
            [(figures.relocated, "relocated"), (figures.exit, "leave the scenario"), (figures.finish, "finished")];
        let led: Vec<String> =
            led.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", grouped(*n))).collect();
        if !led.is_empty() {
            self.line(format!("led off    {}", led.join(", ")));
        }
        let older = &figures.older_versions;
        if older.sessions > 0 {
            self.line(format!(
                "older      {} on older versions: {} come along, {} held, {} stay pinned, {} without a way",
                grouped(older.sessions),
                grouped(older.come_along),
                grouped(older.held),
                grouped(older.stay_pinned),
                grouped(older.without_a_way)
            ));
        }
        if figures.reopened > 0 {
            let (finished, reopened) = (grouped(figures.finished), grouped(figures.reopened));
            self.line(format!("finished   {finished} on the old version, {reopened} of them reopened"));
        } else if figures.finished > 0 {
            self.line(format!("finished   {} on the old version, left in peace", grouped(figures.finished)));
        }
        if figures.foreign_checksum > 0 {
            let count = grouped(figures.foreign_checksum);
            self.line(format!("foreign    {count} do not match the old version and go by the fallback"));
        }
    }

    fn warnings(&mut self, summary: &Summary) {
        self.title(&format!("Warnings ({})", summary.warnings.len()));
        for warning in &summary.warnings {
            self.wrapped(
                &format!("{:<8}  ", warning.severity.as_str()),
                &format!("{} ({})", warning.message, sessions(warning.sessions)),
            );
        }
        if summary.warnings.is_empty() {
            self.line("none");
        }
    }

    fn fields(&mut self, summary: &Summary) {
        if summary.fields_to_collect.is_empty() {
            return;
        }
        self.title("Fields that customers may be asked for");
        for field in &summary.fields_to_collect {
            let because: Vec<String> = field
                .because
                .iter()
                .map(|why| {
                    let kind = match why.kind {
                        FieldReasonKind::InsertedStep => "new step",
                        FieldReasonKind::EditedStep => "edited step",
                        FieldReasonKind::NewFork => "new fork",
                    };
                    format!("{kind} \"{}\"", short(&why.name, NAME))
                })
                .collect();
            self.wrapped(
                &format!("{:<20}  ", short(&field.field, 20)),
                &format!("at most {}: {}", sessions(field.sessions_at_most), because.join(", ")),
            );
        }
    }

    fn anchors(&mut self, view: &PlanView<'_>) {
        if view.map.anchors.is_empty() {
            return;
        }
        self.title("Steps that are kept, and what their sessions need");
        self.line(format!("{:<NAME$}  {:<11}  {:>9}  {:<7}  fields; policy", "step", "needs", "sessions", "paired"));
        for anchor in &view.map.anchors {
            let policy = view.policies.get(&anchor.anchor_content_hash);
            let forced = policy.and_then(|p| p.force_scenario);
            let scenario = forced.unwrap_or(anchor.migration_scenario);
            let mut notes = Vec::new();
            let fields = fields_of(view, anchor);
            if scenario != MigrationScenario::CleanGraft && !fields.is_empty() {
                notes.push(fields.join(", "));
            }
            if let Some(policy) = policy.filter(|policy| **policy != Policy::default()) {
                notes.push(format!("policy: {}", policy_in_words(policy)));
            }
            self.wrapped(
                &format!(
                    "{:<NAME$}  {:<11}  {:>9}  {:<7}  ",
                    short(&anchor.anchor_name, NAME),
                    scenario.as_str(),
                    grouped(view.sessions_at(&anchor.old_step_id)),
                    anchor.pairing.as_str(),
                ),
                &notes.join("; "),
            );
        }
    }

    fn deleted(&mut self, view: &PlanView<'_>) {
        if view.map.deleted_steps.is_empty() {
            return;
        }
        self.title("Steps that are deleted, and where their sessions go");
        for step in &view.map.deleted_steps {
            let goes_to = match step.candidates.first().and_then(|c| view.new.find(&c.new_step_id)) {
                Some(to) => format!("to \"{}\"", short(&view.new.node(to).name, NAME)),
                None => "nowhere: they leave the scenario".to_owned(),
            };
            let more = match step.candidates.len() {
                0 | 1 => String::new(),
                several => format!(", or the next of {several} that no passed checkpoint rules out"),
            };
            let policy = view.policies.get(&step.content_hash).filter(|policy| **policy != Policy::default());
            let policy = policy.map(|policy| format!("; policy: {}", policy_in_words(policy))).unwrap_or_default();
            self.wrapped(
                &format!("{:<NAME$}  {:>9}  ", short(&step.name, NAME), grouped(view.sessions_at(&step.step_id))),
                &format!("{goes_to}{more}{policy}"),
            );
        }
    }

    /// A line that goes on below its second column.
    fn wrapped(&mut self, head: &str, text: &str) {
        let indent = head.chars().count();
        let room = LINE.saturating_sub(indent).max(20);
        let mut line = head.to_owned();
        let mut used = 0;
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if used > 0 && used + 1 + width > room {
                self.line(std::mem::take(&mut line));
                line = " ".repeat(indent);
                used = 0;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
        }
        self.line(line);
    }
}

/// Told of a figure of which a part is held on its version; nothing where none is.
fn of_them_held(held: u64) -> String {
    if held > 0 { format!("; {} of them held", grouped(held)) } else { String::new() }
}

/// What a policy says that the default does not: `force_scenario clean_graft, rollout_percent 10`.
fn policy_in_words(policy: &Policy) -> String {
    let document = |policy: &Policy| serde_json::from_str::<Value>(&policy.to_document()).unwrap_or_default();
    let (set, default) = (document(policy), document(&Policy::default()));
    let differing =
        set.as_object().into_iter().flatten().filter(|(key, value)| default.get(key.as_str()) != Some(value));
    let words = differing.map(|(key, value)| match value {
        Value::String(text) => format!("{key} {text}"),
        other => format!("{key} {other}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Fields that the new version collects before this step and the old one did not.
fn fields_of(view: &PlanView<'_>, anchor: &Anchor) -> Vec<String> {
    let catalogue = &view.map.catalogue;
    let inserted = anchor.upstream.inserted_steps.iter().filter_map(|p| catalogue.inserted_steps.get(p));
    let edited = anchor.upstream.edited_steps.iter().filter_map(|p| catalogue.edited_steps.get(p));
    let fields = inserted.flat_map(|s| &s.collects_fields).chain(edited.flat_map(|s| &s.added_fields));
    let mut fields: Vec<String> = fields.map(|field| short(field, NAME)).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acts::Acts;
    use crate::definition::parse;
    use crate::diff::diff;
    use crate::graph::Graph;
    use crate::plan::{AnchorCounts, OtherSessions, PlanRef, PlanStatus, SummaryInput, summarize};
    use crate::report::plan_diagram;
    use std::collections::HashMap;

    fn graph(text: &str) -> Graph {
        Graph::compile(&parse(text).unwrap_or_else(|findings| panic!("{findings:?}")))
    }

    #[test]
    fn a_page_and_a_picture() {
        let old = graph(
            r#"{"name": "Shop", "entry_step_id": "a", "steps": [
                {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "old"}]},
                {"id": "old", "name": "Fax us", "transitions": [{"to_step_id": "z"}]},
                {"id": "z", "name": "Done", "is_terminal": true}]}"#,
        );
        let new = graph(
            r#"{"name": "Shop", "entry_step_id": "a", "steps": [
                {"id": "a", "name": "Basket", "transitions": [{"to_step_id": "n"}]},
                {"id": "n", "name": "Age \"check\"", "collects_profile_fields": ["age"],
                 "transitions": [{"to_step_id": "z"}]},
                {"id": "z", "name": "Done", "is_terminal": true}]}"#,
        );
        let map = diff(&old, &new);
        let at = |sessions| AnchorCounts { sessions, ..AnchorCounts::default() };
        let counts = HashMap::from([("old".to_owned(), at(1)), ("z".to_owned(), at(1200))]);
        let policies = HashMap::new();
        let view = PlanView { map: &map, old: &old, new: &new, policies: &policies, sessions_by_old_step: &counts };
        let (from_version, to_version, status) = (1, 2, PlanStatus::Pending);
        let plan = PlanRef { plan_id: Default::default(), from_version, to_version, status, deployment_no: 0 };
        let summary = summarize(&SummaryInput {
            map: &map,
            policies: &policies,
            sessions_by_old_step: &counts,
            other_sessions: &OtherSessions { finished: 7, ..OtherSessions::default() },
            plan: &plan,
            fields: &HashMap::new(),
            old: &old,
            new: &new,
            acts: &Acts::default(),
        });
        let header = PlanHeader {
            plan_id: "p",
            scenario_name: "Shop",
            from_version: 1,
            to_version: 2,
            status: "pending",
            stale: false,
        };
        let page = plan_report(&header, &view, &summary).join("\n");
        for part in
            ["Shop: version 1 to version 2", "1,201 on", "gap_fill", "age", "Fax us", "Warnings", "finished   7"]
        {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= LINE && line.trim_end() == line), "{page}");
        let picture = plan_diagram(&view);
        for part in
            ["n1[\"Age #34;check#34;<br/>asks age<br/>inserted\"]:::inserted", "1,200 sessions", "d0 -.->", "n0 ==> n1"]
        {
            assert!(picture.contains(part), "{part} is not in\n{picture}");
        }
    }
}
