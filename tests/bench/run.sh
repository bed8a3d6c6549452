#!/usr/bin/env bash
# Runs every tests/bench/*.sql with pgbench, one client, and prints its time as a ratio to another benchmark of the same
# run: ratios hold from machine to machine, milliseconds do not. Called by tools/bench.sh, on a server with the extension in the database.
#
#   setup/*.sql      run once before, in order
#   NN_name.sql      one benchmark; its first line, a comment, is the title; a second line `-- against: NAME` names what it is
#                    compared with, default 00_baseline
#   SECONDS_EACH     how long each is run, default 5
#   Arguments        names of benchmarks to run, default all

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for file in setup/*.sql; do
  [ ! -f "$file" ] || psql -X -q -v ON_ERROR_STOP=1 -f "$file" >/dev/null
done

# average latency in ms of one transaction
latency() {
  pgbench -n -c 1 -M prepared -T "${SECONDS_EACH:-5}" -f "$1" 2>/dev/null | sed -nE 's/^latency average = ([0-9.]+) ms$/\1/p'
}

declare -A took
measure() { # NAME: once a run
  [ -n "${took[$1]:-}" ] || took[$1]=$(latency "$1.sql")
  [ -n "${took[$1]}" ] || { echo "$1 failed:" >&2; pgbench -n -c 1 -M prepared -t 1 -f "$1.sql" >&2 || true; exit 1; }
}

printf '\n%-78s %9s %8s  %s\n' benchmark ms ratio against
for file in *.sql; do
  name=${file%.sql}
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  against=$(sed -nE '2s/^-- against: *([a-z0-9_]+) *$/\1/p' "$file")
  against=${against:-00_baseline}
  measure "$against"
  measure "$name"
  ratio=$(awk -v a="${took[$name]}" -v b="${took[$against]}" 'BEGIN { printf "%.2f", a / b }')
  printf '%-78s %9s %8s  %s\n' "$(sed -n '1s/^-- *//p' "$file")" "${took[$name]}" "$ratio" "$against"
done
