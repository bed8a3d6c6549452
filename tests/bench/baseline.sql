-- What a team would write by hand to do the main job on plain tables: the same columns, keys, foreign keys, indexes and
-- fillfactor as the tables of the extension, no triggers, one PL/pgSQL function for a turn, one procedure for a batch.
-- Nothing here runs code of the extension. The benchmarks compare with it, in the same run.

CREATE SCHEMA by_hand;

CREATE TABLE by_hand.scenarios (LIKE scenario.scenarios INCLUDING ALL);
CREATE TABLE by_hand.scenario_versions (LIKE scenario.scenario_versions INCLUDING ALL);
CREATE TABLE by_hand.scenario_steps (LIKE scenario.scenario_steps INCLUDING ALL);
CREATE TABLE by_hand.migration_plans (LIKE scenario.migration_plans INCLUDING ALL);
CREATE TABLE by_hand.plan_anchors (LIKE scenario.plan_anchors INCLUDING ALL);
CREATE TABLE by_hand.sessions (LIKE scenario.sessions INCLUDING ALL) WITH (fillfactor = 80);
CREATE TABLE by_hand.step_visits (LIKE scenario.step_visits INCLUDING ALL);
CREATE TABLE by_hand.migration_audit (LIKE scenario.migration_audit INCLUDING ALL);
CREATE TABLE by_hand.migration_undo (LIKE scenario.migration_undo INCLUDING ALL);

-- LIKE copies no foreign keys. Storage parameters, too, are those of the extension's tables.
DO $$
DECLARE
    v_key   record;
    v_table record;
BEGIN
    FOR v_key IN
        SELECT k.conrelid::regclass::text AS of_table, pg_get_constraintdef(k.oid) AS definition
          FROM pg_constraint AS k
         WHERE k.contype = 'f' AND k.connamespace = 'scenario'::regnamespace
           AND to_regclass(replace(k.conrelid::regclass::text, 'scenario.', 'by_hand.')) IS NOT NULL
           AND to_regclass(replace(k.confrelid::regclass::text, 'scenario.', 'by_hand.')) IS NOT NULL
    LOOP
        EXECUTE format('ALTER TABLE %s ADD %s', replace(v_key.of_table, 'scenario.', 'by_hand.'),
                       replace(v_key.definition, 'REFERENCES scenario.', 'REFERENCES by_hand.'));
    END LOOP;
    FOR v_table IN
        SELECT c.relname, array_to_string(c.reloptions, ', ') AS options
          FROM pg_class AS c
         WHERE c.relnamespace = 'scenario'::regnamespace AND c.relkind = 'r' AND c.reloptions IS NOT NULL
           AND to_regclass('by_hand.' || c.relname) IS NOT NULL
    LOOP
        EXECUTE format('ALTER TABLE by_hand.%I SET (%s)', v_table.relname, v_table.options);
    END LOOP;
END
$$;

-- The columns that a backend needs from a turn, as the extension gives them.
CREATE TYPE by_hand.result AS (
    action text, target_step_id text, target_step_name text, scenario_version integer, migration_scenario text,
    anchor_content_hash text, collect_fields text[], confirm_fields text[], prompts jsonb, execute_step_ids text[],
    decisions jsonb, fields_filled jsonb, blocked_by_checkpoint boolean, checkpoint_warning text, user_message text,
    reason text, plan_id uuid);

-- The turn of a session that needs nothing, and no more than that.
CREATE FUNCTION by_hand.look(p_tenant_id uuid, p_session_id uuid) RETURNS by_hand.result
    LANGUAGE plpgsql AS $$
DECLARE
    v_result by_hand.result;
    v_found  record;
BEGIN
    SELECT s.scenario_version, s.step_id, s.status, c.published_version INTO v_found
      FROM by_hand.sessions AS s
      JOIN by_hand.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id
     WHERE s.tenant_id = p_tenant_id AND s.session_id = p_session_id;
    v_result.action := 'continue';
    v_result.target_step_id := v_found.step_id;
    v_result.scenario_version := v_found.scenario_version;
    v_result.reason := 'nothing to do';
    RETURN v_result;
END
$$;

-- A turn: a session of an older version goes to the step that the plan pairs with its own.
CREATE FUNCTION by_hand.turn(p_tenant_id uuid, p_session_id uuid) RETURNS by_hand.result
    LANGUAGE plpgsql AS $$
DECLARE
    v_result   by_hand.result;
    v_session  by_hand.sessions;
    v_scenario by_hand.scenarios;
    v_plan     record;
    v_anchor   record;
    v_step     record;
    v_checksum text;
