"""Cases: register, place, assert what happened, read."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from .auth import Connection, new_key
from .errors import Refused
from .http import lines_of, unreadable
from .models import Case, CaseStatus, CourtEvent, Event, Identifier, LineResult, NewCase, Placement, Reference
from .shapes import items
from .subjects import Subjects

MAX_LINES = 10_000
EPOCH_CODES = frozenset({"epoch_not_open", "epoch_missing"})
T = TypeVar("T")


class Cases:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection
    subjects: Subjects

    # --- registering ----------------------------------------------------------------------------------------------

    def register_case(
        self, creditor_ref: str, subject: Identifier, *, opened_on: date, references: Sequence[Reference] = ()
    ) -> Case:
        """Registers one case; the same reference with the same content gives the same case again."""
        case = NewCase(creditor_ref, subject, opened_on, tuple(references))

        def send() -> Case:
            [body] = self._bodies([case])
            return Case.read(self._write("/v1/cases", "cases.write", body))

        return self._with_epochs(send)

    def register_many(self, cases: Iterable[NewCase], *, chunk: int = 5_000) -> Iterator[LineResult]:
        """One result for each case, in order, `line` numbered from 1 over all of them. Lines are sent in chunks (at
        most 10,000); a refused line hinders no other."""
        offset = 0
        for batch in _chunks(cases, min(chunk, MAX_LINES)):
            yield from self.register_chunk(batch, offset=offset)
            offset += len(batch)

    def register_chunk(
        self, cases: Sequence[NewCase], *, key: str | None = None, body: bytes | None = None, offset: int = 0
    ) -> list[LineResult]:
        """One bulk request. `body` where `encode_cases` has made it already, `key` its Idempotency-Key. Lines that
        were refused because keys had just rotated are sent once more with fresh tokens."""
        body = self.encode_cases(cases) if body is None else body
        results = self._bulk("/v1/cases/bulk", body, len(cases), key, offset)
        late = [at for at, r in enumerate(results) if r.problem is not None and r.problem.code in EPOCH_CODES]
        if late:
            self.subjects.epochs(refresh=True)
            again = self.encode_cases([cases[at] for at in late])
            for at, result in zip(late, self._bulk("/v1/cases/bulk", again, len(late), None, 0), strict=True):
                results[at] = LineResult(
                    at + 1 + offset, result.status, result.case_id, result.creditor_ref, result.version, result.problem
                )
        return results

    def encode_cases(self, cases: Sequence[NewCase]) -> bytes:
        """The NDJSON of a bulk request, identifiers already turned into tokens. The same cases under the same key
        epochs give the same bytes."""
        return _ndjson(self._bodies(cases))

    def add_case_keys(self, cases: Iterable[tuple[str, Identifier]], *, chunk: int = 5_000) -> Iterator[LineResult]:
        """While keys rotate: adds tokens of the new epoch to (case_id, subject) pairs; status done or refused."""
        offset = 0
        for batch in _chunks(cases, min(chunk, MAX_LINES)):
            subjects = self.subjects.of([identifier for _, identifier in batch])
            body = _ndjson(
                {"case_id": case_id, "subject": subject}
                for (case_id, _), subject in zip(batch, subjects, strict=True)
            )  # fmt: skip
            yield from self._bulk("/v1/cases/keys", body, len(batch), None, offset)
            offset += len(batch)

    def add_reference(self, case_id: str, kind: str, reference: str, *, member_id: str | None = None) -> Case:
        """Adds a 案号 (`court_case`), or a mediation file (`mediation_file`) with the mediator's `member_id`."""
        body = _given(kind=kind, reference=reference, member_id=member_id)
        return Case.read(self._write(f"/v1/cases/{_part(case_id)}/references", "cases.write", body))

    # --- placing --------------------------------------------------------------------------------------------------

    def place(
        self,
        case: Case | str,
        action: str,
        *,
        agency_id: str | None = None,
        mandate_until: date | None = None,
        reason: str | None = None,
    ) -> Case:
        """One step of placement: assign, accept, decline, return, hold_over, recall, claim_assign. With a `Case` it is
        done only if the case is still at that version (else Refused, status 412); with an id, the version is read
        first. An illegal step is Refused with `extra["legal"]`."""
        known = case if isinstance(case, Case) else self.case(case)
        body = _given(action=action, agency_id=agency_id, mandate_until=mandate_until, reason=reason)
        path = f"/v1/cases/{_part(known.case_id)}/placement"
        return Case.read(self._write(path, "cases.write", body, if_match=f'"{known.version}"'))

    def assign(self, case: Case | str, agency_id: str, *, mandate_until: date | None = None) -> Case:
        """The creditor places the case with an agency."""
        return self.place(case, "assign", agency_id=agency_id, mandate_until=mandate_until)

    def accept(self, case: Case | str) -> Case:
        """The agency takes the case."""
        return self.place(case, "accept")

    def decline(self, case: Case | str, reason: str | None = None) -> Case:
        """The agency does not take the case."""
        return self.place(case, "decline", reason=reason)

    def give_back(self, case: Case | str, reason: str | None = None) -> Case:
        """The agency returns the case (`return`)."""
        return self.place(case, "return", reason=reason)

    def hold_over(self, case: Case | str, mandate_until: date) -> Case:
        """The creditor extends the mandate."""
        return self.place(case, "hold_over", mandate_until=mandate_until)

    def recall(self, case: Case | str, reason: str | None = None) -> Case:
        """The creditor takes the case back."""
        return self.place(case, "recall", reason=reason)

    def place_many(self, placements: Iterable[Placement], *, chunk: int = 5_000) -> Iterator[LineResult]:
        """Many steps of placement; status done or refused for each, in order."""
        offset = 0
        for batch in _chunks(placements, min(chunk, MAX_LINES)):
            body = _ndjson(
                _given(case_id=p.case_id, action=p.action, agency_id=p.agency_id, mandate_until=p.mandate_until,
                       reason=p.reason, version=p.version)
                for p in batch
            )  # fmt: skip
            yield from self._bulk("/v1/cases/placements", body, len(batch), None, offset)
            offset += len(batch)

    # --- what happened --------------------------------------------------------------------------------------------

    def assert_event(
        self,
        case_id: str,
        axis: str,
        status: str,
        *,
        effective_on: date,
        basis: str | None = None,
        court_case_number: str | None = None,
    ) -> Event:
        """Says what is so on one axis (placement excepted) from a day on. What a court says is for courts: from
        others it is recorded as claimed and names the 案号."""
        body = _event(axis, status, effective_on, basis, court_case_number)
        return Event.read(self._write(f"/v1/cases/{_part(case_id)}/events", "events.write", body))

    def correct_event(
        self,
        event_id: str,
        axis: str,
        status: str,
        *,
        effective_on: date,
        basis: str | None = None,
        court_case_number: str | None = None,
    ) -> Event:
        """Supersedes an event of one's own; both stay in the history."""
        body = _event(axis, status, effective_on, basis, court_case_number)
        return Event.read(self._write(f"/v1/events/{_part(event_id)}/corrections", "events.write", body))

    def withdraw_event(self, event_id: str, reason: str) -> Event:
        """Withdraws an event of one's own; it stays in the history as withdrawn."""
        path = f"/v1/events/{_part(event_id)}/withdrawal"
        return Event.read(self._write(path, "events.write", {"reason": reason}))

    def court_event(
        self, court_case_number: str, axis: str, status: str, *, effective_on: date, basis: str | None = None
    ) -> CourtEvent:
        """A court says what is so in one of its cases; it reaches every case that carries the 案号, now or later."""
        body = _event(axis, status, effective_on, basis, court_case_number)
        return CourtEvent.read(self._write("/v1/court-events", "court_events.write", body))

    def correct_court_event(
        self,
        court_event_id: str,
        court_case_number: str,
        axis: str,
        status: str,
        *,
        effective_on: date,
        basis: str | None = None,
    ) -> CourtEvent:
        """Supersedes a court event of one's own."""
        body = _event(axis, status, effective_on, basis, court_case_number)
        path = f"/v1/court-events/{_part(court_event_id)}/corrections"
        return CourtEvent.read(self._write(path, "court_events.write", body))

    def withdraw_court_event(self, court_event_id: str, reason: str) -> CourtEvent:
        """Withdraws a court event of one's own; it stays on record, without effect."""
        path = f"/v1/court-events/{_part(court_event_id)}/withdrawal"
        return CourtEvent.read(self._write(path, "court_events.write", {"reason": reason}))

    def court_events(self, court_case_number: str | None = None) -> Iterator[CourtEvent]:
        """The court's own events, page by page."""
        query = {"court_case_number": court_case_number}
        return map(CourtEvent.read, self._pages("/v1/court-events", "court_events.write", query))

    # --- reading --------------------------------------------------------------------------------------------------

    def case(self, case_id: str) -> Case:
        """One case; Refused (404) where it is not ours to see."""
        return Case.read(self.connection.read("GET", f"/v1/cases/{_part(case_id)}", scope="cases.read"))

    def find_case(self, creditor_ref: str) -> Case | None:
        """The case with the creditor's own number, None where there is none."""
        return next(self.cases(creditor_ref=creditor_ref), None)

    def cases(
        self,
        *,
        creditor_ref: str | None = None,
        placement: str | None = None,
        closed: bool | None = None,
        updated_since: datetime | None = None,
        limit: int = 200,
    ) -> Iterator[Case]:
        """All our cases that fit, fetched page by page (`limit` a page, at most 200)."""
        query: dict[str, Any] = {
            "creditor_ref": creditor_ref, "placement": placement, "limit": limit,
            "closed": None if closed is None else ("true" if closed else "false"),
            "updated_since": None if updated_since is None else rfc3339(updated_since),
        }  # fmt: skip
        return map(Case.read, self._pages("/v1/cases", "cases.read", query))

    def history(self, case_id: str) -> Iterator[Event]:
        """Every event of a case, newest last, superseded and withdrawn ones too."""
        return map(Event.read, self._pages(f"/v1/cases/{_part(case_id)}/events", "cases.read", {}))

    def status_of(self, case_id: str, *, as_of: datetime | None = None) -> CaseStatus:
        """What holds on each axis, now or as of an instant."""
        query = {"as_of": None if as_of is None else rfc3339(as_of)}
        path = f"/v1/cases/{_part(case_id)}/status"
        return CaseStatus.read(self.connection.read("GET", path, scope="cases.read", query=query))

    # --- how it is sent -------------------------------------------------------------------------------------------

    def _bodies(self, cases: Sequence[NewCase]) -> list[dict[str, Any]]:
        subjects = self.subjects.of([case.subject for case in cases])
        return [
            {"creditor_ref": case.creditor_ref, "subject": subject, "opened_on": case.opened_on.isoformat()}
            | _references(case.references)
            for case, subject in zip(cases, subjects, strict=True)
        ]

    def _with_epochs(self, send: Callable[[], T]) -> T:
        """Runs `send`; once more with the keys fetched anew where they rotated meanwhile."""
        try:
            return send()
        except Refused as refused:
            if refused.code not in EPOCH_CODES:
                raise
            self.subjects.epochs(refresh=True)
            return send()

    def _write(self, path: str, scope: str, body: Any, *, if_match: str | None = None) -> dict[str, Any]:
        return self.connection.read("POST", path, scope=scope, json_body=body, key=new_key(), if_match=if_match)

    def _bulk(self, path: str, body: bytes, count: int, key: str | None, offset: int) -> list[LineResult]:
        response = self.connection.call("POST", path, scope="cases.write", ndjson=body, key=key or new_key())
        results = [LineResult.read(line, offset) for line in lines_of(response)]
        if [result.line for result in results] != list(range(offset + 1, offset + count + 1)):
            raise unreadable()
        return results

    def _pages(self, path: str, scope: str | None, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self.connection.read("GET", path, scope=scope, query={**query, "cursor": cursor})
            yield from items(page, "items")
            following = page.get("next_cursor")
            if following is None:
                return
            if not isinstance(following, str) or following == cursor:
                raise unreadable()
            cursor = following


def rfc3339(moment: datetime) -> str:
    """An aware instant as the registry reads it; a naive one is refused."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return moment.isoformat()


def _chunks(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(entries)
    while batch := list(islice(source, size)):
        yield batch


def _ndjson(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for line in lines)


def _given(**values: Any) -> dict[str, Any]:
    """The values that are there, dates as text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
        if value is not None
    }


def _event(axis: str, status: str, on: date, basis: str | None, court_case_number: str | None) -> dict[str, Any]:
    return _given(axis=axis, status=status, effective_on=on, basis=basis, court_case_number=court_case_number)


def _references(references: Sequence[Reference]) -> dict[str, Any]:
    if not references:
        return {}
    return {"references": [_given(kind=r.kind, reference=r.reference, member_id=r.member_id) for r in references]}


def _part(identifier: str) -> str:
    return quote(identifier, safe="")
