-- Sessions, and which of their marks count.

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
    -- The step has no foreign key: it would lock a step row that thousands of sessions share on every turn. The trigger
    -- looks the step up, and nothing takes a step away: steps of a version that sessions walk cannot be written nor
    -- deleted.
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
-- Counts by step, and marking in batches of one anchor: keyset on session_id within a step. It is partial so that it
-- never serves a look-up by tenant and session alone, which PostgreSQL, where it expects one session a tenant, thinks
-- as cheap here as by the primary key.
CREATE INDEX sessions_at_step ON scenario.sessions (tenant_id, scenario_id, scenario_version, step_id, session_id)
 WHERE scenario_id IS NOT NULL;
-- Applying marks in batches, counting and removing them.
CREATE INDEX sessions_marked ON scenario.sessions (tenant_id, pending_plan_id, session_id)
    WHERE pending_plan_id IS NOT NULL;
-- Counting the sessions that a plan pinned.
CREATE INDEX sessions_pinned ON scenario.sessions (tenant_id, pinned_plan_id) WHERE pinned_plan_id IS NOT NULL;
COMMENT ON TABLE scenario.sessions IS
    'One customer''s walk through one version of a scenario. Backends may write it with plain SQL: a trigger checks '
    'the step and keeps the history in step_visits.';
COMMENT ON COLUMN scenario.sessions.scenario_id IS
    'The scenario walked. NULL: in none; setting it to NULL leaves the scenario and clears the place, the variables '
    'stay.';
COMMENT ON COLUMN scenario.sessions.scenario_version IS
    'The version walked. Given as NULL with a new scenario: the published one.';
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
    'Checksum of the version, kept by trigger when the version changes. One that differs from the version''s does not '
    'match it.';
COMMENT ON COLUMN scenario.sessions.variables_set_at IS
    'When each variable was given: name → seconds since 1970. Kept by trigger for the variables that a statement '
    'changes, unless the statement itself writes this column. A variable that is not in it was given at some time '
    'before.';
COMMENT ON COLUMN scenario.sessions.status IS
    'An arrival at a terminal step makes it completed, unless the statement sets another status.';
COMMENT ON COLUMN scenario.sessions.already_done IS
    'The step is a required action that was done before, ahead of its place or before a move that put it ahead again. '
    'It is not to be executed again.';
COMMENT ON COLUMN scenario.sessions.pending_plan_id IS
    'The mark: plan that is to move the session. A hint; the deployed plan is the truth. While the plan is not '
    'deployed, the mark is void.';
COMMENT ON COLUMN scenario.sessions.pending_anchor_hash IS
    'Anchor at the time of marking; NULL for a deleted step with nowhere to go.';
COMMENT ON COLUMN scenario.sessions.waiting_for IS 'What its migration waits for since waiting_since.';
COMMENT ON COLUMN scenario.sessions.revision IS
    'Number of its last migration_audit row; makes applying at most once a primary key.';
COMMENT ON COLUMN scenario.sessions.visit_count IS
    'Number of its last visit. An UPDATE that adds 1 arrives again at the same step (a self-loop).';
COMMENT ON COLUMN scenario.sessions.visit_reason IS
    'Write-only: reason for the arrival made by this statement. Default: start for the first visit, update for later '
    'ones.';
COMMENT ON COLUMN scenario.sessions.visit_confidence IS
    'Write-only, as visit_reason: confidence of the arrival, 0 to 1.';
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
