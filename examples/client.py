"""A backend in a page: what becomes of a customer's message, with pg_scenario and a language model.

Call `turn` for each message. It asks the database what to do, does it, and asks again, until there is something to tell
the customer or the scenario goes on as always. The model is called between statements, never inside a transaction, and
the database checks everything that it says. The class works with a connection of its own and through a pooler in
transaction mode (pgbouncer before 1.21: `psycopg.connect(…, prepare_threshold=None)`).

The model is yours. It is an object with these methods:

    find(prompt, messages)      returns (value, confidence from 0 to 1, quote), or None
                                (the prompt has the field, the hint, the schema, examples, …)
    agrees(prompt, message)     returns True, False, or None for neither
                                (prompt["found"]["value"] is what the customer was asked about)
    choose(fork, messages)      returns a target_step_id of fork["branches"], or None if it cannot tell
"""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb


class Backend:
    def __init__(self, connection: Connection, tenant, model, actions: dict):
        """`connection` is in autocommit mode. `actions` has a function for each step that is a required action."""
        self.cursor = connection.cursor(row_factory=dict_row)
        self.tenant, self.model, self.actions = tenant, model, actions

    def call(self, sql: str, *values) -> dict:
        return self.cursor.execute(sql, [self.tenant, *values]).fetchone()

    def turn(self, session, text: str) -> dict:
        """Takes a message and returns the last result of reconcile_session.

        Its `user_message`, if there is one, is for the customer.
        """
        self.cursor.execute(
            "insert into scenario.messages (tenant_id, session_id, role, content) values (%s, %s, 'customer', %s)",
            [self.tenant, session, text],
        )
        for prompt in self.to_confirm(session):
            if (word := self.model.agrees(prompt, text)) is not None:
                self.call("select * from scenario.confirm_field(%s, %s, %s, %s)", session, prompt["field"], word)
        tried = set()
        while True:
            now = self.call("select * from scenario.reconcile_session(%s, %s)", session)
            if not self.go_on(session, now, tried):
                return now

    def go_on(self, session, now: dict, tried: set) -> bool:
        """Does what the result asks for; True if it is worth asking again."""
        match now["action"]:
            case "collect":
                missing = [p for p in now["prompts"] if p["ask"] == "collect" and self.new(p["field"], tried)]
                return any([self.find(session, prompt) for prompt in missing])
            case "decide":
                return any([self.choose(session, f) for f in now["decisions"] if self.new(f["fork_step_id"], tried)])
            case "execute_action":
                for step in now["execute_step_ids"]:
                    self.actions[step](session)
                    self.call("select scenario.complete_action(%s, %s, %s)", session, step)
                return True
        return False

    def to_confirm(self, session) -> list[dict]:
        """What an earlier turn has asked the customer to confirm: a "yes" counts for nothing else."""
        sql = """select r.name, r.value from scenario.session_requests r
                   join scenario.sessions s using (tenant_id, session_id)
                  where r.tenant_id = %s and r.session_id = %s and r.kind = 'confirm' and s.waiting_for is not null"""
        asked = self.cursor.execute(sql, [self.tenant, session]).fetchall()
        return [{"field": row["name"], "found": {"value": row["value"]}} for row in asked]

    def find(self, session, prompt: dict) -> bool:
        found = self.model.find(prompt, self.messages(session))
        if found is None:
            return False
        value, confidence, quote = found
        sql = "select * from scenario.record_extraction(%s, %s, %s, %s, %s::float8, %s)"
        return self.call(sql, session, prompt["field"], Jsonb(value), confidence, quote)["used"]

    def choose(self, session, fork: dict) -> bool:
        target = self.model.choose(fork, self.messages(session))
        if target is not None:
            self.call("select scenario.submit_decision(%s, %s, %s, %s)", session, fork["fork_step_id"], target)
        return target is not None

    def messages(self, session) -> list[str]:
        sql = """select content from scenario.messages where tenant_id = %s and session_id = %s
                  order by message_no desc limit 20"""
        return [row["content"] for row in self.cursor.execute(sql, [self.tenant, session])]

    @staticmethod
    def new(thing: str, tried: set) -> bool:
        """One try a turn: a model that finds nothing good is not asked again and again."""
        return thing not in tried and not tried.add(thing)
