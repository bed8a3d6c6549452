//! Building plans, and what is required of a plan before it may go on ("Plans", "Policies" and "The summary" in
//! docs/behaviour.md).

use crate::acts;
use crate::error::{Error, Result};
use crate::held_sessions;
use crate::json::Json;
use crate::jsonb::Jsonb;
use crate::lifecycle;
use crate::store::anchors::{self, AnchorName};
use crate::store::plans::{self, Plan};
use crate::store::versions::{self, Version};
use crate::store::{fields, policies, scenarios, session_counts};
use pgrx::{Uuid, notice};
use scenario_engine::definition::fields_digest;
use scenario_engine::diff::{MapError, TransformationMap, diff};
use scenario_engine::graph::Graph;
use scenario_engine::plan::{PlanStatus, Policy, PolicyError, Summary, SummaryInput, summarize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What is to be built.
pub struct PlanRequest<'a> {
    pub tenant_id: Uuid,
    pub scenario_id: Uuid,
    pub to_version: i32,
    /// `None`: the published version.
    pub from_version: Option<i32>,
    pub created_by: Option<&'a str>,
    /// An open plan for the same versions is superseded instead of being in the way.
    pub replace: bool,
}

/// Builds a plan and stores it, pending.
pub fn build(request: &PlanRequest<'_>) -> Result<Plan> {
    let PlanRequest { tenant_id, scenario_id, to_version, created_by, .. } = *request;
    // Builders, deployers and publishers of one scenario take turns: of two open plans for the same versions the second
    // is refused by us, in words, and not by an index.
    let published = scenarios::lock(tenant_id, scenario_id)?;
    let from_version = request.from_version.or(published).ok_or_else(|| no_published_version(scenario_id))?;
    let to = versions::lock(tenant_id, scenario_id, to_version)?;
    let from = versions::lock(tenant_id, scenario_id, from_version)?;
    if from_version == to_version {
        return Err(same_version(scenario_id, to_version, request.from_version.is_none()));
    }
    if to.status == "archived" {
        return Err(Error::wrong_state(format!(
            "version {to_version} of scenario {scenario_id} is archived and cannot be planned for"
        ))
        .hint("To go back to its definition, store it as a new version: create_scenario_version(…)."));
    }
    if from.is_draft() {
        return Err(Error::wrong_state(format!(
            "version {from_version} of scenario {scenario_id} is a draft and cannot be planned from"
        ))
        .detail("No session walks a draft.")
        .hint("Leave from_version out to plan from the published version."));
    }
    let open = plans::lock_open(tenant_id, scenario_id, from_version, to_version)?;
    if let Some(open) = &open
        && !request.replace
    {
        return Err(Error::duplicate(format!(
            "scenario {scenario_id} has an open plan from version {from_version} to {to_version} already"
        ))
        .detail(format!("Plan {} is {}.", open.plan_id, open.status.as_str()))
        .hint("Go on with that one, or build with replace => true, which supersedes it."));
    }
    let old = versions::graph(tenant_id, scenario_id, from_version)?;
    let new = versions::graph(tenant_id, scenario_id, to_version)?;
    let plan = Plan {
        plan_id: plans::new_id()?,
        scenario_id,
        from_version,
        to_version,
        from_checksum: from.checksum,
        to_checksum: to.checksum,
        from_digest: from.digest,
        to_digest: to.digest,
        fields_digest: digest_of_fields(tenant_id, &new)?,
        status: PlanStatus::Pending,
        deployment_no: 0,
    };
    let map = diff(&old, &new);
    if let Some(open) = open {
        plans::supersede(tenant_id, open.plan_id, plan.plan_id)?;
    }
    let landings = acts::landing_lists(tenant_id, &plan, &old, &new, &map)?;
    plans::insert(tenant_id, &plan, &map.catalogue, created_by)?;
    anchors::insert(tenant_id, plan.plan_id, &map, &landings)?;
    Ok(plan)
}

fn no_published_version(scenario_id: Uuid) -> Error {
    Error::wrong_state(format!("scenario {scenario_id} has no published version to plan from"))
        .hint("Its first version needs no plan: UPDATE scenario.scenarios SET published_version = ….")
}

fn same_version(scenario_id: Uuid, version: i32, by_default: bool) -> Error {
    let error =
        Error::bad_argument(format!("a plan for scenario {scenario_id} cannot go from version {version} to itself"));
    if by_default {
        error
            .detail(format!("Version {version} is the published one."))
            .hint("Plan for a draft, or give from_version to plan from an older version that still has sessions.")
    } else {
        error.hint("Give another from_version or to_version.")
    }
}

