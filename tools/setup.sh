#!/usr/bin/env bash
# Makes a machine ready to build and test pg_scenario. `make test`, `make demo` and .ci/run call it.
#
# Looks for: a C compiler, make, Rust, PostgreSQL with its development files, libclang, Python with venv, cargo-pgrx.
# Missing Debian packages are installed when run as root; anybody else is told which they are. cargo-pgrx and the Python
# packages of the tests go into target/. Running it again does nothing and takes a second.
#
#   tools/setup.sh          everything
#   tools/setup.sh build    only what building needs: no Python

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scope=${1:-all}
missing=()

look() {
  missing=()
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  command -v make >/dev/null || missing+=(make)
  [ -n "${LIBCLANG_PATH:-}" ] || grep -q 'libclang[-.0-9]*so' <<<"$(ldconfig -p 2>/dev/null)" ||
    compgen -G '/usr/lib*/llvm*/lib*/libclang*.so*' >/dev/null || missing+=(libclang-dev)
  [ "$scope" = build ] || python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
  find_postgres || missing+=($(postgres_packages))
}

# The names for the version that was asked for by PG_CONFIG, or that is there without its development files, else the
# distribution's own.
postgres_packages() {
  local version
  version=$(sed -nE 's#^/usr/lib/postgresql/([0-9]+)/.*#\1#p' <<<"${PG_CONFIG:-}")
  [ -n "$version" ] || version=$(ls -v /usr/lib/postgresql 2>/dev/null | tail -n 1) || true
  [ -n "$version" ] ||
    version=$(apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+)$/\1/p') || true
  version=${version:-15}
  echo "postgresql-$version" "postgresql-server-dev-$version"
}

# A PG_CONFIG that was asked for and does not work is a mistake to be told, unless it names a Debian package to install.
if [ -n "${PG_CONFIG:-}" ] && ! grep -q '^/usr/lib/postgresql/' <<<"$PG_CONFIG" && ! find_postgres; then
  die "PG_CONFIG=$PG_CONFIG is not the pg_config of a PostgreSQL server with its development files"
fi
look
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    run_quietly "updating the list of packages" apt-get update -q
    look # the list tells which PostgreSQL the distribution has
    run_quietly "installing ${missing[*]}" apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
    look
  fi
  [ ${#missing[@]} -eq 0 ] || die "missing: ${missing[*]}" \
    "on Debian or Ubuntu: sudo apt-get install ${missing[*]}" \
    "elsewhere: the packages that hold the same, and PG_CONFIG=/path/to/pg_config where it is not on the PATH"
fi
need_postgres

command -v cargo >/dev/null && command -v rustc >/dev/null ||
  die "Rust is missing" "install Rust $(manifest rust-version) or newer with rustup, then run this again"
rust_version=$(rustc --version | cut -d' ' -f2)
[ "$(printf '%s\n' "$(manifest rust-version)" "$rust_version" | sort -V | head -n 1)" = "$(manifest rust-version)" ] ||
  die "Rust $rust_version is too old" "install Rust $(manifest rust-version) or newer: rustup update stable"

if [ "$(cargo pgrx --version 2>/dev/null)" != "cargo-pgrx $pgrx_version" ]; then
  run_quietly "installing cargo-pgrx $pgrx_version into $target/tools (takes minutes, once)" \
    cargo install cargo-pgrx --version "=$pgrx_version" --locked --root "$target/tools"
fi

venv=$(venv_folder)
if [ "$scope" != build ] && [ ! -f "$venv/ready" ]; then
  rm -rf "$venv"
  run_quietly "making the Python environment of the tests" python3 -m venv "$venv"
  run_quietly "installing $(tr '\n' ' ' <tests/cluster/requirements.txt)" \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/cluster/requirements.txt
  touch "$venv/ready"
fi

# The client tests go through this pooler, and skip what needs it where it cannot be had. The package would start a
# server of its own, which nobody asked for. Runlevel 1 keeps it from that.
if [ "$scope" != build ] && [ "$(id -u)" -eq 0 ] && ! PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null &&
  apt-cache show pgbouncer >/dev/null 2>&1; then
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 run_quietly "installing pgbouncer" \
    apt-get install -q -y --no-install-recommends pgbouncer </dev/null ||
    warn "without pgbouncer, the tests through a pooler are skipped"
fi

say "ready: PostgreSQL $("$PG_CONFIG" --version | cut -d' ' -f2), Rust $rust_version, cargo-pgrx $pgrx_version"
