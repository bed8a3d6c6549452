//! The application's own sources of field values: functions that `scenario.profile_source` and
//! `scenario.extraction_source` name.
//!
//! They are looked up by name whenever a decision first needs one, so a function that was replaced, dropped or made for
//! another signature meanwhile is found out with a clear error, not with whatever its result is read as. They run with
//! the rights of whoever called the extension, and what they raise ends the turn.

use super::Statement;
use super::sqlstate::keep_sqlstate;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use pgrx::spi::{Spi, SpiClient};
use scenario_engine::reconcile::Candidate;

/// What the function that a setting names must look like.
struct SourceSignature {
    setting: &'static str,
    arguments: &'static str,
    columns: &'static str,
    /// The last two columns, as they are selected.
    selected: &'static str,
}

static PROFILE: SourceSignature = SourceSignature {
    setting: "scenario.profile_source",
    arguments: "tenant_id uuid, customer_id uuid, field text",
    columns: "value jsonb, confidence double precision, needs_confirmation boolean",
    selected: "s.value, s.confidence, s.needs_confirmation",
};

static EXTRACTION: SourceSignature = SourceSignature {
    setting: "scenario.extraction_source",
    arguments: "tenant_id uuid, session_id uuid, field text",
    columns: "value jsonb, confidence double precision, quote text",
    selected: "s.value, s.confidence, s.quote",
};

/// The setting's text as schema and function, as SQL reads names: NULL columns if it is not two of them.
static NAMES: Statement = Statement::reading(
    "SELECT n.parts[1], n.parts[2], pg_catalog.cardinality(n.parts)
       FROM (SELECT pg_catalog.parse_ident($1) AS parts) AS n",
);

/// Every function of that name: whether it is the one (argument types uuid, uuid, text), how it is called, what it
/// gives.
static FUNCTIONS: Statement = Statement::reading(
    "SELECT pg_catalog.format('%I.%I', n.nspname, p.proname),
            p.prokind = 'f' AND p.proargtypes = '2950 2950 25'::pg_catalog.oidvector,
            pg_catalog.format('%I.%I(%s) RETURNS %s', n.nspname, p.proname,
                              pg_catalog.pg_get_function_identity_arguments(p.oid),
                              coalesce(pg_catalog.pg_get_function_result(p.oid), 'nothing')),
            coalesce((SELECT pg_catalog.string_agg(a.name || ' ' || pg_catalog.format_type(a.type, NULL), ', '
                                                   ORDER BY a.place)
                        FROM ROWS FROM (pg_catalog.unnest(p.proargnames), pg_catalog.unnest(p.proallargtypes),
                                        pg_catalog.unnest(p.proargmodes)) WITH ORDINALITY AS a(name, type, mode, place)
                       WHERE a.mode IN ('o', 't')), '')
       FROM pg_catalog.pg_proc AS p
       JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
      WHERE n.nspname = $1 AND p.proname = $2
      ORDER BY p.oid",
);

/// A function of the application's that was looked up and is as it must be.
pub struct Source {
    /// As it is called: quoted where it must be.
    name: String,
    sql: String,
}

/// The function of that name, which stands in for `profile_fields`.
pub fn profile(name: &str) -> Result<Source> {
    Source::look_up(name, &PROFILE)
}

/// The function of that name, which stands in for the extraction patterns.
pub fn extraction(name: &str) -> Result<Source> {
    Source::look_up(name, &EXTRACTION)
}

impl Source {
    /// 22023 for a name that is not schema.function, and for a function of another signature; 42883 for one that is not
    /// there.
    fn look_up(text: &str, expected: &SourceSignature) -> Result<Source> {
        // A text that cannot be read as names at all is refused by parse_ident itself (22023).
        let names =
            NAMES.row(&args![text], |row| Ok((row.opt::<String>(1)?, row.opt::<String>(2)?, row.opt::<i32>(3)?)))?;
        let Some((Some(schema), Some(function), Some(2))) = names else {
            return Err(Error::bad_argument(format!("{} is not schema.function: \"{text}\"", expected.setting))
                .hint(expected.hint(text)));
        };
        let found = FUNCTIONS.rows(&args![schema.as_str(), function.as_str()], |row| {
            Ok((row.get::<String>(1)?, row.get::<bool>(2)?, row.get::<String>(3)?, row.get::<String>(4)?))
        })?;
        if found.is_empty() {
            return Err(Error::no_function(format!(
                "{} names a function that does not exist: {text}",
                expected.setting
            ))
            .detail(format!("It must be {text}({}) RETURNS TABLE ({}).", expected.arguments, expected.columns))
            .hint(expected.hint(text)));
        }
        let fits = found.iter().find(|(_, arguments_fit, _, columns)| *arguments_fit && *columns == expected.columns);
        let Some((name, ..)) = fits else {
            let there: Vec<&str> = found.iter().map(|(_, _, signature, _)| signature.as_str()).collect();
            return Err(Error::bad_argument(format!(
                "{} names a function of another signature: {text}",
                expected.setting
            ))
            .detail(format!(
                "It must be {text}({}) RETURNS TABLE ({}). There is: {}.",
                expected.arguments,
                expected.columns,
                there.join("; ")
            ))
            .hint(expected.hint(text)));
        };
        let sql = format!("SELECT {} FROM {name}($1, $2, $3) AS s LIMIT 1", expected.selected);
        Ok(Source { name: name.clone(), sql })
    }

    /// The value for a field; `None`: no row, or a NULL value. 22023 for a confidence that is none.
    pub fn of_customer(&self, tenant_id: Uuid, customer_id: Uuid, field: &str) -> Result<Option<Candidate>> {
        self.first(tenant_id, customer_id, field, |value, confidence, third| {
            let needs_confirmation = third.get::<bool>(3)?.unwrap_or(false);
            Ok(Candidate { value, confidence, needs_confirmation, ..Candidate::default() })
        })
    }

    /// What was extracted for a field, likewise. A value that is not rated is not used.
    pub fn of_session(&self, tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<Option<Candidate>> {
        self.first(tenant_id, session_id, field, |value, confidence, third| {
            let confidence = Some(confidence.unwrap_or(0.0));
            Ok(Candidate { value, confidence, quote: third.get(3)?, ..Candidate::default() })
        })
    }

    fn first(
        &self,
        tenant_id: Uuid,
        id: Uuid,
        field: &str,
        read: impl FnOnce(String, Option<f64>, &pgrx::spi::SpiHeapTupleData<'_>) -> Result<Candidate>,
    ) -> Result<Option<Candidate>> {
        let run = |client: &SpiClient<'_>| {
            // Not kept prepared: the name changes with a setting, and the function is called seldom, never in the hot
            // path.
            let mut table = client.select(self.sql.as_str(), Some(1), &args![tenant_id, id, field])?;
            let Some(row) = table.next() else { return Ok(None) };
            let Some(Json(value)) = row.get::<Json>(1)? else { return Ok(None) };
            let confidence = row.get::<f64>(2)?;
            if let Some(wrong) = confidence.filter(|confidence| !(0.0..=1.0).contains(confidence)) {
                return Err(Error::bad_argument(format!(
                    "{} gave the confidence {wrong} for field \"{field}\", which is not between 0 and 1",
                    self.name
                )));
            }
            read(value, confidence, &row).map(Some)
        };
        keep_sqlstate(|| Spi::connect(run))
    }
}

impl SourceSignature {
    fn hint(&self, text: &str) -> String {
        format!(
            "CREATE FUNCTION {text}({}) RETURNS TABLE ({}) …, or RESET {}.",
            self.arguments, self.columns, self.setting
        )
    }
}
