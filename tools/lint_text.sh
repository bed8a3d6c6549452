#!/usr/bin/env bash
# Texts that people read: lines of at most 120 characters, code in files of at most 500 lines, no citation of a text
# that is not in the repository, and SQL install files in the order of their numbers.
#
# tools/lint_text.sh [FOLDER…]   default: the whole repository. Expected output, data and lock files are not looked at.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

most_columns=120
most_lines=500
status=0

# Says what is wrong, one finding a line.
complain() {
  warn "$1"
  status=1
}

folders=("$@")
[ $# -gt 0 ] || folders=(.)
mapfile -t files < <(
  find "${folders[@]}" \( -name target -o -name .git -o -name node_modules -o -name .venv \) -prune -o -type f \
    \( -name '*.rs' -o -name '*.sql' -o -name '*.spec' -o -name '*.py' -o -name '*.sh' -o -name '*.md' \) -print |
    sed 's|^\./||' | sort
)
say "lines, sizes and citations of ${#files[@]} files"

# In this locale grep counts characters; awk and wc may count bytes.
while IFS=: read -r file line _; do
  complain "$file:$line: more than $most_columns characters"
done < <(LC_ALL=C.UTF-8 grep -HnE "^.{$((most_columns + 1))}" "${files[@]}" || true)

for file in "${files[@]}"; do
  # a page is as long as its subject
  [[ $file != *.md ]] || continue
  lines=$(wc -l <"$file")
  [ "$lines" -le $most_lines ] || complain "$file: $lines lines, more than $most_lines"
done

# The brackets keep this line from finding itself.
while IFS=: read -r file line _; do
  complain "$file:$line: cites a text that readers do not have; name a section of docs/behaviour.md"
done < <(grep -HnwE 'SPE[C]' "${files[@]}" || true)

say "SQL install files in the order of their numbers"
twice=$(find sql/install -name '*.sql' -printf '%f\n' | cut -d_ -f1 | sort | uniq -d)
[ -z "$twice" ] || complain "sql/install: a number is there twice: $(echo $twice)"
listed=$(sed -nE 's|.*"\.\./sql/install/([^"]*)".*|\1|p' src/install.rs)
[ "$listed" = "$(find sql/install -name '*.sql' -printf '%f\n' | sort)" ] ||
  complain "src/install.rs does not list the files of sql/install in their order"

[ $status -eq 0 ] || die "the texts are not as they should be"
say "texts passed"
