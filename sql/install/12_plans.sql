-- Plans, their anchors and policies.

CREATE TABLE scenario.migration_plans (
    tenant_id       uuid NOT NULL,
    plan_id         uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    scenario_id     uuid NOT NULL,
    from_version    integer NOT NULL,
    to_version      integer NOT NULL,
    from_checksum   text NOT NULL,
    to_checksum     text NOT NULL,
    from_digest     text NOT NULL,
    to_digest       text NOT NULL,
    fields_digest   text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'pending'
                    CHECK (status IN ('pending', 'approved', 'deployed', 'rejected', 'cancelled', 'superseded')),
    is_open         boolean NOT NULL GENERATED ALWAYS AS (status IN ('pending', 'approved')) STORED,
    changes         jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(changes) = 'object'),
    sessions_marked integer NOT NULL DEFAULT 0 CHECK (sessions_marked >= 0),
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by      text NOT NULL DEFAULT SESSION_USER,
    approved_at     timestamptz,
    approved_by     text,
    rejected_at     timestamptz,
    rejected_by     text,
    rejected_reason text,
    deployed_at     timestamptz,
    deployed_by     text,
    deployment_no   integer CHECK (deployment_no > 0),
    cancelled_at    timestamptz,
    cancelled_by    text,
    superseded_at   timestamptz,
    superseded_by   uuid,
    PRIMARY KEY (tenant_id, plan_id),
    -- The key that marks refer to: a session can only be marked with a plan of its own tenant and scenario.
    UNIQUE (tenant_id, scenario_id, plan_id),
    FOREIGN KEY (tenant_id, scenario_id, from_version) REFERENCES scenario.scenario_versions ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, scenario_id, to_version) REFERENCES scenario.scenario_versions ON DELETE CASCADE,
    CHECK (from_version <> to_version),
    CHECK (superseded_by <> plan_id),
    CHECK ((approved_at IS NULL) = (approved_by IS NULL)),
    CHECK ((rejected_at IS NULL) = (rejected_by IS NULL)),
    CHECK ((deployed_at IS NULL) = (deployed_by IS NULL)),
    CHECK ((deployed_at IS NULL) = (deployment_no IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancelled_by IS NULL)),
    CHECK (CASE status
               WHEN 'pending'    THEN coalesce(approved_at, rejected_at, deployed_at, cancelled_at, superseded_at)
                                      IS NULL
               WHEN 'approved'   THEN approved_at IS NOT NULL
                                      AND coalesce(rejected_at, deployed_at, cancelled_at, superseded_at) IS NULL
               WHEN 'deployed'   THEN approved_at IS NOT NULL AND deployed_at IS NOT NULL
                                      AND coalesce(rejected_at, cancelled_at, superseded_at) IS NULL
               WHEN 'rejected'   THEN rejected_at IS NOT NULL
                                      AND coalesce(approved_at, deployed_at, cancelled_at, superseded_at) IS NULL
               WHEN 'cancelled'  THEN deployed_at IS NOT NULL AND cancelled_at IS NOT NULL
                                      AND coalesce(rejected_at, superseded_at) IS NULL
               WHEN 'superseded' THEN superseded_at IS NOT NULL
                                      AND coalesce(rejected_at, deployed_at, cancelled_at) IS NULL
           END)
);
CREATE UNIQUE INDEX migration_plans_open ON scenario.migration_plans (tenant_id, scenario_id, from_version, to_version)
    WHERE is_open;
CREATE INDEX migration_plans_from ON scenario.migration_plans (tenant_id, scenario_id, from_version, status);
CREATE INDEX migration_plans_to ON scenario.migration_plans (tenant_id, scenario_id, to_version);
COMMENT ON TABLE scenario.migration_plans IS
    'The computed diff between two versions, with its lifecycle. What it says never changes; its status goes pending → '
    'approved → deployed → cancelled, or ends as rejected or superseded. It goes with its versions: a version that a '
    'pending, approved or deployed plan needs is not deleted.';
COMMENT ON COLUMN scenario.migration_plans.is_open IS
    'Pending or approved: it can still be deployed, and gives way to a newer one. One that was deployed (deployed_at) '
    'stays a way for its sessions, also once it is cancelled.';
COMMENT ON COLUMN scenario.migration_plans.from_checksum IS 'Checksum of from_version when the plan was built.';
COMMENT ON COLUMN scenario.migration_plans.to_checksum IS 'Checksum of to_version when the plan was built.';
COMMENT ON COLUMN scenario.migration_plans.from_digest IS 'Digest of from_version when the plan was built.';
COMMENT ON COLUMN scenario.migration_plans.to_digest IS
    'Digest of to_version when the plan was built; if the draft has another one since, the plan is stale.';
COMMENT ON COLUMN scenario.migration_plans.fields_digest IS
    'Digest of schema and required_level of the fields that to_version uses, when the plan was built; if that is still '
    'a draft and they are others since, the plan is stale.';
