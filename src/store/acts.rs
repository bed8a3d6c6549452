//! `scenario.acts` and `scenario.act_pairs`: which contents stand for the same act ("Acts and checkpoints" in
//! docs/behaviour.md).

use super::{Statement, scenario_key, scenarios};
use crate::args;
use crate::cache;
use crate::error::{Error, Result};
use pgrx::Uuid;
use scenario_engine::acts::{ActPair, ActRow, Acts, PairSource};
use std::rc::Rc;

// A scenario can be deleted and another be made of its id: the time of its making tells them apart.
static REVISION: Statement = Statement::reading(
    "SELECT c.acts_revision, c.created_at
       FROM scenario.scenarios AS c WHERE c.tenant_id = $1 AND c.scenario_id = $2",
);

// The revision is read with the rows: a version can be published between two statements.
static OF_SCENARIO: Statement = Statement::reading(
    "SELECT c.acts_revision, a.content_hash, a.act, a.name, a.description, a.collects, a.is_checkpoint,
            a.checkpoint_description, a.last_step_id, a.last_version
       FROM scenario.scenarios AS c
       LEFT JOIN scenario.acts AS a ON a.tenant_id = c.tenant_id AND a.scenario_id = c.scenario_id
      WHERE c.tenant_id = $1 AND c.scenario_id = $2",
);

static PAIRS: Statement = Statement::reading(
    "SELECT p.from_version, p.to_version, p.source, p.old_content_hash, p.new_content_hash
       FROM scenario.act_pairs AS p WHERE p.tenant_id = $1 AND p.scenario_id = $2",
);

// The fields of a step are a list in each row, and an array of arrays must be rectangular: they travel as one text.
static KEEP: Statement = Statement::writing(
    "INSERT INTO scenario.acts (tenant_id, scenario_id, content_hash, act, name, description, collects, is_checkpoint,
            checkpoint_description, last_step_id, last_version)
     SELECT $1, $2, a.content_hash, a.act, a.name, a.description,
            ARRAY(SELECT f.field
                    FROM pg_catalog.jsonb_array_elements_text(a.collects::jsonb) WITH ORDINALITY AS f (field, place)
                   ORDER BY f.place),
            a.is_checkpoint, a.checkpoint_description, a.last_step_id, a.last_version
       FROM ROWS FROM (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]),
                       pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[]), pg_catalog.unnest($8::boolean[]),
                       pg_catalog.unnest($9::text[]), pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::integer[]))
         AS a (content_hash, act, name, description, collects, is_checkpoint, checkpoint_description, last_step_id,
               last_version)
     ON CONFLICT (tenant_id, scenario_id, content_hash) DO UPDATE
        SET act = excluded.act, last_step_id = excluded.last_step_id, last_version = excluded.last_version",
);

static FORGET_PAIRS: Statement =
    Statement::writing("DELETE FROM scenario.act_pairs AS p WHERE p.tenant_id = $1 AND p.scenario_id = $2");

static KEEP_PAIRS: Statement = Statement::writing(
    "INSERT INTO scenario.act_pairs
            (tenant_id, scenario_id, from_version, to_version, source, old_content_hash, new_content_hash)
     SELECT $1, $2, p.*
       FROM ROWS FROM (pg_catalog.unnest($3::integer[]), pg_catalog.unnest($4::integer[]),
                       pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[])) AS p
     ON CONFLICT DO NOTHING",
);

static SET_REVISION: Statement = Statement::writing(
    "UPDATE scenario.scenarios AS c SET acts_revision = $3 WHERE c.tenant_id = $1 AND c.scenario_id = $2",
);

