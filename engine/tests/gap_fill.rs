//! Where values come from ("Gap fill" in docs/behaviour.md), as a table: what the profile, the session and the
//! conversation have, against what is filled, from where, what is asked and what is to be confirmed.
//!
//! One field, `age`: a whole number from 0 to 120. `34` is valid, `"x"` and `200` are not.

mod common;

use common::flow::flow;
use common::world::{World, raw, sure};
use scenario_engine::field::{Extracted, FieldDefinition, RequiredLevel};
use scenario_engine::reconcile::{Action, Candidate, FieldSource, WaitingFor};
use scenario_engine::reconcile::{Decision, Effect};
use std::rc::Rc;

fn age(required_level: RequiredLevel) -> FieldDefinition {
    FieldDefinition {
        schema: Some(r#"{"type": "integer", "minimum": 0, "maximum": 120}"#.into()),
        required_level,
        ..FieldDefinition::undeclared("age")
    }
}

/// A customer at `c`, before which version 2 has a step that collects `age`.
fn world(level: RequiredLevel) -> World {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
    world.walked(&["a", "c"]);
    world.fields.insert("age".into(), Rc::new(age(level)));
    world
}

/// Gives a source its value: `34`, `200` (invalid), `34?` (the source wants it confirmed), `34@0.90` (its
/// confidence), `34^5` (given at 5 o'clock, `34` at a time that nobody knows), `expired` (valid, but for its time) and
/// `-` (none).
fn candidate(cell: &str) -> Option<Candidate> {
    match cell {
        "-" => return None,
        "expired" => {
            return Some(Candidate {
                value: "34".into(),
                problem: Some("it has expired".into()),
                ..Candidate::default()
            });
        }
        _ => {}
    }
    let (cell, needs_confirmation) = match cell.strip_suffix('?') {
        Some(rest) => (rest, true),
        None => (cell, false),
    };
    let (value, confidence) = match cell.split_once('@') {
        Some((value, confidence)) => (value, Some(confidence.parse().expect("a confidence"))),
        None => (cell, None),
    };
    let (value, given_at) = match value.split_once('^') {
        Some((value, at)) => (value, Some(at.parse().expect("a time"))),
        None => (value, None),
    };
    let quote = confidence.map(|_| "I am 34".into());
    Some(Candidate { value: value.into(), confidence, needs_confirmation, quote, given_at, problem: None })
}

fn decide(level: RequiredLevel, profile: &str, session: &str, extraction: &str) -> Decision {
    let mut world = world(level);
    if let Some(candidate) = candidate(profile) {
        world.profile.insert("age".into(), candidate);
    }
    if let Some(candidate) = candidate(session) {
        world.session.variables.insert("age".into(), raw(&candidate.value));
        world.session.variables_set_at.extend(candidate.given_at.map(|at| ("age".to_owned(), at)));
    }
    if let Some(candidate) = candidate(extraction) {
        world.extractions.insert("age".into(), candidate);
    }
    world.reconcile()
}

/// `profile 34`, `ask`, `confirm extraction 34`, `without`: what becomes of the field.
fn outcome(decision: &Decision) -> String {
    let filled = decision.fields_filled.first().map(|f| format!("{} {}", f.source.as_str(), f.value));
    match (decision.collect_fields.is_empty(), decision.confirm_fields.first(), filled) {
        (false, None, None) => "ask".into(),
        (true, Some(_), Some(filled)) => format!("confirm {filled}"),
        (true, None, Some(filled)) => filled,
        (true, None, None) => "without".into(),
        other => panic!("{other:?}"),
    }
}

/// Profile, session, extraction; then what becomes of a hard field, and of a soft one.
const TABLE: &str = "
    profile   session  extraction  | hard                   soft

    # Nothing anywhere: a hard field is asked for, a soft one gone without.
    -         -        -           | ask                    without
    expired   -        -           | ask                    without

    # Conversation alone: from 0.85 on it is used, from 0.95 on nobody needs to confirm it. Soft fields are never asked
    # about.
    -         -        34@0.80     | ask                    without
    -         -        34@0.85     | confirm extraction 34  without
    -         -        34@0.90     | confirm extraction 34  without
    -         -        34@0.95     | extraction 34          extraction 34
    -         -        34@1.0      | extraction 34          extraction 34
    -         -        200@0.80    | ask                    without
    -         -        200@0.85    | ask                    without
    -         -        200@0.90    | ask                    without
    -         -        200@0.95    | ask                    without
    -         -        200@1.0     | ask                    without
    -         -        34@1.0?     | confirm extraction 34  without

    # The session comes before the conversation.
    -         35       -           | session 35             session 35
    -         35       34@1.0      | session 35             session 35
    -         35       200@1.0     | session 35             session 35
    -         null     -           | ask                    without
    -         null     34@1.0      | extraction 34          extraction 34
    -         \"x\"      -           | ask                    without
    -         \"x\"      34@0.80     | ask                    without
    -         \"x\"      34@0.90     | confirm extraction 34  without
    -         \"x\"      34@0.95     | extraction 34          extraction 34
    -         \"x\"      200@1.0     | ask                    without

    # The newer word counts: the profile comes first where it was written after the session's value was given.
    36^6      35^5     34@1.0      | profile 36             profile 36
    36^6@0.10 35^5     34@1.0      | profile 36             profile 36
    36^5      35^5     34@1.0      | session 35             session 35
    36^4      35^5     34@1.0      | session 35             session 35
    36^4      \"x\"^5  34@1.0      | profile 36             profile 36
    200^6     35^5     34@1.0      | session 35             session 35
    36^6      null^5   34@1.0      | profile 36             profile 36

    # A profile that does not tell when it was written loses to the session; a session's value without a time is older
    # than any.
    36        35^5     34@1.0      | session 35             session 35
    36        35       34@1.0      | session 35             session 35
    36^1      35       34@1.0      | profile 36             profile 36

    # An invalid or expired value is no value.
    36        -        -           | profile 36             profile 36
    200       -        -           | ask                    without
    200       35       34@1.0      | session 35             session 35
    200       \"x\"      34@0.80     | ask                    without
    200       \"x\"      34@0.85     | confirm extraction 34  without
    200       \"x\"      34@0.95     | extraction 34          extraction 34
    200       \"x\"      200@1.0     | ask                    without
    expired   35       34@1.0      | session 35             session 35
    expired   -        34@0.80     | ask                    without
    expired   -        34@0.90     | confirm extraction 34  without
    expired   -        34@0.95     | extraction 34          extraction 34

    # A profile that wants its value confirmed: the customer is asked, unless the session has the same value. A soft
    # field goes on to the next source.
    36?       -        -           | confirm profile 36     without
    36^6?     35^5     -           | confirm profile 36     session 35
    36^4?     35^5     -           | session 35             session 35
    36?       35       -           | session 35             session 35
    36^6?     36^5     -           | profile 36             profile 36
    36?       -        34@1.0      | confirm profile 36     extraction 34
    200?      -        34@0.95     | extraction 34          extraction 34
";

#[test]
fn the_first_source_with_a_valid_value_wins() {
    let rows = TABLE.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).skip(1);
    let mut tried = 0;
    for row in rows {
        let (sources, outcomes) = row.split_once('|').expect("a row");
        let sources: Vec<&str> = sources.split_whitespace().collect();
        let outcomes: Vec<&str> = outcomes.split("  ").map(str::trim).filter(|o| !o.is_empty()).collect();
        let ([profile, session, extraction], [hard, soft]) = (&sources[..], &outcomes[..]) else { panic!("{row}") };
        for (level, expected) in [(RequiredLevel::Hard, *hard), (RequiredLevel::Soft, *soft)] {
            let decision = decide(level, profile, session, extraction);
            assert_eq!(outcome(&decision), expected, "{row} ({})", level.as_str());
            // What is asked or to be confirmed waits; everything else goes on at once.
            let (action, effect) = match expected.split_whitespace().next() {
                Some("ask") => (Action::Collect, Effect::Wait(WaitingFor::Customer)),
                Some("confirm") => (Action::Collect, Effect::Wait(WaitingFor::Confirmation)),
                _ => (Action::Teleport, Effect::Move),
            };
            assert_eq!((decision.action, decision.effect), (action, effect), "{row} ({})", level.as_str());
            tried += 1;
        }
    }
    assert_eq!(tried, 102, "the table has lost rows");
}

