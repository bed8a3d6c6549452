//! What is told of a decision beside its audit row: the server's log, as the settings say, and listeners ("Audit").

use crate::error::Result;
use crate::settings;
use crate::store::notify::notify;
use crate::writer::SessionDecision;
use pgrx::Uuid;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::reconcile::Effect;
use serde_json::json;

/// Tells of a decision that has been written.
pub fn announce(tenant_id: Uuid, written: &SessionDecision<'_>) -> Result<()> {
    log_move(tenant_id, written);
    let is_told = written.decision.effect != Effect::None && written.decision.is_blocked_by_checkpoint();
    if is_told { announce_block(tenant_id, written) } else { Ok(()) }
}

fn log_move(tenant_id: Uuid, written: &SessionDecision<'_>) {
    let decision = written.decision;
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
        written.state.session_id,
        tenant_id,
        written.position.step_id,
        written.position.scenario_version,
        decision.target.as_ref().map(|t| t.step_id.as_str()).unwrap_or_default(),
        decision.published_version,
        scenario.as_str(),
    );
}

fn announce_block(tenant_id: Uuid, written: &SessionDecision<'_>) -> Result<()> {
    let decision = written.decision;
    if settings::log_checkpoint_blocks() {
        pgrx::log!(
            "pg_scenario: session {} of tenant {}: {}",
            written.state.session_id,
            tenant_id,
            decision.checkpoint_warning().unwrap_or_default(),
        );
    }
    // Ids only: names can be longer than a payload may be, and a turn must not fail for its announcement.
    notify(&json!({
        "event": "checkpoint_block",
        "tenant_id": tenant_id.to_string(),
        "session_id": written.state.session_id.to_string(),
        "scenario_id": written.position.scenario_id.to_string(),
        "from_version": written.position.scenario_version,
        "to_version": decision.published_version,
    }))
}
