-- Scenarios, their versions, and the steps of each version.

CREATE TABLE scenario.scenarios (
    tenant_id         uuid NOT NULL,
    scenario_id       uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    name              text NOT NULL,
    description       text,
    -- No foreign key to scenario_versions: it would be circular, and pg_restore could not order the two COPYs.
    -- Triggers keep it true instead (21_scenario_triggers.sql).
    published_version integer CHECK (published_version > 0),
    deployments       integer NOT NULL DEFAULT 0 CHECK (deployments >= 0),
    -- How a writer says who publishes: the triggers read it and leave NULL.
    publish_by        text,
    acts_revision     integer NOT NULL DEFAULT 0 CHECK (acts_revision >= 0),
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by        text NOT NULL DEFAULT SESSION_USER,
    PRIMARY KEY (tenant_id, scenario_id)
);
COMMENT ON TABLE scenario.scenarios IS
    'One row per scenario. UPDATE … SET published_version = N publishes version N, with everything that belongs to it.';
COMMENT ON COLUMN scenario.scenarios.published_version IS
    'The version that new sessions start in; NULL until the first one is published. Only a draft can be published.';
COMMENT ON COLUMN scenario.scenarios.deployments IS
    'Goes up by one with each publication, each deployment to the published version and each cancellation. A session '
    'on another version than the published one is due when its reconciled_deployments is another number.';
COMMENT ON COLUMN scenario.scenarios.publish_by IS
    'Write-only: who publishes published_version by this statement, and deploys the plan that belongs to it. Default: '
    'the login.';
COMMENT ON COLUMN scenario.scenarios.acts_revision IS
    'Counts the changes of the scenario''s acts: publications, and deployments that change which steps are the same '
    'act. Kept by the extension.';
COMMENT ON COLUMN scenario.scenarios.created_by IS
    'Who created it: what the application said, else the database login.';

CREATE TABLE scenario.scenario_versions (
    tenant_id    uuid NOT NULL,
    scenario_id  uuid NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    definition   jsonb NOT NULL,
    checksum     text NOT NULL,
    digest       text NOT NULL,
    status       text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL DEFAULT SESSION_USER,
    published_at timestamptz,
    published_by text,
    archived_at  timestamptz,
    published_after integer CHECK (published_after > 0),
    PRIMARY KEY (tenant_id, scenario_id, version),
    FOREIGN KEY (tenant_id, scenario_id) REFERENCES scenario.scenarios ON DELETE CASCADE,
    CHECK ((status = 'draft') = (published_at IS NULL)),
    CHECK ((status = 'archived') = (archived_at IS NOT NULL))
);
CREATE UNIQUE INDEX scenario_versions_published ON scenario.scenario_versions (tenant_id, scenario_id)
    WHERE status = 'published';
COMMENT ON TABLE scenario.scenario_versions IS
    'Definitions of a scenario. A draft can be edited; a published or archived version never changes.';
COMMENT ON COLUMN scenario.scenario_versions.checksum IS
    'scenario_checksum(definition, version), always computed here: a value that is given is replaced.';
COMMENT ON COLUMN scenario.scenario_versions.digest IS
    'scenario_digest(definition), always computed here, as the checksum. A plan is stale once a version of it has '
    'another one.';
COMMENT ON COLUMN scenario.scenario_versions.status IS
    'draft → published → archived, moved only by UPDATE scenario.scenarios SET published_version.';
COMMENT ON COLUMN scenario.scenario_versions.published_after IS
    'The version that was published before it; NULL for a draft and for the first. Kept by the extension.';
COMMENT ON INDEX scenario.scenario_versions_published IS 'At most one version of a scenario is published.';

CREATE TABLE scenario.scenario_steps (
    tenant_id              uuid NOT NULL,
    scenario_id            uuid NOT NULL,
    version                integer NOT NULL,
    step_id                text NOT NULL,
    ordinal                integer NOT NULL CHECK (ordinal >= 0),
    name                   text NOT NULL,
    content_hash           text NOT NULL,
    is_checkpoint          boolean NOT NULL,
    checkpoint_description text,
    is_terminal            boolean NOT NULL,
    is_required_action     boolean NOT NULL,
    is_entry               boolean NOT NULL,
    collects_profile_fields text[] NOT NULL DEFAULT '{}',
    next_step_ids          text[] NOT NULL DEFAULT '{}',
    transitions            jsonb NOT NULL DEFAULT '[]' CHECK (pg_catalog.jsonb_typeof(transitions) = 'array'),
    PRIMARY KEY (tenant_id, scenario_id, version, step_id),
    FOREIGN KEY (tenant_id, scenario_id, version) REFERENCES scenario.scenario_versions ON DELETE CASCADE
);
CREATE UNIQUE INDEX scenario_steps_entry ON scenario.scenario_steps (tenant_id, scenario_id, version) WHERE is_entry;
COMMENT ON TABLE scenario.scenario_steps IS
    'The steps of each version, one row each, so that a turn reads no JSON. Derived from scenario_versions.definition '
    'by trigger, refused to direct writes, and not dumped: a restore derives it again. After a load with triggers off, '
    'UPDATE scenario.scenario_versions SET definition = definition derives it anew.';
COMMENT ON COLUMN scenario.scenario_steps.ordinal IS 'Place in the document.';
COMMENT ON COLUMN scenario.scenario_steps.content_hash IS 'step_content_hash of the step.';
COMMENT ON COLUMN scenario.scenario_steps.next_step_ids IS
    'Targets of its transitions, without duplicates; none for a terminal step, whatever its definition says.';
COMMENT ON COLUMN scenario.scenario_steps.transitions IS
    'Array of the ways on from it: {to_step_id, condition_text, condition_kind, condition_fields, priority}, in the '
    'order in which they are tried.';
