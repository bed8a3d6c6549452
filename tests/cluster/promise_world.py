"""Small scenarios for test_promise.py, and the edits that operators make to them.

Each step carries two labels that no definition shows: `uid`, which step it has always been, and `act`, what it really
does in the world (0: nothing). Edits change ids, words and ways, and carry the labels along. A step that really does
something is a *deed* (from 1; mostly flagged as a checkpoint) or an *errand* (from ERRANDS; a required action).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from random import Random

ERRANDS = 100
FIELDS = ("f0", "f1", "f2")
TALK = "the customer sounds unhappy"

NAMES = ("Cart", "Address", "Survey", "Greeting", "Parcel size", "Waiting room", "Questions", "Overview")
DEEDS = ("Pay by card", "Sign contract", "Ship order", "Book flight")
NEW_WORDS = ("Debit account", "Hand over keys", "Settle invoice", "Make it final", "Transfer money", "Close the deal")
ERRAND_NAMES = ("Send mail", "Call courier", "Print label", "Notify bank")


@dataclass
class Way:
    to: int
    condition: str = ""


@dataclass
class Step:
    uid: int
    act: int
    id: str
    name: str
    words: str = ""
    asks: str | None = None
    checkpoint: bool = False
    required: bool = False
    # Said to be an end: what an editor has left of its ways leads nowhere.
    end: bool = False
    ways: list[Way] = field(default_factory=list)

    @property
    def content(self) -> tuple:
        """What the content hash is made of."""
        return self.name, self.words, self.asks, self.checkpoint, self.required

    @property
    def onward(self) -> list[Way]:
        """The ways that lead on from it."""
        return [] if self.end else self.ways

    def copy(self, **changes) -> Step:
        return replace(self, ways=[replace(way) for way in self.ways], **changes)


@dataclass
class Version:
    steps: list[Step]
    entry: int

    def step(self, uid: int) -> Step:
        return next(step for step in self.steps if step.uid == uid)

    def by_id(self, step_id: str) -> Step:
        return next(step for step in self.steps if step.id == step_id)

    def has(self, uid: int) -> bool:
        return any(step.uid == uid for step in self.steps)

    def after(self, step: Step) -> list[Step]:
        return [self.step(way.to) for way in step.onward]

    def copy(self) -> Version:
        return Version([step.copy() for step in self.steps], self.entry)

    def tidy(self) -> Version:
        """Takes out the ways that lead nowhere and those that are there twice."""
        for step in self.steps:
            seen: list[Way] = []
            for way in step.ways:
                if self.has(way.to) and way not in seen:
                    seen.append(way)
            step.ways = seen
        if not self.has(self.entry):
            self.entry = self.steps[0].uid
        return self

    def definition(self) -> dict:
        def transition(way: Way) -> dict:
            fields = [name for name in FIELDS if name in way.condition]
            return {"to_step_id": self.step(way.to).id, "condition_text": way.condition, "condition_fields": fields}

        steps = [
            {"id": step.id, "name": step.name, "description": step.words,
             "collects_profile_fields": [step.asks] if step.asks else [], "performs_action": step.required,
             "is_required_action": step.required, "is_checkpoint": step.checkpoint, "is_terminal": not step.onward,
             "transitions": [transition(way) for way in step.ways]}
            for step in self.steps
        ]
        return {"name": "World", "entry_step_id": self.step(self.entry).id, "steps": steps}

    def notation(self) -> str:
        """`id=Name/words!*.?field{act}>condition:to|to; …`, the entry first; a point marks an end."""
        def shown(step: Step) -> str:
            flags = "!" * step.checkpoint + "*" * step.required + "." * step.end
            flags += f"?{step.asks}" if step.asks else ""
            text = f"{step.id}={step.name}" + (f"/{step.words}" if step.words else "") + flags
            text += f"{{{step.act}}}" if step.act else ""
            ways = [(f"{way.condition}:" if way.condition else "") + self.step(way.to).id for way in step.ways]
            return text + (">" + "|".join(ways) if ways else "")

        first = self.step(self.entry)
        return "; ".join(shown(step) for step in [first] + [step for step in self.steps if step is not first])


def parse(notation: str) -> Version:
    """A version from its notation; labels of the same id are the same in each version that a test writes so."""
    texts = [text.strip().partition(">") for text in notation.split(";")]
    steps = []
    for head, _, _ in texts:
        head, _, act = head.rstrip("}").partition("{")
        head, _, asks = head.partition("?")
        required, checkpoint, end = "*" in head, "!" in head, "." in head
        step_id, _, name = re.sub(r"[*!.]", "", head).partition("=")
        name, _, words = (name or step_id).partition("/")
        uid = int.from_bytes(step_id.encode(), "big")
        steps.append(Step(uid, int(act or 0), step_id, name, words, asks or None, checkpoint, required, end))
    uids = {step.id: step.uid for step in steps}
    for step, (_, _, ways) in zip(steps, texts):
        for way in filter(None, ways.split("|")):
            condition, _, to = way.rpartition(":")
            step.ways.append(Way(uids[to], condition))
    return Version(steps, steps[0].uid)


class Operator:
    """Writes the versions of one scenario, one after the other."""

    def __init__(self, rng: Random):
        self.rng = rng
        self.uids = self.deeds = self.errands = self.words = self.ids = 0
        self.numbered = rng.random() < 0.25  # ids are positions
        self.twins = rng.random() < 0.10  # different steps like to have the same words
        self.old_ids: list[str] = []
        self.gone: list[Step] = []

    def chain(self) -> list[Version]:
        chain = [self.first()]
        for _ in range(self.rng.randint(1, 3)):
            chain.append(self.next(chain[-1]))
        return chain

    def first(self) -> Version:
        version = Version([], 0)
        for _ in range(self.rng.randint(4, 6)):
            version.steps.append(self.plain(version))
        for _ in range(self.rng.choice((1, 1, 2))):
            self.make_deed(version.steps[self.rng.choice((0, 1, 1, 1, 2, 2))])
        for step, after in zip(version.steps, version.steps[1:]):
            step.ways.append(Way(after.uid))
            if self.rng.random() < 0.3:
                step.ways.insert(0, Way(self.rng.choice(version.steps).uid, self.condition()))
        version.entry = version.steps[0].uid
        return self.renumber(version.tidy())

    def next(self, old: Version) -> Version:
        version = old.copy()
        for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3))):
            self.rng.choice(self.EDITS)(self, version, self.some(version))
            version.tidy()
        return self.renumber(version)

    def some(self, version: Version) -> Step:
        """A step to edit: rather one that does something."""
        doing = [step for step in version.steps if step.act]
        return self.rng.choice(doing if doing and self.rng.random() < 0.4 else version.steps)

    def new_id(self, version: Version) -> str:
        free = [old for old in self.old_ids if all(step.id != old for step in version.steps)]
        if free and self.rng.random() < 0.15:
            return self.rng.choice(free)
        self.ids += 1
        self.old_ids.append(f"s{self.ids}")
        return self.old_ids[-1]

    def renumber(self, version: Version) -> Version:
        if self.numbered:
            for number, step in enumerate(version.steps, 1):
                step.id = str(number)
        return version

    def unique(self, name: str, number: int, kinds: int) -> str:
        return name if self.twins or number <= kinds else f"{name} {number}"

    def plain(self, version: Version) -> Step:
        self.uids += 1
        name = self.rng.choice(NAMES[:2]) if self.twins else NAMES[self.uids % len(NAMES)]
        step = Step(self.uids, 0, self.new_id(version), self.unique(name, self.uids, len(NAMES)))
        if self.rng.random() < 0.25:
            step.asks = self.rng.choice(FIELDS)
        if self.rng.random() < 0.15:
            self.make_errand(step)
        return step

    def make_errand(self, step: Step) -> None:
        name = ERRAND_NAMES[self.errands % len(ERRAND_NAMES)]
        self.errands += 1
        step.act, step.required = ERRANDS + self.errands, True
        step.name = self.unique(name, self.errands, len(ERRAND_NAMES))

    def make_deed(self, step: Step) -> None:
        if step.act:
            return
        name = DEEDS[0] if self.twins else DEEDS[self.deeds % len(DEEDS)]
        self.deeds += 1
        step.act, step.name = self.deeds, self.unique(name, self.deeds, len(DEEDS))
        step.checkpoint = self.rng.random() < 0.9
        step.required = self.rng.random() < 0.2

    def condition(self) -> str:
        return self.rng.choice(("", TALK, "f0", "f1", "f2", "f0", "f1", "!f2"))

    def put(self, version: Version, step: Step) -> None:
        """Puts a step on a way, or before the entry."""
        before = self.rng.choice(version.steps)
        step.end = False
        if before.ways:
            way = self.rng.choice(before.ways)
            step.ways, way.to = [Way(way.to)], step.uid
            version.steps.insert(version.steps.index(before) + 1, step)
        else:
            step.ways, version.entry = [Way(version.entry)], step.uid
            version.steps.insert(0, step)
        if self.rng.random() < 0.15:
            step.ways.insert(0, Way(self.rng.choice(version.steps).uid, self.condition()))

    def take(self, version: Version, step: Step) -> None:
        """Takes a step out; mostly those who came to it are led to where it led."""
        version.steps.remove(step)
        onward = [way.to for way in step.ways if way.to != step.uid]
        bypass = self.rng.random() < 0.8
        for other in version.steps:
            for way in other.ways:
                if way.to == step.uid and onward and bypass:
                    way.to = onward[-1]
        if version.entry == step.uid:
            version.entry = onward[-1] if onward else version.steps[0].uid

    # Edits: each takes the version and one of its steps.

    def insert(self, version, _):
        self.put(version, self.plain(version))

    def insert_deed(self, version, _):
        step = self.plain(version)
        self.make_deed(step)
        self.put(version, step)

    def delete(self, version, step):
        if len(version.steps) > 3:
            self.gone.append(step.copy())
            self.take(version, step)

    def move(self, version, step):
        if len(version.steps) > 2:
            self.take(version, step)
            self.put(version, step)

    def take_up_again(self, version, _):
        gone = [step for step in self.gone if not version.has(step.uid)]
        if gone:
            step = self.rng.choice(gone).copy()
            if any(step.id == other.id for other in version.steps) or self.rng.random() < 0.3:
                step.id = self.new_id(version)
            if self.rng.random() < 0.2:
                step.name = self.new_name()
            self.put(version, step)

    def duplicate(self, version, step):
        self.uids += 1
        self.put(version, step.copy(uid=self.uids, id=self.new_id(version)))

    def reword(self, version, step):
        if self.rng.random() < 0.7:
            step.words = f"As of {self.rng.randint(1, 4)}"
        else:
            step.name += " now"

    def rename(self, version, step):
        step.name = self.new_name()
        if self.rng.random() < 0.3:
            step.id = self.new_id(version)

    def new_name(self) -> str:
        self.words += 1
        return f"{self.rng.choice(NEW_WORDS)} {'' if self.twins else self.words}".strip()

    def regenerate_ids(self, version, _):
        for step in version.steps:
            step.id = self.new_id(version)

    def swap_ids(self, version, step):
        other = self.rng.choice(version.steps)
        step.id, other.id = other.id, step.id

    def swap_words(self, version, step):
        other = self.rng.choice(version.steps)
        if self.rng.random() < 0.3:
            step.name, step.words, other.name, other.words = other.name, other.words, step.name, step.words

    def flag(self, version, step):
        if 0 < step.act < ERRANDS:
            step.checkpoint = not step.checkpoint

    def exchange(self, version, step):
        """Two steps change places: what came before comes after."""
        other = self.rng.choice(version.after(step) or version.steps)
        places = {step.uid: other.uid, other.uid: step.uid}
        step.ways, other.ways = other.ways, step.ways
        for any_step in version.steps:
            for way in any_step.ways:
                way.to = places.get(way.to, way.to)
        version.entry = places.get(version.entry, version.entry)

    def reverse(self, version, _):
        ends = [step.uid for step in version.steps if not step.ways]
        back = {step.uid: [] for step in version.steps}
        for step in version.steps:
            for way in step.ways:
                back[way.to].append(Way(step.uid, way.condition))
        for step in version.steps:
            step.ways = back[step.uid]
        version.entry = ends[-1] if ends else version.entry

    def add_way(self, version, step):
        step.ways.insert(self.rng.randint(0, len(step.ways)), Way(self.rng.choice(version.steps).uid, self.condition()))

    def drop_way(self, version, step):
        if step.ways:
            step.ways.pop(self.rng.randrange(len(step.ways)))

    def change_way(self, version, step):
        if step.ways:
            way = self.rng.choice(step.ways)
            if self.rng.random() < 0.5:
                way.to = self.rng.choice(version.steps).uid
            else:
                way.condition = self.condition()

    def ask(self, version, step):
        step.asks = self.rng.choice((None, *FIELDS))

    def require(self, version, step):
        if step.act == 0:
            self.make_errand(step)
        elif step.act >= ERRANDS:
            step.required = not step.required

    def finish(self, version, step):
        """Says that a step is an end, mostly one that is one anyway, and leaves it some way; or that it is none."""
        ends = [end for end in version.steps if not end.onward]
        if ends and self.rng.random() < 0.75:
            step = self.rng.choice(ends)
        step.end = not step.end
        if step.end and not step.ways:
            step.ways.append(Way(self.rng.choice(version.steps).uid))

    EDITS = (insert, insert, insert_deed, delete, delete, move, move, move, take_up_again, take_up_again, duplicate,
             reword, reword, rename, regenerate_ids, swap_ids, swap_words, flag, exchange, exchange, exchange, reverse,
             add_way, add_way, drop_way, change_way, ask, require, finish, finish)
