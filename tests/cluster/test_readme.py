"""README.md is true: its SQL is run, and its reference is compared with the catalogue."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(name: str) -> str:
    """What stands between <!-- name: begin --> and <!-- name: end -->."""
    found = re.search(rf"<!-- {name}: begin -->\n(.*?)<!-- {name}: end -->", README, re.DOTALL)
    assert found, f"README.md has no section {name}"
    return found.group(1)


def table(name: str) -> list[list[str]]:
    """The cells of the rows of a section's tables, heads left out."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heads = [place - 1 for place, row in enumerate(rows) if all(set(cell) <= set("-:") and cell for cell in row)]
    return [row for place, row in enumerate(rows) if place not in heads and place - 1 not in heads]


def entries(name: str) -> list[tuple[str, str]]:
    """Signature and result of each function that a section lists: - `signature` → result. What it does."""
    items = re.split(r"^- ", section(name), flags=re.MULTILINE)[1:]
    found = [re.match(r"`([^`]+)` → (.+?)\.(?: |$)", " ".join(item.split())) for item in items]
    assert all(found), f"not understood: {[item for item, match in zip(items, found) if not match]}"
    return [(match[1], match[2].replace("`", "")) for match in found]


def squeezed(text: str) -> list[str]:
    """Lines without the padding and the rules of psql's tables, in which widths and numbers of dashes do not matter."""
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not set(line) <= set("-+")]


