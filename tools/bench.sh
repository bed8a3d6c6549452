#!/usr/bin/env bash
# The benchmarks: tests/bench/run.sh on a throwaway server with an optimised build. `make bench`.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tools/setup.sh
SCENARIO_PROFILE=release exec tools/cluster.sh run tests/bench/run.sh "$@"
