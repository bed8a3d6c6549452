#!/usr/bin/env bash
# Runs the test suites and ends with a table and the line "N passed, N failed". Exit status 1 when anything failed.
#
#   tools/test.sh [SUITE…]      default: engine extension regress isolation client
#
#   engine        cargo test of the engine: unit, property and documentation tests; needs no PostgreSQL
#   engine-long   its property tests with a million cases each, optimised, from a seed that is drawn anew and told
#   extension     cargo test of the extension's own plain unit tests, where there are any; needs no server
#   regress       tests/regress: pg_regress, in the order of its schedule
#   isolation     tests/isolation: pg_isolation_regress, in the order of its schedule
#   client        tests/cluster: pytest over real connections
#
#   TESTS="a b"   only these (of regress and isolation: files; of engine and client: names that contain one of these)
#   ACCEPT=1      regress and isolation: take what came out as what is expected (then read the diff)
#   SCENARIO_PROFILE  dev (default) or release
#
#   PROPTEST_CASES, PROPTEST_RNG_SEED, PROMISE_JOURNEYS
#                 engine and engine-long: how many cases, from which seed; engine draws the same cases every time
#   SCENARIO_JOURNEYS, SCENARIO_SEED
#                 client: how many journeys through SQL (tests/cluster/test_promise.py), from which seed
#
# A suite that fails does not stop the others. A suite in which no test ran has failed. Files that tests leave in the
# folder $SCENARIO_REPORT are printed before the table. After the table stands each skipped test, with its reason.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$root/tools/server.sh"

tests=${TESTS:-}
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(engine extension regress isolation client)
case ${suites[*]} in
engine | engine-long) ;;
*) tools/setup.sh ;;
esac

mkdir -p "$target/logs"
scratch=$(mktemp -d "$target/logs/test.XXXXXX")
export SCENARIO_REPORT=$scratch/report
mkdir "$SCENARIO_REPORT"
finish() {
  server_remove
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# suite function → adds to these; a line of $skips for each test that was skipped
passed=0 failed=0 skipped=0
skips=
problem() {
  warn "$1"
  failed=$((failed + 1))
}

# The server, started once and only when a suite needs it: false when it could not be.
server_state=unknown
server() {
  if [ "$server_state" = unknown ]; then
    server_state=failed
    # errexit does not work inside a condition, so each step says what follows from its failure
    need_postgres && server_create && server_install "${SCENARIO_PROFILE:-dev}" && server_start && server_state=up
  fi
  [ "$server_state" = up ]
}

# Adds up cargo's "test result:" lines of file $1.
count_cargo() {
  local p f i
  read -r p f i < <(awk '/^test result:/ { for (n = 2; n <= NF; n++) { if ($n ~ /^passed/) p += $(n-1)
    if ($n ~ /^failed;/) f += $(n-1); if ($n ~ /^ignored/) i += $(n-1) } } END { print p+0, f+0, i+0 }' "$1")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + i))
}

# The names of the tests that cargo left out as ignored. ignored_tests ARG…
ignored_tests() {
  local name
  while read -r name; do
    skips+=$'\n'"  $name: ignored; cargo test $* -- --ignored runs it"
  done < <(cargo test --quiet "$@" -- --ignored --list ${tests:+$tests} 2>/dev/null | sed -n 's/: test$//p')
}

# cargo_test ARG…
cargo_test() {
  local status=0 ignored=$skipped
  cargo test --no-fail-fast --quiet "$@" ${tests:+-- $tests} 2>&1 | tee "$scratch/out" || status=$?
  count_cargo "$scratch/out"
  [ "$skipped" -eq "$ignored" ] || ignored_tests "$@"
  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || problem "cargo test failed"
}

suite_engine() {
  PROPTEST_CASES=${PROPTEST_CASES:-10000} cargo_test -p scenario-engine --features mutants
}

