//! What is told of an application beside its audit row: the server's log, as the settings say, and listeners (SPEC 13).

use super::apply::Application;
use crate::error::Result;
use crate::settings;
use crate::store::notify::notify;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::reconcile::Effect;
use serde_json::json;

pub(super) fn announce(applied: &Application<'_>) -> Result<()> {
    log_move(applied);
    if applied.decision.is_blocked_by_checkpoint() { announce_block(applied) } else { Ok(()) }
}

fn log_move(applied: &Application<'_>) {
    let decision = applied.decision;
    let Some(scenario) = decision.migration_scenario.filter(|_| decision.effect == Effect::Move) else { return };
    let wanted = match scenario {
        MigrationScenario::CleanGraft => settings::log_clean_grafts(),
        MigrationScenario::GapFill => settings::log_gap_fills(),
        MigrationScenario::ReRoute => settings::log_re_routes(),
    };
    if !wanted {
        return;
    }
    pgrx::log!(
        "pg_scenario: session {} of tenant {} moved from step \"{}\" of version {} to step \"{}\" of version {} ({})",
        applied.session_id,
        applied.tenant_id,
        applied.place.step_id,
        applied.place.scenario_version,
        decision.target.as_ref().map(|t| t.step_id.as_str()).unwrap_or_default(),
        decision.published_version,
        scenario.as_str(),
    );
}

fn announce_block(applied: &Application<'_>) -> Result<()> {
    let decision = applied.decision;
    if settings::log_checkpoint_blocks() {
        pgrx::log!(
            "pg_scenario: session {} of tenant {}: {}",
            applied.session_id,
            applied.tenant_id,
            decision.checkpoint_warning().unwrap_or_default(),
        );
    }
    // Ids only: names can be longer than a payload may be, and a turn must not fail for its announcement.
    notify(&json!({
        "event": "checkpoint_block",
        "tenant_id": applied.tenant_id.to_string(),
        "session_id": applied.session_id.to_string(),
        "scenario_id": applied.place.scenario_id.to_string(),
        "from_version": applied.place.scenario_version,
        "to_version": decision.published_version,
    }))
}
