# What the scripts of tools/ share: where things are, how they speak, how the extension is built.
# Sourced, never run.
#
#   PG_CONFIG         the PostgreSQL to build for; default: pg_config of the PATH, else Debian's newest
#   CARGO_TARGET_DIR  where everything that is built goes; default: target/ in the repository. With CI=true it is a
#                     folder of the user's cache, so that a clean clone does not build all dependencies again

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"

say() { printf '==> %s\n' "$*"; }
warn() { printf '    %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 1
}

# A server started with RUST_BACKTRACE puts a backtrace into every error's DETAIL, and settings that the user has for
# their own server must not reach ours.
unset RUST_BACKTRACE RUST_LIB_BACKTRACE
for name in $(compgen -e PG || true); do
  case $name in PG_CONFIG | PGRX_*) ;; *) unset "$name" ;; esac
done

if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME
fi
if [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ]; then PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin; fi

if [ -n "${CARGO_TARGET_DIR:-}" ]; then
  target=$(realpath -m "$CARGO_TARGET_DIR")
elif [ "${CI:-}" = true ]; then
  target=${XDG_CACHE_HOME:-$HOME/.cache}/pg_scenario/target-$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)
  export CARGO_INCREMENTAL=0
else
  target=$root/target
fi
export CARGO_TARGET_DIR=$target
PATH=$target/tools/bin:$PATH

# One value of the root Cargo.toml, by its key at the start of a line.
manifest() { sed -n "s/^$1 = \"=\{0,1\}\([^\"]*\)\".*/\1/p" Cargo.toml | head -n 1; }
pgrx_version=$(manifest pgrx)
supported_majors="14 15 16 17 18"

# Sets PG_CONFIG to the real program (Debian's is a wrapper that picks one) and PG_MAJOR; false when there is none that
# can build a server extension.
find_postgres() {
  local found=${PG_CONFIG:-} bindir
  if [ -z "$found" ]; then
    found=$(command -v pg_config || compgen -G '/usr/lib/postgresql/*/bin/pg_config' | sort -V | tail -n 1) || true
  fi
  [ -n "$found" ] && bindir=$("$found" --bindir 2>/dev/null) || return 1
  [ -x "$bindir/pg_config" ] && found=$bindir/pg_config
  [ -f "$("$found" --includedir-server)/postgres.h" ] && [ -x "$bindir/postgres" ] || return 1
  PG_CONFIG=$found
  PG_MAJOR=$("$found" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  export PG_CONFIG PG_MAJOR
  # With this variable pgrx needs no `cargo pgrx init`, and nobody's ~/.pgrx is touched.
  export PGRX_PG_CONFIG_PATH=$PG_CONFIG
}

need_postgres() {
  find_postgres ||
    die "no PostgreSQL server with its development files was found" "run tools/setup.sh, or set PG_CONFIG"
  case " $supported_majors " in
  *" $PG_MAJOR "*) ;;
  *) die "PostgreSQL $PG_MAJOR is not supported" "supported: $supported_majors; set PG_CONFIG to another one" ;;
  esac
}

# What cargo needs to compile the extension for the PostgreSQL found.
extension_features() { echo --no-default-features --features "pg$PG_MAJOR"; }

# run_quietly TITLE COMMAND…: the output goes to a log and is shown only when the command fails.
run_quietly() {
  local title=$1 log status=0
  shift
  mkdir -p "$target/logs"
  log=$(mktemp "$target/logs/run.XXXXXX")
  say "$title"
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# build_extension PROFILE FOLDER: compiles the extension and lays its files out below FOLDER as they lie below / where
# PG_CONFIG says. PROFILE is dev or release.
build_extension() {
  local profile=--debug
  [ "$1" = dev ] || profile="--profile=$1"
  # build.rs asks the linker for what this switches off.
  CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND=1 run_quietly \
    "building the extension for PostgreSQL $PG_MAJOR, profile $1 (the first time takes minutes)" \
    cargo pgrx package "$profile" --pg-config "$PG_CONFIG" --out-dir "$2"
}

# The Python environment of the tests, one for each version of Python and of the list of packages.
venv_folder() {
  local python='import sys; print(sys.base_prefix, sys.version)'
  echo "$target/venv-$({ python3 -c "$python"; cat tests/cluster/requirements.txt; } | sha256sum | cut -c1-12)"
}
