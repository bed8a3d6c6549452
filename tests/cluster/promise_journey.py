"""Customers and operators of one scenario at the SQL interface; promise_checker.py judges each move of the system."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from random import Random

import psycopg
from promise_checker import Place, Reader, ahead, harm, stays
from promise_customer import Customer, Finding
from promise_world import ERRANDS, FIELDS, TALK, Operator, Step, Version
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

POLICIES = (
    {"update_downstream": False}, {"session_condition": "f1"}, {"exclude_channels": ["web"]},
    {"on_checkpoint_block": "pin"}, {"force_scenario": "clean_graft"},
    {"force_scenario": "gap_fill"}, {"force_scenario": "re_route"},
)
SETTINGS = {"re_routing_enabled": "off", "on_undecided": "stay", "block_teleport_past_checkpoint": "off"}
LOOK = """select scenario_id, scenario_version, step_id, status, pinned_at, pinned_reason, already_done, variables
            from scenario.sessions where tenant_id = %s and session_id = %s"""
DEPLOYED = "select plan_id, from_version from scenario.migration_plans where tenant_id = %s and status = 'deployed'"


class World:
    """A tenant with one scenario; `play` lets everything happen."""

    def __init__(self, db: psycopg.Connection, rng: Random, customers: int, reckless: bool = False):
        """`reckless`: operators move customers anywhere by force, which nothing protects from."""
        self.db, self.rng, self.reckless = db, rng, reckless
        self.cursor = db.cursor(row_factory=namedtuple_row)
        self.tenant, self.scenario = self.new_uuid(), self.new_uuid()
        self.chain: list[Version] = Operator(rng).chain()
        self.published = 0
        self.customers: list[Customer] = []
        self.count = customers
        self.calls: list[tuple[uuid.UUID | None, str]] = []
        self.findings: list[Finding] = []
        self.counts: Counter = Counter()
        self.readers: dict[tuple[int, int], Reader] = {}

    def new_uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    # What is said to the database.

    def call(self, function: str, *values, of: Customer | None = None, kind: str = "select * from"):
        """The row of a function of the tenant, if it returns one. Values that are given as a pair have a name."""
        marks = ", ".join(f"{value[0]} => %s" if isinstance(value, tuple) else "%s" for value in values)
        plain = [value[1] if isinstance(value, tuple) else value for value in values]
        shown = ", ".join(str(value.obj) if isinstance(value, Jsonb) else str(value) for value in plain)
        self.note(of, f"{function}({shown})")
        self.cursor.execute(f"{kind} scenario.{function}(%s{', ' if marks else ''}{marks})", [self.tenant, *plain])
        return self.cursor.fetchone() if self.cursor.description else None

    def note(self, of: Customer | None, text: str) -> None:
        self.calls.append((of.id if of else None, re.sub(r"\{'name': 'World'.*\}", "the next version", text)))

    def refused(self, function: str, *values, of: Customer | None = None) -> bool:
        """Calls a function that may refuse for the state that something is in."""
        try:
            self.call(function, *values, of=of)
            return False
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            self.note(of, f"  refused: {error.diag.message_primary}")
            return True

    def sql(self, statement: str, *values, of: Customer | None = None) -> None:
        self.note(of, f"{' '.join(statement.split())} {values}")
        self.db.execute(statement, values)

    def look(self, customer: Customer):
        return self.cursor.execute(LOOK, [self.tenant, customer.id]).fetchone()

    def deployed(self) -> set:
        return set(self.db.execute(DEPLOYED, [self.tenant]).fetchall())

    def place(self, state) -> Place:
        return Place(state.scenario_version - 1, self.chain[state.scenario_version - 1].by_id(state.step_id).uid)

    def at(self, place: Place) -> Step:
        return self.chain[place.version].step(place.uid)

    def reader(self, act: int) -> Reader:
        key = (self.published, act)
        if key not in self.readers:
            self.readers[key] = Reader(self.chain[:self.published + 1], act)
        return self.readers[key]

    def deeds(self, customer: Customer) -> list[int]:
        """The deeds that somebody did and that some published version flags: what is never flagged is no promise."""
        known = [step for version in self.chain[:self.published + 1] for step in version.steps]
        flagged = {step.act for step in known if step.checkpoint}
        return [act for act in customer.done if act in flagged]

    def is_told(self, act: int, place: Place, before: list[Place]) -> bool:
        """Whether a reader knows that the errand at a place was done before."""
        reader = self.reader(act)
        group = reader.group[place]
        return not reader.is_confused(group) and any(reader.group[was] == group for was in before)

    # The play.

    def play(self) -> None:
        self.call("create_scenario", Jsonb(self.chain[0].definition()), self.scenario)
        settings = [name for name in SETTINGS if self.chance(0.08)]
        for name in settings:
            self.sql(f"set scenario.{name} = {SETTINGS[name]}")
        late = self.rng.randint(0, 1) if len(self.chain) > 2 else 0
        for _ in range(self.count - late):
            self.begin()
        for version in range(1, len(self.chain)):
            self.publish(version)
            if self.chance(0.25):
                self.batch()
            for customer in self.customers:
                self.live(customer)
            if self.chance(0.08):
                self.cancel()
            if version == 1 and late:
                self.begin()
        for customer in self.customers:
            self.turn(customer)
        for name in settings:
            self.sql(f"reset scenario.{name}")
        self.counts["journeys"] += self.count
        for customer in self.customers:
            flagged = any(self.reader(act).passed(customer.done[act]) for act in self.deeds(customer))
            self.counts["with a deed"] += flagged

    def begin(self) -> None:
        customer = Customer(self.new_uuid(), {name: self.chance(0.5) for name in FIELDS})
        self.customers.append(customer)
        for name in FIELDS:
            if self.chance(0.15):
                self.sql("insert into scenario.profile_fields (tenant_id, customer_id, field_name, value, source) "
                         "values (%s, %s, %s, %s, 'form')",
                         self.tenant, customer.id, name, Jsonb(customer.data[name]), of=customer)
        version = self.chain[self.published]
        path = [version.step(version.entry)]
        if self.chance(0.08):
            for _ in range(self.rng.randint(1, 4)):
                path += self.rng.sample(version.after(path[-1]), 1) if path[-1].onward else []
            if not path[-1].onward:
                path = path[:1]
        for step in path:
            if step.act < ERRANDS:
                customer.does(step.act, Place(self.published, step.uid))
        who = ("channel", self.rng.choice(("web", "phone"))), ("customer_id", customer.id)
        if len(path) > 1 and self.chance(0.5):
            self.counts["imported"] += 1
            # Whoever went on from an action had it done.
            for step in path[:-1]:
                if step.required and step.act >= ERRANDS:
                    customer.does(step.act, Place(self.published, step.uid))
            visits = Jsonb([{"step_id": step.id} for step in path])
            self.call("import_session", customer.id, self.scenario, self.published + 1, path[-1].id, visits, *who,
                      of=customer)
        else:
            named = [("step_id", path[-1].id)] if len(path) > 1 else []
            self.counts["begun in the middle"] += len(named)
            self.call("start_session", customer.id, self.scenario, *who, *named, of=customer)
        self.stroll(customer, self.rng.randint(1, 5))

    def live(self, customer: Customer) -> None:
        """What happens to a customer between two versions."""
        if self.chance(0.75) and not self.reckless:
            self.turn(customer)
        if self.chance(0.10):
            self.revert(customer)
        if self.chance(0.05):
            self.hand(customer)
        if self.chance(0.05) or self.reckless:
            self.by_operator(customer)
        if self.chance(0.70):
            self.stroll(customer, self.rng.randint(1, 3))
        if self.chance(0.30):
            self.turn(customer)

    # Operators.

    def publish(self, version: int) -> None:
        self.call("create_scenario_version", self.scenario, Jsonb(self.chain[version].definition()))
        refused = True
        if self.chance(0.8):
            plan = self.call("build_migration_plan", self.scenario, version + 1)[0]
            if self.chance(0.3):
                self.sql("""select scenario.set_anchor_policy(tenant_id, plan_id, anchor_content_hash, %s)
                              from scenario.plan_anchors where tenant_id = %s and plan_id = %s and kind = 'anchor'""",
                         Jsonb(self.rng.choice(POLICIES)), self.tenant, plan)
            refused = self.refused("approve_migration_plan", plan) or self.refused("deploy_migration_plan", plan)
        if refused:
            self.counts["published by UPDATE"] += 1
            with self.db.transaction():
                self.db.execute("set local scenario.require_approval = off")
                self.sql("update scenario.scenarios set published_version = %s where tenant_id = %s",
                         version + 1, self.tenant)
        self.published = version
        if version > 1 and self.chance(0.2):
            self.counts["planned from an older version"] += 1
            older = ("from_version", self.rng.randint(1, version))
            plan = self.call("build_migration_plan", self.scenario, version + 1, older)[0]
            if not self.refused("approve_migration_plan", plan):
                self.refused("deploy_migration_plan", plan)

    def plan_to_published(self):
        sql = """select plan_id from scenario.migration_plans where tenant_id = %s and to_version = %s
                  and status = 'deployed' order by from_version desc limit 1"""
        row = self.db.execute(sql, [self.tenant, self.published + 1]).fetchone()
        return row and row[0]

    def cancel(self) -> None:
        if (plan := self.plan_to_published()) is not None:
            self.counts["cancelled"] += 1
            self.call("cancel_deployment", plan)

    def batch(self) -> None:
        plan = self.plan_to_published()
        before = [self.look(customer) for customer in self.customers]
        if plan is not None:
            self.call("migrate_sessions", plan, kind="call")
        for customer, state in zip(self.customers, before):
            self.judge(customer, state, "batch")

    def by_operator(self, customer: Customer) -> None:
        before = self.look(customer)
        if customer.gone or before.status != "active":
            return
        if before.pinned_at and not self.reckless:
            self.counts["unpinned"] += 1
            self.call("unpin_session", customer.id, of=customer)
        elif self.chance(0.5) and not self.reckless:
            self.counts["pinned: operator"] += 1
            self.call("pin_session", customer.id, of=customer)
            customer.deployed_at_pin = self.deployed()
        elif before.scenario_version - 1 != self.published:
            step = self.rng.choice(self.chain[self.published].steps)
            force = [("force", True)] if self.reckless else []
            if not self.refused("move_session", customer.id, step.id, *force, of=customer):
                self.counts["move_session"] += 1
                self.judge(customer, before, "move_session")

    def hand(self, customer: Customer) -> None:
        """Somebody writes the session with plain SQL: another step, another version, or a checksum of elsewhere."""
        state = self.look(customer)
        if customer.gone or state.status != "active":
            return
        where = "where tenant_id = %s and session_id = %s"
        if self.chance(0.3):
            self.counts["foreign checksum"] += 1
            self.sql(f"update scenario.sessions set scenario_checksum = 'elsewhere' {where}",
                     self.tenant, customer.id, of=customer)
            return
        self.counts["put by hand"] += 1
        version = max(0, state.scenario_version - self.rng.choice((1, 2)))
        step = self.rng.choice(self.chain[version].steps)
        self.sql(f"update scenario.sessions set scenario_version = %s, step_id = %s {where}",
                 version + 1, step.id, self.tenant, customer.id, of=customer)
        customer.last_move, customer.settled, customer.settled_before = None, set(), set()
        if (version + 1, step.id) != (state.scenario_version, state.step_id):
            self.arrive(customer, Place(version, step.uid))

    def revert(self, customer: Customer) -> None:
        before = self.look(customer)
        if customer.gone or customer.last_move is None or before.status == "completed":
            return
        old, deeds = customer.last_move
        if self.refused("revert_session", customer.id, of=customer):
            self.counts["revert refused"] += 1
            return
        self.counts["reverted"] += 1
        state = self.look(customer)
        if self.place(state) != old or not state.pinned_at:
            self.find(customer, "reverted to another place, or not pinned", None, 0)
        version, there = self.chain[old.version], self.at(old)
        for act in set(deeds) & set(self.deeds(customer)):
            steps = {step.uid for step in version.steps if step.act == act}
            if steps & (ahead(version, there) | {there.uid}):
                reader = self.reader(act)
                groups = reader.passed(customer.done[act][-1:])
                told = groups and not reader.is_confused(groups[0]) and any(
                    reader.group[Place(old.version, uid)] == groups[0] for uid in steps)
                self.find(customer, "reverted to before a deed", None if told else "not to be told", act)
        customer.last_move, customer.deployed_at_pin = None, self.deployed()
        customer.settled, customer.settled_before = set(), set()

    # Customers.

    def arrive(self, customer: Customer, place: Place, stay: bool = False) -> None:
        customer.executed_here = customer.executed_here and stay
        act = self.at(place).act
        if act < ERRANDS and not stay:
            customer.does(act, place)

    def stroll(self, customer: Customer, count: int) -> None:
        for _ in range(count):
            state = self.look(customer)
            if customer.gone or state.status != "active":
                return
            place = self.place(state)
            version, step = self.chain[place.version], self.at(place)
            way = self.choose(customer, step)
            if not version.step(way.to).onward and self.chance(0.85):
                return
            if step.asks and step.asks not in state.variables:
                self.submit(customer, step.asks)
            if step.required and not state.already_done and not customer.executed_here:
                # A backend that reports only what it was asked for.
                self.execute(customer, step.id, place, reports=not self.chance(0.1))
            self.call("advance_session", customer.id, version.step(way.to).id, of=customer)
            customer.last_move = None
            new = Place(place.version, way.to)
            self.arrive(customer, new)
            self.judge_errand(customer, new, self.look(customer))

    def choose(self, customer: Customer, step: Step):
        if self.chance(0.4):
            return self.rng.choice(step.onward)
        value = {"": True, TALK: self.chance(0.5)}
        for name, known in customer.data.items():
            value |= {name: known, f"!{name}": not known}
        return next((way for way in step.onward if value[way.condition]), step.onward[-1])

    def submit(self, customer: Customer, name: str) -> None:
        self.call("submit_fields", customer.id, Jsonb({name: customer.data[name]}), of=customer)

    def execute(self, customer: Customer, step_id: str, place: Place, reports: bool = True) -> None:
        if reports:
            self.call("complete_action", customer.id, step_id, of=customer, kind="select")
        act, here = self.at(place).act, self.look(customer)
        if customer.gone or here.scenario_id is None or self.at(self.place(here)).act == act:
            customer.executed_here = True
        else:
            customer.executed_ahead[act] = place
            customer.asked_by.add((act, place.version))
            self.counts["executed ahead"] += 1
        if act >= ERRANDS or act not in customer.done:
            customer.does(act, place)

    def turn(self, customer: Customer) -> None:
        if customer.gone:
            return
        for answer in customer.owed:
            answer()
        customer.owed = []
        for _ in range(30):
            before = self.look(customer)
            row = self.call("reconcile_session", customer.id, of=customer)
            self.counts["turns"] += 1
            self.judge(customer, before, row.action)
            answers = self.asked(customer, row)
            if not answers or customer.gone:
                return
            if self.chance(0.15):
                self.counts["answered later"] += 1
                customer.owed = answers
                return
            for answer in answers:
                answer()
        self.find(customer, "a turn that never ends", None, 0)

    def asked(self, customer: Customer, row) -> list:
        """What the backend is to do; whatever was done already is found."""
        if row.action not in ("collect", "execute_action", "decide"):
            return []
        self.counts[row.action] += 1
        known = self.look(customer).variables
        answers = []
        for name in row.collect_fields or []:
            if name in known or name in customer.declined:
                self.find(customer, "asked twice", None, 0)
            if self.chance(0.1):
                customer.declined.add(name)
                answers.append(lambda name=name: self.call("decline_field", customer.id, name, of=customer))
            else:
                answers.append(lambda name=name: self.submit(customer, name))
        for step_id in row.execute_step_ids or []:
            place = Place(self.published, self.chain[self.published].by_id(step_id).uid)
            act = self.at(place).act
            if act in customer.done:
                told = self.is_told(act, place, customer.done[act])
                self.find(customer, "executed twice", None if told else "not to be told", act)
            answers.append(lambda step_id=step_id, place=place: self.execute(customer, step_id, place))
        for fork in row.decisions or []:
            if (self.published, fork["fork_step_id"]) in customer.asked:
                self.find(customer, "decided twice", None, 0)
            target = self.rng.choice(fork["branches"])["target_step_id"]
            answers.append(lambda fork=fork, target=target, version=self.published:
                           self.decide(customer, version, fork["fork_step_id"], target))
        return answers

    def decide(self, customer: Customer, version: int, fork: str, target: str) -> None:
        self.call("submit_decision", customer.id, fork, target, of=customer, kind="select")
        customer.asked.add((version, fork))

    # What is looked at after each system move.

    def judge(self, customer: Customer, before, how: str) -> None:
        after = self.look(customer)
        if customer.gone:
            return
        if after.pinned_at != before.pinned_at and after.pinned_at:
            customer.deployed_at_pin = self.deployed()
            self.counts[f"pinned: {after.pinned_reason}"] += 1
        same = (after.scenario_version, after.step_id) == (before.scenario_version, before.step_id)
        self.counts["looked at when finished"] += before.status == "completed"
        if before.status == "completed" and not (same and after.status == "completed" and how in ("continue", "batch")):
            self.find(customer, "somebody who had finished was disturbed", None, 0)
        if same:
            return
        if before.pinned_at and how != "move_session":
            later = {plan for plan in self.deployed() - customer.deployed_at_pin if plan[1] == before.scenario_version}
            if not later:
                self.find(customer, "somebody pinned was moved", None, 0)
        old = self.place(before)
        if after.scenario_id is None:
            self.counts["exits"] += 1
            customer.gone = True
            for act in self.deeds(customer):
                told = bool(self.reader(act).passed(customer.done[act]))
                self.find(customer, "thrown out", None if told else "it was never flagged", act)
            return
        self.counts["moves"] += 1
        new = self.place(after)
        for act in self.deeds(customer):
            asked = (act, new.version) in customer.asked_by
            arrivals = [place for place in customer.done[act] if not (asked and place.version == new.version)]
            if arrivals and (done := harm(self.chain, old, new, act)):
                self.find(customer, done, self.reader(act).why_untold(old, new, arrivals), act)
        self.move(customer, old, new, after)

    def move(self, customer: Customer, old: Place, new: Place, state) -> None:
        stay = stays(self.chain, old, new)
        reachable = {self.chain[old.version].step(uid).act for uid in ahead(self.chain[old.version], self.at(old))}
        customer.settled_before |= customer.settled
        # A version that has dropped an errand tells nothing of it.
        customer.settled = {act for act in customer.done
                            if act >= ERRANDS and act not in reachable and self.knows(old.version, customer, act)}
        if stay and not customer.executed_here:
            customer.settled.discard(self.at(old).act)
            customer.settled_before.discard(self.at(old).act)
        self.arrive(customer, new, stay)
        act = self.at(new).act
        customer.last_move = old, [act] if 0 < act < ERRANDS and not stay else []
        self.judge_errand(customer, new, state)

    def knows(self, version: int, customer: Customer, act: int) -> bool:
        """Whether a reader finds in a version what the customer has done."""
        steps = [Place(version, step.uid) for step in self.chain[version].steps if step.act == act]
        return any(self.is_told(act, place, customer.done[act]) for place in steps)

    def judge_errand(self, customer: Customer, place: Place, state) -> None:
        """An errand that a move put ahead again is told as done at the first arrival, and no other is."""
        step = self.at(place)
        asked = customer.executed_ahead.pop(step.act, None) if step.act else None
        if not step.required:
            return
        if asked and not state.already_done:
            told = self.is_told(step.act, place, [asked])
            self.find(customer, "executed twice", None if told else "not to be told", step.act)
        elif step.act in customer.settled and not state.already_done:
            told = self.is_told(step.act, place, customer.done[step.act])
            self.find(customer, "executed twice", None if told else "not to be told", step.act)
        elif step.act in customer.settled_before and not state.already_done:
            told = self.is_told(step.act, place, customer.done[step.act])
            self.find(customer, "executed twice", None if told else "not to be told", step.act)
        if state.already_done and step.act not in customer.done and not self.reader(step.act).is_confused(
                self.reader(step.act).group[place]):
            self.find(customer, "told as done, and it was not", None, step.act)
        customer.settled.discard(step.act)
        customer.settled_before.discard(step.act)

    def find(self, customer: Customer, kind: str, untold: str | None, act: int) -> None:
        known = enumerate(self.chain[:self.published + 1], 1)
        versions = [f"  {number}: {version.notation()}" for number, version in known]
        calls = [f"  {text}" for whose, text in self.calls if whose in (None, customer.id)]
        what = f"{kind}{f' (act {act})' if act else ''}{f', {untold}' if untold else ''}"
        self.findings.append(Finding(kind, untold, "\n".join([what, *versions, *calls])))
