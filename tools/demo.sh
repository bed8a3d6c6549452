#!/usr/bin/env bash
# The demo: examples/demo.sql on a throwaway server, in a database that has the extension. `make demo`.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ -f examples/demo.sql ] || die "examples/demo.sql is missing"
tools/setup.sh
exec tools/cluster.sh run psql -X -q -v ON_ERROR_STOP=1 -f examples/demo.sql