BEGIN
    SELECT s.* INTO v_session FROM by_hand.sessions AS s
     WHERE s.tenant_id = p_tenant_id AND s.session_id = p_session_id FOR NO KEY UPDATE;
    SELECT c.* INTO v_scenario FROM by_hand.scenarios AS c
     WHERE c.tenant_id = p_tenant_id AND c.scenario_id = v_session.scenario_id;
    v_result.action := 'continue';
    v_result.target_step_id := v_session.step_id;
    v_result.scenario_version := v_session.scenario_version;
    IF v_session.scenario_version = v_scenario.published_version THEN
        RETURN v_result;
    END IF;
    SELECT p.plan_id INTO v_plan FROM by_hand.migration_plans AS p
     WHERE p.tenant_id = p_tenant_id AND p.scenario_id = v_session.scenario_id
       AND p.from_version = v_session.scenario_version AND p.to_version = v_scenario.published_version
       AND p.status = 'deployed'
     ORDER BY p.deployment_no DESC LIMIT 1;
    SELECT a.new_step_id, a.anchor_content_hash, a.migration_scenario INTO v_anchor FROM by_hand.plan_anchors AS a
     WHERE a.tenant_id = p_tenant_id AND a.plan_id = v_plan.plan_id AND a.old_step_id = v_session.step_id;
    SELECT st.name, st.content_hash, st.is_checkpoint, st.checkpoint_description, st.is_terminal INTO v_step
      FROM by_hand.scenario_steps AS st
     WHERE st.tenant_id = p_tenant_id AND st.scenario_id = v_session.scenario_id
       AND st.version = v_scenario.published_version AND st.step_id = v_anchor.new_step_id;
    SELECT v.checksum INTO v_checksum FROM by_hand.scenario_versions AS v
     WHERE v.tenant_id = p_tenant_id AND v.scenario_id = v_session.scenario_id
       AND v.version = v_scenario.published_version;
    UPDATE by_hand.sessions AS s
       SET scenario_version = v_scenario.published_version, step_id = v_anchor.new_step_id,
           step_content_hash = v_step.content_hash, scenario_checksum = v_checksum,
           reconciled_deployments = v_scenario.deployments,
           status = CASE WHEN v_step.is_terminal THEN 'completed' ELSE s.status END,
           visit_count = s.visit_count + 1, revision = s.revision + 1,
           pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL, pending_marked_at = NULL
     WHERE s.tenant_id = p_tenant_id AND s.session_id = p_session_id;
    INSERT INTO by_hand.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id, step_name,
            step_content_hash, turn_number, reason, is_checkpoint, checkpoint_description, plan_id)
    VALUES (p_tenant_id, p_session_id, v_session.visit_count + 1, v_session.scenario_id, v_scenario.published_version,
            v_anchor.new_step_id, v_step.name, v_step.content_hash, v_session.turn_count, 'migration',
            v_step.is_checkpoint, v_step.checkpoint_description, v_plan.plan_id);
    INSERT INTO by_hand.migration_undo (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id,
            step_content_hash, scenario_checksum, revision, visit_count)
    VALUES (p_tenant_id, p_session_id, v_plan.plan_id, v_session.scenario_id, v_session.scenario_version,
            v_session.step_id, v_session.step_content_hash, v_session.scenario_checksum, v_session.revision + 1,
            v_session.visit_count + 1)
    ON CONFLICT (tenant_id, session_id) DO UPDATE
       SET plan_id = excluded.plan_id, scenario_version = excluded.scenario_version, step_id = excluded.step_id,
           step_content_hash = excluded.step_content_hash, scenario_checksum = excluded.scenario_checksum,
           revision = excluded.revision, visit_count = excluded.visit_count, applied_at = excluded.applied_at,
           reverted_at = NULL;
    INSERT INTO by_hand.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version,
            to_version, migration_scenario, anchor_content_hash, step_before, step_after, action, reason)
    VALUES (p_tenant_id, p_session_id, v_session.revision + 1, v_session.scenario_id, ARRAY[v_plan.plan_id],
            v_session.scenario_version, v_scenario.published_version, v_anchor.migration_scenario,
            v_anchor.anchor_content_hash, v_session.step_id, v_anchor.new_step_id, 'teleport',
            'moved to the same step');
    v_result.action := 'teleport';
    v_result.target_step_id := v_anchor.new_step_id;
    v_result.target_step_name := v_step.name;
    v_result.scenario_version := v_scenario.published_version;
    v_result.migration_scenario := v_anchor.migration_scenario;
    v_result.anchor_content_hash := v_anchor.anchor_content_hash;
    v_result.reason := 'moved to the same step';
    v_result.plan_id := v_plan.plan_id;
    RETURN v_result;
END
$$;

-- A batch: pages of marked sessions, each skipping what others have locked, each committed.
CREATE PROCEDURE by_hand.migrate(p_tenant_id uuid, p_plan_id uuid, p_max bigint, p_page integer DEFAULT 500)
    LANGUAGE plpgsql AS $$
