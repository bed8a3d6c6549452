#!/usr/bin/env bash
# Formatting and clippy on both crates, every warning being an error, and the texts (tools/lint_text.sh).

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_postgres

for component in fmt clippy; do
  cargo $component --version >/dev/null 2>&1 ||
    die "cargo $component is missing" "rustup component add ${component/fmt/rustfmt}"
done

status=0
say "cargo fmt --check"
cargo fmt --all --check || status=1
say "cargo clippy, both crates, all targets"
# shellcheck disable=SC2046
cargo clippy --quiet --workspace --all-targets $(extension_features) -- -D warnings || status=1
tools/lint_text.sh || status=1
[ $status -eq 0 ] || die "lint failed"
say "lint passed"
