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
use serde_json::Value;
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
#[derive(Default)]
struct GivenVisit {
    step_id: String,
    scenario_version: Option<i32>,
    entered_at: Option<String>,
    turn_number: Option<i32>,
}

impl GivenVisit {
    /// What is wrong with it goes into `findings`.
    fn read(visit: &Value, findings: &mut Vec<String>) -> GivenVisit {
        let mut given = GivenVisit::default();
        let Value::Object(keys) = visit else {
            findings.push("it is no object".to_owned());
            return given;
        };
        if !keys.contains_key("step_id") {
            findings.push("it has no step_id".to_owned());
        }
        for (key, value) in keys {
            let is_read = match key.as_str() {
                "step_id" => value.as_str().map(|text| given.step_id = text.to_owned()),
                "entered_at" => text_or_null(value).map(|text| given.entered_at = text),
                "scenario_version" => number_or_null(value).map(|number| given.scenario_version = number),
                "turn_number" => number_or_null(value).map(|number| given.turn_number = number),
                _ => {
                    findings.push(format!("\"{key}\" is unknown"));
                    continue;
                }
            };
            if is_read.is_none() {
                let should_be = if matches!(key.as_str(), "step_id" | "entered_at") { "a text" } else { "an integer" };
                findings.push(format!("{key} must be {should_be}"));
            }
        }
        given
    }
}

/// `None`: it is neither.
fn text_or_null(value: &Value) -> Option<Option<String>> {
    if value.is_null() { Some(None) } else { value.as_str().map(|text| Some(text.to_owned())) }
}

/// `None`: it is neither null nor an integer of four bytes.
fn number_or_null(value: &Value) -> Option<Option<i32>> {
    if value.is_null() { Some(None) } else { i32::try_from(value.as_i64()?).ok().map(Some) }
}

fn read_visits(visits: &Json) -> Result<Vec<GivenVisit>> {
    let refused = |detail: String| {
        Error::bad_argument("visits must be an array of {step_id, scenario_version, entered_at, turn_number}")
            .detail(detail)
            .hint("For example [{\"step_id\": \"welcome\"}, {\"step_id\": \"pay\", \"turn_number\": 2}], oldest first.")
    };
    let Ok(Value::Array(all)) = serde_json::from_str(visits.as_str()) else {
        return Err(refused("It is no array.".to_owned()));
    };
    let mut findings = Vec::new();
    let mut given = Vec::with_capacity(all.len());
    for (n, visit) in all.iter().enumerate() {
        let mut of_visit = Vec::new();
        given.push(GivenVisit::read(visit, &mut of_visit));
        findings.extend(of_visit.into_iter().map(|finding| format!("visit {}: {finding}", n + 1)));
    }
    if findings.is_empty() { Ok(given) } else { Err(refused(findings.join("\n"))) }
}

/// Starts a session with its history. Errors: 22023 for visits that cannot be read or do not end where the session
/// is; P0002 for a scenario that does not exist, or a version or a step of a visit that does not exist or is not kept
/// any more, each named; 23505 for an id that is taken.
pub fn import(request: ImportRequest<'_>) -> Result<SessionRow> {
    let ImportRequest { tenant_id, session_id, scenario_id, scenario_version, step_id, .. } = request;
    check_variables(request.variables.as_ref())?;
    let visits = complete(read_visits(&request.visits)?, scenario_version, step_id)?;
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
