//! How long a reason may be.

/// Characters of one reason.
pub(super) const MAX_REASON: usize = 200;

/// A reason, cut where it is too long.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().nth(MAX_REASON).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_REASON - 1).chain(std::iter::once('…')).collect()
}