#[test]
fn what_did_not_do_says_why_and_from_where() {
    let decision = decide(RequiredLevel::Hard, "200^6", "\"x\"", "34@0.80");
    let rejected = &decision.collect_fields[0].rejected;
    let sources: Vec<FieldSource> = rejected.iter().map(|r| r.source).collect();
    assert_eq!(sources, [FieldSource::Profile, FieldSource::Session, FieldSource::Extraction]);
    for (rejected, expected) in rejected.iter().zip(["120", "integer", "confidence 0.80 is below 0.85"]) {
        assert!(rejected.reasons.len() == 1 && rejected.reasons[0].contains(expected), "{rejected:?}");
    }
}

#[test]
fn a_denied_value_is_passed_over_for_what_the_same_source_said_before() {
    let mut world = world(RequiredLevel::Hard);
    world.profile.extend(candidate("33").map(|c| ("age".to_owned(), c)));
    world.extractions.extend(candidate("34@1.0").map(|c| ("age".to_owned(), c)));
    world.older = ["33@1.0", "200@1.0", "36@1.0"].iter().filter_map(|cell| candidate(cell)).collect();
    world.denied = vec!["33".into(), "34".into()];
    // So is one that is no value of the field.
    let decision = world.reconcile();
    assert_eq!(outcome(&decision), "extraction 36");
    let told: Vec<(FieldSource, &str)> =
        decision.rejected.iter().map(|r| (r.source, r.candidate.value.as_str())).collect();
    let (profile, said) = (FieldSource::Profile, FieldSource::Extraction);
    assert_eq!(told, [(profile, "33"), (said, "34"), (said, "33"), (said, "200")]);
    let wrong = "the customer has said that this value is wrong";
    assert!(decision.rejected[..3].iter().all(|r| r.reasons == [wrong]), "{:?}", decision.rejected);
    // What is valid and not sure enough is the newest word: an older one does not take its place.
    world.older[1] = candidate("35@0.5").expect("a value");
    assert_eq!(outcome(&world.reconcile()), "ask");
    // The session's own value is what the customer said last.
    world.knows("age", "33");
    assert_eq!(outcome(&world.reconcile()), "session 33");
}

