# A throwaway PostgreSQL server, with an installation of its own. Sourced after lib.sh, never run.
#
# Everything lies in one temporary folder, $home, which only the user who runs the server (and root) can enter:
#   pg/    a copy of the installation that PG_CONFIG names, with the extension in it. PostgreSQL finds its files
#          relative to the running program, so the copy uses nothing of the original's: the system's is never written to
#   data/  the cluster; no TCP, trust on a socket in $home
#   log    the server's log
# As root the server runs as the user postgres (PostgreSQL refuses to run as root), as anybody else as themselves.

if [ "$(id -u)" -eq 0 ]; then
  server_user=postgres
  id -u postgres >/dev/null 2>&1 || server_user=nobody
else
  server_user=$(id -un)
fi

# Runs a command as the user of the server, in a folder that they can read.
as_server() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd "$home" && HOME=$home exec runuser -u "$server_user" -- "$@")
  else
    (cd "$home" && "$@")
  fi
}

# Makes $home with the copy of the installation. A socket's path may have 107 characters, so a long TMPDIR is not used.
server_create() {
  local base=${TMPDIR:-/tmp} dir
  [ ${#base} -le 60 ] || base=/tmp
  home=$(mktemp -d "$base/pg_scenario.XXXXXX")
  copy=$home/pg
  say "copying PostgreSQL $PG_MAJOR to $copy"
  for dir in --bindir --pkglibdir --sharedir; do
    dir=$("$PG_CONFIG" "$dir")
    mkdir -p "$copy$dir"
    # bitcode is for JIT, pgxs for building
    tar -C "$dir" --exclude=./bitcode --exclude=./pgxs -cf - . | tar -C "$copy$dir" -xf -
  done
  pg_bin=$copy$("$PG_CONFIG" --bindir)
  [ "$("$pg_bin/pg_config" --pkglibdir)" = "$copy$("$PG_CONFIG" --pkglibdir)" ] ||
    die "this PostgreSQL cannot be copied: $("$PG_CONFIG" --bindir)" \
      "its pg_config looks for its files at a fixed place"
  chown "$server_user" "$home"
}

# server_install PROFILE: builds the extension and puts it into the copy.
server_install() { build_extension "$1" "$copy"; }

# False, with the log shown, when it does not start.
server_start() {
  local locale=C
  if locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$'; then locale=C.UTF-8; fi
  say "starting a throwaway server, as user $server_user"
  as_server "$pg_bin/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --locale="$locale" --no-sync \
    >"$home/initdb.log" 2>&1 ||
    { cat "$home/initdb.log" >&2; return 1; }
  cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$home'
fsync = off
full_page_writes = off
jit = off
timezone = 'UTC'
lc_messages = 'C'
CONF
  as_server "$pg_bin/pg_ctl" -D "$home/data" -l "$home/log" -w -s start >/dev/null || { cat "$home/log" >&2; return 1; }
  server_environment
}

# What clients need to find the server, its programs, and, for tests that start servers of their own, its user.
server_environment() {
  export PGHOST=$home PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
  export SCENARIO_PG_BIN=$pg_bin SCENARIO_HOME=$home SCENARIO_SERVER_USER=$server_user
  export PATH=$pg_bin:$PATH
}

# Stops every server below $home (tests may have started more) and removes the folder.
server_remove() {
  local file
  [ -n "${home:-}" ] && [ -d "$home" ] || return 0
  while IFS= read -r file; do
    as_server "$pg_bin/pg_ctl" -D "$(dirname "$file")" -m immediate -t 20 -s stop >/dev/null 2>&1 || true
  done < <(find "$home" -maxdepth 3 -name postmaster.pid 2>/dev/null)
  rm -rf "$home"
}

# From here on the server goes when the script does, however it ends.
server_remove_at_exit() {
  trap server_remove EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}
