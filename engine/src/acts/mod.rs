//! Acts: what a checkpoint or an action really does, whatever its step is called ("Acts and checkpoints" in
//! docs/behaviour.md).
//!
//! Steps of different versions can stand for the same act. Contents (by content hash) are joined when a version is
//! published; what is passed, done and undone is told by acts from then on. Everything here is pure: values in, values
//! out.
//!
//! | file | holds |
//! |---|---|
//! | `ledger` | [`Acts`]: contents and their acts, as rows; whether an act is flagged |
//! | `publish` | what a publication, or the deployment of changed pairs, does to them |
//! | `undone` | [`Ground::undoes`]: whether a move undoes an act; the only home of that rule |
//! | `landing` | [`LandingActs`]: what a landing at one anchor would undo, to be stored with the anchor |
//! | `executed` | actions that were executed ahead of their place, and actions that are already done |
//! | `rules` | sessions that begin in the middle, going back |
//!
//! # What the database keeps and hands in
//!
//! **Tables.** Both keep their rows as long as the scenario exists; both are derived, so that a dump need not hold
//! their triggers.
//!
//! - `scenario.acts`, key (tenant_id, scenario_id, content_hash): the columns of [`ActRow`]: `act`, `name`,
//!   `description`, `collects text[]`, `is_checkpoint`, `checkpoint_description`, `last_step_id`, `last_version`. Index
//!   (tenant_id, scenario_id, act).
//! - `scenario.act_pairs`, key (tenant_id, scenario_id, from_version, to_version, old_content_hash, new_content_hash):
//!   the columns of [`ActPair`]: `source` is one of `succession`, `return`, `plan`.
//! - `scenario.scenarios.acts_revision integer not null default 0`: the revision of [`Acts`].
//! - `scenario.plan_anchors.undoes jsonb`: [`LandingActs`] of an anchor (rows of kind `anchor` alone); NULL stands for
//!   an empty list. `scenario.migration_plans.acts_revision integer not null`: the revision that the plan's lists were
//!   made for, also where they are NULL.
//! - `scenario.migration_plans.deployment_no bigint`: for [`PlanRef`](crate::plan::PlanRef) and
//!   [`find_way`](crate::plan::find_way).
//! - `scenario.sessions.passed_at_start jsonb`: a list of [`PassedAtStart`]; NULL for a session that began at the
//!   entry.
//! - `scenario.sessions.pinned_reason`, `pinned_plan_id`: from [`Decision::pin`](crate::reconcile::Decision::pin); the
//!   sentence is [`Decision::reason`](crate::reconcile::Decision::reason) and goes into the audit.
//!
//! **When.** All of it under the scenario's lock.
//!
//! 1. A version is published, by whatever way: [`Acts::published`] with the version published before it and their
//!    pairs: those of `plan_anchors` of the plan deployed last between the two
//!    ([`Pairing::from_ids`](crate::diff::Pairing::from_ids)), else [`Pairing::of`](crate::diff::Pairing::of).
//!    `separated` are the new steps that an operator separated in that plan. Store the rows (upsert), the pairs
//!    that it gives, and the revision. It always goes up by one.
//! 2. A plan is deployed that publishes nothing, or whose pairs differ from those that are kept between its versions:
//!    [`Acts::deployed`] with all kept pairs. `None`: nothing to store. Else replace the pairs, update the acts of all
//!    rows, store the revision. With a deployment that also publishes, this comes after 1, for plans between other
//!    versions than the two.
//! 3. A plan is built, or its pairs change: its acts are those of the scenario, then `published` for its draft (not
//!    stored), then [`Acts::with_plan`] where its versions do not follow each other. [`landing_acts`] on them gives
//!    `undoes`, and their revision is the plan's `acts_revision`. If at deployment the scenario's revision comes out as
//!    another one, work the lists out again. One that is left behind costs time and never a promise: the engine looks
//!    at the revision.
//! 4. The upgrade folds 1 over the kept published versions in the order of their publication, then 2 over the deployed
//!    plans.
//! 5. A session starts at a step that is not the entry, or is set there by hand with another version:
//!    [`passed_at_start`], stored with the session. An import brings visits, and is judged by its first one.
//!
//! **At a turn** ([`Facts`](crate::reconcile::Facts)). [`PlannedStep`](crate::reconcile::PlannedStep) carries the
//! scenario's `acts_revision` (for a preview of a plan that is not deployed, that of the acts of 3), and its goal the
//! anchor's list. `acts` reads the rows of the scenario, and can be kept in a backend by (tenant, scenario, revision).
//! `visits`, `acts` and `passed_at_start` are asked for only where a list is not empty, is of another revision, or the
//! move is no landing by one plan as a clean graft. `kept_graph` is `None` where retention has removed the definition.
//! `deployed_pairs` composes the plans of [`find_way`](crate::plan::find_way), and `walked_pairs` those of the audit. A
//! `CompletedAction` must carry the content hash of its step and the number of the last visit when it was recorded. A
//! `PlannedStep` of a deleted step carries the policy that is stored under the step's own hash.
//!
//! **Other doors.** Arrivals: `already_done` from [`is_executed_ahead`], and from [`is_already_done`] for each move
//! behind the session. `revert_session`: [`may_go_back`]; the error (55000) names the step. `move_session`:
//! [`Ground::undoes`] from the session's place, for each flagged act that it has passed. A pinned session:
//! [`pin_has_ended`](crate::plan::pin_has_ended) before [`reconcile`](crate::reconcile::reconcile). Summary: sessions
//! by old step and by the set of [`Acts::flagged_contents`] (or flagged visits) in their history, one group each.

mod executed;
mod landing;
mod ledger;
mod publish;
mod rules;
mod undone;

pub use executed::{Arrival, LastMove, StepRecord, executed_in_place, is_already_done, is_executed_ahead};
pub use landing::{LandingActs, accepted, landing_acts, landing_acts_of};
pub use ledger::{ActPair, ActRow, Acts, PairSource};
pub(crate) use publish::words;
pub use publish::{ChangedActs, DeployedPairs, PreviousVersion, Publication};
pub use rules::{CannotGoBack, PassedAtStart, SinceMigration, may_go_back, passed_at_start};
pub use undone::{Ground, UndoneBy};