#[test]
fn what_did_not_do_is_on_record_also_where_another_source_did() {
    for (level, expected) in [(RequiredLevel::Hard, "extraction 34"), (RequiredLevel::Soft, "extraction 34")] {
        let decision = decide(level, "200^6", "\"x\"", "34@1.0");
        assert_eq!(outcome(&decision), expected);
        let kept: Vec<(&str, &str)> =
            decision.rejected.iter().map(|r| (r.field.as_str(), r.candidate.value.as_str())).collect();
        assert_eq!(kept, [("age", "200"), ("age", "\"x\"")]);
    }
}

#[test]
fn what_a_conversation_says_and_is_none_is_on_record_each_once_and_the_newest_only() {
    let mut world = world(RequiredLevel::Hard);
    world.older = ["200@0.9", "201@0.9", "200@0.9", "202@0.9", "203@0.9"].iter().filter_map(|c| candidate(c)).collect();
    world.older[1].problem = Some("the number has more digits than can be held".into());
    let decision = world.reconcile();
    assert_eq!(outcome(&decision), "ask");
    let kept: Vec<&str> = decision.rejected.iter().map(|r| r.candidate.value.as_str()).collect();
    assert_eq!(kept, ["200", "201", "202"]);
    // What cannot be held was never a value of the schema: only that is told of it.
    assert_eq!(decision.rejected[1].reasons, ["the number has more digits than can be held"]);
    // A valid word that is older than all of them is still found.
    world.older.extend(candidate("34@0.97"));
    assert_eq!(outcome(&world.reconcile()), "extraction 34");
}

/// Case 17: the profile has an old address, the session a new one; then the other way round.
#[test]
fn case_17_the_newer_word_counts() {
    let new = "a -> f\n f (city) -> away if city == \"Paris\"; c\n c\n away !end";
    let place = |said_here: f64, said_elsewhere: f64| {
        let mut world = World::planned(flow("a -> c\n c"), flow(new));
        world.walked(&["a", "c"]);
        world.knows("city", "\"Rome\"");
        world.session.variables_set_at.insert("city".into(), said_here);
        world.profile.insert("city".into(), Candidate { given_at: Some(said_elsewhere), ..sure("\"Paris\"") });
        let decision = world.reconcile();
        world.apply(&decision);
        let (city, at) = (world.session.variables["city"].get().to_owned(), world.session.variables_set_at["city"]);
        (world.session.step_id.clone(), city, at)
    };
    assert_eq!(place(2.0, 1.0), ("c".to_owned(), "\"Rome\"".to_owned(), 2.0));
    // What a migration fills keeps its source's time.
    assert_eq!(place(1.0, 2.0), ("away".to_owned(), "\"Paris\"".to_owned(), 2.0));
}

/// Case 28: a hard field that the customer cannot give.
#[test]
fn case_28_a_declined_field_is_gone_without_like_a_soft_one() {
    for (level, extraction, asked, declined) in [
        (RequiredLevel::Hard, "-", "ask", "without"),
        (RequiredLevel::Hard, "34@0.90", "confirm extraction 34", "without"),
        (RequiredLevel::Hard, "34@1.0", "extraction 34", "extraction 34"),
        // A strict field cannot be declined.
        (RequiredLevel::Strict, "-", "ask", "ask"),
        (RequiredLevel::Strict, "34@0.90", "confirm extraction 34", "confirm extraction 34"),
        (RequiredLevel::Soft, "-", "without", "without"),
    ] {
        let mut world = world(level);
        world.extractions.extend(candidate(extraction).map(|c| ("age".to_owned(), c)));
        assert_eq!(outcome(&world.reconcile()), asked, "{level:?} {extraction}");
        world.declined = vec!["age".into()];
        assert_eq!(outcome(&world.reconcile()), declined, "{level:?} {extraction} declined");
        // What they say later counts all the same.
        world.knows("age", "35");
        assert_eq!(outcome(&world.reconcile()), "session 35", "{level:?}");
    }
}

