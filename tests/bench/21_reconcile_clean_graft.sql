-- reconcile_session, a clean graft, rolled back
-- against: 20_migrate_by_hand
\set n 100 * random(0, 19) + random(1, 18)
BEGIN;
SELECT * FROM scenario.reconcile_session('00000000-0000-0000-0000-000000000002',
                                         ('00000000-0000-0000-0000-' || lpad(:n::text, 12, '0'))::uuid);
ROLLBACK;
