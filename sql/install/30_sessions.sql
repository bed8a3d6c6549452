-- Sessions, their history, and what else belongs to one session (SPEC 6, 7, 8, 11).
-- Needs: 10_scenarios.sql, 20_plans.sql.

CREATE TABLE scenario.sessions (
    tenant_id              uuid NOT NULL,
    session_id             uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    scenario_id            uuid,
    scenario_version       integer,
    reconciled_deployments integer,
    pinned_at              timestamptz,
    pinned_reason          text CHECK (pinned_reason IN ('policy', 'rollout', 'cancelled', 'reverted', 'undone',
                                                         'blocked_redirect', 'operator')),
    pinned_plan_id         uuid,
    step_id                text,
    step_content_hash      text,
    scenario_checksum      text,
    channel                text,
    customer_id            uuid,
    variables              jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(variables) = 'object'),
    variables_set_at       jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(variables_set_at) = 'object'),
    turn_count             integer NOT NULL DEFAULT 0 CHECK (turn_count >= 0),
    status                 text NOT NULL DEFAULT 'active'
                           CHECK (status IN ('active', 'paused', 'completed', 'expired', 'closed')),
    already_done           boolean NOT NULL DEFAULT false,
    pending_plan_id        uuid,
    pending_target_version integer,
    pending_anchor_hash    text,
    pending_marked_at      timestamptz,
    waiting_for            text CHECK (waiting_for IN ('customer', 'confirmation', 'action', 'decision')),
    waiting_since          timestamptz,
    revision               integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    visit_count            integer NOT NULL DEFAULT 0 CHECK (visit_count >= 0),
    -- How a writer describes the arrival it makes: the trigger moves them into the visit and leaves NULL.
    visit_reason           text,
    visit_confidence       double precision CHECK (visit_confidence BETWEEN 0 AND 1),
    visit_plan_id          uuid,
    created_at             timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_activity_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, session_id),
    -- The step has no foreign key: it would lock a step row that thousands of sessions share on every turn. The trigger looks
    -- the step up, and nothing takes a step away: steps of a version that sessions walk cannot be written nor deleted.
    FOREIGN KEY (tenant_id, scenario_id, scenario_version) REFERENCES scenario.scenario_versions,
    FOREIGN KEY (tenant_id, scenario_id, pending_plan_id)
        REFERENCES scenario.migration_plans (tenant_id, scenario_id, plan_id),
    CONSTRAINT sessions_place CHECK (
        pg_catalog.num_nonnulls(scenario_id, scenario_version, step_id, step_content_hash, scenario_checksum) IN (0, 5)
        AND (reconciled_deployments IS NULL OR scenario_id IS NOT NULL)),
    CONSTRAINT sessions_pin CHECK (
        (pinned_at IS NULL) = (pinned_reason IS NULL)
        AND (pinned_at IS NOT NULL OR pinned_plan_id IS NULL)
        -- Only what is deployed after this number ends a pin.
        AND (pinned_at IS NULL OR reconciled_deployments IS NOT NULL)),
    CONSTRAINT sessions_mark CHECK (
        pg_catalog.num_nonnulls(pending_plan_id, pending_target_version, pending_marked_at) IN (0, 3)
        AND (pending_plan_id IS NOT NULL OR pending_anchor_hash IS NULL)
        AND (pending_plan_id IS NULL OR scenario_id IS NOT NULL)),
    CONSTRAINT sessions_waiting CHECK ((waiting_for IS NULL) = (waiting_since IS NULL))
) WITH (fillfactor = 80);
-- Counts by step, and marking in batches of one anchor: keyset on session_id within a step.
CREATE INDEX sessions_at_step ON scenario.sessions (tenant_id, scenario_id, scenario_version, step_id, session_id);
-- Applying marks in batches, counting and removing them.
CREATE INDEX sessions_marked ON scenario.sessions (tenant_id, pending_plan_id, session_id) WHERE pending_plan_id IS NOT NULL;
-- Counting the sessions that a plan pinned.
CREATE INDEX sessions_pinned ON scenario.sessions (tenant_id, pinned_plan_id) WHERE pinned_plan_id IS NOT NULL;
COMMENT ON TABLE scenario.sessions IS
    'One customer''s walk through one version of a scenario. Backends may write it with plain SQL: a trigger checks the step '
    'and keeps the history in step_visits.';
COMMENT ON COLUMN scenario.sessions.scenario_id IS
    'The scenario walked. NULL: in none; setting it to NULL leaves the scenario and clears the place, the variables stay.';
COMMENT ON COLUMN scenario.sessions.scenario_version IS 'The version walked. Given as NULL with a new scenario: the published one.';
COMMENT ON COLUMN scenario.sessions.reconciled_deployments IS
    'deployments of the scenario when the session was last reconciled. Another number means that there may be '
    'something to do, unless the session walks the published version. NULL: it is looked at anew at its next turn.';
COMMENT ON COLUMN scenario.sessions.pinned_at IS
    'Since when the session is to stay on the version that it walks; NULL: it is not pinned. A plan from that version '
    'that is deployed later ends the pin, and so does unpin_session.';
