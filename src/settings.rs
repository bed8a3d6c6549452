//! The settings under `scenario.` ("Settings" in docs/behaviour.md): settable per database, role, session or
//! transaction.
//!
//! PostgreSQL validates a value when it is set, once the library is loaded. A value that was set before (in
//! postgresql.conf, by ALTER ROLE, or in a session that had not called any function yet) is validated when it is
//! loaded; one that is not valid is dropped with a warning.

use crate::postgres_version;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::{pg_guard, pg_sys};
use scenario_engine::reconcile;
use std::ffi::{CStr, CString, c_char, c_void};

/// What to do at a natural-language fork that nobody has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum OnUndecided {
    #[name = c"ask"]
    Ask,
    #[name = c"stay"]
    Stay,
}

type Text = Option<CString>;

static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static AUTO_MARK_SESSIONS: GucSetting<bool> = GucSetting::<bool>::new(true);
static REQUIRE_APPROVAL: GucSetting<bool> = GucSetting::<bool>::new(true);
static EXTRACTION_ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static EXTRACTION_CONFIDENCE_THRESHOLD: GucSetting<f64> = GucSetting::<f64>::new(0.85);
static CONFIRMATION_THRESHOLD: GucSetting<f64> = GucSetting::<f64>::new(0.95);
static MAX_CONVERSATION_TURNS: GucSetting<i32> = GucSetting::<i32>::new(20);
static RE_ROUTING_ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static NOTIFY_USER: GucSetting<bool> = GucSetting::<bool>::new(true);
static BLOCK_TELEPORT_PAST_CHECKPOINT: GucSetting<bool> = GucSetting::<bool>::new(true);
static ON_UNDECIDED: GucSetting<OnUndecided> = GucSetting::<OnUndecided>::new(OnUndecided::Ask);
static VERSION_RETENTION_DAYS: GucSetting<i32> = GucSetting::<i32>::new(35);
static PLAN_RETENTION_DAYS: GucSetting<i32> = GucSetting::<i32>::new(35);
static LOG_CLEAN_GRAFTS: GucSetting<bool> = GucSetting::<bool>::new(false);
static LOG_GAP_FILLS: GucSetting<bool> = GucSetting::<bool>::new(true);
static LOG_RE_ROUTES: GucSetting<bool> = GucSetting::<bool>::new(true);
static LOG_CHECKPOINT_BLOCKS: GucSetting<bool> = GucSetting::<bool>::new(true);
static RETENTION: GucSetting<bool> = GucSetting::<bool>::new(false);
static PROFILE_SOURCE: GucSetting<Text> = GucSetting::<Text>::new(Some(c""));
static EXTRACTION_SOURCE: GucSetting<Text> = GucSetting::<Text>::new(Some(c""));
static TENANT_ID: GucSetting<Text> = GucSetting::<Text>::new(Some(c""));
// The engine's own texts are put in as their defaults by `define`: so they are written in one place.
static REROUTE_MESSAGE: GucSetting<Text> = GucSetting::<Text>::new(None);
static COLLECT_MESSAGE: GucSetting<Text> = GucSetting::<Text>::new(None);
static EXIT_MESSAGE: GucSetting<Text> = GucSetting::<Text>::new(None);

/// Off: reconcile always says `continue` and touches nothing.
pub fn enabled() -> bool {
    ENABLED.get()
}

/// Deploying marks sessions at once.
pub fn auto_mark_sessions() -> bool {
    AUTO_MARK_SESSIONS.get()
}

/// Publishing over live sessions needs an approved plan.
pub fn require_approval() -> bool {
    REQUIRE_APPROVAL.get()
}

/// Customer messages that extraction looks at.
pub fn max_conversation_turns() -> i32 {
    MAX_CONVERSATION_TURNS.get()
}

/// Days that an archived version is kept.
pub fn version_retention_days() -> i32 {
    VERSION_RETENTION_DAYS.get()
}

/// Days that a plan is kept.
pub fn plan_retention_days() -> i32 {
    PLAN_RETENTION_DAYS.get()
}

pub fn log_clean_grafts() -> bool {
    LOG_CLEAN_GRAFTS.get()
}

pub fn log_gap_fills() -> bool {
    LOG_GAP_FILLS.get()
}

pub fn log_re_routes() -> bool {
    LOG_RE_ROUTES.get()
}

pub fn log_checkpoint_blocks() -> bool {
    LOG_CHECKPOINT_BLOCKS.get()
}

/// The application's own source of profile values; `None`: `profile_fields`.
pub fn profile_source() -> Option<String> {
    text(&PROFILE_SOURCE)
}

/// The application's own source of extracted values; `None`: the built-in extraction.
pub fn extraction_source() -> Option<String> {
    text(&EXTRACTION_SOURCE)
}

