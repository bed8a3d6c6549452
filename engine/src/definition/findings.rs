//! What is wrong, or doubtful, in a scenario document: one finding each ("Validation" in docs/behaviour.md).

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is stored; an operator should look.
    Warning,
}

impl Severity {
    /// `"error"` or `"warning"`, as `validate_scenario` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing that validation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Stable, for programs: `duplicate_step_id`, `unreachable_step`, …
    pub code: &'static str,
    /// The step that it is about, where it is about one that has an id.
    pub step_id: Option<String>,
    /// For people: names the thing and what was expected.
    pub message: String,
}

/// How many findings are reported; a last one says how many more there are.
const MAX_FINDINGS: usize = 1000;

/// Findings of one severity, counted without bound and kept up to [`MAX_FINDINGS`].
#[derive(Debug)]
pub(super) struct Findings {
    severity: Severity,
    kept: Vec<Finding>,
    count: usize,
}

impl Findings {
    pub(super) fn new(severity: Severity) -> Self {
        Findings { severity, kept: Vec::new(), count: 0 }
    }

    /// `message` is only asked for findings that are kept.
    pub(super) fn add(&mut self, code: &'static str, step_id: Option<&str>, message: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(Finding {
                severity: self.severity,
                code,
                step_id: step_id.map(str::to_owned),
                message: message(),
            });
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Everything kept, with a last finding for what was not.
    pub(super) fn finish(self) -> Vec<Finding> {
        join(self, Findings::new(Severity::Warning))
    }
}

/// Errors, then warnings, together at most [`MAX_FINDINGS`] and one that counts the rest.
pub(super) fn join(errors: Findings, warnings: Findings) -> Vec<Finding> {
    let total = errors.count + warnings.count;
    let severity = if errors.count > MAX_FINDINGS { errors.severity } else { warnings.severity };
    let mut all = errors.kept;
    all.extend(warnings.kept);
    all.truncate(MAX_FINDINGS);
    if total > all.len() {
        all.push(Finding {
            severity,
            code: "more_findings",
            step_id: None,
            message: format!("and {} more findings", total - all.len()),
        });
    }
    all
}

/// A text from the document as messages show it: in quotes, shortened, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 100;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|c| {
            c.escape_debug().filter(move |_| c.is_control()).chain(std::iter::once(c).filter(move |_| !c.is_control()))
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
