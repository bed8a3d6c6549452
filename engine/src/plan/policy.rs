//! Policies per anchor ("Plans" in docs/behaviour.md): whom a plan lets in, and how.

use super::pin::PinReason;
use crate::condition::{Condition, Truth};
use crate::diff::MigrationScenario;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What to do with a session whose redirect a checkpoint forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCheckpointBlock {
    /// Land in the new version, on the session's own path.
    #[default]
    Graft,
    /// Stay on the old version.
    Pin,
}

/// Which sessions of an anchor are let in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    pub include_channels: Vec<String>,
    pub exclude_channels: Vec<String>,
    /// Step names.
    pub include_current_nodes: Vec<String>,
    pub exclude_current_nodes: Vec<String>,
    pub max_session_age_days: Option<f64>,
    pub min_session_age_days: Option<f64>,
    /// A CEL expression over the session's variables; only sessions for which it is true are let in.
    pub session_condition: Option<String>,
    /// 0 to 100: a share of the sessions, by hash of the session id, the same at every look.
    pub rollout_percent: Option<f64>,
}

/// An anchor's policy. The default lets everybody in and changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub scope: Scope,
    pub update_downstream: bool,
    pub force_scenario: Option<MigrationScenario>,
    pub on_checkpoint_block: OnCheckpointBlock,
    /// Content hashes of any steps of the acts that customers may come to again: the operator accepts it.
    pub accept_repeat: Vec<String>,
    /// The operator accepts that customers whose move would undo an act stay on their version.
    pub accept_held: bool,
    /// Finished sessions come along where their step goes on in the new version.
    pub reopen: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            scope: Scope::default(),
            update_downstream: true,
            force_scenario: None,
            on_checkpoint_block: OnCheckpointBlock::Graft,
            accept_repeat: Vec::new(),
            accept_held: false,
            reopen: false,
        }
    }
}

impl Scope {
    /// What contradicts itself, so that it lets nobody in or says nothing.
    fn contradictions(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if let (Some(min), Some(max)) = (self.min_session_age_days, self.max_session_age_days)
            && min > max
        {
            findings.push(format!(
                "\"min_session_age_days\" ({min}) is above \"max_session_age_days\" ({max}): no session is let in"
            ));
        }
        for (what, include, exclude) in [
            ("channels", &self.include_channels, &self.exclude_channels),
            ("current_nodes", &self.include_current_nodes, &self.exclude_current_nodes),
        ] {
            for both in include.iter().filter(|name| exclude.contains(name)) {
                findings.push(format!("\"{both}\" is in \"include_{what}\" and in \"exclude_{what}\""));
            }
        }
        findings
    }
}

/// Whether a policy lets a session in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// Not now, and nothing that the session does changes that: it is pinned. Says why.
    LeftOut(PinReason, String),
    /// Not now, but it can still become true: the session goes on, and is looked at again at its next turn. Says why.
    NotYet(String),
}

impl Admission {
    pub fn is_admitted(&self) -> bool {
        *self == Admission::Admitted
    }
}

/// A policy document that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not valid")]
pub struct PolicyError {
    pub findings: Vec<String>,
}

/// The session, as far as a policy looks at it.
#[derive(Debug, Clone)]
pub struct ScopeSubject<'a> {
    pub session_id: Uuid,
    pub channel: Option<&'a str>,
    /// Name of the step that the session is at, in its own version.
    pub step_name: &'a str,
    pub age_days: f64,
}

const KEYS: [&str; 14] = [
    "include_channels",
    "exclude_channels",
    "include_current_nodes",
    "exclude_current_nodes",
    "max_session_age_days",
    "min_session_age_days",
    "session_condition",
    "rollout_percent",
    "update_downstream",
    "force_scenario",
    "on_checkpoint_block",
    "accept_repeat",
    "accept_held",
    "reopen",
];

/// A content hash has so many hex digits.
const HASH_DIGITS: usize = 16;

