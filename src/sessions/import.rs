//! Sessions that began elsewhere and bring their history along.

use super::start::check_variables;
use crate::error::{Error, Result};
use crate::history;
use crate::json::Json;
use crate::row::SessionRow;
use crate::store::scenarios;
use crate::store::sessions::{self, Import};
use crate::store::steps::{self, KnownStep};
use crate::store::visits::{self, ImportedVisit};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::datum::datetime_support::now;
use pgrx::pg_sys::TimestampTz;
use serde::Deserialize;
use std::str::FromStr;

/// A session to import.
pub struct ImportRequest<'a> {
    pub tenant_id: Uuid,
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    /// Where it is.
    pub scenario_version: i32,
    pub step_id: &'a str,
    /// An array, oldest first.
    pub visits: Json,
    pub channel: Option<&'a str>,
    pub customer_id: Option<Uuid>,
    pub variables: Option<Json>,
}

/// A visit, as the caller gives it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenVisit {
    step_id: String,
    scenario_version: Option<i32>,
    entered_at: Option<String>,
    turn_number: Option<i32>,
}

/// Starts a session with its history. Errors: 22023 for visits that cannot be read or do not end where the session
/// is; P0002 for a scenario that does not exist, or a version or a step of a visit that does not exist or is not kept
/// any more, each named; 23505 for an id that is taken.
pub fn import(request: ImportRequest<'_>) -> Result<SessionRow> {
    let ImportRequest { tenant_id, session_id, scenario_id, scenario_version, step_id, .. } = request;
    check_variables(request.variables.as_ref())?;
    let given: Vec<GivenVisit> = serde_json::from_str(request.visits.as_str()).map_err(|error| {
        Error::bad_argument("visits must be an array of {step_id, scenario_version, entered_at, turn_number}")
            .detail(format!("{error}."))
    })?;
    let visits = complete(given, scenario_version, step_id)?;
    scenarios::published_version(tenant_id, scenario_id)?;
    let (versions, step_ids): (Vec<i32>, Vec<&str>) =
        visits.iter().map(|visit| (visit.scenario_version, visit.step_id.as_str())).unzip();
    let known = steps::known(tenant_id, scenario_id, versions, step_ids)?;
    let missing: Vec<String> = visits
        .iter()
        .zip(&known)
        .enumerate()
        .filter_map(|(n, (visit, known))| what_is_missing(n, visit, known))
        .collect();
    if !missing.is_empty() {
        return Err(Error::none_such(format!(
            "session {session_id} cannot be imported: a visit is at a step that is not there"
        ))
        .detail(missing.join("\n"))
        .hint("Leave out what went before, and the session counts as begun in the middle."));
    }
    let (Some(first), Some(last)) = (visits.first(), visits.last()) else {
        return Err(Error::internal("a session without visits"));
    };
    sessions::import(
        tenant_id,
        Import {
            session_id,
            scenario_id,
            scenario_version,
            step_id,
            channel: request.channel,
            customer_id: request.customer_id,
            variables: request.variables,
            is_finished: known.last().is_some_and(|known| known.is_terminal),
            visit_count: count(visits.len())?,
            turn_count: last.turn_number,
            began_at: first.entered_at,
            last_activity_at: last.entered_at,
        },
    )?;
    if !known.first().is_some_and(|known| known.is_entry) {
        history::begin_in_the_middle(tenant_id, session_id, scenario_id, first.scenario_version, &first.step_id)?;
    }
    visits::import(tenant_id, session_id, scenario_id, &visits)?;
    sessions::row(tenant_id, session_id)
}

fn count(visits: usize) -> Result<i32> {
    i32::try_from(visits).map_err(|_| Error::bad_argument("visits are too many"))
}

/// The visits with what was left out: the session's version, the time and the turn of the visit before. Without any,
/// the session arrives where it is.
fn complete(given: Vec<GivenVisit>, scenario_version: i32, step_id: &str) -> Result<Vec<ImportedVisit>> {
    let present = now();
    let latest = TimestampTz::from(present);
    let mut findings = Vec::new();
    let mut visits: Vec<ImportedVisit> = Vec::with_capacity(given.len().max(1));
    for (n, given) in given.into_iter().enumerate() {
        let before = visits.last();
        let earliest = before.map(|before| TimestampTz::from(before.entered_at));
        let entered_at = match given.entered_at.as_deref().map(TimestampWithTimeZone::from_str) {
            None => before.map_or(present, |before| before.entered_at),
            Some(Ok(time)) if time.is_neg_infinity() || TimestampTz::from(time) > latest => {
                findings.push(format!("visit {}: entered_at lies in the future, or before all time", n + 1));
                present
            }
            Some(Ok(time)) if earliest.is_some_and(|earliest| TimestampTz::from(time) < earliest) => {
                findings.push(format!("visit {}: entered_at lies before that of the visit before", n + 1));
                present
            }
            Some(Ok(time)) => time,
            Some(Err(_)) => {
                findings.push(format!("visit {}: entered_at is no time", n + 1));
                present
            }
        };
        let turn_number = given.turn_number.or(before.map(|before| before.turn_number)).unwrap_or(0);
        if let Some(negative) = given.turn_number.filter(|turn| *turn < 0) {
            findings.push(format!("visit {}: turn_number {negative} is negative", n + 1));
        }
        let scenario_version = given.scenario_version.unwrap_or(scenario_version);
        visits.push(ImportedVisit {
            scenario_version,
            step_id: given.step_id,
            entered_at,
            turn_number: turn_number.max(0),
        });
    }
    match visits.last() {
        None => {
            visits.push(ImportedVisit {
                scenario_version,
                step_id: step_id.to_owned(),
                entered_at: present,
                turn_number: 0,
            });
        }
        Some(last) if (last.scenario_version, last.step_id.as_str()) != (scenario_version, step_id) => {
            findings.push(format!(
                "the last visit is at step \"{}\" of version {}, the session \
                 at step \"{step_id}\" of version {scenario_version}",
                last.step_id, last.scenario_version
            ));
        }
        Some(_) => {}
    }
    if findings.is_empty() {
        return Ok(visits);
    }
    Err(Error::bad_argument("the visits are not those of a session that is where it is said to be")
        .detail(findings.join("\n"))
        .hint("Visits are given oldest first; the last one is at the session's step."))
}

fn what_is_missing(n: usize, visit: &ImportedVisit, known: &KnownStep) -> Option<String> {
    let ImportedVisit { scenario_version, step_id, .. } = visit;
    let what = match (known.is_version, known.is_draft, &known.content_hash) {
        (true, true, _) => format!("version {scenario_version} is a draft: nobody has walked it"),
        (true, false, Some(_)) => return None,
        (true, false, None) => format!("step \"{step_id}\" does not exist in version {scenario_version}"),
        (false, ..) if known.is_gone => format!("version {scenario_version} is not kept any more"),
        (false, ..) => format!("version {scenario_version} does not exist"),
    };
    Some(format!("visit {}: {what}", n + 1))
}
