-- What a session was asked, and what was said and done for it.

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
    'Required actions done for a session (complete_action). By scenario too: a session may walk another one whose ids '
    'are the same.';
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
COMMENT ON TABLE scenario.session_decisions IS 'Answers to natural-language forks for a session (submit_decision).';

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
    'What a session was asked for: what reconcile_session has returned to a backend. Previews, simulations and batches '
    'ask nobody. An answer is taken by this row also when the version that asked is not the published one any more.';
COMMENT ON COLUMN scenario.session_requests.scenario_version IS
    'The version that asked, to which the session was to be moved.';
COMMENT ON COLUMN scenario.session_requests.kind IS
    'collect: a field to give; confirm: a field whose value is to be confirmed; action: a required action to execute; '
    'fork: a fork to decide.';
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
    'Values that were found and that do not fill their field, or not yet; and fields that the customer has declined to '
    'give.';
COMMENT ON COLUMN scenario.field_attempts.attempt_no IS 'Order within the session. NULL on insert: the next number.';
COMMENT ON COLUMN scenario.field_attempts.confidence IS 'From 0 to 1; NULL: its source does not rate its values.';
COMMENT ON COLUMN scenario.field_attempts.state IS
    'to_confirm: the value counts once the customer has confirmed it; denied: the customer has said that it is wrong, '
    'so no source fills the field with it; refused: it does not do; declined: the customer cannot or will not give the '
    'field, so the session goes on without it, unless the field is strict (no value); confirmed: the customer has said '
    'that the value is right (no value).';
COMMENT ON COLUMN scenario.field_attempts.reason IS
    'Why the value was not used, or why the field was declined, as a sentence for people. Nothing is decided by it.';
