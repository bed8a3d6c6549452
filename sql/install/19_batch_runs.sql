-- Runs of a batch, and the errors of their sessions.

CREATE TABLE scenario.batch_runs (
    tenant_id   uuid NOT NULL,
    run_id      uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    plan_id     uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('mark', 'migrate')),
    state       text NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'paused', 'cancelled', 'finished', 'failed', 'interrupted')),
    total       bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    done        bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
    applied     bigint NOT NULL DEFAULT 0 CHECK (applied >= 0),
    deferred    bigint NOT NULL DEFAULT 0 CHECK (deferred >= 0),
    blocked     bigint NOT NULL DEFAULT 0 CHECK (blocked >= 0),
    failed      bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    pinned      bigint NOT NULL DEFAULT 0 CHECK (pinned >= 0),
    exited      bigint NOT NULL DEFAULT 0 CHECK (exited >= 0),
    batch_size  integer NOT NULL CHECK (batch_size > 0),
    rate        double precision NOT NULL DEFAULT 0 CHECK (rate >= 0),
    started_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    started_by  text NOT NULL DEFAULT SESSION_USER,
    backend_pid integer NOT NULL DEFAULT pg_catalog.pg_backend_pid(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES scenario.migration_plans ON DELETE CASCADE,
    CHECK ((state IN ('running', 'paused')) = (finished_at IS NULL))
);
CREATE INDEX batch_runs_plan ON scenario.batch_runs (tenant_id, plan_id, started_at);
COMMENT ON TABLE scenario.batch_runs IS
    'One row per CALL of mark_sessions or migrate_sessions, written after each batch, in its transaction: the counts '
    'are those of what is committed. Goes with its plan.';
COMMENT ON COLUMN scenario.batch_runs.state IS
    'running → paused → running → finished, cancelled (cancel_batch) or failed (more than max_failures). interrupted: '
    'its backend is gone; the view batch_progress says so at once, the row when the next run begins.';
COMMENT ON COLUMN scenario.batch_runs.total IS
    'Sessions to look at when it began. Turns and other runs take some of them, so done may stay below.';
COMMENT ON COLUMN scenario.batch_runs.done IS 'Sessions looked at: applied + deferred + pinned + exited + failed.';
COMMENT ON COLUMN scenario.batch_runs.applied IS 'migrate: sessions moved to the new version. mark: sessions marked.';
COMMENT ON COLUMN scenario.batch_runs.deferred IS
    'migrate: sessions whose turn would ask for something: a field, a confirmation, an action or a decision. They are '
    'as they were, still marked, and nobody has been asked. mark: sessions that their policy leaves out.';
COMMENT ON COLUMN scenario.batch_runs.blocked IS 'Those of done whose redirect a checkpoint forbade.';
COMMENT ON COLUMN scenario.batch_runs.failed IS
    'Sessions whose migration or marking raised an error, which is in batch_errors. They are as they were.';
COMMENT ON COLUMN scenario.batch_runs.rate IS 'Sessions per second, time in which it was paused left out.';

CREATE TABLE scenario.batch_errors (
    tenant_id  uuid NOT NULL,
    run_id     uuid NOT NULL,
    session_id uuid NOT NULL,
    sqlstate   text NOT NULL,
    message    text NOT NULL,
    detail     text,
    hint       text,
    at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (tenant_id, run_id, session_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES scenario.batch_runs ON DELETE CASCADE
);
CREATE INDEX batch_errors_session ON scenario.batch_errors (tenant_id, session_id, at);
COMMENT ON TABLE scenario.batch_errors IS
    'Sessions that a run could not migrate or mark, with the error of each. They are as they were: marked, or not. '
    'Goes with its run.';
