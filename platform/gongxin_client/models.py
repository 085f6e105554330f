"""What the SDK gives and takes: frozen values. Dates are `date`, instants aware `datetime` in UTC, ids UUID text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from gongxin_wire.identifiers import IdentifierError, normalise

from . import clock
from .errors import BadInput, NoGround, Refused, StaleAnswer, Withheld
from .http import problem_of, unreadable
from .shapes import day, flag, items, moment, optional, text, texts, whole

if TYPE_CHECKING:
    from .receipts import Evidence

RESULTS = ("no_ground", "none", "match")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A person or organisation by number: `kind` cn_id, uscc or passport (country code first). Kept in normal form,
    never shown, never sent. Raises BadInput for a number that is none."""

    kind: str
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            found = normalise(self.kind, self.text)
        except IdentifierError as fault:
            raise BadInput(fault.code, fault.zh, fault.en, fault.fix_zh, fault.fix_en) from None
        object.__setattr__(self, "text", found.text)

    @property
    def octets(self) -> bytes:
        """The input of the VOPRF: version, kind and number."""
        return normalise(self.kind, self.text).octets


@dataclass(frozen=True, slots=True)
class Reference:
    """What a case carries besides: `kind` court_case (案号), or mediation_file, which names its mediator's member id
    when it is given (answers do not repeat it)."""

    kind: str
    reference: str
    member_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to register. `creditor_ref` is the creditor's own number, 1 to 64 characters, no personal number."""

    creditor_ref: str
    subject: Identifier
    opened_on: date
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """One line of `place_many`. `action`: assign, accept, decline, return, hold_over, recall, claim_assign."""

    case_id: str
    action: str
    agency_id: str | None = None
    mandate_until: date | None = None
    reason: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One item of `lookup_many`: about whom, and on which ground (a case of one's own, or a reference)."""

    subject: Identifier
    case_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line, numbered from 1. `status`: created, exists, done or refused."""

    line: int
    status: str
    case_id: str | None = None
    creditor_ref: str | None = None
    version: int | None = None
    problem: Refused | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any], offset: int = 0) -> "LineResult":
        """From one line of an NDJSON answer; `offset` lines came before its chunk."""
        problem = body.get("problem")
        status = text(body, "status")
        if status not in {"created", "exists", "done", "refused"} or (status == "refused") != (problem is not None):
            raise unreadable()
        return cls(
            whole(body, "line") + offset,
            status,
            body.get("case_id"),
            body.get("creditor_ref"),
            body.get("version"),
            problem_of(problem) if isinstance(problem, dict) else None,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One of our cases, as of `version` (what If-Match names)."""

    case_id: str
    creditor_id: str
    creditor_ref: str
    agency_id: str | None
    placement: str
    opened_on: date
    closed: bool
    mandate_until: date | None
    stop_flags: tuple[str, ...]
    legal_class: str
    contested: bool
    references: tuple[Reference, ...]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Case":
        until = body.get("mandate_until")
        return cls(
            case_id=text(body, "case_id"),
            creditor_id=text(body, "creditor_id"),
            creditor_ref=text(body, "creditor_ref"),
            agency_id=optional(body, "agency_id"),
            placement=text(body, "placement"),
            opened_on=day(text(body, "opened_on")),
            closed=flag(body, "closed"),
            mandate_until=day(until) if until is not None else None,
            stop_flags=texts(body, "stop_flags"),
            legal_class=text(body, "legal_class"),
            contested=flag(body, "contested"),
            references=tuple(Reference(text(r, "kind"), text(r, "reference")) for r in items(body, "references")),
            version=whole(body, "version"),
            created_at=moment(text(body, "created_at")),
            updated_at=moment(text(body, "updated_at")),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One assertion about a case. `prevails`: whether it is what the current status says on its axis."""

    event_id: str
    case_id: str
    axis: str
    status: str
    effective_on: date
    source: str
    asserted_by: str | None
    claimed: bool
    contested: bool
    prevails: bool
    basis: str | None
    court_case_number: str | None
    supersedes: str | None
    withdrawn: bool
    recorded_at: datetime

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Event":
        return cls(
            event_id=text(body, "event_id"),
            case_id=text(body, "case_id"),
            axis=text(body, "axis"),
            status=text(body, "status"),
            effective_on=day(text(body, "effective_on")),
            source=text(body, "source"),
            asserted_by=optional(body, "asserted_by"),
            claimed=flag(body, "claimed"),
            contested=flag(body, "contested"),
            prevails=flag(body, "prevails"),
            basis=optional(body, "basis"),
            court_case_number=optional(body, "court_case_number"),
            supersedes=optional(body, "supersedes"),
            withdrawn=flag(body, "withdrawn"),
            recorded_at=moment(text(body, "recorded_at")),
        )


@dataclass(frozen=True, slots=True)
class CourtEvent:
    """What a court asserted by 案号; it reaches every case that carries the number."""

    court_event_id: str
    court_case_number: str
    axis: str
    status: str
    effective_on: date
    basis: str | None
    supersedes: str | None
    withdrawn: bool
    recorded_at: datetime

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "CourtEvent":
        return cls(
            court_event_id=text(body, "court_event_id"),
            court_case_number=text(body, "court_case_number"),
            axis=text(body, "axis"),
            status=text(body, "status"),
            effective_on=day(text(body, "effective_on")),
            basis=optional(body, "basis"),
            supersedes=optional(body, "supersedes"),
            withdrawn=flag(body, "withdrawn"),
            recorded_at=moment(text(body, "recorded_at")),
        )


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """The status of a case as of an instant. `axes`: axis → {"status", "effective_on", "source", "contested",
    "claimed", "others"}."""

    case_id: str
    as_of: datetime
    axes: Mapping[str, Mapping[str, Any]]
    stop_flags: tuple[str, ...]
    legal_class: str
    contested: bool

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "CaseStatus":
        axes = body.get("axes")
        if not isinstance(axes, dict) or not all(isinstance(axis, dict) for axis in axes.values()):
            raise unreadable()
        return cls(
            text(body, "case_id"), moment(text(body, "as_of")), axes, texts(body, "stop_flags"),
            text(body, "legal_class"), flag(body, "contested"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One verified answer about a person. It has no truth value: read `result`, or ask `must_not_contact`."""

    result: str
    stop_flags: tuple[str, ...] | None
    legal_class: str | None
    contested: bool | None
    lookup_id: str
    purpose: str
    as_of: datetime
    fresh_until: datetime
    policy_version: int
    evidence: "Evidence" = field(repr=False)

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("an Answer is neither true nor false: read .result or .must_not_contact")

    @property
    def must_not_contact(self) -> bool:
        """True where any stop flag stands. Raises NoGround where the answer says nothing about the person, Withheld
        where the policy keeps the flags back, StaleAnswer where a "no flag" is past `fresh_until`."""
        if self.result == "no_ground":
            raise NoGround(
                "no_ground",
                "依据未被接受，此答复对该人没有任何说明",
                "The ground was not accepted: this says nothing about the person",
                "核对案件编号与证件号码；确认前不得联系。",
                "Check the case and the identifier; do not contact before that.",
            )  # fmt: skip
        if self.stop_flags is None:
            raise Withheld("flags_withheld", "披露规则未给出停催标记", "The policy withholds the stop flags")
        if self.stop_flags:
            return True
        if clock.now() > self.fresh_until:
            raise StaleAnswer(
                "stale_answer", "答复已过有效时间", "The answer is past its time", "请重新查询。", "Ask again."
            )
        return False


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of subject access: who asked about the subject, why, and what was told."""

    asked_at: datetime
    member_name_zh: str
    member_name_en: str | None
    member_kind: str
    purpose: str
    ground: str | None
    outcome: str
    fields: tuple[str, ...]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Asked":
        return cls(
            moment(text(body, "asked_at")), text(body, "member_name_zh"), optional(body, "member_name_en"),
            text(body, "member_kind"), text(body, "purpose"), optional(body, "ground"), text(body, "outcome"),
            texts(body, "fields"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnLookup:
    """One of our own questions as the registry recorded it; `outcomes` counts items by result."""

    lookup_id: str
    asked_at: datetime
    purpose: str
    officer: str | None
    items: int
    ground: str | None
    outcomes: Mapping[str, int]
    refusal: str | None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "OwnLookup":
        outcomes = body.get("outcomes")
        if not isinstance(outcomes, dict):
            raise unreadable()
        return cls(
            text(body, "lookup_id"), moment(text(body, "asked_at")), text(body, "purpose"), optional(body, "officer"),
            whole(body, "items"), optional(body, "ground"), outcomes, optional(body, "refusal"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """A member institution as the directory shows it; `more` holds what else the registry told."""

    member_id: str
    kind: str
    name_zh: str
    name_en: str | None
    state: str
    court_code: str | None
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Member":
        known = ("member_id", "id", "kind", "name_zh", "name_en", "state", "court_code")
        return cls(
            text(body, "member_id" if "member_id" in body else "id"), text(body, "kind"), text(body, "name_zh"),
            optional(body, "name_en"), text(body, "state"), optional(body, "court_code"),
            {name: value for name, value in body.items() if name not in known},
        )  # fmt: skip
