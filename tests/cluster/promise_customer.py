"""What promise_journey.py keeps of a customer, and of what it finds."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from promise_checker import Place


@dataclass
class Finding:
    kind: str
    untold: str | None
    story: str


@dataclass
class Customer:
    id: uuid.UUID
    data: dict[str, bool]
    done: dict[int, list[Place]] = field(default_factory=dict)
    # Errands that the last move put ahead of the customer again: they are told as done at the next arrival.
    settled: set[int] = field(default_factory=set)
    # Those that a move before it put ahead.
    settled_before: set[int] = field(default_factory=set)
    executed_here: bool = False
    # What was executed at the system's request while the customer stood elsewhere, and where it has its place: it is
    # told as done at the first arrival.
    executed_ahead: dict[int, Place] = field(default_factory=dict)
    # The same for good: who comes into that version has done it as it has it.
    asked_by: set[tuple[int, int]] = field(default_factory=set)
    asked: set = field(default_factory=set)
    declined: set = field(default_factory=set)
    owed: list = field(default_factory=list)
    # What the last move did: the place before it, the deeds done by it.
    last_move: tuple[Place, list[int]] | None = None
    deployed_at_pin: set = field(default_factory=set)
    gone: bool = False

    def does(self, act: int, place: Place) -> None:
        if act:
            self.done.setdefault(act, []).append(place)
