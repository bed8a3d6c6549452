-- build_migration_plan, 100 steps, rolled back
BEGIN;
SELECT scenario.build_migration_plan('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000f1', 2);
ROLLBACK;