/// The acts of a scenario as they are stored, kept in the backend. P0002 if there is no such scenario.
pub fn of_scenario(tenant_id: Uuid, scenario_id: Uuid) -> Result<Rc<Acts>> {
    let now = REVISION.row(&args![tenant_id, scenario_id], |row| Ok((row.get(1)?, row.get(2)?)))?;
    let (revision, made_at) = now.ok_or_else(|| scenarios::missing(scenario_id))?;
    let scenario = scenario_key(tenant_id, scenario_id, made_at);
    if let Some(known) = cache::acts(scenario, revision) {
        return Ok(known);
    }
    let mut revision = revision;
    let rows = OF_SCENARIO.rows(&args![tenant_id, scenario_id], |row| {
        revision = row.get(1)?;
        // A scenario without acts is one row without an act.
        let Some(content_hash) = row.opt(2)? else { return Ok(None) };
        Ok(Some(ActRow {
            content_hash,
            act: row.get(3)?,
            name: row.get(4)?,
            description: row.get(5)?,
            collects: row.get(6)?,
            is_checkpoint: row.get(7)?,
            checkpoint_description: row.opt(8)?,
            last_step_id: row.get(9)?,
            last_version: row.get(10)?,
        }))
    })?;
    Ok(cache::keep_acts(scenario, revision, Acts::from_rows(revision, rows.into_iter().flatten())))
}

/// All pairs that explain the acts of a scenario.
pub fn pairs(tenant_id: Uuid, scenario_id: Uuid) -> Result<Vec<ActPair>> {
    PAIRS.rows(&args![tenant_id, scenario_id], |row| {
        let source: String = row.get(3)?;
        Ok(ActPair {
            from_version: row.get(1)?,
            to_version: row.get(2)?,
            source: PairSource::parse(&source)
                .ok_or_else(|| Error::internal(format!("unknown source of a pair: {source}")))?,
            old_content_hash: row.get(4)?,
            new_content_hash: row.get(5)?,
        })
    })
}

/// Stores what differs from `before`, with its revision. The caller holds the lock of the scenario.
pub fn keep(tenant_id: Uuid, scenario_id: Uuid, before: &Acts, now: &Acts) -> Result<()> {
    let changed: Vec<&ActRow> = now.rows().filter(|row| before.said(&row.content_hash) != Some(*row)).collect();
    let column = |read: fn(&ActRow) -> &str| changed.iter().map(|row| read(row)).collect::<Vec<&str>>();
    KEEP.execute(&args![
        tenant_id,
        scenario_id,
        column(|row| &row.content_hash),
        column(|row| &row.act),
        column(|row| &row.name),
        column(|row| &row.description),
        changed.iter().map(|row| crate::json::Json::of(&row.collects).0).collect::<Vec<_>>(),
        changed.iter().map(|row| row.is_checkpoint).collect::<Vec<_>>(),
        changed.iter().map(|row| row.checkpoint_description.as_deref()).collect::<Vec<_>>(),
        column(|row| &row.last_step_id),
        changed.iter().map(|row| row.last_version).collect::<Vec<_>>(),
    ])?;
    SET_REVISION.execute(&args![tenant_id, scenario_id, now.revision()]).map(|_| ())
}

/// Keeps more pairs; one that is kept already stays.
pub fn keep_pairs(tenant_id: Uuid, scenario_id: Uuid, pairs: &[ActPair]) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    KEEP_PAIRS
        .execute(&args![
            tenant_id,
            scenario_id,
            pairs.iter().map(|pair| pair.from_version).collect::<Vec<_>>(),
            pairs.iter().map(|pair| pair.to_version).collect::<Vec<_>>(),
            pairs.iter().map(|pair| pair.source.as_str()).collect::<Vec<_>>(),
            pairs.iter().map(|pair| pair.old_content_hash.as_str()).collect::<Vec<_>>(),
            pairs.iter().map(|pair| pair.new_content_hash.as_str()).collect::<Vec<_>>(),
        ])
        .map(|_| ())
}

/// Puts these pairs in the place of all that were kept.
pub fn replace_pairs(tenant_id: Uuid, scenario_id: Uuid, pairs: &[ActPair]) -> Result<()> {
    FORGET_PAIRS.execute(&args![tenant_id, scenario_id])?;
    keep_pairs(tenant_id, scenario_id, pairs)
}