def test_its_sql_runs_as_it_is(server, empty_database):
    blocks = BLOCK.findall(README)
    script, shown = [], {}
    for place, (language, text) in enumerate(blocks):
        if language == "sql":
            script += [f"\\echo @@ {place}", text]
        if language == "text" and place and blocks[place - 1][0] == "sql":
            shown[place - 1] = text
    assert len(script) > 20 and len(shown) >= 5
    psql = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", empty_database]
    done = server.program(*psql, input="\n".join(script), check=False)
    assert done.returncode == 0, f"{done.stderr}\nafter:\n{done.stdout[-2000:]}"
    assert "ERROR" not in done.stderr
    came = dict(re.findall(r"^@@ (\d+)\n(.*?)(?=^@@ |\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    for place, expected in shown.items():
        output = squeezed(came[str(place)])
        wanted = squeezed(expected)
        starts = [n for n in range(len(output)) if output[n : n + len(wanted)] == wanted]
        assert starts, f"after\n{blocks[place][1]}\nREADME.md shows\n{expected}\nbut this came\n{came[str(place)]}"


def test_its_hash_is_the_servers(db):
    [python] = [text for language, text in BLOCK.findall(README) if language == "python"]
    told: dict = {}
    exec(python, told)
    for file in (ROOT / "examples").glob("*_v[0-9].json"):
        steps = json.loads(file.read_text(encoding="utf-8"))["steps"]
        for step in [*steps, {"name": "Café 😀", "description": "Greet"}]:
            [server] = db.execute("select scenario.step_content_hash(%s)", [json.dumps(step)]).fetchone()
            assert told["step_content_hash"](step) == server, step


CATALOGUE = """
    select p.proname,
           array(select coalesce(p.proargnames[n], '') || ' ' || format_type(p.proargtypes[n - 1], null)
                   from generate_series(1, p.pronargs) n order by n) as arguments,
           p.pronargdefaults as optional,
           case
               when p.prokind = 'p' then 'procedure'
               when p.proallargtypes is not null then
                   case when p.proretset then 'rows: ' else 'row: ' end
                   || (select string_agg(p.proargnames[n], ', ' order by n)
                         from generate_series(p.pronargs + 1, cardinality(p.proargnames)) n)
               when exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c') then
                   case when p.proretset then 'rows: ' else 'row: ' end
                   || (select string_agg(a.attname, ', ' order by a.attnum)
                         from pg_attribute a where a.attrelid = t.typrelid and not a.attisdropped)
               when t.typtype = 'c' then
                   case when p.proretset then 'rows of ' else 'row of ' end || t.typname
               else format_type(p.prorettype, null)
           end as result
      from pg_proc p
      join pg_type t on t.oid = p.prorettype
      join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_scenario'
     where p.prorettype <> 'trigger'::regtype
"""


def signature(name: str, arguments: list[str], optional: int) -> str:
    required = arguments[: len(arguments) - optional]
    text = ", ".join(required)
    if optional:
        text += (" [, " if required else "[") + ", ".join(arguments[len(required) :]) + "]"
    return f"{name}({text})"


def test_reference_is_the_catalogue(db):
    there = {signature(*row[:3]): row[3] for row in db.execute(CATALOGUE).fetchall()}
    listed = entries("reference")
    told = dict(listed)
    assert len(told) == len(listed), "a function is listed twice"
    for sign, result in told.items():
        if result.startswith("as "):
            told[sign] = next(other for name, other in told.items() if name.startswith(f"{result[3:]}("))
    internal = set(re.findall(r"`(\w+)`", section("internal")))
    public = {sign: result for sign, result in there.items() if sign.split("(")[0] not in internal}
    missing = [f"- `{sign}` → {public[sign]}. …" for sign in sorted(public.keys() - told.keys())]
    assert not missing, "not in README.md:\n" + "\n".join(missing)
    assert not told.keys() - public.keys(), f"README.md has what is not there: {sorted(told.keys() - public.keys())}"
    differing = {sign: (told[sign], public[sign]) for sign in told if told[sign] != public[sign]}
    assert not differing, f"results differ (README.md, catalogue): {differing}"
    names = {sign.split("(")[0] for sign in there}
    assert internal <= names, f"README.md calls internal what is not there: {internal - names}"


def test_planned_functions_are_not_there(db):
    """What README.md says is not in this version must be moved up once it is."""
    planned = re.search(r"### Not in this version\n(.*?)\n### ", README, re.DOTALL).group(1)
    names = set(re.findall(r"`(\w+)`", planned)) - {"tenant_id"}
    assert names
    there = {row[0] for row in db.execute("select proname from pg_proc where pronamespace = 'scenario'::regnamespace")}
    assert not names & there, f"{sorted(names & there)} are there: README.md says that they are planned"


def test_settings_are_the_servers(db):
    db.execute("load 'pg_scenario'")
    query = "select name, coalesce(boot_val, '') from pg_settings where name like 'scenario.%'"
    there = dict(db.execute(query).fetchall())
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in table("settings")}
    assert told.keys() == there.keys()
    there = {name: "empty" if default == "" else default for name, default in there.items()}
    differing = {name: (told[name], there[name]) for name in told if told[name] not in (there[name], "built-in text")}
    assert not differing, f"defaults differ (README.md, server): {differing}"
    texts = [name for name, default in told.items() if default == "built-in text"]
    assert [name for name in texts if not name.endswith("_message")] == []


@pytest.mark.parametrize("file", ["Cargo.toml", "engine/Cargo.toml"])
def test_every_dependency_has_a_reason(file):
    manifest = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))
    used = set(manifest.get("dependencies", {})) | set(manifest.get("dev-dependencies", {}))
    told = {name for cells in table("dependencies") for name in re.findall(r"`([\w-]+)`", cells[0])}
    assert used <= told, f"no reason given for {sorted(used - told)}"


def test_no_dependency_is_made_up():
    used = set()
    for file in ("Cargo.toml", "engine/Cargo.toml"):
        manifest = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))
        used |= set(manifest.get("dependencies", {})) | set(manifest.get("dev-dependencies", {}))
    told = {name for cells in table("dependencies") for name in re.findall(r"`([\w-]+)`", cells[0])}
    assert told <= used, f"README.md names what is not used: {sorted(told - used)}"


def test_links_lead_somewhere():
    lines = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    heads = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in heads, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target
