-- The tables of users' rows, which pg_dump takes. scenario_steps is not among them: a restore derives it again.

SELECT pg_catalog.pg_extension_config_dump('scenario.scenarios', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.scenario_versions', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.acts', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.act_pairs', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.migration_plans', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.plan_anchors', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.anchor_policies', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.sessions', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.step_visits', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.passed_at_start', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.session_actions', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.session_decisions', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.session_requests', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.messages', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.field_attempts', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.field_definitions', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.profile_fields', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.migration_audit', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.migration_undo', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.batch_runs', '');
SELECT pg_catalog.pg_extension_config_dump('scenario.batch_errors', '');
