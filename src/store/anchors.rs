//! `scenario.plan_anchors`: what a plan says of each step of its old version.

use super::plans::Plan;
use super::{Row, Statement, policies, sql_id, stored_json};
use crate::args;
use crate::cache::Pairs;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::jsonb::Jsonb;
use pgrx::Uuid;
use scenario_engine::acts::LandingActs;
use scenario_engine::diff::{
    Anchor, DeletedStep, MigrationScenario, PairKind, RelocationCandidate, Side, TransformationMap,
};
use scenario_engine::plan::{PlanRef, Policy};
use scenario_engine::reconcile;
use std::collections::HashMap;
use std::rc::Rc;

// The lists are as long as each other, so that they are set side by side; in the FROM clause each would be copied once
// more.
static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.plan_anchors
            (tenant_id, plan_id, ordinal, old_step_id, kind, anchor_content_hash, name, new_step_id, pairing,
             migration_scenario, upstream, downstream, candidates, undoes, acts_revision)
     SELECT $1, $2, pg_catalog.unnest($3::integer[]), pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]),
            pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[]), pg_catalog.unnest($8::text[]),
            pg_catalog.unnest($9::text[]), pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::jsonb[]),
            pg_catalog.unnest($12::jsonb[]), pg_catalog.unnest($13::jsonb[]), pg_catalog.unnest($14::jsonb[]),
            pg_catalog.unnest($15::integer[])",
);

static OF_PLAN: Statement = Statement::reading(
    "SELECT a.kind, a.old_step_id, a.name, a.anchor_content_hash, a.new_step_id, a.pairing, a.migration_scenario,
            a.upstream, a.downstream, a.candidates
       FROM scenario.plan_anchors AS a WHERE a.tenant_id = $1 AND a.plan_id = $2 ORDER BY a.ordinal",
);

static HASHES: Statement = Statement::reading(
    "SELECT a.kind, a.anchor_content_hash, a.name FROM scenario.plan_anchors AS a
      WHERE a.tenant_id = $1 AND a.plan_id = $2 ORDER BY a.ordinal",
);

// The sessions at a deleted step follow its own policy, and that of the anchor that they go to first.
static OLD_STEPS: Statement = Statement::reading(
    "SELECT a.old_step_id, a.name, CASE a.kind WHEN 'anchor' THEN a.anchor_content_hash
                                   ELSE a.candidates -> 0 ->> 'anchor_content_hash' END,
            coalesce(NOT s.is_terminal, false), CASE a.kind WHEN 'deleted' THEN a.anchor_content_hash END
       FROM scenario.plan_anchors AS a
       LEFT JOIN scenario.scenario_steps AS s
              ON s.tenant_id = a.tenant_id AND s.scenario_id = $3 AND s.version = $4 AND s.step_id = a.new_step_id
      WHERE a.tenant_id = $1 AND a.plan_id = $2",
);

static PAIRS: Statement = Statement::reading(
    "SELECT a.old_step_id, a.new_step_id FROM scenario.plan_anchors AS a
      WHERE a.tenant_id = $1 AND a.plan_id = $2 AND a.kind = 'anchor' ORDER BY a.ordinal",
);

static STEP: Statement = Statement::reading(
    "SELECT a.kind, a.name, a.new_step_id, s.name, a.anchor_content_hash, a.migration_scenario, p.policy,
            a.undoes, a.acts_revision, c.acts_revision
       FROM scenario.plan_anchors AS a
       JOIN scenario.scenarios AS c ON c.tenant_id = a.tenant_id AND c.scenario_id = $3
       LEFT JOIN scenario.scenario_steps AS s
              ON s.tenant_id = a.tenant_id AND s.scenario_id = $3 AND s.version = $4 AND s.step_id = a.new_step_id
       LEFT JOIN scenario.anchor_policies AS p
              ON p.tenant_id = a.tenant_id AND p.plan_id = a.plan_id AND p.anchor_content_hash = a.anchor_content_hash
      WHERE a.tenant_id = $1 AND a.plan_id = $2 AND a.old_step_id = $5",
);

