//! The settings that the engine obeys.

/// What to do at a natural-language fork that nobody has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUndecided {
    /// Ask the backend to decide.
    #[default]
    Ask,
    /// Keep to the path, with a warning.
    Stay,
}

/// Settings as they stand for this call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub extraction_enabled: bool,
    /// Extracted values are used from this confidence on.
    pub extraction_confidence_threshold: f64,
    /// Extracted values need no confirmation from this confidence on.
    pub confirmation_threshold: f64,
    /// Off: no session is redirected; forks keep to the path.
    pub re_routing_enabled: bool,
    /// Off: messages for the customer are left out of the decision.
    pub notify_user: bool,
    pub reroute_message: String,
    /// What stands before the questions; with `{fields}` or `{questions}` in it, the whole message.
    pub collect_message: String,
    pub exit_message: String,
    pub block_teleport_past_checkpoint: bool,
    pub on_undecided: OnUndecided,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            extraction_enabled: true,
            extraction_confidence_threshold: 0.85,
            confirmation_threshold: 0.95,
            re_routing_enabled: true,
            notify_user: true,
            reroute_message: "Our process has changed since we last spoke, so we continue from a different step."
                .into(),
            collect_message: "Before we continue, we need a little more from you.".into(),
            exit_message:
                "This conversation has been closed because our process has changed. Write to us at any time to \
                           start again."
                    .into(),
            block_teleport_past_checkpoint: true,
            on_undecided: OnUndecided::Ask,
        }
    }
}
