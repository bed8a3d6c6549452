#!/usr/bin/env bash
# Runs every tests/bench/*.sql with pgbench, one client, and prints its time as a ratio to 00_baseline.sql: ratios hold
# from machine to machine, milliseconds do not. Called by tools/bench.sh, on a server with the extension in the database.
#
#   setup/*.sql      run once before, in order
#   NN_name.sql      one benchmark; its first line, a comment, is the title
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

baseline=$(latency 00_baseline.sql)
printf '\n%-60s %10s %8s\n' benchmark ms ratio
for file in *.sql; do
  name=${file%.sql}
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  ms=$baseline
  [ "$name" = 00_baseline ] || ms=$(latency "$file")
  [ -n "$ms" ] || { echo "$name failed" >&2; exit 1; }
  printf '%-60s %10s %8s\n' "$(sed -n '1s/^-- *//p' "$file")" "$ms" "$(awk -v a="$ms" -v b="$baseline" 'BEGIN { printf "%.2f", a / b }')"
done
