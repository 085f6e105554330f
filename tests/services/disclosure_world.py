"""A small world for tests of subjects and disclosure: members, agreements and cases written straight into the tables,
so that no verb of another package can hide a fault of look-ups."""

import itertools
import json
import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, text

from gongxin import ids
from gongxin.config import Config
from gongxin.disclosure import rules
from gongxin.subjects import service as subjects
from gongxin.web.caller import Caller
from gongxin_wire.identifiers import synthetic_uscc

PURPOSES = [*rules.LOOKUP_PURPOSES, "subject_access"]
_NUMBERS = itertools.count(900_000_000)


def token() -> str:
    """A well-formed token of nobody."""
    return urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def subject(tok: str, epoch: int = 1) -> list[dict[str, Any]]:
    return [{"epoch": epoch, "token": tok}]


def key_of(config: Config, tok: str, epoch: int = 1) -> bytes:
    from gongxin.subjects.rules import decode_token

    return subjects.subject_key(config, "debtor", epoch, decode_token(tok))


def granted(caller: Caller, *purposes: str, references: list[str] | None = None) -> Caller:
    """The caller with a token granted for these purposes (RFC 9396)."""
    grants = tuple(
        {"type": "gongxin_lookup", "purpose": purpose, "data_types": ["case_status"]}
        | ({"case_references": references} if references else {})
        for purpose in purposes
    )
    return replace(caller, grants=grants)


@dataclass
class World:
    """Writes as the owner of the tables: constraints and triggers hold, row-level security does not."""

    connection: Connection
    config: Config

    def member(self, kind: str, *, court_code: str | None = None, budgets: dict[str, int] | None = None) -> Caller:
        """A member with an agreement that allows everything, and the caller its client would be. A court takes the
        place of whichever held its code before; without a code it gets one that no other has."""
        found, number = ids.new_id(), next(_NUMBERS)
        if kind == "court":
            court_code = court_code or f"测{number % 10_000}"
            self.connection.execute(
                text("update members set state = 'left' where court_code = :code and state <> 'left'"),
                {"code": court_code},
            )
        self.connection.execute(
            text(
                "insert into members (id, kind, name_zh, name_en, uscc, state, court_code)"
                " values (:id, :kind, :zh, :en, :uscc, 'active', :court)"
            ),
            {
                "id": found,
                "kind": kind,
                "zh": f"机构{found.hex[-6:]}",
                "en": f"Member {found.hex[-6:]}",
                "uscc": synthetic_uscc(number),
                "court": court_code,
            },
        )
        self.agreement(found, 1, budgets if budgets is not None else dict.fromkeys(PURPOSES, 1_000_000))
        scopes = frozenset({"lookups", "subject_access", "subjects.evaluate"})
        caller = Caller(
            found, kind, ids.new_id(), scopes, sender_constrained=True, court_code=court_code, token_id=found.hex
        )
        return granted(caller, *PURPOSES)

    def agreement(self, member_id: uuid.UUID, version: int, budgets: dict[str, int]) -> None:
        self.connection.execute(
            text(
                "insert into agreements"
                " (id, member_id, version, purposes, data_types, budgets, contacts, effective_from)"
                " values (:id, :member, :version, cast(:purposes as jsonb), '[\"case_status\"]',"
                " cast(:budgets as jsonb), '{}', now() - interval '1 day')"
            ),
            {
                "id": ids.new_id(),
                "member": member_id,
                "version": version,
                "purposes": json.dumps([purpose for purpose in budgets if purpose != "evaluation"]),
                "budgets": json.dumps(budgets),
            },
        )

    def case(self, creditor: Caller, tokens: str | dict[int, str], **columns: Any) -> uuid.UUID:
        """A case on the subject of these tokens; `columns` of table cases over the defaults."""
        found = ids.new_id()
        row = {
            "id": found,
            "creditor_id": creditor.member_id,
            "creditor_ref": found.hex,
            "placement": "draft",
        } | columns
        row |= {"opened_on": "2026-01-05"}
        if row["placement"] in {"assigned", "accepted", "held_over"} and row.get("agency_id") is None:
            row["agency_id"] = self.member("agency").member_id
        names = ", ".join(row)
        self.connection.execute(
            text(f"insert into cases ({names}) values ({', '.join(':' + name for name in row)})"), row
        )
        for epoch, tok in ({1: tokens} if isinstance(tokens, str) else tokens).items():
            self.connection.execute(
                text("insert into case_keys (case_id, epoch, subject_key) values (:case, :epoch, :key)"),
                {"case": found, "epoch": epoch, "key": key_of(self.config, tok, epoch)},
            )
        return found

    def reference(self, case_id: uuid.UUID, kind: str, reference: str, member: Caller | None = None) -> None:
        self.connection.execute(
            text(
                "insert into case_references (case_id, kind, reference, member_id) values (:case, :kind, :ref, :member)"
            ),
            {"case": case_id, "kind": kind, "ref": reference, "member": member.member_id if member else None},
        )


def build(owner_engine: Engine, config: Config) -> Iterator[World]:
    """Everything is committed at once: look-ups run on connections of their own."""
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield World(connection, config)