COMMENT ON COLUMN scenario.sessions.pinned_reason IS
    'policy, rollout, cancelled, reverted, undone (each landing would undo a checkpoint that was passed), '
    'blocked_redirect or operator (pin_session). The sentence for people is in migration_audit.';
COMMENT ON COLUMN scenario.sessions.pinned_plan_id IS 'The plan that pinned it, if one did. Outlives the plan.';
COMMENT ON COLUMN scenario.sessions.step_id IS 'The step it is at. Given as NULL with a new scenario: the entry step.';
COMMENT ON COLUMN scenario.sessions.step_content_hash IS 'Content hash of the step, kept by trigger.';
COMMENT ON COLUMN scenario.sessions.scenario_checksum IS
    'Checksum of the version, kept by trigger when the version changes. One that differs from the version''s does not match it (SPEC 10).';
COMMENT ON COLUMN scenario.sessions.variables_set_at IS
    'When each variable was given: name → seconds since 1970. Kept by trigger for the variables that a statement '
    'changes, unless the statement itself writes this column. A variable that is not in it was given at some time '
    'before.';
COMMENT ON COLUMN scenario.sessions.status IS
    'An arrival at a terminal step makes it completed, unless the statement sets another status.';
COMMENT ON COLUMN scenario.sessions.already_done IS
    'The step is a required action that was done before the session was last moved: it is not to be executed again.';
COMMENT ON COLUMN scenario.sessions.pending_plan_id IS
    'The mark: plan that is to move the session. A hint; the deployed plan is the truth. While the plan is not '
    'deployed, the mark is void.';
COMMENT ON COLUMN scenario.sessions.pending_anchor_hash IS 'Anchor at the time of marking; NULL for a deleted step with nowhere to go.';
COMMENT ON COLUMN scenario.sessions.waiting_for IS 'What its migration waits for since waiting_since.';
COMMENT ON COLUMN scenario.sessions.revision IS 'Number of its last migration_audit row; makes applying at most once a primary key.';
COMMENT ON COLUMN scenario.sessions.visit_count IS
    'Number of its last visit. An UPDATE that adds 1 arrives again at the same step (a self-loop).';
COMMENT ON COLUMN scenario.sessions.visit_reason IS
    'Write-only: reason for the arrival made by this statement. Default: start for the first visit, update for later ones.';
COMMENT ON COLUMN scenario.sessions.visit_confidence IS 'Write-only, as visit_reason: confidence of the arrival, 0 to 1.';
COMMENT ON COLUMN scenario.sessions.visit_plan_id IS
    'Write-only, as visit_reason: plan that moves the session. Such a move is not the customer''s activity.';
COMMENT ON COLUMN scenario.sessions.last_activity_at IS
    'When variables, turn_count or step were last written by a turn, unless the writer gives a time.';

-- The one home of "a mark whose plan is not deployed is no mark", for SQL; for a turn it is in src/store/sessions.rs.
CREATE VIEW scenario.valid_marks WITH (security_invoker = true) AS
SELECT s.tenant_id, s.session_id, s.scenario_id, s.scenario_version, s.pending_plan_id AS plan_id, s.waiting_for
  FROM scenario.sessions AS s
  JOIN scenario.migration_plans AS p ON p.tenant_id = s.tenant_id AND p.plan_id = s.pending_plan_id
 WHERE p.status = 'deployed';
COMMENT ON VIEW scenario.valid_marks IS
    'Marked sessions whose plan is deployed. A mark of a cancelled plan stays in sessions until the session''s next '
    'turn, a batch or apply_retention() removes it; it has no effect, and is not here.';

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
    'History: one row per arrival of a session at a step, written by the trigger of sessions, never changed. It says all that '
    'is needed of the step, since the version may be gone later. Goes with its session.';
COMMENT ON COLUMN scenario.step_visits.turn_number IS 'turn_count of the session when it arrived.';
COMMENT ON COLUMN scenario.step_visits.plan_id IS 'The plan that moved the session here; NULL when a turn did. Outlives the plan.';
COMMENT ON COLUMN scenario.step_visits.already_done IS
    'It arrived at a required action that had been done before the session was last moved.';

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
    'Checkpoints that a session has passed without a visit, since it began in the middle of a version. Worked out '
    'when it begins, since that version may go, and never changed.';
COMMENT ON COLUMN scenario.passed_at_start.content_hash IS 'step_content_hash of the checkpoint.';
COMMENT ON COLUMN scenario.passed_at_start.is_certain IS
    'It lies on every way from the entry to the first step, and so before the first visit. Otherwise it lies on '
    'some way, or no way leads there: it counts as passed, and nobody knows when.';