#[test]
fn case_28_a_fork_that_reads_a_declined_field_redirects_nobody() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> f\n f (age) -> away if age < 18; c\n c\n away !end"));
    world.walked(&["a", "c"]);
    world.declined = vec!["age".into()];
    let decision = world.reconcile();
    assert_eq!((decision.action, decision.collect_fields.len()), (Action::Teleport, 0));
    assert_eq!(decision.target.expect("a target").step_id, "c");
}

#[test]
fn thresholds_are_settings() {
    for (use_from, sure_from, confidence, expected) in [
        (0.85, 0.95, "0.84", "ask"),
        (0.5, 0.95, "0.84", "confirm extraction 34"),
        (0.5, 0.8, "0.84", "extraction 34"),
        (0.0, 0.0, "0.0", "extraction 34"),
        (1.0, 1.0, "0.99", "ask"),
        (1.0, 1.0, "1.0", "extraction 34"),
        // Below what is used nothing is sure.
        (0.9, 0.5, "0.84", "ask"),
    ] {
        let mut world = world(RequiredLevel::Hard);
        world.settings.extraction_confidence_threshold = use_from;
        world.settings.confirmation_threshold = sure_from;
        world.extractions.extend(candidate(&format!("34@{confidence}")).map(|c| ("age".to_owned(), c)));
        assert_eq!(outcome(&world.reconcile()), expected, "{use_from} {sure_from} {confidence}");
    }
}

#[test]
fn nobody_is_sent_to_an_end_on_a_value_that_is_to_be_confirmed() {
    let new = "a -> f\n f (age, country) -> away if age < 18; c\n c\n away !end";
    let mut world = World::planned(flow("a -> c\n c"), flow(new));
    world.walked(&["a", "c"]);
    world.extractions.extend(candidate("15@0.90").map(|c| ("age".to_owned(), c)));
    let decision = world.reconcile();
    // Whoever belongs there is asked for nothing else: not for the country.
    assert_eq!((decision.action, decision.collect_fields.len()), (Action::Collect, 0));
    assert_eq!(decision.confirm_fields[0].field, "age");
    world.extractions.extend(candidate("15@0.97").map(|c| ("age".to_owned(), c)));
    let decision = world.reconcile();
    assert_eq!((decision.action, decision.target.expect("a target").step_id.as_str()), (Action::Teleport, "away"));
}

/// A megabyte of text ends, whatever the pattern: backtracking would take 2^n and never end here. Where each match sees
/// the rest of the text, the number of matches that are tried is bounded: the value behind more of them is not found.
#[test]
fn no_pattern_keeps_a_turn_busy() {
    let letters = |n: usize| format!("{}!", "a".repeat(n));
    let words = |n: usize| "ab ".repeat(n / 3);
    let digits = |n: usize| format!("I am {}", "1".repeat(n));
    let capitals = |n: usize| "A".repeat(n);
    type Text<'a> = &'a dyn Fn(usize) -> String;
    let nasty: [(&str, Text<'_>); 5] = [
        (r"^(a+)+$", &letters),
        (r"(a|aa)+$", &letters),
        (r"(\w+\s?)*#", &words),
        (r"(.*)*\d{3}z", &digits),
        (r"[A-Z]|.*[^A-Z]", &capitals),
    ];
    for (pattern, text) in nasty {
        let field = FieldDefinition {
            schema: Some(r#"{"type": "integer", "maximum": 0}"#.into()),
            extraction_pattern: Some(pattern.into()),
            ..FieldDefinition::undeclared("f")
        };
        assert_eq!(field.check(), Ok(()), "{pattern}");
        assert_eq!(field.extract(&[&text(1024 * 1024)]).find(|found| is_valid(&field, found)), None, "{pattern}");
    }
}

#[test]
fn only_so_many_matches_are_tried() {
    let field = FieldDefinition {
        schema: Some(r#"{"type": "integer", "minimum": 1000}"#.into()),
        extraction_pattern: Some(r"\d+".into()),
        ..FieldDefinition::undeclared("f")
    };
    let after = |small: usize| format!("{}4711", "7 ".repeat(small));
    assert!(field.extract(&[&after(63)]).any(|found| is_valid(&field, &found)));
    assert!(!field.extract(&[&after(64)]).any(|found| is_valid(&field, &found)));
}

fn is_valid(field: &FieldDefinition, found: &Extracted) -> bool {
    found.problem.is_none() && field.validate_value(&found.value).is_ok()
}
