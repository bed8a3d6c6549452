-- What is needed to take a migration back. The statements that change sessions (src/store/session_changes/) write it,
-- and src/writer/revert.rs reads it.

CREATE TABLE scenario.migration_undo (
    tenant_id          uuid NOT NULL,
    session_id         uuid NOT NULL,
    plan_id            uuid,
    scenario_id        uuid NOT NULL,
    scenario_version   integer NOT NULL,
    step_id            text NOT NULL,
    step_content_hash  text NOT NULL,
    scenario_checksum  text NOT NULL,
    variables_written  jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(variables_written) = 'object'),
    variables_before   jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(variables_before) = 'object'),
    revision           integer NOT NULL CHECK (revision > 0),
    visit_count        integer NOT NULL CHECK (visit_count >= 0),
    applied_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    reverted_at        timestamptz,
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES scenario.sessions ON DELETE CASCADE
);
-- revert_plan, and retention asking whether a plan moved somebody who still walks.
CREATE INDEX migration_undo_plan ON scenario.migration_undo (tenant_id, plan_id, session_id);
COMMENT ON TABLE scenario.migration_undo IS
    'Where a session was before its last migration: one row a session, replaced by the next migration, gone with the '
    'session.';
COMMENT ON COLUMN scenario.migration_undo.plan_id IS
    'The (last) plan that moved it; NULL in a fallback. Outlives the plan.';
COMMENT ON COLUMN scenario.migration_undo.variables_written IS
    'What the migration put into the variables. A variable that has another value since is not the migration''s any '
    'more.';
COMMENT ON COLUMN scenario.migration_undo.variables_before IS 'Those of them that were there before, as they were.';
COMMENT ON COLUMN scenario.migration_undo.revision IS
    'revision of the session right after; with visit_count it tells whether the session has moved since.';
COMMENT ON COLUMN scenario.migration_undo.reverted_at IS 'When it was taken back; that can be done once.';