CREATE TABLE scenario.session_actions (
    tenant_id         uuid NOT NULL,
    session_id        uuid NOT NULL,
    scenario_id       uuid NOT NULL,
    scenario_version  integer NOT NULL,
    step_id           text NOT NULL,
    step_content_hash text NOT NULL,
    visit_no          integer NOT NULL CHECK (visit_no >= 0),
    completed_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    completed_by      text NOT NULL DEFAULT SESSION_USER,
    PRIMARY KEY (tenant_id, session_id, scenario_id, scenario_version, step_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.session_actions IS
    'Required actions done for a session (complete_action). By scenario too: a session may walk another one whose ids are the same.';
COMMENT ON COLUMN scenario.session_actions.visit_no IS
    'Number of the session''s last visit when the action was recorded: tells what was done before a move. NULL on '
    'insert: that of now.';

CREATE TABLE scenario.session_decisions (
    tenant_id        uuid NOT NULL,
    session_id       uuid NOT NULL,
    scenario_id      uuid NOT NULL,
    scenario_version integer NOT NULL,
    fork_step_id     text NOT NULL,
    target_step_id   text NOT NULL,
    decided_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    decided_by       text NOT NULL DEFAULT SESSION_USER,
    PRIMARY KEY (tenant_id, session_id, scenario_id, scenario_version, fork_step_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.session_decisions IS 'Answers to natural-language forks for a session (submit_decision, SPEC 7.5).';

CREATE TABLE scenario.session_requests (
    tenant_id         uuid NOT NULL,
    session_id        uuid NOT NULL,
    scenario_id       uuid NOT NULL,
    scenario_version  integer NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('collect', 'confirm', 'action', 'fork')),
    name              text NOT NULL,
    value             jsonb,
    step_name         text,
    step_content_hash text,
    target_step_ids   text[],
    asked_at          timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, session_id, kind, name, scenario_id, scenario_version),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE,
    CHECK ((kind = 'confirm') = (value IS NOT NULL)),
    CHECK ((kind = 'action') = (step_content_hash IS NOT NULL)),
    CHECK ((kind = 'fork') = (target_step_ids IS NOT NULL))
);
COMMENT ON TABLE scenario.session_requests IS
    'What a session was asked for: what reconcile_session has returned to a backend. Previews, simulations and '
    'batches ask nobody. An answer is taken by this row also when the version that asked is not the published one '
    'any more.';
COMMENT ON COLUMN scenario.session_requests.scenario_version IS
    'The version that asked, to which the session was to be moved.';
COMMENT ON COLUMN scenario.session_requests.kind IS
    'collect: a field to give; confirm: a field whose value is to be confirmed; action: a required action to '
    'execute; fork: a fork to decide.';
COMMENT ON COLUMN scenario.session_requests.name IS 'The field, or the id of the step in the version that asked.';
COMMENT ON COLUMN scenario.session_requests.value IS 'confirm: the value that the customer was asked about.';
COMMENT ON COLUMN scenario.session_requests.step_name IS 'action, fork: what the step was called.';
COMMENT ON COLUMN scenario.session_requests.step_content_hash IS 'action: the content hash of the step.';
COMMENT ON COLUMN scenario.session_requests.target_step_ids IS 'fork: the steps that its branches lead to, in order.';
COMMENT ON COLUMN scenario.session_requests.asked_at IS 'When it was asked first; for another value to confirm, anew.';

CREATE TABLE scenario.messages (
    tenant_id  uuid NOT NULL,
    session_id uuid NOT NULL,
    message_no integer NOT NULL CHECK (message_no > 0),
    role       text NOT NULL CHECK (role IN ('customer', 'assistant', 'operator', 'system')),
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, session_id, message_no),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.messages IS 'Turns of the conversation, read by extraction.';
COMMENT ON COLUMN scenario.messages.message_no IS 'Order within the session. NULL on insert: the next number.';

CREATE TABLE scenario.field_attempts (
    tenant_id  uuid NOT NULL,
    session_id uuid NOT NULL,
    attempt_no integer NOT NULL CHECK (attempt_no > 0),
    field_name text NOT NULL,
    value      jsonb,
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    quote      text,
    state      text NOT NULL DEFAULT 'refused'
               CHECK (state IN ('to_confirm', 'denied', 'refused', 'declined', 'confirmed')),
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (tenant_id, session_id, attempt_no),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
COMMENT ON TABLE scenario.field_attempts IS
    'Values that were found and that do not fill their field, or not yet; and fields that the customer has declined '
    'to give.';
COMMENT ON COLUMN scenario.field_attempts.attempt_no IS 'Order within the session. NULL on insert: the next number.';
COMMENT ON COLUMN scenario.field_attempts.confidence IS 'From 0 to 1; NULL: its source does not rate its values.';
COMMENT ON COLUMN scenario.field_attempts.state IS
    'to_confirm: the value counts once the customer has confirmed it; denied: the customer has said that it is wrong, '
    'so no source fills the field with it; refused: it does not do; declined: the customer cannot or will not give the '
    'field, so the session goes on without it, unless the field is strict (no value); '
    'confirmed: the customer has said that the value is right (no value).';
COMMENT ON COLUMN scenario.field_attempts.reason IS
    'Why the value was not used, or why the field was declined, as a sentence for people. Nothing is decided by it.';
