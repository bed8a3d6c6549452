#!/usr/bin/env bash
# A throwaway server with the extension, for development. It uses nothing of the system's PostgreSQL but a copy.
#
#   tools/cluster.sh run COMMAND…   build, start a server, run the command against it (PGHOST, PGPORT, PGUSER and
#                                   PGDATABASE are set), stop the server and remove it
#   tools/cluster.sh shell          the same with psql
#
# One that stays, each under a name of its own, so that several people can work beside each other:
#
#   tools/cluster.sh start          build and start
#   tools/cluster.sh exec COMMAND…  run a command against it
#   tools/cluster.sh psql [ARG…]    psql against it
#   tools/cluster.sh install        build again and install into it; open a new connection to load the new library
#   tools/cluster.sh env            prints the exports, for: eval "$(tools/cluster.sh env)"
#   tools/cluster.sh log            prints the server's log
#   tools/cluster.sh stop           stop and remove
#
#   SCENARIO_CLUSTER   its name, default dev
#   SCENARIO_PROFILE   dev (default) or release
#
# The database is "scenario" and already has the extension.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$root/tools/server.sh"

profile=${SCENARIO_PROFILE:-dev}
name=${SCENARIO_CLUSTER:-dev}
state=$target/clusters/$name

up() {
  server_create
  server_install "$profile"
  server_start
  "$pg_bin/createdb" scenario
  export PGDATABASE=scenario
  "$pg_bin/psql" -X -q -c 'create extension pg_scenario'
}

attach() {
  [ -f "$state" ] || die "no cluster named $name" "start it with: tools/cluster.sh start"
  home=$(cat "$state")
  copy=$home/pg
  pg_bin=$copy$("$PG_CONFIG" --bindir)
  [ -d "$home/data" ] || die "the cluster $name is gone from $home" "tools/cluster.sh stop, then start"
  server_environment
  export PGDATABASE=scenario
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
run | shell | start | stop | exec | psql | install | env | log) need_postgres ;;
esac

case $command in
run)
  [ $# -gt 0 ] || die "run what?" "tools/cluster.sh run COMMAND…"
  server_remove_at_exit
  up
  "$@"
  ;;
shell)
  server_remove_at_exit
  up
  "$pg_bin/psql"
  ;;
start)
  [ ! -f "$state" ] || die "the cluster $name is there already" "tools/cluster.sh stop, or another SCENARIO_CLUSTER"
  server_remove_at_exit
  up
  mkdir -p "$(dirname "$state")"
  echo "$home" >"$state"
  trap - EXIT
  say "the cluster $name is up: tools/cluster.sh psql"
  ;;
exec)
  attach
  exec "$@"
  ;;
psql)
  attach
  exec "$pg_bin/psql" "$@"
  ;;
install)
  attach
  server_install "$profile"
  ;;
env)
  attach
  for variable in PGHOST PGPORT PGUSER PGDATABASE SCENARIO_PG_BIN SCENARIO_HOME SCENARIO_SERVER_USER; do
    printf 'export %s=%q\n' "$variable" "${!variable}"
  done
  ;;
log)
  attach
  exec cat "$home/log"
  ;;
stop)
  [ -f "$state" ] || exit 0
  home=$(cat "$state")
  pg_bin=$home/pg$("$PG_CONFIG" --bindir)
  server_remove
  rm -f "$state"
  say "the cluster $name is gone"
  ;;
*)
  sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  [ "$command" = help ] || exit 2
  ;;
esac
