#!/usr/bin/env bash
# The benchmarks: tests/bench/bench.py on a throwaway server with an optimised build. `make bench`; its head says what
# it can be told.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tools/setup.sh
SCENARIO_PROFILE=release exec tools/cluster.sh run "$(venv_folder)/bin/python" tests/bench/bench.py "$@"