/// The settings that the engine obeys, as they stand for this call.
pub fn engine_settings() -> reconcile::Settings {
    let defaults = reconcile::Settings::default();
    reconcile::Settings {
        extraction_enabled: EXTRACTION_ENABLED.get(),
        extraction_confidence_threshold: EXTRACTION_CONFIDENCE_THRESHOLD.get(),
        confirmation_threshold: CONFIRMATION_THRESHOLD.get(),
        re_routing_enabled: RE_ROUTING_ENABLED.get(),
        notify_user: NOTIFY_USER.get(),
        reroute_message: text(&REROUTE_MESSAGE).unwrap_or(defaults.reroute_message),
        collect_message: text(&COLLECT_MESSAGE).unwrap_or(defaults.collect_message),
        exit_message: text(&EXIT_MESSAGE).unwrap_or(defaults.exit_message),
        block_teleport_past_checkpoint: BLOCK_TELEPORT_PAST_CHECKPOINT.get(),
        on_undecided: match ON_UNDECIDED.get() {
            OnUndecided::Ask => reconcile::OnUndecided::Ask,
            OnUndecided::Stay => reconcile::OnUndecided::Stay,
        },
    }
}

/// The value of a text setting, unless it is empty.
fn text(setting: &GucSetting<Text>) -> Option<String> {
    setting.get().map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// Defines every setting; called by `_PG_init`.
pub fn define() {
    define_switches();
    define_numbers();
    define_texts();
    GucRegistry::define_enum_guc(
        c"scenario.on_undecided",
        c"What to do at a natural-language fork that nobody has decided: ask or stay.",
        c"ask: reconcile says decide and waits; stay: the session keeps to its path, with a warning.",
        &ON_UNDECIDED,
        GucContext::Userset,
        GucFlags::default(),
    );
    postgres_version::reserve_settings_prefix(c"scenario");
}

fn define_switches() {
    let switches: [(&'static CStr, &'static CStr, &'static CStr, &'static GucSetting<bool>); 12] = [
        (
            c"scenario.enabled",
            c"Reconcile sessions.",
            c"Off: reconcile always says continue and touches nothing.",
            &ENABLED,
        ),
        (
            c"scenario.auto_mark_sessions",
            c"Deploying a plan marks its sessions at once.",
            c"Off: they are marked by mark_sessions, or handled at their next turn without a mark.",
            &AUTO_MARK_SESSIONS,
        ),
        (
            c"scenario.require_approval",
            c"Publishing over live sessions needs an approved plan.",
            c"Off: publishing builds and deploys a plan itself, and a pending plan can be deployed.",
            &REQUIRE_APPROVAL,
        ),
        (c"scenario.extraction_enabled", c"Look for missing fields in the conversation.", c"", &EXTRACTION_ENABLED),
        (
            c"scenario.re_routing_enabled",
            c"Redirect sessions that belong elsewhere in the new version.",
            c"Off: every session keeps to its path.",
            &RE_ROUTING_ENABLED,
        ),
        (
            c"scenario.notify_user",
            c"Give the backend a message for the customer when they are redirected, asked or let go.",
            c"",
            &NOTIFY_USER,
        ),
        (
            c"scenario.block_teleport_past_checkpoint",
            c"Block redirects from a fork that lies before a checkpoint that the customer has passed.",
            c"",
            &BLOCK_TELEPORT_PAST_CHECKPOINT,
        ),
        (c"scenario.log_clean_grafts", c"Write clean grafts to the server log.", c"", &LOG_CLEAN_GRAFTS),
        (c"scenario.log_gap_fills", c"Write gap fills to the server log.", c"", &LOG_GAP_FILLS),
        (c"scenario.log_re_routes", c"Write re-routes to the server log.", c"", &LOG_RE_ROUTES),
        (
            c"scenario.log_checkpoint_blocks",
            c"Write redirects that a checkpoint blocked to the server log.",
            c"",
            &LOG_CHECKPOINT_BLOCKS,
        ),
        (
            c"scenario.retention",
            c"Lets the owner of the audit delete its rows.",
            c"Set by apply_retention() for its own statements; nobody else needs it.",
            &RETENTION,
        ),
    ];
    for (name, short, long, setting) in switches {
        GucRegistry::define_bool_guc(name, short, long, setting, GucContext::Userset, GucFlags::default());
    }
}

fn define_numbers() {
    let shares: [(&'static CStr, &'static CStr, &'static CStr, &'static GucSetting<f64>); 2] = [
        (
            c"scenario.extraction_confidence_threshold",
            c"Extracted values are used from this confidence on, 0 to 1.",
            c"",
            &EXTRACTION_CONFIDENCE_THRESHOLD,
        ),
        (
            c"scenario.confirmation_threshold",
            c"Extracted values need no confirmation from this confidence on, 0 to 1.",
            c"",
            &CONFIRMATION_THRESHOLD,
        ),
    ];
    for (name, short, long, setting) in shares {
        let flags = GucFlags::default();
        GucRegistry::define_float_guc(name, short, long, setting, 0.0, 1.0, GucContext::Userset, flags);
    }
    let counts: [(&'static CStr, &'static CStr, &'static GucSetting<i32>, i32); 3] = [
        (
            c"scenario.max_conversation_turns",
            c"How many of the customer's last messages extraction looks at.",
            &MAX_CONVERSATION_TURNS,
            1000,
        ),
        (
            c"scenario.version_retention_days",
            c"Days that an archived version is kept that nobody needs.",
            &VERSION_RETENTION_DAYS,
            36_500,
        ),
        (c"scenario.plan_retention_days", c"Days that a plan is kept that nobody needs.", &PLAN_RETENTION_DAYS, 36_500),
    ];
    for (name, short, setting, most) in counts {
        let flags = GucFlags::default();
        GucRegistry::define_int_guc(name, short, c"", setting, 0, most, GucContext::Userset, flags);
    }
}

fn define_texts() {
    let texts = reconcile::Settings::default();
    let messages: [(&'static CStr, &'static CStr, &'static GucSetting<Text>, String); 3] = [
        (c"scenario.reroute_message", c"What a redirected customer is told.", &REROUTE_MESSAGE, texts.reroute_message),
        (
            c"scenario.collect_message",
            c"What stands before the questions to a customer; with {fields} or {questions} in it, the whole message.",
            &COLLECT_MESSAGE,
            texts.collect_message,
        ),
        (c"scenario.exit_message", c"What a customer is told whose place is gone.", &EXIT_MESSAGE, texts.exit_message),
    ];
    for (name, short, setting, text) in messages {
        let default = CString::new(text).unwrap_or_default().into_raw();
        // SAFETY: nobody has read the setting yet, and the default is never freed: PostgreSQL keeps its address.
        unsafe { setting.as_ptr().write(default) };
        let (long, flags) = (c"Empty: the built-in text.", GucFlags::default());
        GucRegistry::define_string_guc(name, short, long, setting, GucContext::Userset, flags);
    }
    let checked: [(&'static CStr, &'static CStr, &'static CStr, &'static GucSetting<Text>, pg_sys::GucStringCheckHook);
        3] = [
        (
            c"scenario.profile_source",
            c"Function of the application's that gives profile values, as schema.function.",
            c"Empty: the table profile_fields.",
            &PROFILE_SOURCE,
            Some(check_function_name),
        ),
        (
            c"scenario.extraction_source",
            c"Function of the application's that extracts values from a conversation, as schema.function.",
            c"Empty: the extraction patterns of field_definitions.",
            &EXTRACTION_SOURCE,
            Some(check_function_name),
        ),
        (
            c"scenario.tenant_id",
            c"The tenant (a UUID) whose rows a role sees that does not own the tables.",
            c"Empty: none.",
            &TENANT_ID,
            Some(check_uuid),
        ),
    ];
    for (name, short, long, setting, check) in checked {
        let flags = GucFlags::default();
        // SAFETY: the hooks are guarded, and read what PostgreSQL hands them.
        unsafe {
            GucRegistry::define_string_guc_with_hooks(
                name,
                short,
                long,
                setting,
                GucContext::Userset,
                flags,
                check,
                None,
                None,
            );
        }
    }
}

/// The text that a check hook is to judge; empty where there is none.
///
/// # Safety
/// `value` is what PostgreSQL gives to a check hook.
unsafe fn proposed(value: *mut *mut c_char) -> String {
    // SAFETY: it points to a string with a terminator, or to null.
    let text = unsafe { value.as_ref() }.filter(|text| !text.is_null());
    // SAFETY: as above.
    text.map(|text| unsafe { CStr::from_ptr(*text) }.to_string_lossy().into_owned()).unwrap_or_default()
}

#[pg_guard]
unsafe extern "C-unwind" fn check_uuid(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: called by PostgreSQL as a check hook.
    let text = unsafe { proposed(value) };
    text.is_empty() || uuid::Uuid::parse_str(&text).is_ok()
}

#[pg_guard]
unsafe extern "C-unwind" fn check_function_name(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: called by PostgreSQL as a check hook.
    let text = unsafe { proposed(value) };
    // Whether there is such a function is found out when it is needed: it may be created after the setting.
    text.is_empty() || text.split_once('.').is_some_and(|(schema, name)| !schema.is_empty() && !name.is_empty())
}
