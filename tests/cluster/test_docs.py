"""The pages in docs/ are true: their SQL is run as it is, and what they show is compared with what comes.

A ```text block after a ```sql block shows what the SQL above it prints, or a part of it without gaps; a last line `…`
says that more comes. Widths of columns do not matter.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_readme import BLOCK, squeezed

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / name for name in ("gap-fill.md", "sources.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_sql_runs_as_it_is(server, database, page):
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    script, shown = [], {}
    for place, (language, text) in enumerate(blocks):
        if language == "sql":
            script += [f"\\echo @@ {place}", text]
        if language == "text" and place and blocks[place - 1][0] == "sql":
            shown[place - 1] = text
    assert shown
    done = server.program("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database, input="\n".join(script), check=False)
    assert done.returncode == 0, f"{done.stderr}\nafter:\n{done.stdout[-2000:]}"
    came = dict(re.findall(r"^@@ (\d+)\n(.*?)(?=^@@ |\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    for place, expected in shown.items():
        # the numbers of rows are psql's own remark
        output = [line for line in squeezed(came[str(place)]) if not re.fullmatch(r"\(\d+ rows?\)", line)]
        wanted = squeezed(expected)
        if wanted[-1] == "…":
            wanted.pop()
        starts = [n for n in range(len(output)) if output[n : n + len(wanted)] == wanted]
        assert starts, f"after\n{blocks[place][1]}\n{page.name} shows\n{expected}\nbut this came\n{came[str(place)]}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    def heads(file: Path) -> set[str]:
        lines = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}

    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        name, _, head = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        assert not head or head in heads(file), target