COMMENT ON COLUMN scenario.migration_plans.changes IS
    'Catalogue of what changed, that the anchors refer to: inserted, edited and removed steps, forks, transitions, '
    'ambiguities.';
COMMENT ON COLUMN scenario.migration_plans.sessions_marked IS 'Marks set by this plan so far.';
COMMENT ON COLUMN scenario.migration_plans.deployment_no IS
    'deployments of the scenario as its deployment left it: of two plans, the one with the greater number was deployed '
    'last.';
COMMENT ON COLUMN scenario.migration_plans.superseded_by IS
    'Plan that took its place. No foreign key: that plan may be gone before this one.';
COMMENT ON INDEX scenario.migration_plans_open IS 'At most one plan for a pair of versions is open.';

CREATE TABLE scenario.plan_anchors (
    tenant_id           uuid NOT NULL,
    plan_id             uuid NOT NULL,
    old_step_id         text NOT NULL,
    ordinal             integer NOT NULL CHECK (ordinal >= 0),
    kind                text NOT NULL CHECK (kind IN ('anchor', 'deleted')),
    anchor_content_hash text NOT NULL,
    name                text NOT NULL,
    new_step_id         text,
    pairing             text CHECK (pairing IN ('content', 'twin', 'edited')),
    migration_scenario  text CHECK (migration_scenario IN ('clean_graft', 'gap_fill', 're_route')),
    upstream            jsonb,
    downstream          jsonb,
    candidates          jsonb CHECK (pg_catalog.jsonb_typeof(candidates) = 'array'),
    undoes              jsonb CHECK (pg_catalog.jsonb_typeof(undoes) = 'object'),
    acts_revision       integer CHECK (acts_revision >= 0),
    PRIMARY KEY (tenant_id, plan_id, old_step_id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES scenario.migration_plans ON DELETE CASCADE,
    CHECK (CASE kind
               WHEN 'anchor'  THEN new_step_id IS NOT NULL AND pairing IS NOT NULL AND migration_scenario IS NOT NULL
                                   AND upstream IS NOT NULL AND downstream IS NOT NULL AND candidates IS NULL
               WHEN 'deleted' THEN new_step_id IS NULL AND pairing IS NULL AND candidates IS NOT NULL
                                   AND num_nonnulls(undoes, acts_revision) = 0
           END)
);
-- A pair is one to one ("Pairing steps" in docs/behaviour.md).
CREATE UNIQUE INDEX plan_anchors_new_step ON scenario.plan_anchors (tenant_id, plan_id, new_step_id)
    WHERE new_step_id IS NOT NULL;
COMMENT ON TABLE scenario.plan_anchors IS
    'One row per step of the old version: paired with a step of the new one (anchor) or gone (deleted). A turn reads '
    'one.';
COMMENT ON COLUMN scenario.plan_anchors.anchor_content_hash IS
    'Content hash of the old step. Twins share one, and its policy.';
COMMENT ON COLUMN scenario.plan_anchors.migration_scenario IS
    'For a deleted step, that of the anchor its sessions go to; NULL where there is none.';
COMMENT ON COLUMN scenario.plan_anchors.upstream IS
    'What changed upstream, as references into the catalogue of the plan.';
COMMENT ON COLUMN scenario.plan_anchors.candidates IS
    'Deleted step: where its sessions can go, nearest first: [{new_step_id, anchor_content_hash, distance}].';
COMMENT ON COLUMN scenario.plan_anchors.undoes IS
    'What a landing would undo for the customers who have passed it: {acts, lacking, cut, revision}; NULL: nothing for '
    'anybody. acts: at most 32 acts by name; cut: there are more. lacking: acts that the new version has no step of '
    'would be undone, too.';
COMMENT ON COLUMN scenario.plan_anchors.acts_revision IS
    'acts_revision of the scenario that undoes was worked out for. At another one, or where it is NULL, it is worked '
    'out again when it is needed.';

CREATE TABLE scenario.anchor_policies (
    tenant_id           uuid NOT NULL,
    plan_id             uuid NOT NULL,
    anchor_content_hash text NOT NULL,
    policy              jsonb NOT NULL CHECK (pg_catalog.jsonb_typeof(policy) = 'object'),
    set_at              timestamptz NOT NULL DEFAULT pg_catalog.now(),
    set_by              text NOT NULL DEFAULT SESSION_USER,
    reason              text,
    PRIMARY KEY (tenant_id, plan_id, anchor_content_hash),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES scenario.migration_plans ON DELETE CASCADE
);
COMMENT ON TABLE scenario.anchor_policies IS
    'What an operator set for an anchor or a deleted step of a plan, while the plan was pending. No row: the defaults.';
COMMENT ON COLUMN scenario.anchor_policies.anchor_content_hash IS 'Content hash of the old step, as in plan_anchors.';
COMMENT ON COLUMN scenario.anchor_policies.set_by IS 'Who set it last: the login, unless another name was given.';
COMMENT ON COLUMN scenario.anchor_policies.reason IS 'Why it was set last, in the words of who set it.';
