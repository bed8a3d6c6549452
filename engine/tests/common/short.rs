//! Scenarios on one line, for cases in which a long one would hide what matters.

use super::data::question;
use scenario_engine::definition::{Definition, Step, Transition};

/// A scenario on one line, the entry first: `id=Name!*?field?field>condition:to|to; …`. The name is the id where none
/// is given. `!` marks a checkpoint, `*` a required action; a step with nothing after it is terminal. A condition of
/// one word is a field that must be true; one with spaces that the random scenarios do not know is natural language.
pub fn short(text: &str) -> Definition {
    let steps: Vec<Step> = text.split(';').map(|step| step_of(step.trim())).collect();
    Definition {
        name: "Short".into(),
        description: None,
        entry_step_id: steps.first().map(|s| s.id.clone()).unwrap_or_default(),
        steps,
    }
}

fn step_of(text: &str) -> Step {
    let (head, onward) = text.split_once('>').unwrap_or((text, ""));
    let mut fields = head.split('?');
    let title = fields.next().unwrap_or_default();
    let plain = title.trim_end_matches(['!', '*']);
    let flags = &title[plain.len()..];
    let (id, name) = plain.split_once('=').unwrap_or((plain, plain));
    let required = flags.contains('*');
    Step {
        id: id.to_owned(),
        name: name.to_owned(),
        collects_profile_fields: fields.map(str::to_owned).collect(),
        is_checkpoint: flags.contains('!'),
        checkpoint_description: flags.contains('!').then(|| format!("{name} is done")),
        performs_action: required,
        is_required_action: required,
        is_terminal: onward.is_empty(),
        transitions: onward.split('|').filter(|way| !way.is_empty()).map(transition).collect(),
        ..Step::default()
    }
}

fn transition(text: &str) -> Transition {
    let (condition, to) = text.rsplit_once(':').unwrap_or(("", text));
    let reads: Vec<String> = match question(condition) {
        Some(question) => question.reads.iter().map(|f| (*f).to_owned()).collect(),
        None if condition.contains(' ') => Vec::new(),
        None => vec![condition.to_owned()],
    };
    Transition {
        to_step_id: to.to_owned(),
        condition_text: condition.to_owned(),
        condition_fields: if condition.is_empty() { Vec::new() } else { reads },
        priority: 0,
    }
}