/// The diff of two stored versions as its document.
pub fn diff_document(tenant_id: Uuid, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Jsonb> {
    let old = versions::graph(tenant_id, scenario_id, from_version)?;
    let new = versions::graph(tenant_id, scenario_id, to_version)?;
    document(&diff(&old, &new))
}

/// The document of a map. 54000 if it does not fit into one value.
pub fn document(map: &TransformationMap) -> Result<Jsonb> {
    require_fitting(map)?;
    Ok(Jsonb::of(map))
}

fn require_fitting(map: &TransformationMap) -> Result<()> {
    map.check_size().map_err(|MapError { changes, limit }| {
        Error::too_large("the document of this diff is too large")
            .detail(format!("It would hold {changes} changes; at most {limit} are written into one document."))
            .hint("Build a plan, which has no such limit, and read scenario.plan_anchors and migration_summary(…).")
    })
}

/// The map that a plan was built from.
pub fn transformation_map(tenant_id: Uuid, plan_id: Uuid) -> Result<TransformationMap> {
    let catalogue = plans::changes(tenant_id, plan_id)?;
    let mut map = TransformationMap { catalogue, ..TransformationMap::default() };
    anchors::load(tenant_id, plan_id, &mut map)?;
    Ok(map)
}

/// The whole plan as one document: its header, history, policies and transformation map.
pub fn plan_document(tenant_id: Uuid, plan_id: Uuid) -> Result<Json> {
    let (mut whole, history) = header(tenant_id, &plans::by_id(tenant_id, plan_id)?)?;
    whole.insert("history".to_owned(), raw_json(history)?);
    whole.insert("policies".to_owned(), raw_json(policies::document(tenant_id, plan_id)?)?);
    let map = transformation_map(tenant_id, plan_id)?;
    require_fitting(&map)?;
    whole.insert("transformation_map".to_owned(), raw_json(Json::of(&map))?);
    Ok(Json::of(&whole))
}

/// The summary for the operator, below the plan's header.
pub fn summary_document(tenant_id: Uuid, plan_id: Uuid) -> Result<Json> {
    let plan = plans::by_id(tenant_id, plan_id)?;
    let (mut whole, _) = header(tenant_id, &plan)?;
    let summary = with_summary(tenant_id, &plan, |_, summary| summary)?;
    whole.extend(parse_object(&Json::of(&summary))?);
    Ok(Json::of(&whole))
}

/// Reads what a summary is made of, makes it, and hands both on.
pub fn with_summary<T>(tenant_id: Uuid, plan: &Plan, make: impl FnOnce(&SummaryInput<'_>, Summary) -> T) -> Result<T> {
    let acts = acts::as_if_deployed(tenant_id, plan)?;
    let policies = policies::of_plan(tenant_id, plan.plan_id)?;
    let reopens = policies.values().any(|policy| policy.reopen);
    let census = session_counts::census(tenant_id, plan)?;
    let mut elsewhere = census.elsewhere(tenant_id, plan)?;
    held_sessions::count(tenant_id, plan, &acts, &mut elsewhere)?;
    let new = versions::graph(tenant_id, plan.scenario_id, plan.to_version)?;
    let input = SummaryInput {
        map: &transformation_map(tenant_id, plan.plan_id)?,
        policies: &policies,
        sessions_by_old_step: &census.by_step(tenant_id, plan, &acts, reopens)?,
        other_sessions: &elsewhere,
        plan: &plan.engine_ref(),
        fields: &fields::definitions(tenant_id, fields_read(&new))?,
        old: &*versions::graph(tenant_id, plan.scenario_id, plan.from_version)?,
        new: &new,
        acts: &acts,
    };
    let summary = summarize(&input);
    Ok(make(&input, summary))
}

/// The fields that the conditions of a version read, each once.
fn fields_read(graph: &Graph) -> Vec<&str> {
    let branches = graph.nodes().iter().flat_map(|node| &node.branches);
    let read: BTreeSet<&str> = branches.flat_map(|branch| branch.condition.reads()).map(String::as_str).collect();
    read.into_iter().collect()
}

/// What both documents of a plan begin with, and the plan's history.
fn header(tenant_id: Uuid, plan: &Plan) -> Result<(BTreeMap<String, Box<RawValue>>, Json)> {
    let (header, history) = plans::header(tenant_id, plan.plan_id)?;
    let mut header = parse_object(&header)?;
    header.insert("stale".to_owned(), raw_json(Json::of(&is_stale(tenant_id, plan)?))?);
    Ok((header, history))
}

fn parse_object(json: &Json) -> Result<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(json.as_str()).map_err(unreadable)
}

fn raw_json(json: Json) -> Result<Box<RawValue>> {
    RawValue::from_string(json.0).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::internal(format!("a document of our own cannot be read: {error}"))
}

/// A policy to be set.
pub struct PolicyRequest<'a> {
    pub tenant_id: Uuid,
    pub plan_id: Uuid,
    /// Of an anchor or a deleted step; `None`: of each.
    pub content_hash: Option<&'a str>,
    pub policy: &'a Json,
    /// The policy takes the place of the one that is set; else its keys are merged into that.
    pub replace: bool,
    /// `None`: the login.
    pub by: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Sets policies and gives the one that was asked for as stored; for all anchors at once, as those store it that had
/// none. Only while the plan is pending.
pub fn set_policy(request: &PolicyRequest<'_>) -> Result<Json> {
    let PolicyRequest { tenant_id, plan_id, content_hash, policy, replace, by, reason } = *request;
    let plan = plans::lock(tenant_id, plan_id)?;
    lifecycle::require_status(&plan, &[PlanStatus::Pending], "its policies cannot change", "set_anchor_policy")?;
    let given = Policy::parse(policy.as_str()).map_err(not_valid)?;
    let names = anchors::names(tenant_id, plan_id)?;
    let hashes = match content_hash {
        Some(hash) => {
            require_anchor(&names, plan_id, hash)?;
            BTreeSet::from([hash])
        }
        None => names.iter().map(|anchor| anchor.content_hash.as_str()).collect(),
    };
    require_contents(tenant_id, &plan, &given.accept_repeat)?;
    tell_of_strange_nodes(tenant_id, &plan, &given, &names, content_hash)?;
    let known = if replace { HashMap::new() } else { policies::of_plan(tenant_id, plan_id)? };
    let merged = |hash| match known.get(hash) {
        Some(before) => before.merged_with(policy.as_str()).map_err(not_valid),
        None => Ok(given.clone()),
    };
    let policies = hashes.into_iter().map(|hash| Ok((hash, merged(hash)?))).collect::<Result<Vec<_>>>()?;
    policies::set(tenant_id, plan_id, &policies, by, reason)?;
    let stored = policies.first().filter(|_| content_hash.is_some()).map_or(&given, |(_, policy)| policy);
    Ok(Json(stored.to_document()))
}

/// A NOTICE where `include_current_nodes` lets nobody in, or a name in it does nothing.
fn tell_of_strange_nodes(
    tenant_id: Uuid,
    plan: &Plan,
    given: &Policy,
    names: &[AnchorName],
    content_hash: Option<&str>,
) -> Result<()> {
    let included = &given.scope.include_current_nodes;
    if included.is_empty() {
        return Ok(());
    }
    let old = versions::graph(tenant_id, plan.scenario_id, plan.from_version)?;
    for unknown in included.iter().filter(|name| old.nodes().iter().all(|node| node.name != **name)) {
        notice!("include_current_nodes: version {} has no step named \"{unknown}\"", plan.from_version);
    }
    let own = content_hash.and_then(|hash| names.iter().find(|anchor| anchor.content_hash == hash));
    if let Some(own) = own.filter(|own| !included.contains(&own.name)) {
        notice!(
            "include_current_nodes does not name \"{}\", where all sessions of this anchor stand: the policy lets \
             none of them in",
            own.name
        );
    }
    Ok(())
}

fn not_valid(error: PolicyError) -> Error {
    Error::bad_argument("the policy is not valid")
        .detail(error.findings.join("\n"))
        .hint("Correct it and set it again; {} with replace => true sets the defaults.")
}

/// Refuses contents that neither an act of the scenario nor a step of the plan's two versions has: accepting that they
/// come again would accept nothing.
fn require_contents(tenant_id: Uuid, plan: &Plan, hashes: &[String]) -> Result<()> {
    if hashes.is_empty() {
        return Ok(());
    }
    let acts = acts::as_if_deployed(tenant_id, plan)?;
    let old = versions::graph(tenant_id, plan.scenario_id, plan.from_version)?;
    let new = versions::graph(tenant_id, plan.scenario_id, plan.to_version)?;
    let steps = old.nodes().iter().chain(new.nodes());
    let contents: HashSet<&str> = steps.map(|node| node.content_hash.as_str()).collect();
    let is_unknown = |hash: &&str| acts.said(hash).is_none() && !contents.contains(hash);
    let unknown: Vec<&str> = hashes.iter().map(String::as_str).filter(is_unknown).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::bad_argument(format!(
        "\"accept_repeat\" names what is no step of scenario {}: {}",
        plan.scenario_id,
        unknown.join(", ")
    ))
    .detail("Each must be the content hash of an act of the scenario, or of a step of one of the plan's two versions.")
    .hint("See content_hash in scenario.acts; step_content_hash(step) gives that of a step of the draft."))
}