// A candidate is an anchor of the same plan, so each finds one.
static CANDIDATES: Statement = Statement::reading(
    "SELECT t.new_step_id, s.name, t.anchor_content_hash, t.migration_scenario, p.policy
       FROM scenario.plan_anchors AS a
      CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(a.candidates) WITH ORDINALITY AS c (candidate, place)
       JOIN scenario.plan_anchors AS t
         ON t.tenant_id = a.tenant_id AND t.plan_id = a.plan_id AND t.new_step_id = c.candidate ->> 'new_step_id'
       LEFT JOIN scenario.scenario_steps AS s
              ON s.tenant_id = a.tenant_id AND s.scenario_id = $3 AND s.version = $4 AND s.step_id = t.new_step_id
       LEFT JOIN scenario.anchor_policies AS p
              ON p.tenant_id = t.tenant_id AND p.plan_id = t.plan_id AND p.anchor_content_hash = t.anchor_content_hash
      WHERE a.tenant_id = $1 AND a.plan_id = $2 AND a.old_step_id = $5
      ORDER BY c.place",
);

/// No revision of any acts.
const NEVER: i32 = -1;

/// What landings at the anchors of a plan would undo.
pub struct LandingLists {
    /// The revision of the acts that the lists were made for.
    pub revision: i32,
    /// By old step id, where the list is not empty.
    pub lists: HashMap<String, LandingActs>,
}

/// Stores a row for each anchor and each deleted step.
pub fn insert(tenant_id: Uuid, plan_id: Uuid, map: &TransformationMap, undone: &LandingLists) -> Result<()> {
    let mut rows = AnchorRows::default();
    for anchor in &map.anchors {
        rows.add_anchor(anchor, undone);
        rows.write_if_full(tenant_id, plan_id)?;
    }
    // The migration scenario of a deleted step is its target anchor's ("Deleted steps" in docs/behaviour.md).
    let scenarios: HashMap<&str, MigrationScenario> =
        map.anchors.iter().map(|anchor| (anchor.new_step_id.as_str(), anchor.migration_scenario)).collect();
    for step in &map.deleted_steps {
        let target = step.candidates.first().and_then(|first| scenarios.get(first.new_step_id.as_str()));
        rows.add_deleted(step, target.copied());
        rows.write_if_full(tenant_id, plan_id)?;
    }
    rows.write(tenant_id, plan_id)
}

/// Rows of `plan_anchors` on their way, by column: thousands are written with one statement.
#[derive(Default)]
struct AnchorRows<'a> {
    written: i32,
    bytes: usize,
    ordinal: Vec<i32>,
    old_step_id: Vec<&'a str>,
    kind: Vec<&'a str>,
    anchor_content_hash: Vec<&'a str>,
    name: Vec<&'a str>,
    new_step_id: Vec<Option<&'a str>>,
    pairing: Vec<Option<&'a str>>,
    migration_scenario: Vec<Option<&'a str>>,
    upstream: Vec<Option<Jsonb>>,
    downstream: Vec<Option<Jsonb>>,
    candidates: Vec<Option<Jsonb>>,
    undoes: Vec<Option<Jsonb>>,
    acts_revision: Vec<Option<i32>>,
}

impl<'a> AnchorRows<'a> {
    const MAX_ROWS: usize = 2_000;
    const MAX_BYTES: usize = 16 << 20;

    fn add_anchor(&mut self, anchor: &'a Anchor, undone: &LandingLists) {
        let upstream = Jsonb::of(&anchor.upstream);
        let downstream = Jsonb::of(&anchor.downstream);
        self.bytes += upstream.bytes() + downstream.bytes();
        self.add("anchor", &anchor.old_step_id, &anchor.anchor_content_hash, &anchor.anchor_name);
        self.new_step_id.push(Some(&anchor.new_step_id));
        self.pairing.push(Some(anchor.pairing.as_str()));
        self.migration_scenario.push(Some(anchor.migration_scenario.as_str()));
        self.upstream.push(Some(upstream));
        self.downstream.push(Some(downstream));
        self.candidates.push(None);
        self.undoes.push(undone.lists.get(&anchor.old_step_id).map(Jsonb::of));
        self.acts_revision.push(Some(undone.revision));
    }

