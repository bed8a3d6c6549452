#!/usr/bin/env bash
# A large migration: marks and migrates many sessions in many tenants while clients take turns, and prints the rate beside the
# same work written by hand: one UPDATE and three INSERTs over plain copies of the tables.
#
#   SCENARIO_PROFILE=release SESSIONS=1000000 TENANTS=100 CLIENTS=8 tools/cluster.sh run tests/bench/million.sh
#
#   SESSIONS   in all, default 20000
#   TENANTS    default 4
#   WORKERS    that migrate, a tenant at a time each, default 1
#   CLIENTS    that take turns meanwhile, default 2; each turn waits 10 ms before the next
#   BATCH      sessions a batch, default 500

set -euo pipefail
sessions=${SESSIONS:-20000} tenants=${TENANTS:-4} workers=${WORKERS:-1} clients=${CLIENTS:-2} batch=${BATCH:-500}
each=$((sessions / tenants))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$@"; }
seconds() { date +%s.%N; }
per_second() { awk -v n="$1" -v from="$2" -v to="$3" 'BEGIN { printf "%.0f", n / (to - from) }'; }

echo "==> $tenants tenants with $each sessions each" >&2
sql >/dev/null <<SQL
CREATE EXTENSION IF NOT EXISTS pg_scenario;
CREATE FUNCTION public.flow(version integer) RETURNS jsonb LANGUAGE sql AS \$\$
  SELECT jsonb_build_object('name', 'Flow', 'entry_step_id', 's1', 'steps', jsonb_agg(jsonb_build_object('id', 's' || n,
           'name', 'Step ' || n, 'transitions',
           CASE WHEN n < 18 + version THEN jsonb_build_array(jsonb_build_object('to_step_id', 's' || n + 1)) ELSE '[]' END) ORDER BY n))
    FROM generate_series(1, 18 + version) AS n \$\$;
CREATE FUNCTION public.tenant(n integer) RETURNS uuid IMMUTABLE LANGUAGE sql AS
  \$\$ SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid \$\$;
SELECT scenario.create_scenario(tenant(n), flow(1), tenant(n)) FROM generate_series(1, $tenants) AS n;
-- Written past the triggers, or loading would take longer than what is measured.
SET session_replication_role = replica;
INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, reconciled_deployments, step_id, step_content_hash,
        scenario_checksum, variables, visit_count)
SELECT v.tenant_id, md5(v.tenant_id::text || n)::uuid, v.scenario_id, 1, 1, st.step_id, st.content_hash, v.checksum,
       jsonb_build_object('name', 'customer ' || n, 'lang', 'en'), 1
  FROM scenario.scenario_versions AS v
 CROSS JOIN generate_series(1, $each) AS n
  JOIN scenario.scenario_steps AS st
    ON st.tenant_id = v.tenant_id AND st.scenario_id = v.scenario_id AND st.version = 1 AND st.step_id = 's' || 1 + n % 18;
INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id, step_name, step_content_hash,
        turn_number, reason, is_checkpoint)
SELECT s.tenant_id, s.session_id, 1, s.scenario_id, 1, s.step_id, 'Step', s.step_content_hash, 0, 'start', false FROM scenario.sessions AS s;
RESET session_replication_role;
SET scenario.auto_mark_sessions = off;
SELECT scenario.deploy_migration_plan(p.tenant_id, (scenario.approve_migration_plan(p.tenant_id, p.plan_id)).plan_id)
  FROM (SELECT tenant(n) AS tenant_id, scenario.build_migration_plan(tenant(n), tenant(n),
               scenario.create_scenario_version(tenant(n), tenant(n), flow(2))) AS plan_id
          FROM generate_series(1, $tenants) AS n) AS p;
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.sessions (LIKE scenario.sessions INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS) WITH (fillfactor = 80);
CREATE TABLE by_hand.step_visits (LIKE scenario.step_visits INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS);
CREATE TABLE by_hand.migration_audit (LIKE scenario.migration_audit INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS);
CREATE TABLE by_hand.migration_undo (LIKE scenario.migration_undo INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS);
INSERT INTO by_hand.sessions SELECT * FROM scenario.sessions;
VACUUM (ANALYZE);
SQL

echo "==> the same work by hand" >&2
began=$(seconds)
sql >/dev/null <<'SQL'
BEGIN;
INSERT INTO by_hand.migration_undo (tenant_id, session_id, scenario_id, scenario_version, step_id, step_content_hash, scenario_checksum,
        revision, visit_count)
SELECT tenant_id, session_id, scenario_id, scenario_version, step_id, step_content_hash, scenario_checksum, 1, 2
  FROM by_hand.sessions;