/// How many anchors an error lists before it counts the rest.
const LISTED_ANCHORS: usize = 200;

fn require_anchor(names: &[AnchorName], plan_id: Uuid, content_hash: &str) -> Result<()> {
    if names.iter().any(|anchor| anchor.content_hash == content_hash) {
        return Ok(());
    }
    let in_words = |anchor: &AnchorName| {
        let deleted = if anchor.deleted { " (deleted)" } else { "" };
        format!("{} \"{}\"{deleted}", anchor.content_hash, anchor.name)
    };
    let mut listed = names.iter().take(LISTED_ANCHORS).map(in_words).collect::<Vec<_>>().join("\n");
    if names.len() > LISTED_ANCHORS {
        listed.push_str(&format!("\nand {} more: see scenario.plan_anchors", names.len() - LISTED_ANCHORS));
    }
    Err(Error::none_such(format!("plan {plan_id} has no anchor {content_hash}"))
        .detail(format!("It has:\n{listed}"))
        .hint("An anchor, or a deleted step, is named by the content hash of its old step."))
}

/// The digest of what the fields that a version uses demand, as the tenant has declared them now.
fn digest_of_fields(tenant_id: Uuid, graph: &Graph) -> Result<String> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for node in graph.nodes() {
        used.extend(node.collects.iter().map(String::as_str));
        used.extend(node.branches.iter().flat_map(|branch| branch.condition.fields()).map(String::as_str));
    }
    let declared = fields::definitions(tenant_id, used.into_iter().collect())?;
    let in_order: BTreeMap<&str, _> = declared.values().map(|field| (field.field_name.as_str(), field)).collect();
    let demands = in_order.values().map(|f| (f.field_name.as_str(), f.schema.as_deref(), f.required_level.as_str()));
    Ok(fields_digest(demands))
}

