-- What a session has passed: its visits, and the checkpoints from before it began.

CREATE TABLE scenario.step_visits (
    tenant_id              uuid NOT NULL,
    session_id             uuid NOT NULL,
    visit_no               integer NOT NULL CHECK (visit_no > 0),
    scenario_id            uuid NOT NULL,
    scenario_version       integer NOT NULL,
    step_id                text NOT NULL,
    step_name              text NOT NULL,
    step_content_hash      text NOT NULL,
    entered_at             timestamptz NOT NULL DEFAULT pg_catalog.now(),
    turn_number            integer NOT NULL,
    reason                 text NOT NULL,
    confidence             double precision CHECK (confidence BETWEEN 0 AND 1),
    is_checkpoint          boolean NOT NULL,
    checkpoint_description text,
    plan_id                uuid,
    already_done           boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, session_id, visit_no),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.step_visits IS
    'History: one row per arrival of a session at a step, written by the trigger of sessions, never changed. It says '
    'all that is needed of the step, since the version may be gone later. Goes with its session.';
COMMENT ON COLUMN scenario.step_visits.turn_number IS 'turn_count of the session when it arrived.';
COMMENT ON COLUMN scenario.step_visits.plan_id IS
    'The plan that moved the session here; NULL when a turn did. Outlives the plan.';
COMMENT ON COLUMN scenario.step_visits.already_done IS
    'It arrived at a required action that had been done before: ahead of its place, or before a move that put it ahead '
    'again.';

CREATE TABLE scenario.passed_at_start (
    tenant_id              uuid NOT NULL,
    session_id             uuid NOT NULL,
    scenario_id            uuid NOT NULL,
    content_hash           text NOT NULL,
    step_id                text NOT NULL,
    step_name              text NOT NULL,
    checkpoint_description text,
    is_certain             boolean NOT NULL,
    PRIMARY KEY (tenant_id, session_id, scenario_id, content_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.passed_at_start IS
    'Checkpoints that a session has passed without a visit, since it began in the middle of a version. Worked out when '
    'it begins, since that version may go, and never changed.';
COMMENT ON COLUMN scenario.passed_at_start.content_hash IS 'step_content_hash of the checkpoint.';
COMMENT ON COLUMN scenario.passed_at_start.is_certain IS
    'It lies on every way from the entry to the first step, and so before the first visit. Otherwise it lies on some '
    'way, or no way leads there: it counts as passed, and nobody knows when.';
