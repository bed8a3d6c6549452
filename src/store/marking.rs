//! Marks set page by page, for a tenant too large to be marked in one transaction (SPEC 6). The policies are those of
//! [`super::marks`], asked session by session.

use super::marks::{self, Variables};
use super::plans::Plan;
use super::{Statement, engine_id, plans, policies};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::plan::ScopeSubject;

/// Those that were taken back from this plan are not its business any more. Variables can be large: read only when a policy
/// looks at them.
macro_rules! page {
    ($locked:literal) => {
        concat!(
            "SELECT s.step_id, s.session_id, s.channel, CASE WHEN $9 THEN s.variables END,
                    (extract(epoch FROM pg_catalog.now() - s.created_at) / 86400)::pg_catalog.float8
               FROM scenario.sessions AS s
              WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status = 'active'
                AND s.scenario_checksum = $4 AND s.pending_plan_id IS DISTINCT FROM $5
                AND (s.step_id, s.session_id) > ($6, $7)
                AND NOT EXISTS (SELECT FROM scenario.migration_undo AS u
                                 WHERE u.tenant_id = s.tenant_id AND u.session_id = s.session_id AND u.plan_id = $5
                                   AND u.reverted_at IS NOT NULL)
              ORDER BY s.step_id, s.session_id
              LIMIT $8
                FOR NO KEY UPDATE OF s ",
            $locked
        )
    };
}

static PAGE: Statement = Statement::writing(page!("SKIP LOCKED"));

/// Whoever holds a session is waited for.
static PAGE_OF_EVERY: Statement = Statement::writing(page!(""));

/// The plan was deployed when its version was the published one already: sessions that are pinned to it find the plan by
/// their mark alone.
static ONLY_MARKS: Statement = Statement::reading(
    "SELECT p.deployed_at > v.published_at
       FROM scenario.migration_plans AS p
       JOIN scenario.scenario_versions AS v
         ON v.tenant_id = p.tenant_id AND v.scenario_id = p.scenario_id AND v.version = p.to_version
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static MARK: Statement = Statement::writing(
    "UPDATE scenario.sessions AS s
        SET pending_plan_id = $2, pending_target_version = $3, pending_anchor_hash = m.anchor_hash,
            pending_marked_at = pg_catalog.now()
       FROM ROWS FROM (unnest($4::uuid[]), unnest($5::text[])) AS m (session_id, anchor_hash)
      WHERE s.tenant_id = $1 AND s.session_id = m.session_id",
);

/// What became of one page.
pub struct Page {
    /// Sessions that nobody had locked.
    pub looked_at: i32,
    /// Those of them that the policies let in.
    pub marked: i32,
    /// The last one: the next page begins after it.
    pub last: Option<(String, Uuid)>,
}

/// Marks the next sessions after (step, session), in this order, that the plan's policies let in. What is locked is skipped: its
/// turn finds the plan without a mark; at the second look, where it would not, it is waited for.
pub fn mark_page(tenant_id: Uuid, plan: &Plan, after: (&str, Uuid), size: i32, second_look: bool) -> Result<Page> {
    let only_marks = || ONLY_MARKS.row(&args![tenant_id, plan.plan_id], |row| row.opt(1)).map(|found| found.flatten());
    let statement = if second_look && only_marks()? == Some(true) { &PAGE_OF_EVERY } else { &PAGE };
    let policies = policies::of_plan(tenant_id, plan.plan_id)?;
    let places = marks::places(tenant_id, plan, &policies)?;
    let looks_at_variables = policies.values().any(|policy| policy.scope.session_condition.is_some());
    let mut page = Page { looked_at: 0, marked: 0, last: None };
    let mut admitted: Vec<Uuid> = Vec::new();
    let mut hashes: Vec<Option<&str>> = Vec::new();
    let key = args![
        tenant_id,
        plan.scenario_id,
        plan.from_version,
        plan.from_checksum.as_str(),
        plan.plan_id,
        after.0,
        after.1,
        size,
        looks_at_variables,
    ];
    statement.rows(&key, |row| {
        let (step_id, session_id): (String, Uuid) = (row.get(1)?, row.get(2)?);
        if let Some(place) = places.get(&step_id) {
            let channel: Option<String> = row.opt(3)?;
            let variables = row.opt::<Json>(4)?.map(|variables| Variables::of(&variables));
            let subject = ScopeSubject {
                session_id: engine_id(session_id),
                channel: channel.as_deref(),
                step_name: &place.name,
                age_days: row.get(5)?,
            };
            let mut variable = |name: &str| variables.as_ref().and_then(|known| known.get(name));
            if place.policy.is_none_or(|policy| policy.admits(&subject, &mut variable).is_admitted()) {
                admitted.push(session_id);
                hashes.push(place.anchor.as_deref());
            }
        }
        page.looked_at += 1;
        page.last = Some((step_id, session_id));
        Ok(())
    })?;
    if !admitted.is_empty() {
        let marked = MARK.execute(&args![tenant_id, plan.plan_id, plan.to_version, admitted, hashes])?;
        page.marked = i32::try_from(marked).unwrap_or(i32::MAX);
        plans::add_marked(tenant_id, plan.plan_id, marked)?;
    }
    Ok(page)
}