/// What is not as it was when a plan was built.
struct SinceBuilt<'a> {
    what: String,
    built_for: &'a str,
    now: String,
}

/// The one rule of staleness: the first thing that has changed since the plan was built. Of the plan's versions every
/// key counts that is known; while `to` is a draft, so do the schemas and levels of the fields that it uses.
fn first_change<'a>(tenant_id: Uuid, plan: &'a Plan, from: &Version, to: &Version) -> Result<Option<SinceBuilt<'a>>> {
    for (version, built_for) in [(from, &plan.from_digest), (to, &plan.to_digest)] {
        if version.digest != *built_for {
            let what = format!("version {}", version.version);
            return Ok(Some(SinceBuilt { what, built_for, now: version.digest.clone() }));
        }
    }
    if !to.is_draft() {
        return Ok(None);
    }
    let graph = versions::graph(tenant_id, plan.scenario_id, plan.to_version)?;
    let now = digest_of_fields(tenant_id, &graph)?;
    let what = format!("a field that version {} uses", plan.to_version);
    Ok((now != plan.fields_digest).then(|| SinceBuilt { what, built_for: &plan.fields_digest, now }))
}

/// Whether something has changed since the plan was built. Only reads, so that it works on a hot standby.
pub fn is_stale(tenant_id: Uuid, plan: &Plan) -> Result<bool> {
    let from = versions::find(tenant_id, plan.scenario_id, plan.from_version)?;
    let to = versions::find(tenant_id, plan.scenario_id, plan.to_version)?;
    Ok(first_change(tenant_id, plan, &from, &to)?.is_some())
}

/// Refuses a plan whose versions, or the fields of its draft, are not what it was built from. The versions stay so
/// until this transaction ends.
pub fn require_fresh(tenant_id: Uuid, plan: &Plan) -> Result<()> {
    let from = versions::lock(tenant_id, plan.scenario_id, plan.from_version)?;
    let to = versions::lock(tenant_id, plan.scenario_id, plan.to_version)?;
    let Some(SinceBuilt { what, built_for, now }) = first_change(tenant_id, plan, &from, &to)? else { return Ok(()) };
    Err(Error::wrong_state(format!("plan {} is stale: {what} has changed since it was built", plan.plan_id))
        .detail(format!("It was built for digest {built_for}; the digest is {now} now."))
        .hint("Build it again: build_migration_plan(tenant_id, scenario_id, to_version, replace => true)."))
}