UPDATE by_hand.sessions SET scenario_version = 2, reconciled_deployments = 2, revision = revision + 1, visit_count = visit_count + 1;
INSERT INTO by_hand.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id, step_name, step_content_hash,
        turn_number, reason, is_checkpoint)
SELECT tenant_id, session_id, visit_count, scenario_id, 2, step_id, 'Step', step_content_hash, turn_count, 'migration', false
  FROM by_hand.sessions;
INSERT INTO by_hand.migration_audit (tenant_id, session_id, revision, scenario_id, from_version, to_version, migration_scenario, step_before,
        step_after, action, reason)
SELECT tenant_id, session_id, revision, scenario_id, 1, 2, 'clean_graft', step_id, step_id, 'teleport', 'by hand' FROM by_hand.sessions;
COMMIT;
SQL
by_hand=$(per_second "$sessions" "$began" "$(seconds)")

# CALLs a procedure for each tenant, so many at a time; its notices go to a file.
for_each_tenant() {
  seq 1 "$tenants" | PROCEDURE=$1 BATCH=$batch xargs -P "$workers" -I {} bash -c '
    plan=$(psql -X -q -At -c "SELECT plan_id FROM scenario.migration_plans WHERE tenant_id = public.tenant({})")
    psql -X -q -v ON_ERROR_STOP=1 -c "CALL scenario.$PROCEDURE(public.tenant({}), '"'"'$plan'"'"', $BATCH)"' 2>>"$work/notices"
}

echo "==> marks and migrations, with turns meanwhile" >&2
cat >"$work/turn.sql" <<SQL
\set tenant random(1, $tenants)
\set n random(1, $each)
SELECT action FROM scenario.reconcile_session(public.tenant(:tenant), md5(public.tenant(:tenant)::text || :n)::uuid);
\sleep 10 ms
SQL
if [ "$clients" -gt 0 ]; then
  touch "$work/open"
  while [ -f "$work/open" ]; do
    pgbench -n -c "$clients" -j 1 -M prepared -T 3 -f "$work/turn.sql" --log --log-prefix="$work/turns" >>"$work/pgbench" 2>&1
  done &
fi
began=$(seconds)
for_each_tenant mark_sessions
mark=$(per_second "$sessions" "$began" "$(seconds)")
began=$(seconds)
for_each_tenant migrate_sessions
ended=$(seconds)
migrate=$(per_second "$sessions" "$began" "$ended")
rm -f "$work/open"
wait

read -r moved audited visits undone wrong <<<"$(sql -F ' ' <<'SQL'
SELECT (SELECT count(*) FROM scenario.sessions WHERE scenario_version = 2 AND revision = 1 AND visit_count = 2),
       (SELECT count(*) FROM scenario.migration_audit), (SELECT count(*) FROM scenario.step_visits),
       (SELECT count(*) FROM scenario.migration_undo), (SELECT count(*) FROM scenario.check_invariants());
SQL
)"
printf '\n%-58s %10s\n' "$sessions sessions, $tenants tenants, $workers workers, batches of $batch" 'per second'
printf '%-58s %10s\n' 'by hand: one UPDATE, three INSERTs, no trigger' "$by_hand" 'mark_sessions' "$mark" 'migrate_sessions' "$migrate"
awk -v a="$migrate" -v b="$by_hand" 'BEGIN { printf "%-58s %10.2f\n", "time of migrate_sessions, by hand = 1", b / a }'
if [ "$clients" -gt 0 ]; then
  cat "$work"/turns.* | awk -v batch="$batch" '{ n++; t += $3 - 10000; if ($3 > most) most = $3 }
    END { printf "%-58s %10d\n%-58s %10.1f\n%-58s %10.1f\n", "turns taken meanwhile", n, "  mean, ms", t / n / 1000, "  longest, ms", (most - 10000) / 1000 }'
  failed=$(sed -nE 's/^number of failed transactions: ([0-9]+).*/\1/p' "$work/pgbench" | awk '{ n += $1 } END { print n + 0 }')
  printf '%-58s %10d\n' '  failed' $((failed + $(grep -c '^pgbench: error' "$work/pgbench" || true)))
fi
awk -v n="$batch" -v r="$migrate" -v w="$workers" 'BEGIN { printf "%-58s %10.1f\n", "a batch takes, ms", 1000 * n * w / r }'
echo "rows at the end: $moved sessions moved once, $audited audit, $visits visits, $undone undo, $wrong invariants broken"
[ "$moved $audited $visits $undone $wrong" = "$sessions $sessions $((2 * sessions)) $sessions 0" ] ||
  { echo "error: counts do not agree" >&2; exit 1; }
