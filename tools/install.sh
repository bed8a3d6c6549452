#!/usr/bin/env bash
# Builds the extension, optimised, and installs it into the PostgreSQL that PG_CONFIG names: `make install`.
#
# The user who runs this builds everything, into target/stage. Only copying the three files needs the right to write
# into PostgreSQL's folders. Without that right, the script prints the command that copies them.
#
#   PG_CONFIG   which PostgreSQL
#   DESTDIR     a folder to install below, for packagers

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v cargo >/dev/null ||
  die "cargo was not found" "run make install as the user who has Rust; sudo is needed only for the last step"
need_postgres
[ "$(cargo pgrx --version 2>/dev/null)" = "cargo-pgrx $pgrx_version" ] ||
  die "cargo-pgrx $pgrx_version is missing" "run tools/setup.sh"

stage=$target/stage/pg$PG_MAJOR
rm -rf "$stage"
build_extension release "$stage"

for folder in "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)/extension"; do
  folder=${DESTDIR:-}$folder
  if { mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ]; }; then continue; fi
  die "$(id -un) may not write to $folder" "it is all built; to install it, run" "" \
    "    sudo cp -R --remove-destination $stage/. ${DESTDIR:-}/"
done

say "installing"
(cd "$stage" && find . -type f) | while IFS= read -r file; do
  file=${file#.}
  mode=644
  [ "${file%.so}" = "$file" ] || mode=755
  # install replaces the file, so a running server keeps the library that it has loaded
  install -D -m "$mode" "$stage$file" "${DESTDIR:-}$file"
  warn "${DESTDIR:-}$file"
done
say "done: in a database, as a superuser: CREATE EXTENSION pg_scenario;"
