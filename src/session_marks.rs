//! Marking: which sessions a deployed plan marks. Deploying marks them all in its own transaction; `mark_sessions`
//! marks a page in each of many.
//!
//! A mark is a hint: a session that is skipped is handled at its next turn by the same plan, since the scenario's count
//! of deployments tells it that there is a plan. So marking waits for no lock.

use crate::error::Result;
use crate::json::Json;
use crate::store::anchors::{self, OldStep};
use crate::store::plan_sessions::{
    self, MarkCandidate, MarkedCount, MarkingScope, PageCursor, SessionsToMark, StepsToMark,
};
use crate::store::plans::{self, Plan};
use crate::store::{engine_id, policies};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, Uuid};
use scenario_engine::plan::{Policy, ScopeSubject};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Sessions in a page of a deployment.
const PAGE_SIZE: i32 = 5000;

/// What became of one page.
pub struct MarkedPage {
    /// Sessions that were marked, that failed, or that their policy leaves out. What was locked, or moved away
    /// meanwhile, is not among them.
    pub looked_at: i32,
    pub marked: i32,
    pub failed: i32,
    /// What the first session that failed raised.
    pub first_error: Option<String>,
    /// The last session of the page, after which the next one begins; `None`: there was none.
    pub last: Option<PageCursor>,
}

/// Marks every session that the policies of a plan let in. A WARNING counts the sessions that cannot be marked: they do
/// not forbid the deployment.
pub fn mark_all(tenant_id: Uuid, plan: &Plan) -> Result<()> {
    let marker = PlanMarker::load(tenant_id, plan, None)?;
    let steps = marker.steps_for_everybody();
    let swept = plan_sessions::try_mark_at_steps(tenant_id, plan.plan_id, &steps)?;
    if swept.is_some() && steps.left_out.is_empty() {
        return plans::add_marked(tenant_id, plan.plan_id, swept.unwrap_or_default());
    }
    // Who is marked already is not looked at again.
    let (mut after, mut failed, mut first_error) = (PageCursor::start(), 0, None);
    let mut marked = swept.unwrap_or_default();
    loop {
        let page = marker.mark_page(&after, PAGE_SIZE)?;
        marked += i64::from(page.marked);
        failed += i64::from(page.failed);
        first_error = first_error.or(page.first_error);
        match page.last {
            Some(last) => after = last,
            None => break,
        }
    }
    if let Some(first_error) = first_error {
        warn_of_unmarked(failed, first_error);
    }
    plans::add_marked(tenant_id, plan.plan_id, marked)
}

fn warn_of_unmarked(failed: i64, first_error: String) {
    let message = format!("sessions that could not be marked: {failed}");
    ErrorReport::new(PgSqlErrorCode::ERRCODE_WARNING, message, "pg_scenario")
        .set_detail(first_error)
        .set_hint(
            "Their next turns find the plan without a mark. CALL scenario.mark_sessions(…) tries again, and keeps the \
             errors.",
        )
        .report(PgLogLevel::WARNING);
}

/// Marks the next page of sessions, for a run. What is locked is skipped.
pub fn mark_page(tenant_id: Uuid, plan: &Plan, after: &PageCursor, size: i32, run_id: Uuid) -> Result<MarkedPage> {
    let page = PlanMarker::load(tenant_id, plan, Some(run_id))?.mark_page(after, size)?;
    plans::add_marked(tenant_id, plan.plan_id, i64::from(page.marked))?;
    Ok(page)
}

/// The steps at which finished sessions come along: their policy reopens them, and the step goes on.
pub fn reopened_steps(tenant_id: Uuid, plan: &Plan) -> Result<HashSet<String>> {
    let marker = PlanMarker::load(tenant_id, plan, None)?;
    let reopened = marker.old_steps.iter().filter(|(_, step)| marker.reopens(step));
    Ok(reopened.map(|(step_id, _)| step_id.clone()).collect())
}

/// A plan, with what it takes to say whom it lets in.
struct PlanMarker<'a> {
    tenant_id: Uuid,
    plan: &'a Plan,
    /// By id.
    old_steps: HashMap<String, OldStep>,
    /// By content hash of an anchor or a deleted step: those that do not admit every session.
    policies: HashMap<String, Policy>,
    scope: MarkingScope,
    /// Keeps the errors; `None`: a deployment.
    run_id: Option<Uuid>,
}