suite_engine-long() {
  local seed=${PROPTEST_RNG_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
  say "seed $seed: PROPTEST_RNG_SEED=$seed draws the same cases again"
  # Linking every test binary with link-time optimisation would take longer than the cases.
  CARGO_PROFILE_RELEASE_LTO=off PROPTEST_RNG_SEED=$seed PROPTEST_CASES=${PROPTEST_CASES:-1000000} \
    PROMISE_JOURNEYS=${PROMISE_JOURNEYS:-1000000} PROMISE_SMALL=1 cargo_test -p scenario-engine --release
}

suite_extension() {
  if ! grep -rqs '#\[test\]' src; then
    absent=true
    return
  fi
  need_postgres
  # shellcheck disable=SC2046
  cargo_test -p pg_scenario --lib $(extension_features)
}

# pg_regress and pg_isolation_regress run as the user of the server, who may not be able to read the repository: on a
# copy. regress_suite FOLDER EXTENSION-OF-THE-INPUT PROGRAM DATABASE
regress_suite() {
  local folder=tests/$1 input=$2 program=$3 database=$4 work=$home/$1 status=0 name names unlisted
  local inputs=sql bad
  # up to PostgreSQL 15: "test name ... ok 12 ms"; from 16: "ok 1 - name 12 ms"
  local result='\.\.\. +(ok|FAILED|failed)|^(not )?ok +[0-9]+'
  [ "$input" = sql ] || inputs=specs
  program=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/$program
  [ -x "$program" ] || { problem "$program is missing: it comes with PostgreSQL's development files"; return; }

  names=$(sed -n 's/^test: *//p' "$folder/schedule" | tr -s ' ' '\n')
  for name in "$folder/$inputs"/*."$input"; do
    name=$(basename "$name" ".$input")
    grep -qxF -- "$name" <<<"$names" || unlisted="${unlisted:-} $name"
  done
  [ -z "${unlisted:-}" ] || problem "not in $folder/schedule:$unlisted"

  rm -rf "$work"
  cp -R "$folder" "$work"
  mkdir -p "$work/expected" "$work/out"
  for name in ${tests:-$names}; do
    [ -f "$work/expected/$name.out" ] || : >"$work/expected/$name.out"
  done
  chown -R "$server_user" "$work"

  local arguments=(--inputdir="$work" --outputdir="$work/out" --bindir="$pg_bin" --host="$home" --port="$PGPORT"
    --user=postgres --dbname="$database" --load-extension=pg_scenario)
  if [ -n "$tests" ]; then
    # shellcheck disable=SC2206
    arguments+=($tests)
  else
    arguments+=(--schedule="$work/schedule")
  fi
  as_server "$program" "${arguments[@]}" 2>&1 | tee "$scratch/out" |
    grep --line-buffered -E "$result" || status=${PIPESTATUS[0]}

  passed=$(grep -cE '\.\.\. +ok|^ok +[0-9]+' "$scratch/out" || true)
  bad=$(grep -E "$result" "$scratch/out" | grep -vcE '\.\.\. +ok|^ok +[0-9]+' || true)
  if [ $((passed + bad)) -eq 0 ]; then
    cat "$scratch/out"
  elif [ -n "${ACCEPT:-}" ]; then
    mkdir -p "$folder/expected"
    for name in ${tests:-$names}; do
      [ ! -f "$work/out/results/$name.out" ] || cat "$work/out/results/$name.out" >"$folder/expected/$name.out"
    done
    say "accepted what came out: read git diff $folder/expected"
    passed=$((passed + bad))
  else
    failed=$((failed + bad))
    [ "$bad" -eq 0 ] || cat "$work/out/regression.diffs"
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
      cat "$scratch/out"
      problem "$(basename "$program") ended with status $status"
    fi
  fi
}

suite_regress() {
  server || { problem "no server"; return; }
  regress_suite regress sql regress/pg_regress scenario_regress
}

suite_isolation() {
  server || { problem "no server"; return; }
  regress_suite isolation spec isolation/pg_isolation_regress scenario_isolation
}

suite_client() {
  server || { problem "no server"; return; }
  local status=0 last test
  PYTHONDONTWRITEBYTECODE=1 "$(venv_folder)/bin/python" -m pytest -q -rfEs --no-fold-skipped -p no:cacheprovider \
    ${tests:+-k "${tests// / or }"} tests/cluster 2>&1 | tee "$scratch/out" || status=$?
  last=$(grep -E '(passed|failed|skipped|error|no tests ran).* in [0-9.]+s' "$scratch/out" | tail -n 1 || true)
  number() { { grep -oE "[0-9]+ ($1)" <<<"$last" || true; } | awk '{ n += $1 } END { print n+0 }'; }
  passed=$(number passed) failed=$(number 'failed|errors?|xpassed') skipped=$(number 'skipped|xfailed')
  while read -r test; do
    skips+=$'\n'"  $test"
  done < <(sed -n 's/^SKIPPED //; T; s/ - Skipped: /: /; p' "$scratch/out")
  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || problem "pytest failed"
}

total_passed=0 total_failed=0 total_skipped=0
table=$(printf '%-12s %8s %8s %8s %8s' suite passed failed skipped seconds)
for suite in "${suites[@]}"; do
  declare -F "suite_$suite" >/dev/null || die "there is no suite named $suite" "see the head of tools/test.sh"
  passed=0 failed=0 skipped=0 absent=false started=$SECONDS
  say "suite: $suite"
  "suite_$suite"
  ! $absent || continue
  [ $((passed + failed)) -gt 0 ] || problem "no test ran"
  table+=$'\n'$(printf '%-12s %8d %8d %8d %8d' "$suite" "$passed" "$failed" "$skipped" $((SECONDS - started)))
  total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + skipped))
done

for file in "$SCENARIO_REPORT"/*; do
  [ ! -f "$file" ] || { echo; cat "$file"; }
done
summary="$total_passed passed, $total_failed failed"
[ "$total_skipped" -eq 0 ] || summary+=", $total_skipped skipped"
[ -z "$skips" ] || table+=$'\n\n'"skipped:$skips"
printf '\n%s\n\n%s\n' "$table" "$summary"
[ "$total_failed" -eq 0 ]
