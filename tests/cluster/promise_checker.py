"""Whether a move harmed somebody, told by the hidden labels of promise_world.py and by a graph search of its own.

It knows nothing of how pg_scenario decides. `Reader` stands for a careful person who has only the definitions: it says
why such a person could not have told that two steps do the same, so that such harm is counted apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Callable

from promise_world import Step, Version

POSSIBLE = "possible again"
FORCED = "forced"

NEVER_FLAGGED = "it was never flagged where it was done"
SHARED_WORDS = "another act has the same words"
NEW_WORDS = "its step has new words, and is not new here or not the only one"


@dataclass(frozen=True)
class Place:
    """A step of a version; versions are counted from 0."""

    version: int
    uid: int


def ahead(version: Version, start: Step) -> set[int]:
    """The labels (uid) of the steps that can be reached from a step by at least one way."""
    seen: set[int] = set()
    todo = [start]
    while todo:
        for step in version.after(todo.pop()):
            if step.uid not in seen:
                seen.add(step.uid)
                todo.append(step)
    return seen


def can_avoid(version: Version, start: Step, avoid: set[int]) -> bool:
    """Whether somebody at a step can go on, to an end or in circles for ever, without any step of `avoid`.

    It removes steps from which every way on leads to something removed, until nothing changes.
    """
    left = {step.uid for step in version.steps} - avoid
    while True:
        lost = {uid for uid in left if (ways := version.step(uid).onward) and all(way.to not in left for way in ways)}
        if not lost:
            return not start.onward or any(way.to in left for way in start.onward)
        left -= lost


def is_still(was: Step, now: Step) -> bool:
    """Whether a later step is an earlier one, or a copy of it that nobody could tell from it."""
    return was.uid == now.uid or (was.act == now.act and was.act > 0 and was.name == now.name)


def stays(chain: list[Version], old: Place, new: Place) -> bool:
    """Whether a move leaves the customer at the step where they are: it is that step in another version."""
    known = [chain[old.version].step(old.uid)]
    for version in chain[old.version + 1:new.version + 1]:
        known += [step for step in version.steps if any(is_still(was, step) for was in known)]
    there = chain[new.version].step(new.uid)
    return any(is_still(was, there) for was in known)


def harm(chain: list[Version], old: Place, new: Place, act: int, counts: Callable[[Step], bool] = lambda _: True):
    """POSSIBLE, FORCED or None for a move of somebody who did `act`; `counts` tells which new steps are looked at."""
    before, after = chain[old.version], chain[new.version]
    here, there = before.step(old.uid), after.step(new.uid)
    old_steps = {step.uid for step in before.steps if step.act == act}
    new_steps = {step.uid for step in after.steps if step.act == act and counts(step)}
    arrives = new.uid in new_steps and not stays(chain, old, new)
    if (arrives or ahead(after, there) & new_steps) and not ahead(before, here) & old_steps:
        return POSSIBLE
    if can_avoid(before, here, old_steps) and (arrives or not can_avoid(after, there, new_steps)):
        return FORCED
    return None


def similar(one: Step, other: Step, share: float) -> bool:
    """Whether the letter pairs of the words of two steps agree by this share."""
    def pairs(step: Step) -> Counter:
        text = "".join(f"{step.name}{step.words}".lower().split())
        return Counter(zip(text, text[1:]))

    a, b = pairs(one), pairs(other)
    total = a.total() + b.total()
    return total > 0 and 2 * (a & b).total() / total >= share


def resembles(one: Step, other: Step) -> bool:
    """Whether somebody might take one for the other: generous, since it is only used to excuse."""
    if one.name == other.name:
        return True
    clue = (one.words and one.words == other.words) or (one.asks and one.asks == other.asks)
    return one.id == other.id and bool(similar(one, other, 0.4) or clue)


class Reader:
    """Which steps that do one act a careful reader of the published versions takes for the same."""

    def __init__(self, known: list[Version], act: int):
        self.known, self.act = known, act
        self.group = {Place(v, step.uid): Place(v, step.uid) for v, version in enumerate(known)
                      for step in version.steps if step.act == act}
        places = list(self.group)
        for a in places:
            for b in places:
                if a.version <= b.version and a != b and self.recognised(a, b):
                    kept, lost = self.group[a], self.group[b]
                    self.group = {place: kept if group == lost else group for place, group in self.group.items()}

    def step(self, place: Place) -> Step:
        return self.known[place.version].step(place.uid)

    def recognised(self, a: Place, b: Place) -> bool:
        """Strict, since it is used to accuse."""
        x, y = self.step(a), self.step(b)
        if x.content == y.content:
            return True
        if a.version == b.version:
            return False
        gone = all(step.act != self.act for version in self.known[a.version + 1:b.version] for step in version.steps)
        if not gone:
            return False
        old, new = self.known[a.version], self.known[b.version]
        if b.version > a.version + 1 and len({step.content for step in old.steps if step.act == self.act}) > 1:
            return False
        old_left = [step for step in old.steps if all(step.content != other.content for other in new.steps)]
        new_left = [step for step in new.steps if all(step.content != other.content for other in old.steps)]
        if x not in old_left or y not in new_left:
            return False
        named = lambda name: [sum(step.name == name for step in left) for left in (old_left, new_left)]  # noqa: E731
        if x.name == y.name:
            return named(x.name) == [1, 1]
        return x.id == y.id and named(x.name)[1] == 0 and named(y.name)[0] == 0 and similar(x, y, 0.6)

    def steps_of(self, group: Place) -> list[Step]:
        return [self.step(place) for place, its in self.group.items() if its == group]

    def is_confused(self, group: Place) -> bool:
        """Whether a step that does something else might be taken for one of these."""
        others = [step for version in self.known for step in version.steps if step.act != self.act]
        return any(resembles(step, other) for step in self.steps_of(group) for other in others)

    def passed(self, arrivals: list[Place]) -> list[Place]:
        """The groups of the checkpoints that were passed by these arrivals."""
        groups = dict.fromkeys(self.group[place] for place in arrivals)
        return [group for group in groups if any(step.checkpoint for step in self.steps_of(group))]

    def why_untold(self, old: Place, new: Place, arrivals: list[Place]) -> str | None:
        """Why the definitions do not tell that a move harms; None if they do."""
        passed = self.passed(arrivals)
        if not passed:
            return NEVER_FLAGGED
        confused = False
        for group in passed:
            if self.is_confused(group):
                confused = True
            elif harm(self.known, old, new, self.act, self.told_as(group, old, new)):
                return None
        return SHARED_WORDS if confused else NEW_WORDS

    def told_as(self, group: Place, old: Place, new: Place) -> Callable[[Step], bool]:
        """Tells which steps of the new version stand for a group: its own, or if it has none, every new checkpoint."""
        mine, version = self.steps_of(group), self.known[new.version]
        own = {place.uid for place, its in self.group.items() if its == group and place.version == new.version}
        if own or any(step.id == was.id or step.name == was.name for step in version.steps for was in mine):
            return lambda step: step.uid in own
        earlier = [step for each in self.known[old.version:new.version] for step in each.steps]
        is_new = lambda step: all(step.id != was.id and not resembles(step, was) for was in earlier)  # noqa: E731
        return lambda step: step.checkpoint and is_new(step)
