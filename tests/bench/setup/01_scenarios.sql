-- A tenant with one flow of 100 steps in two versions (a field inserted early, a fork in the middle, a payment checkpoint), and
-- 2,000 sessions spread over its steps, each walked from the entry.


CREATE FUNCTION pg_temp.flow(version integer) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('name', 'Bench flow', 'entry_step_id', 's001', 'steps', jsonb_agg(step ORDER BY n))
    FROM (SELECT n, jsonb_build_object(
                   'id', 's' || to_char(n, 'FM000'), 'name', 'Step ' || n,
                   'description', 'What the customer reads at step ' || n || CASE WHEN version = 2 AND n = 90 THEN ', reworded' ELSE '' END,
                   'is_checkpoint', n = 60, 'checkpoint_description', CASE WHEN n = 60 THEN 'paid' END,
                   'collects_profile_fields', CASE WHEN n % 10 = 5 THEN jsonb_build_array('field_' || n) ELSE '[]' END,
                   'is_terminal', n = 100,
                   'transitions', CASE WHEN n = 100 THEN '[]'
                      WHEN version = 2 AND n = 50 THEN jsonb_build_array(
                         jsonb_build_object('to_step_id', 's100', 'condition_text', 'field_5 == "leave"', 'priority', 1),
                         jsonb_build_object('to_step_id', 's051'))
                      WHEN version = 2 AND n = 20 THEN jsonb_build_array(jsonb_build_object('to_step_id', 'new'))
                      ELSE jsonb_build_array(jsonb_build_object('to_step_id', 's' || to_char(n + 1, 'FM000'))) END) AS step
            FROM generate_series(1, 100) AS n
          UNION ALL
          SELECT 20.5, jsonb_build_object('id', 'new', 'name', 'A new question', 'description', 'Asks something new',
                   'collects_profile_fields', jsonb_build_array('new_field'),
                   'transitions', jsonb_build_array(jsonb_build_object('to_step_id', 's021')))
           WHERE version = 2) AS steps $$;

SELECT scenario.create_scenario('00000000-0000-0000-0000-000000000001', pg_temp.flow(1), '00000000-0000-0000-0000-0000000000f1');

INSERT INTO scenario.profile_fields (tenant_id, customer_id, field_name, value)
SELECT '00000000-0000-0000-0000-000000000001', ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, 'new_field', '"known"'
  FROM generate_series(1, 2000) AS n;

-- Session n is at step 1 + n % 100; it has walked there.
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, customer_id, variables)
SELECT '00000000-0000-0000-0000-000000000001', ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       '00000000-0000-0000-0000-0000000000f1', ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, '{"field_5": "stay"}'
  FROM generate_series(1, 2000) AS n;
DO $$
BEGIN
  FOR i IN 2..100 LOOP
    UPDATE scenario.sessions SET step_id = 's' || to_char(i, 'FM000')
     WHERE right(session_id::text, 12)::integer % 100 >= i - 1;
  END LOOP;
END $$;

SELECT scenario.create_scenario_version('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000f1', pg_temp.flow(2));

-- The same flow again, published on: its sessions are behind, so that what a migration costs can be measured (and rolled back).
SELECT scenario.create_scenario('00000000-0000-0000-0000-000000000002', pg_temp.flow(1), '00000000-0000-0000-0000-0000000000f2');
INSERT INTO scenario.profile_fields (tenant_id, customer_id, field_name, value)
SELECT '00000000-0000-0000-0000-000000000002', customer_id, field_name, value FROM scenario.profile_fields;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, customer_id, variables)
SELECT '00000000-0000-0000-0000-000000000002', session_id, '00000000-0000-0000-0000-0000000000f2', customer_id, variables
  FROM scenario.sessions;
DO $$
BEGIN
  FOR i IN 2..100 LOOP
    UPDATE scenario.sessions SET step_id = 's' || to_char(i, 'FM000')
     WHERE tenant_id = '00000000-0000-0000-0000-000000000002' AND right(session_id::text, 12)::integer % 100 >= i - 1;
  END LOOP;
END $$;
SELECT scenario.create_scenario_version('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000f2', pg_temp.flow(2));
SELECT scenario.approve_migration_plan('00000000-0000-0000-0000-000000000002',
         scenario.build_migration_plan('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-0000000000f2', 2));
UPDATE scenario.scenarios SET published_version = 2 WHERE tenant_id = '00000000-0000-0000-0000-000000000002';
VACUUM ANALYZE;
