-- What the steps of all published versions said, and which of them stand for the same act ("Acts and checkpoints" in
-- docs/behaviour.md). src/acts.rs works them out when a version is published and when a plan is deployed.

CREATE TABLE scenario.acts (
    tenant_id              uuid NOT NULL,
    scenario_id            uuid NOT NULL,
    content_hash           text NOT NULL,
    act                    text NOT NULL CHECK (act <= content_hash COLLATE "C"),
    name                   text NOT NULL,
    description            text NOT NULL,
    collects               text[] NOT NULL,
    is_checkpoint          boolean NOT NULL,
    checkpoint_description text,
    last_step_id           text NOT NULL,
    last_version           integer NOT NULL CHECK (last_version > 0),
    PRIMARY KEY (tenant_id, scenario_id, content_hash),
    FOREIGN KEY (tenant_id, scenario_id) REFERENCES scenario.scenarios ON DELETE CASCADE
);
COMMENT ON TABLE scenario.acts IS
    'One row for each content that a step of a published version ever had: what it said, and the act that it stands '
    'for. It is kept for as long as the scenario exists, also when the version is gone. Written by the extension when '
    'a version is published and when a plan is deployed.';
COMMENT ON COLUMN scenario.acts.content_hash IS 'step_content_hash of the step.';
COMMENT ON COLUMN scenario.acts.act IS
    'Name of the act: the smallest content hash among its contents. Contents with the same act are the same act.';
COMMENT ON COLUMN scenario.acts.description IS 'Description of the step; empty where it had none.';
COMMENT ON COLUMN scenario.acts.collects IS 'Profile fields that the step collects, in document order.';
COMMENT ON COLUMN scenario.acts.is_checkpoint IS
    'Whether the content is flagged as a checkpoint. An act is a checkpoint if one of its contents is.';
COMMENT ON COLUMN scenario.acts.last_step_id IS
    'Id of the step in last_version; of several, the first in the document.';
COMMENT ON COLUMN scenario.acts.last_version IS 'The version published last that has the content.';

CREATE TABLE scenario.act_pairs (
    tenant_id        uuid NOT NULL,
    scenario_id      uuid NOT NULL,
    from_version     integer NOT NULL CHECK (from_version > 0),
    to_version       integer NOT NULL CHECK (to_version > 0),
    source           text NOT NULL CHECK (source IN ('succession', 'return', 'plan')),
    old_content_hash text NOT NULL,
    new_content_hash text NOT NULL,
    PRIMARY KEY (tenant_id, scenario_id, from_version, to_version, source, old_content_hash, new_content_hash),
    FOREIGN KEY (tenant_id, scenario_id) REFERENCES scenario.scenarios ON DELETE CASCADE,
    CHECK (old_content_hash <> new_content_hash)
);
COMMENT ON TABLE scenario.act_pairs IS
    'Why contents stand for the same act: one row for each pair of different contents that two versions joined. Kept '
    'for as long as the scenario exists. Versions have no foreign key: they may be gone.';
COMMENT ON COLUMN scenario.act_pairs.source IS
    'succession: from_version was published right before to_version. return: the version before lacks the step, and an '
    'earlier one had it. plan: a plan between two other versions was deployed.';