impl Policy {
    /// Reads a policy document: one flat JSON object; the scope's keys may also stand in a nested object `scope`.
    /// Absent keys and nulls take their defaults. Unknown keys are findings: a misspelt filter would silently let
    /// everybody in.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::default().merged_with(text)
    }

    /// This policy, with the keys that the document gives in the place of its own. A null sets the key's default.
    pub fn merged_with(&self, text: &str) -> Result<Policy, PolicyError> {
        let mut findings = Vec::new();
        let given = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(map)) => flatten_scope(map, &mut findings),
            Ok(_) => return Err(PolicyError { findings: vec!["a policy is a JSON object".into()] }),
            Err(error) => return Err(PolicyError { findings: vec![format!("the policy cannot be read: {error}")] }),
        };
        for key in given.keys() {
            if !KEYS.contains(&key.as_str()) {
                findings.push(format!("unknown key \"{key}\"; known are {}", KEYS.join(", ")));
            }
        }
        let mut document = self.keys_and_values();
        document.extend(given);
        let mut reader = Reader { document: &document, findings: &mut findings };
        let policy = Policy {
            scope: Scope {
                include_channels: reader.texts("include_channels"),
                exclude_channels: reader.texts("exclude_channels"),
                include_current_nodes: reader.texts("include_current_nodes"),
                exclude_current_nodes: reader.texts("exclude_current_nodes"),
                max_session_age_days: reader.number("max_session_age_days", 0.0, f64::MAX),
                min_session_age_days: reader.number("min_session_age_days", 0.0, f64::MAX),
                session_condition: reader.condition("session_condition"),
                rollout_percent: reader.number("rollout_percent", 0.0, 100.0),
            },
            update_downstream: reader.boolean("update_downstream").unwrap_or(true),
            force_scenario: reader.word("force_scenario", "clean_graft, gap_fill, re_route", MigrationScenario::parse),
            on_checkpoint_block: reader
                .word("on_checkpoint_block", "graft, pin", |word| match word {
                    "graft" => Some(OnCheckpointBlock::Graft),
                    "pin" => Some(OnCheckpointBlock::Pin),
                    _ => None,
                })
                .unwrap_or_default(),
            accept_repeat: reader.hashes("accept_repeat"),
            accept_held: reader.boolean("accept_held").unwrap_or(false),
            reopen: reader.boolean("reopen").unwrap_or(false),
        };
        findings.extend(policy.scope.contradictions());
        if findings.is_empty() { Ok(policy) } else { Err(PolicyError { findings }) }
    }

    /// The policy as it is stored: one flat object with what differs from the default.
    pub fn to_document(&self) -> String {
        Value::Object(self.keys_and_values()).to_string()
    }

    fn keys_and_values(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| {
            map.insert(key.to_owned(), value);
        };
        for (key, list) in [
            ("include_channels", &self.scope.include_channels),
            ("exclude_channels", &self.scope.exclude_channels),
            ("include_current_nodes", &self.scope.include_current_nodes),
            ("exclude_current_nodes", &self.scope.exclude_current_nodes),
        ] {
            if !list.is_empty() {
                put(key, list.clone().into());
            }
        }
        for (key, number) in [
            ("max_session_age_days", self.scope.max_session_age_days),
            ("min_session_age_days", self.scope.min_session_age_days),
            ("rollout_percent", self.scope.rollout_percent),
        ] {
            if let Some(number) = number {
                put(key, plain_number(number));
            }
        }
        if let Some(condition) = &self.scope.session_condition {
            put("session_condition", condition.clone().into());
        }
        put("update_downstream", self.update_downstream.into());
        if let Some(scenario) = self.force_scenario {
            put("force_scenario", scenario.as_str().into());
        }
        let on_block = match self.on_checkpoint_block {
            OnCheckpointBlock::Graft => "graft",
            OnCheckpointBlock::Pin => "pin",
        };
        put("on_checkpoint_block", on_block.into());
        if !self.accept_repeat.is_empty() {
            put("accept_repeat", self.accept_repeat.clone().into());
        }
        for (key, is_set) in [("accept_held", self.accept_held), ("reopen", self.reopen)] {
            if is_set {
                put(key, true.into());
            }
        }
        map
    }

    /// Whether the policy lets the session in. `variable` gives the session's variables; it is asked only if a
    /// `session_condition` needs it. What leaves the session out for good comes before what may still change.
    pub fn admits(&self, subject: &ScopeSubject<'_>, variable: &mut dyn FnMut(&str) -> Option<Value>) -> Admission {
        if let Some((reason, why)) = self.excludes(subject) {
            return Admission::LeftOut(reason, why);
        }
        let condition = self.scope.session_condition.as_deref().map(|text| self.condition_holds(text, variable));
        if let Some(left_out @ Admission::LeftOut(..)) = condition {
            return left_out;
        }
        if let Some(min) = self.scope.min_session_age_days
            && subject.age_days < min
        {
            let why = format!("the session is younger than min_session_age_days ({min})");
            return crate::mutant!(
                "policy/too-young-is-not-yet",
                Admission::NotYet(why),
                Admission::LeftOut(PinReason::Policy, why)
            );
        }
        condition.unwrap_or(Admission::Admitted)
    }

    /// What leaves a session out whatever it does.
    fn excludes(&self, subject: &ScopeSubject<'_>) -> Option<(PinReason, String)> {
        let scope = &self.scope;
        let by_policy = |why: String| Some((PinReason::Policy, why));
        if !self.update_downstream {
            return by_policy(
                "the policy keeps sessions at this anchor on their version (update_downstream is false)".into(),
            );
        }
        let channel = subject.channel.unwrap_or_default();
        if !scope.include_channels.is_empty() && !scope.include_channels.iter().any(|c| c == channel) {
            return by_policy(format!("channel \"{channel}\" is not among include_channels"));
        }
        if subject.channel.is_some() && scope.exclude_channels.iter().any(|c| c == channel) {
            return by_policy(format!("channel \"{channel}\" is among exclude_channels"));
        }
        let name = subject.step_name;
        if !scope.include_current_nodes.is_empty() && !scope.include_current_nodes.iter().any(|n| n == name) {
            return by_policy(format!("step \"{name}\" is not among include_current_nodes"));
        }
        if scope.exclude_current_nodes.iter().any(|n| n == name) {
            return by_policy(format!("step \"{name}\" is among exclude_current_nodes"));
        }
        if let Some(max) = scope.max_session_age_days
            && subject.age_days > max
        {
            return by_policy(format!("the session is older than max_session_age_days ({max})"));
        }
        if let Some(percent) = scope.rollout_percent
            && rollout_position(subject.session_id) >= percent
        {
            let why = format!("the session is not in the first {percent} percent of the rollout");
            return Some((PinReason::Rollout, why));
        }
        None
    }

    fn condition_holds(&self, text: &str, variable: &mut dyn FnMut(&str) -> Option<Value>) -> Admission {
        let condition = match Condition::session_condition(text) {
            Ok(condition) => condition,
            Err(why) => return Admission::LeftOut(PinReason::Policy, why),
        };
        match condition.evaluate(&mut |name| Ok::<_, std::convert::Infallible>(variable(name))) {
            Ok(Truth::True) => Admission::Admitted,
            Ok(Truth::False) => Admission::LeftOut(PinReason::Policy, format!("session_condition \"{text}\" is false")),
            Ok(Truth::Unknown { missing, error }) => {
                let why = error.unwrap_or_else(|| format!("no value for {}", missing.join(", ")));
                let why = format!("session_condition \"{text}\" is unknown ({why})");
                crate::mutant!(
                    "policy/unknown-condition-is-not-yet",
                    Admission::NotYet(why),
                    Admission::LeftOut(PinReason::Policy, why)
                )
            }
            Err(never) => match never {},
        }
    }

    /// Whether the policy is the default, which lets every session in: such anchors can be marked set-wise.
    pub fn admits_everybody(&self) -> bool {
        self.update_downstream && self.scope == Scope::default()
    }
}

