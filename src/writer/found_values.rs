//! What a decision found in the conversation is kept, so that the next scenario does not look for it again ("Gap
//! fill").

use super::decision::SessionDecision;
use crate::error::Result;
use crate::facts::has_builtin_profile;
use crate::json::Json;
use crate::store::attempts::{self, Attempt};
use crate::store::profiles::{self, NewProfileValue};
use pgrx::Uuid;
use scenario_engine::reconcile::{Effect, FieldSource, FilledField, same_json};

/// Keeps what these decisions found: in the customer's profile. A session without a customer has only its variables,
/// where a move puts them; what the customer must confirm first is kept as an attempt, where the next turn finds it
/// again. The same holds where the application has a profile of its own, which need not know ours.
pub(super) fn keep(tenant_id: Uuid, decisions: &[SessionDecision<'_>]) -> Result<()> {
    let mut found: Vec<(&SessionDecision<'_>, &FilledField)> = Vec::new();
    for one in decisions.iter().filter(|one| matches!(one.decision.effect, Effect::Move | Effect::Wait(_))) {
        let filled = one.decision.fields_filled.iter();
        found.extend(filled.filter(|f| f.source == FieldSource::Extraction || f.needs_confirmation).map(|f| (one, f)));
    }
    // Several sessions of one customer write the same rows. Every writer goes by the same order, so that no two of them
    // wait for each other in a circle.
    found.sort_by_key(|(one, f)| {
        (one.state.customer_id.map(|id| *id.as_bytes()), f.field.as_str(), *one.state.session_id.as_bytes())
    });
    for (one, field) in found {
        if field.source == FieldSource::Extraction
            && let Some(customer_id) = one.state.customer_id
        {
            profiles::put(
                tenant_id,
                customer_id,
                NewProfileValue {
                    field: &field.field,
                    value: Json(field.value.clone()),
                    source: field.source.as_str(),
                    confidence: field.confidence,
                    needs_confirmation: field.needs_confirmation,
                    quote: field.quote.as_deref(),
                    session_id: one.state.session_id,
                },
            )?;
        }
        if field.needs_confirmation && !has_builtin_profile(one.state) {
            keep_to_be_confirmed(tenant_id, one.state.session_id, field)?;
        }
    }
    for one in decisions.iter().filter(|one| !one.decision.rejected.is_empty()) {
        attempts::keep_rejected(tenant_id, one.state.session_id, &one.decision.rejected)?;
    }
    Ok(())
}

/// Keeps the very value that the customer is asked about: by the time they answer, its source may have another one.
fn keep_to_be_confirmed(tenant_id: Uuid, session_id: Uuid, field: &FilledField) -> Result<()> {
    if let Some(waiting) = attempts::to_confirm(tenant_id, session_id, &field.field)? {
        if same_json(waiting.value.as_str(), &field.value) {
            return Ok(());
        }
        attempts::forget_to_confirm(tenant_id, session_id, &field.field)?;
    }
    let attempt =
        Attempt { value: Json(field.value.clone()), confidence: field.confidence, quote: field.quote.clone() };
    attempts::keep_to_confirm(tenant_id, session_id, &field.field, &attempt)
}
