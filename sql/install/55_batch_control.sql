-- Pausing, resuming and cancelling a run from another connection.

CREATE FUNCTION scenario.set_batch_state(tenant_id uuid, run_id uuid, wanted text, allowed text[]) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_state text;
BEGIN
    PERFORM scenario.require_argument(set_batch_state.tenant_id, 'tenant_id');
    PERFORM scenario.require_argument(set_batch_state.run_id, 'run_id');
    SELECT r.state INTO v_state FROM scenario.batch_runs AS r
     WHERE r.tenant_id = set_batch_state.tenant_id AND r.run_id = set_batch_state.run_id
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002',
            MESSAGE = format('batch run %s does not exist', set_batch_state.run_id),
            HINT = 'Runs are in scenario.batch_runs.';
    ELSIF v_state = wanted THEN
        RETURN v_state;
    ELSIF NOT v_state = ANY (allowed) THEN
        RAISE EXCEPTION USING ERRCODE = '55000',
            MESSAGE = format('batch run %s is %s and cannot become %s', set_batch_state.run_id, v_state, wanted),
            DETAIL = format('It can when it is %s.', array_to_string(allowed, ' or ')),
            HINT = 'A run that has ended is continued by a new one: CALL mark_sessions(…) or migrate_sessions(…).';
    END IF;
    UPDATE scenario.batch_runs AS r
       SET state = wanted, updated_at = clock_timestamp(),
           finished_at = CASE WHEN wanted IN ('running', 'paused') THEN NULL ELSE clock_timestamp() END
     WHERE r.tenant_id = set_batch_state.tenant_id AND r.run_id = set_batch_state.run_id;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION scenario.set_batch_state(uuid, uuid, text, text[]) IS
    'For pause_batch, resume_batch, cancel_batch: sets the state of a run if it is one of those that are allowed.';

CREATE FUNCTION scenario.pause_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'paused', ARRAY['running']) $$;
COMMENT ON FUNCTION scenario.pause_batch(uuid, uuid) IS
    'Makes a run wait after its current batch, for as long as nobody resumes or cancels it; it holds no lock and no '
    'snapshot meanwhile. Arguments: tenant, run. Returns its state. Raises P0002 for an unknown run, 55000 for one '
    'that has ended, 22023 for NULL. Writes batch_runs.';

CREATE FUNCTION scenario.resume_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'running', ARRAY['paused']) $$;
COMMENT ON FUNCTION scenario.resume_batch(uuid, uuid) IS
    'Lets a paused run go on. One whose backend is gone is continued by a new CALL. Arguments: tenant, run. Returns '
    'its state. Raises P0002 for an unknown run, 55000 for one that has ended, 22023 for NULL. Writes batch_runs.';

CREATE FUNCTION scenario.cancel_batch(tenant_id uuid, run_id uuid) RETURNS text
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
    $$ SELECT scenario.set_batch_state(tenant_id, run_id, 'cancelled', ARRAY['running', 'paused', 'interrupted']) $$;
COMMENT ON FUNCTION scenario.cancel_batch(uuid, uuid) IS
    'Ends a run after its current batch. What it has done stays; the other sessions keep their marks. Arguments: '
    'tenant, run. Returns its state. Raises P0002 for an unknown run, 55000 for one that has ended, 22023 for NULL. '
    'Writes batch_runs.';
