"""What a contract may say and what follows what. Pure: templates, caps and the day come in."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from gongxin.errors import Conflict, Invalid, bad_field
from gongxin_wire.canonical import canonical
from gongxin_wire.identifiers import USCC_ALPHABET
from gongxin_wire.licences import check_character
from gongxin_wire.pii import find_pii

from .fees import model as fees
from .standard import rules as standard

PREFIX, BODY = "HT", 10
MAX_TERM_DAYS = 3660
MAX_REASON, MAX_NAME = 200, 120
EXPIRING_DAYS = 30
TYP = "gongxin-contract+jws"
POLICIES = ("off", "warn", "refuse")


@dataclass(frozen=True, slots=True)
class Deviation:
    """Another text for a clause that is not locked, and why."""

    clause_id: str
    text: list[dict[str, str]]
    reason: str


@dataclass(frozen=True, slots=True)
class Cover:
    """The typed facts of one contract. Names are kept as they are written, rare characters included."""

    creditor: Mapping[str, str]
    agency: Mapping[str, str]
    representatives: Mapping[str, str]
    scope: Mapping[str, str]
    fee_model: Mapping[str, Any]
    jurisdiction: str
    begins_on: date
    ends_on: date
    bank: Mapping[str, str]
    contacts: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "parties": {"creditor": dict(self.creditor), "agency": dict(self.agency)},
            "representatives": dict(self.representatives), "scope": dict(self.scope),
            "fee_model": dict(self.fee_model), "jurisdiction": self.jurisdiction,
            "term": {"begins_on": self.begins_on.isoformat(), "ends_on": self.ends_on.isoformat()},
            "bank": dict(self.bank), "contacts": dict(self.contacts),
        }  # fmt: skip


def draw_number(below: Callable[[int], int]) -> str:
    """`HT`, ten characters, a check character (ISO 7064 MOD 37-2), as licence numbers have it."""
    while True:
        body = PREFIX + "".join(USCC_ALPHABET[below(len(USCC_ALPHABET))] for _ in range(BODY))
        number = body + check_character(body)
        if number[-1] != "*" and find_pii(number) is None:
            return number


def check_cover(cover: Cover, today: date) -> fees.FeeModel:
    """Raises Invalid at the first field that will not do; gives the fee model read."""
    if (
        cover.ends_on < cover.begins_on
        or (cover.ends_on - cover.begins_on).days > MAX_TERM_DAYS
        or cover.ends_on < today
    ):
        raise bad_field(
            "/cover/term/ends_on",
            "期限应自起始日起、不超过十年且未届满",
            "The term ends after it begins, within ten years, and not in the past",
        )
    standard.check_text([dict(cover.scope)], "/cover/scope")
    return fees.read(dict(cover.fee_model), "/cover/fee_model")


def content(
    template: Mapping[str, Any],
    reference: Mapping[str, Any],
    number: str,
    version: int,
    cover: Cover,
    deviations: Sequence[Deviation],
) -> dict[str, Any]:
    """The one structure from which documents are made. Raises Conflict where a locked clause would change."""
    changed = {each.clause_id: each for each in deviations}
    if len(changed) != len(deviations):
        raise bad_field("/deviations", "同一条款只列一次", "A clause is listed once")
    known = {clause["id"]: clause for clause in template["clauses"]}
    for at, each in enumerate(deviations):
        _check_deviation(known.get(each.clause_id), each, f"/deviations/{at}")
    clauses = [
        dict(clause) | ({"text": changed[clause["id"]].text} if clause["id"] in changed else {})
        for clause in template["clauses"]
    ]
    return {
        "v": 1, "number": number, "version": version, "template": dict(reference), "title": template["title"],
        "cover": cover.as_json(), "clauses": clauses,
        "deviations": [
            {"clause_id": each.clause_id, "reason": each.reason, "standard": known[each.clause_id]["text"]}
            for each in deviations
        ],
    }  # fmt: skip


def _check_deviation(clause: Mapping[str, Any] | None, deviation: Deviation, pointer: str) -> None:
    if clause is None:
        raise bad_field(f"{pointer}/clause_id", "范本没有这一条款", "The template has no such clause")
    if clause["locked"]:
        raise Conflict(
            "clause_locked",
            zh="锁定条款不得更改",
            en="A locked clause does not change",
            fix_zh="删去该项偏离；仅未锁定的条款可以另行约定。",
            fix_en="Leave this deviation out; only clauses that are not locked may differ.",
            pointer=f"{pointer}/clause_id",
        )
    standard.check_text(deviation.text, f"{pointer}/text")
    if deviation.text == clause["text"]:
        raise bad_field(f"{pointer}/text", "与标准文本相同，不是偏离", "It is the standard text, so no deviation")


def canonical_text(value: Mapping[str, Any]) -> tuple[str, bytes]:
    """(canonical JSON, its SHA-256)."""
    raw = canonical(value)
    return raw.decode(), hashlib.sha256(raw).digest()


def signed_payload(contract_id: str, content_hash: bytes) -> bytes:
    """What both parties sign."""
    return orjson.dumps({"content_hash": content_hash.hex(), "contract_id": contract_id, "v": 1})


def check_signable(state: str, needed: set[str], given: set[str]) -> None:
    """A draft, every deviation consented to."""
    check_draft(state)
    if needed - given:
        raise Conflict(
            "consent_missing",
            zh="对方尚未同意全部偏离",
            en="The other side has not consented to every deviation",
            fix_zh="由对方逐项同意 missing 所列条款。",
            fix_en="Have the other side consent to the clauses in missing.",
            extra={"missing": sorted(needed - given)},
        )


def check_draft(state: str) -> None:
    if state != "draft":
        raise Conflict(
            "contract_not_draft",
            zh="合同已签署或已撤回",
            en="The contract is signed or withdrawn",
            fix_zh="已签署的合同以变更或续期的新版本修改。",
            fix_en="A signed contract changes by an amendment or a renewal.",
            extra={"state": state},
        )


def check_same_hash(content_hash: bytes, signed: str) -> None:
    """Raises Conflict where a party signs another content than the one on record: two hashes make no contract."""
    if signed != content_hash.hex():
        raise Conflict(
            "content_changed",
            zh="所签内容与登记内容的哈希不同",
            en="What was signed is not the content on record",
            fix_zh="重新读取合同，核对后以其 content_hash 签名。",
            fix_en="Read the contract again, check it, and sign its content_hash.",
            pointer="/content_hash",
        )


def check_follows(state: str, kind: str, begins_on: date, before_begins: date, before_ends: date) -> None:
    """An amendment begins within the term of the version it changes, a renewal the day after it."""
    if state != "signed":
        raise Conflict(
            "contract_not_signed",
            zh="所变更的合同未在有效状态",
            en="The contract to change is not in force",
            fix_zh="只能变更或续期已签署的合同。",
            fix_en="Amend or renew a signed contract.",
            pointer="/follows",
        )
    if kind == "amendment" and not before_begins < begins_on <= before_ends:
        raise bad_field(
            "/cover/term/begins_on", "变更须在原期限内生效", "An amendment begins within the term it changes"
        )
    if kind == "renewal" and begins_on != before_ends + timedelta(days=1):
        raise bad_field(
            "/cover/term/begins_on", "续期自原期限届满次日起", "A renewal begins the day after the term ends"
        )


def check_termination(state: str, on: date, begins_on: date, ends_on: date, today: date) -> None:
    if state != "signed":
        raise Conflict("contract_not_signed", zh="合同未在有效状态", en="The contract is not in force",
                       fix_zh="草稿请撤回。", fix_en="Withdraw a draft.")  # fmt: skip
    if not today <= on <= ends_on or on < begins_on:
        raise bad_field("/on", "终止日应在今天与期满日之间", "It ends between today and the end of its term")


def live(state: str, begins_on: date, ends_on: date, ended_on: date | None, today: date) -> bool:
    """Signed, begun, and not past its last day; what ends on a day is live on it."""
    last = min(ends_on, ended_on) if ended_on is not None else ends_on
    return state in ("signed", "superseded", "terminated") and begins_on <= today <= last


def shown_state(state: str, begins_on: date, ends_on: date, ended_on: date | None, today: date) -> str:
    """As people read it: signed is pending, live or expired by the day."""
    if state != "signed":
        return "live" if live(state, begins_on, ends_on, ended_on, today) else state
    return "pending" if today < begins_on else "live" if today <= ends_on else "expired"


def refuse_no_contract() -> Conflict:
    return Conflict(
        "no_live_contract",
        zh="双方之间没有有效合同，不得委托",
        en="There is no live contract between the two; the case is not placed",
        fix_zh="先以协会范本订立合同，再委托案件。",
        fix_en="Make a contract from the association's template first.",
        pointer="/agency_id",
    )


def check_party(kinds: tuple[str, str]) -> None:
    if kinds[0] != "bank" or kinds[1] not in ("agency", "mediator"):
        raise Invalid(
            "wrong_parties",
            zh="合同由债权人与受托机构订立",
            en="A contract is between a creditor and an agency",
            fix_zh="按机构名录核对 other_id。",
            fix_en="Check other_id against the directory.",
            pointer="/other_id",
        )