DECLARE
    v_after uuid := '00000000-0000-0000-0000-000000000000';
    v_page  uuid[];
    v_done  bigint := 0;
    v_moved bigint;
BEGIN
    LOOP
        SELECT array_agg(l.session_id ORDER BY l.session_id) INTO v_page
          FROM (SELECT s.session_id FROM by_hand.sessions AS s
                 WHERE s.tenant_id = p_tenant_id AND s.pending_plan_id = p_plan_id AND s.status = 'active'
                   AND s.session_id > v_after
                 ORDER BY s.session_id LIMIT least(p_page, p_max - v_done)
                   FOR NO KEY UPDATE SKIP LOCKED) AS l;
        EXIT WHEN v_page IS NULL;
        WITH moved AS (
            UPDATE by_hand.sessions AS s
               SET scenario_version = p.to_version, step_id = a.new_step_id, step_content_hash = st.content_hash,
                   scenario_checksum = v.checksum, reconciled_deployments = c.deployments,
                   status = CASE WHEN st.is_terminal THEN 'completed' ELSE s.status END,
                   visit_count = o.visit_count + 1, revision = o.revision + 1,
                   pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL,
                   pending_marked_at = NULL
              FROM by_hand.sessions AS o
              JOIN by_hand.migration_plans AS p ON p.tenant_id = o.tenant_id AND p.plan_id = o.pending_plan_id
              JOIN by_hand.scenarios AS c ON c.tenant_id = o.tenant_id AND c.scenario_id = o.scenario_id
              JOIN by_hand.plan_anchors AS a
                ON a.tenant_id = o.tenant_id AND a.plan_id = p.plan_id AND a.old_step_id = o.step_id
              JOIN by_hand.scenario_versions AS v
                ON v.tenant_id = o.tenant_id AND v.scenario_id = o.scenario_id AND v.version = p.to_version
              JOIN by_hand.scenario_steps AS st
                ON st.tenant_id = o.tenant_id AND st.scenario_id = o.scenario_id AND st.version = p.to_version
                   AND st.step_id = a.new_step_id
             WHERE o.tenant_id = p_tenant_id AND o.session_id = ANY (v_page)
               AND s.tenant_id = o.tenant_id AND s.session_id = o.session_id
         RETURNING s.session_id, s.scenario_id, s.scenario_version AS to_version, s.step_id AS step_after,
                   s.step_content_hash AS new_hash, s.revision, s.visit_count, s.turn_count,
                   o.scenario_version AS from_version, o.step_id AS step_before, o.step_content_hash AS old_hash,
                   o.scenario_checksum AS old_checksum, st.name, st.is_checkpoint, st.checkpoint_description,
                   a.migration_scenario, a.anchor_content_hash, p.plan_id
        ), visited AS (
            INSERT INTO by_hand.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
                    step_name, step_content_hash, turn_number, reason, is_checkpoint, checkpoint_description, plan_id)
            SELECT p_tenant_id, m.session_id, m.visit_count, m.scenario_id, m.to_version, m.step_after, m.name,
                   m.new_hash, m.turn_count, 'migration', m.is_checkpoint, m.checkpoint_description, m.plan_id
              FROM moved AS m
        ), undoable AS (
            INSERT INTO by_hand.migration_undo (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id,
                    step_content_hash, scenario_checksum, revision, visit_count)
            SELECT p_tenant_id, m.session_id, m.plan_id, m.scenario_id, m.from_version, m.step_before, m.old_hash,
                   m.old_checksum, m.revision, m.visit_count
              FROM moved AS m
            ON CONFLICT (tenant_id, session_id) DO UPDATE
               SET plan_id = excluded.plan_id, scenario_version = excluded.scenario_version,
                   step_id = excluded.step_id, step_content_hash = excluded.step_content_hash,
                   scenario_checksum = excluded.scenario_checksum, revision = excluded.revision,
                   visit_count = excluded.visit_count, applied_at = excluded.applied_at, reverted_at = NULL
        ), audited AS (
            INSERT INTO by_hand.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version,
                    to_version, migration_scenario, anchor_content_hash, step_before, step_after, action, reason)
            SELECT p_tenant_id, m.session_id, m.revision, m.scenario_id, ARRAY[m.plan_id], m.from_version, m.to_version,
                   m.migration_scenario, m.anchor_content_hash, m.step_before, m.step_after, 'teleport',
                   'moved to the same step'
              FROM moved AS m
        )
        SELECT count(*) INTO v_moved FROM moved;
        COMMIT;
        v_done := v_done + v_moved;
        v_after := v_page[cardinality(v_page)];
        EXIT WHEN v_done >= p_max;
    END LOOP;
END
$$;