    fn add_deleted(&mut self, step: &'a DeletedStep, scenario: Option<MigrationScenario>) {
        let candidates = Jsonb::of(&step.candidates);
        self.bytes += candidates.bytes();
        self.add("deleted", &step.step_id, &step.content_hash, &step.name);
        self.new_step_id.push(None);
        self.pairing.push(None);
        self.migration_scenario.push(scenario.map(MigrationScenario::as_str));
        self.upstream.push(None);
        self.downstream.push(None);
        self.candidates.push(Some(candidates));
        self.undoes.push(None);
        self.acts_revision.push(None);
    }

    fn add(&mut self, kind: &'static str, step_id: &'a str, hash: &'a str, name: &'a str) {
        self.ordinal.push(self.written);
        self.written += 1;
        self.bytes += 200 + step_id.len() + name.len();
        self.old_step_id.push(step_id);
        self.kind.push(kind);
        self.anchor_content_hash.push(hash);
        self.name.push(name);
    }

    fn write_if_full(&mut self, tenant_id: Uuid, plan_id: Uuid) -> Result<()> {
        if self.ordinal.len() >= Self::MAX_ROWS || self.bytes >= Self::MAX_BYTES {
            self.write(tenant_id, plan_id)?;
        }
        Ok(())
    }

    fn write(&mut self, tenant_id: Uuid, plan_id: Uuid) -> Result<()> {
        let full = std::mem::take(self);
        self.written = full.written;
        if full.ordinal.is_empty() {
            return Ok(());
        }
        let rows = args![
            tenant_id,
            plan_id,
            full.ordinal,
            full.old_step_id,
            full.kind,
            full.anchor_content_hash,
            full.name,
            full.new_step_id,
            full.pairing,
            full.migration_scenario,
            full.upstream,
            full.downstream,
            full.candidates,
            full.undoes,
            full.acts_revision
        ];
        INSERT.execute(&rows).map(|_| ())
    }
}

/// Reads them back into a map.
pub fn load(tenant_id: Uuid, plan_id: Uuid, map: &mut TransformationMap) -> Result<()> {
    OF_PLAN.rows(&args![tenant_id, plan_id], |row| {
        let (step_id, name, content_hash) = (row.get(2)?, row.get(3)?, row.get(4)?);
        if row.get::<String>(1)? == "anchor" {
            map.anchors.push(Anchor {
                anchor_content_hash: content_hash,
                anchor_name: name,
                old_step_id: step_id,
                new_step_id: row.get(5)?,
                pairing: read_pairing(&row.get::<String>(6)?)?,
                migration_scenario: read_scenario(&row.get::<String>(7)?)?,
                upstream: stored_json::<Side>(&row.get(8)?)?,
                downstream: stored_json::<Side>(&row.get(9)?)?,
            });
        } else {
            let candidates = stored_json::<Vec<RelocationCandidate>>(&row.get(10)?)?;
            map.deleted_steps.push(DeletedStep { step_id, name, content_hash, candidates });
        }
        Ok(())
    })?;
    Ok(())
}

fn read_pairing(text: &str) -> Result<PairKind> {
    [PairKind::Content, PairKind::Twin, PairKind::Edited]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| Error::internal(format!("unknown pairing {text}")))
}

fn read_scenario(text: &str) -> Result<MigrationScenario> {
    MigrationScenario::parse(text).ok_or_else(|| Error::internal(format!("unknown migration scenario {text}")))
}

/// What policies refer to of an anchor or a deleted step.
pub struct AnchorName {
    pub deleted: bool,
    pub content_hash: String,
    pub name: String,
}

