-- The row by which the writer hands changes to its statements (src/store/session_changes/decided.rs): an array has one
-- for each session.

CREATE TYPE scenario.session_change AS (
    session_id             uuid,
    scenario_id            uuid,
    revision               integer,
    visit_count            integer,
    turn_count             integer,
    from_version           integer,
    to_version             integer,
    migration_scenario     text,
    anchor_content_hash    text,
    step_before            text,
    content_hash_before    text,
    checksum_before        text,
    step_after             text,
    step_name              text,
    content_hash_after     text,
    checksum_after         text,
    is_checkpoint          boolean,
    checkpoint_description text,
    is_terminal            boolean,
    already_done           boolean,
    action                 text,
    fields_filled          jsonb,
    asked                  jsonb,
    trace                  jsonb,
    fields_asked           text[],
    checkpoint             text,
    reason                 text,
    microseconds           bigint,
    plan_ids               uuid[],
    plan_id                uuid,
    deployments            integer,
    variables_written      jsonb,
    variables_before       jsonb,
    times_written          jsonb,
    is_recorded            boolean,
    waiting_for            text,
    mark_plan_id           uuid,
    pinned_reason          text,
    pinned_plan_id         uuid
);
COMMENT ON TYPE scenario.session_change IS
    'What a decision changes of a session. The extension hands an array of these to its own statements; nothing else '
    'uses the type.';
