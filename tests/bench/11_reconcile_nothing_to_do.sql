-- reconcile_session, nothing to do
-- against: 10_lookup
\set n random(1, 2000)
SELECT * FROM scenario.reconcile_session('00000000-0000-0000-0000-000000000001',
                                         ('00000000-0000-0000-0000-' || lpad(:n::text, 12, '0'))::uuid);