/// The anchors and deleted steps of a plan by hash and name.
pub fn names(tenant_id: Uuid, plan_id: Uuid) -> Result<Vec<AnchorName>> {
    HASHES.rows(&args![tenant_id, plan_id], |row| {
        Ok(AnchorName { deleted: row.get::<String>(1)? == "deleted", content_hash: row.get(2)?, name: row.get(3)? })
    })
}

/// What marking reads of a step of the plan's old version.
pub struct OldStep {
    pub name: String,
    /// The anchor whose policy counts at this step; `None`: a deleted step with nowhere to go.
    pub anchor_content_hash: Option<String>,
    /// Where the step is deleted: its own content hash, whose policy counts too.
    pub deleted_content_hash: Option<String>,
    /// Its counterpart in the new version is no end.
    pub goes_on: bool,
}

/// The steps of a plan's old version, by id.
pub fn old_steps(tenant_id: Uuid, plan: &Plan) -> Result<HashMap<String, OldStep>> {
    let rows = OLD_STEPS.rows(&args![tenant_id, plan.plan_id, plan.scenario_id, plan.to_version], |row| {
        let step = OldStep {
            name: row.get(2)?,
            anchor_content_hash: row.opt(3)?,
            deleted_content_hash: row.opt(5)?,
            goes_on: row.get(4)?,
        };
        Ok((row.get(1)?, step))
    })?;
    Ok(rows.into_iter().collect())
}

/// The pairs of a plan's steps: anchors only.
pub fn pairs(tenant_id: Uuid, plan_id: Uuid) -> Result<Pairs> {
    PAIRS.rows(&args![tenant_id, plan_id], |row| Ok((row.get(1)?, row.get(2)?))).map(Rc::new)
}

/// The plan's row for the sessions at one old step, with names and policies, what its landing undoes and the present
/// revision of the acts; `None` if the plan does not know the step.
pub fn plan_row(
    tenant_id: Uuid,
    scenario_id: Uuid,
    plan: &PlanRef,
    old_step_id: &str,
) -> Result<Option<reconcile::PlannedStep>> {
    let plan_id = sql_id(plan.plan_id);
    let key = args![tenant_id, plan_id, scenario_id, plan.to_version, old_step_id];
    let found = STEP.row(&key, |row| {
        let deleted = row.get::<String>(1)? == "deleted";
        let old_step_name = row.get(2)?;
        let policy = if deleted { read_policy(row, 7)? } else { Policy::default() };
        let mut goals = Vec::new();
        if !deleted {
            let list = row.opt::<Json>(8)?.map(|list| stored_json::<LandingActs>(&list)).transpose()?;
            let made_for = row.opt::<i32>(9)?;
            let nothing = LandingActs { revision: made_for.unwrap_or(NEVER), ..LandingActs::default() };
            goals.push(reconcile::Goal { undoes: Some(list.unwrap_or(nothing)), ..read_goal(row, 3)? });
        }
        Ok(reconcile::PlannedStep { old_step_name, deleted, policy, acts_revision: row.get(10)?, goals })
    })?;
    let Some(mut found) = found else { return Ok(None) };
    if found.deleted {
        found.goals = CANDIDATES.rows(&key, |row| read_goal(row, 1))?;
    }
    Ok(Some(found))
}

/// A goal from the columns new step's id, its name, hash of the anchor, migration scenario, policy.
fn read_goal(row: &Row<'_>, first: usize) -> Result<reconcile::Goal> {
    Ok(reconcile::Goal {
        new_step_id: row.get(first)?,
        new_step_name: row.opt(first + 1)?.unwrap_or_default(),
        anchor_content_hash: row.get(first + 2)?,
        migration_scenario: read_scenario(&row.get::<String>(first + 3)?)?,
        policy: read_policy(row, first + 4)?,
        undoes: None,
    })
}

fn read_policy(row: &Row<'_>, column: usize) -> Result<Policy> {
    row.opt::<Json>(column)?.map_or_else(|| Ok(Policy::default()), |json| policies::parse(&json))
}