/// Where a session stands in every rollout, 0 (first) to 100: FNV-1a over the id, so that it is the same on every node
/// and in every version of this extension.
pub fn rollout_position(session_id: Uuid) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in session_id.as_bytes() {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV's low bits are weak for short inputs: fold before taking the share.
    let folded = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((folded >> 32) % 10_000) as f64 / 100.0
}

fn plain_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
}

fn flatten_scope(mut map: Map<String, Value>, findings: &mut Vec<String>) -> Map<String, Value> {
    match map.remove("scope") {
        None | Some(Value::Null) => {}
        Some(Value::Object(scope)) => {
            for (key, value) in scope {
                if map.contains_key(&key) {
                    findings.push(format!("\"{key}\" is given twice: in \"scope\" and beside it"));
                }
                map.insert(key, value);
            }
        }
        Some(_) => findings.push("\"scope\" must be an object".into()),
    }
    map
}

struct Reader<'a> {
    document: &'a Map<String, Value>,
    findings: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.document.get(key).filter(|v| !v.is_null())
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let texts = match self.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.iter().map(|i| i.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        texts.unwrap_or_else(|| {
            self.findings.push(format!("\"{key}\" must be a list of texts"));
            Vec::new()
        })
    }

    fn hashes(&mut self, key: &str) -> Vec<String> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let texts = self.texts(key);
        for text in texts.iter().filter(|t| t.len() != HASH_DIGITS || !t.chars().all(is_digit)) {
            let what = format!("{HASH_DIGITS} lower-case hex digits each");
            self.findings.push(format!("\"{key}\" must list content hashes ({what}): \"{text}\" is none"));
        }
        texts
    }

    fn number(&mut self, key: &str, min: f64, max: f64) -> Option<f64> {
        let value = self.get(key)?;
        let number = value.as_f64().filter(|n| n.is_finite() && (min..=max).contains(n));
        if number.is_none() {
            let range = if max == f64::MAX { format!("a number from {min} on") } else { format!("{min} to {max}") };
            self.findings.push(format!("\"{key}\" must be {range}"));
        }
        number
    }

    fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.get(key)?.as_bool();
        if value.is_none() {
            self.findings.push(format!("\"{key}\" must be true or false"));
        }
        value
    }

    fn word<T>(&mut self, key: &str, allowed: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let word = self.get(key)?.as_str().and_then(parse);
        if word.is_none() {
            self.findings.push(format!("\"{key}\" must be one of: {allowed}"));
        }
        word
    }

    fn condition(&mut self, key: &str) -> Option<String> {
        let text = match self.get(key)? {
            Value::String(text) => text.clone(),
            _ => {
                self.findings.push(format!("\"{key}\" must be a text"));
                return None;
            }
        };
        if let Err(why) = Condition::session_condition(&text) {
            self.findings.push(format!("\"{key}\" is not a usable expression: {why}"));
        }
        Some(text)
    }
}
