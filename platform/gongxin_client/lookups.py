"""Look-ups: each answer's receipt is checked before the answer is handed out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from . import clock, receipts
from .auth import Connection, new_key
from .cases import EPOCH_CODES, _chunks
from .errors import BadInput, Refused
from .http import unreadable
from .models import RESULTS, Answer, Asked, Identifier, OwnLookup, Question
from .receipts import Evidence, ReceiptKeys
from .shapes import items, moment, text, texts, whole
from .subjects import Subjects

MAX_ITEMS = 1_000
BY_CASE = frozenset({"placement", "contact"})
PURPOSES = ("placement", "contact", "judicial", "mediation", "supervision")


class Lookups:
    """Base of `Registry`. An answer is returned only where its receipt holds (else VerificationFailed); a failed call
    raises Refused, Unavailable or NotConnected."""

    connection: Connection
    subjects: Subjects
    receipt_keys: ReceiptKeys

    def lookup(
        self,
        subject: Identifier,
        *,
        purpose: str,
        case_id: str | None = None,
        reference: str | None = None,
        officer: str | None = None,
    ) -> Answer:
        """Asks about one person. The ground is `case_id` for placement and contact, `reference` (案号 or file number)
        for judicial, mediation and supervision; supervision names its `officer`."""
        question = Question(subject, case_id, reference)
        [answer] = self._ask([question], purpose, officer, batch=False)
        return answer

    def lookup_many(
        self, questions: Iterable[Question], *, purpose: str, officer: str | None = None
    ) -> Iterator[Answer]:
        """Asks about many, 1,000 a request with one receipt each; answers in the order of the questions."""
        for batch in _chunks(questions, MAX_ITEMS):
            yield from self._ask(batch, purpose, officer, batch=True)

    def subject_access(self, subject: Identifier, *, request_reference: str) -> list[Asked]:
        """For the association on the subject's own request: who asked, why, and what was told."""
        return self.subject_access_with_evidence(subject, request_reference=request_reference)[0]

    def subject_access_with_evidence(
        self, subject: Identifier, *, request_reference: str
    ) -> tuple[list[Asked], Evidence]:
        """`subject_access`, with what proves it."""
        asked_at = clock.now()
        body = {"subject": self.subjects.of([subject])[0], "request_reference": request_reference}
        reply = self.connection.read(
            "POST", "/v1/subject-access", scope="subject_access", json_body=body, key=new_key()
        )
        found = [Asked.read(entry) for entry in items(reply, "asked")]
        return found, self._verify(body, reply, reply["asked"], "subject_access", asked_at)

    def own_lookups(self, *, at_most: int | None = None) -> Iterator[OwnLookup]:
        """Our own questions as recorded, newest first, refused ones too."""
        return islice(map(OwnLookup.read, self._pages("/v1/lookups", "lookups", {"limit": 200})), at_most)

    def policy(self) -> dict[str, Any]:
        """The disclosure policy in force: {"version", "effective_from", "rows": [{"asker", "relation", "purpose",
        "fields"}]}."""
        return self.connection.read("GET", "/v1/disclosure/policy", scope=None)

    # --- how it is asked ------------------------------------------------------------------------------------------

    def _ask(self, questions: Sequence[Question], purpose: str, officer: str | None, *, batch: bool) -> list[Answer]:
        grounds = [_ground(question, purpose) for question in questions]
        try:
            return self._ask_once(questions, grounds, purpose, officer, batch)
        except Refused as refused:
            if refused.code not in EPOCH_CODES:
                raise
            self.subjects.epochs(refresh=True)
            return self._ask_once(questions, grounds, purpose, officer, batch)

    def _ask_once(
        self,
        questions: Sequence[Question],
        grounds: Sequence[dict[str, str]],
        purpose: str,
        officer: str | None,
        batch: bool,
    ) -> list[Answer]:
        subjects = self.subjects.of([question.subject for question in questions])
        asked: list[dict[str, Any]] = [
            {"subject": subject, "ground": ground} for subject, ground in zip(subjects, grounds, strict=True)
        ]
        body: dict[str, Any] = {"purpose": purpose, **({"items": asked} if batch else asked[0])}
        if officer is not None:
            body["officer"] = officer
        asked_at = clock.now()
        # Not sent twice unless the registry surely gave no answer: each look-up leaves its record.
        reply = self.connection.read(
            "POST", "/v1/lookups/batch" if batch else "/v1/lookups", scope="lookups", json_body=body,
            details=[{"type": "gongxin_lookup", "purpose": purpose, "data_types": ["case_status"]}],
        )  # fmt: skip
        answers = items(reply, "answers")
        if len(answers) != len(questions) or reply.get("purpose") != purpose:
            raise unreadable()
        evidence = self._verify(body, reply, answers, purpose, asked_at)
        return [_answer(entry, reply, purpose, evidence) for entry in answers]

    def _verify(
        self, body: Mapping[str, Any], reply: dict[str, Any], answers: Any, purpose: str, asked_at: datetime
    ) -> Evidence:
        receipt = text(reply, "receipt")
        profile = self.connection.profile
        keys = self.receipt_keys.for_receipt(receipt)
        found = receipts.verify(
            receipt, question=body, answers=answers, keys=keys, issuer=profile.registry, now=clock.now(),
            member_id=self.member_id(), purpose=purpose, reply=reply, asked_at=asked_at,
        )  # fmt: skip
        return Evidence(profile.registry, body, reply, {found.kid: keys[found.kid]})

    def member_id(self) -> str:
        raise NotImplementedError

    def _pages(self, path: str, scope: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


def _ground(question: Question, purpose: str) -> dict[str, str]:
    """The ground this purpose rests on. Raises BadInput where it is missing or of the other kind."""
    if purpose not in PURPOSES:
        raise BadInput(
            "unknown_purpose",
            "未知的用途",
            "Unknown purpose",
            f"用途为 {'、'.join(PURPOSES)}。",
            f"One of {', '.join(PURPOSES)}.",
        )
    name, given, other = (
        ("case_id", question.case_id, question.reference)
        if purpose in BY_CASE
        else ("reference", question.reference, question.case_id)
    )
    if not given or other is not None:
        raise BadInput(
            "wrong_ground", f"此用途的依据为 {name}", f"The ground of this purpose is {name}",
            "placement、contact 用案件登记编号；judicial 用案号；mediation、supervision 用卷号。",
            "placement, contact: the case's id; judicial: the 案号; mediation, supervision: the file number.",
        )  # fmt: skip
    return {name: given}


def _answer(entry: dict[str, Any], reply: dict[str, Any], purpose: str, evidence: Evidence) -> Answer:
    """One answer, every field of the form the contract names; anything else raises, and is no answer."""
    result, contested = text(entry, "result"), entry.get("contested")
    flags = None if entry.get("stop_flags") is None else texts(entry, "stop_flags")
    legal = None if entry.get("legal_class") is None else text(entry, "legal_class")
    if result not in RESULTS or not (contested is None or isinstance(contested, bool)):
        raise unreadable()
    if result == "no_ground" and (flags, legal, contested) != (None, None, None):
        raise unreadable()
    return Answer(
        result, flags, legal, contested, text(reply, "lookup_id"), purpose, moment(text(reply, "as_of")),
        moment(text(reply, "fresh_until")), whole(reply, "policy_version"), evidence,
    )  # fmt: skip