impl PlanMarker<'_> {
    fn load(tenant_id: Uuid, plan: &Plan, run_id: Option<Uuid>) -> Result<PlanMarker<'_>> {
        let old_steps = anchors::old_steps(tenant_id, plan)?;
        let mut policies = policies::of_plan(tenant_id, plan.plan_id)?;
        policies.retain(|_, policy| !policy.admits_everybody() || policy.reopen);
        let scope = MarkingScope {
            includes_finished: policies.values().any(|policy| policy.reopen),
            reads_variables: policies.values().any(|policy| policy.scope.session_condition.is_some()),
        };
        Ok(PlanMarker { tenant_id, plan, old_steps, policies, scope, run_id })
    }

    /// The policies of a deleted step, and of the anchor of a step.
    fn policies_of<'a>(&'a self, step: &'a OldStep) -> impl Iterator<Item = &'a Policy> {
        let hashes = [&step.deleted_content_hash, &step.anchor_content_hash];
        hashes.into_iter().filter_map(|hash| self.policies.get(hash.as_ref()?))
    }

    /// The steps at which no policy leaves anybody out, and the others.
    fn steps_for_everybody(&self) -> StepsToMark<'_> {
        let mut steps = StepsToMark { anchor_hashes: BTreeMap::new(), left_out: Vec::new() };
        for (step_id, step) in &self.old_steps {
            if self.policies_of(step).next().is_some() {
                steps.left_out.push(step_id);
            } else {
                steps.anchor_hashes.insert(step_id, step.anchor_content_hash.as_deref());
            }
        }
        steps
    }

    fn mark_page(&self, after: &PageCursor, size: i32) -> Result<MarkedPage> {
        let candidates = plan_sessions::page_to_mark(self.tenant_id, self.plan, after, size, self.scope)?;
        let mut session_ids = Vec::new();
        let mut anchors_by_step: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for candidate in &candidates {
            if let Some(step) = self.old_steps.get(&candidate.cursor.step_id)
                && self.admits(step, candidate)
            {
                session_ids.push(candidate.cursor.session_id);
                anchors_by_step.insert(&candidate.cursor.step_id, step.anchor_content_hash.as_deref());
            }
        }
        let admitted = session_ids.len();
        // Whoever locks several sessions locks them in this order.
        session_ids.sort_unstable_by_key(|id| *id.as_bytes());
        let MarkedCount { marked, failed, first_error } = if admitted == 0 {
            MarkedCount { marked: 0, failed: 0, first_error: None }
        } else {
            let (step_ids, anchor_hashes) = anchors_by_step.into_iter().unzip();
            let sessions = SessionsToMark { session_ids, step_ids, anchor_hashes };
            plan_sessions::mark(self.tenant_id, self.plan.plan_id, sessions, self.scope, self.run_id)?
        };
        // No page has more sessions than an integer can count.
        let [marked, failed] = [marked, failed].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let left_out = i32::try_from(candidates.len() - admitted).unwrap_or(i32::MAX);
        Ok(MarkedPage {
            looked_at: left_out.saturating_add(marked).saturating_add(failed),
            marked,
            failed,
            first_error,
            last: candidates.into_iter().next_back().map(|candidate| candidate.cursor),
        })
    }

    /// Finished sessions at the step come along: its policy reopens them, and the step goes on.
    fn reopens(&self, step: &OldStep) -> bool {
        let policy = step.anchor_content_hash.as_ref().and_then(|hash| self.policies.get(hash));
        step.goes_on && policy.is_some_and(|policy| policy.reopen)
    }

    /// A finished session is admitted only by a policy that reopens, where its step goes on.
    fn admits(&self, step: &OldStep, candidate: &MarkCandidate) -> bool {
        if candidate.is_finished && !self.reopens(step) {
            return false;
        }
        let subject = ScopeSubject {
            session_id: engine_id(candidate.cursor.session_id),
            channel: candidate.channel.as_deref(),
            step_name: &step.name,
            age_days: candidate.age_days,
        };
        let variables = candidate.variables.as_ref().map(Variables::of);
        let mut variable = |name: &str| variables.as_ref()?.get(name);
        self.policies_of(step).all(|policy| policy.admits(&subject, &mut variable).is_admitted())
    }
}

/// A session's variables, each read only when a condition asks for it.
struct Variables(BTreeMap<String, Box<RawValue>>);

impl Variables {
    fn of(json: &Json) -> Variables {
        Variables(serde_json::from_str(json.as_str()).unwrap_or_default())
    }

    /// `None` also for a value that is nested deeper than 127 levels, which no condition can look into.
    fn get(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }
}
