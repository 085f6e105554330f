"""Documents over the record: anyone's check of a hash, redlines of amendments, what a caller may not reach; months
below zero."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pypdf
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gongxin import clock, typesetting
from gongxin.config import Config
from gongxin.contracts import queries
from gongxin.contracts.commissions import rules
from gongxin.contracts.commissions import service as commissions
from gongxin.contracts.commissions.models import Statement
from gongxin.contracts.documents import service
from gongxin.contracts.models import Contract
from gongxin.contracts.rules import Deviation
from gongxin.errors import GongxinError
from gongxin.fund.income.models import LevyBase
from gongxin.transparency import service as transparency
from tests.conftest import act_for
from tests.services.contracts_world import TODAY, Desk, desks, terms
from tests.services.members_world import refused_by

ISSUER = "https://registry.example"


@pytest.fixture
def desk(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    yield from desks(session, owner_engine, config)


def refusal(call: Any) -> str:
    with pytest.raises(GongxinError) as caught:
        call()
    return caught.value.code


def pdf(desk: Desk, contract: Contract) -> bytes:
    return service.pdf(desk.session, contract.id, issuer=ISSUER)


def test_anyone_may_check_a_hash_and_learns_day_and_leaves_alone(desk: Desk) -> None:
    contract = desk.signed()
    desk.become(None)
    leaves = [each.id for each in queries.signatures(desk.session, contract.id)]
    act_for(desk.session, None, "")
    told = service.check(desk.session, contract.content_hash.hex())
    assert told["signed_on"] == TODAY
    assert [each["leaf_id"] for each in told["leaves"]] == leaves
    assert set(told) == {"content_hash", "members", "signed_on", "leaves"}
    desk.become(None)
    assert all(transparency.is_appended(desk.session, each) for each in leaves)


@pytest.mark.parametrize("said", ["00" * 32, "AB" * 32, "x", "", "0" * 63])
def test_a_hash_unknown_or_ill_written_reads_alike(desk: Desk, said: str) -> None:
    assert refusal(lambda: service.check(desk.session, said)) == "content_not_signed"


def test_a_content_that_one_party_signed_is_not_told(desk: Desk) -> None:
    contract = desk.drafted()
    desk.sign(contract, desk.agency)
    assert refusal(lambda: service.check(desk.session, contract.content_hash.hex())) == "content_not_signed"


def test_the_paper_is_the_same_each_time_and_another_once_signed(desk: Desk) -> None:
    contract = desk.drafted()
    first = pdf(desk, contract)
    assert pdf(desk, contract) == first
    docx = service.docx(desk.session, contract.id, issuer=ISSUER)
    assert service.docx(desk.session, contract.id, issuer=ISSUER) == docx
    desk.sign(contract, desk.agency, desk.bank)
    signed = pdf(desk, contract)
    assert signed != first
    text = "".join(each.extract_text() for each in pypdf.PdfReader(BytesIO(signed)).pages)
    assert text.count("已签署") == 2
    assert contract.content_hash.hex() in text.replace("\n", "")


def test_our_own_papers_compare_as_the_same_and_an_unsigned_one_in_its_signatures_alone(desk: Desk) -> None:
    contract = desk.drafted()
    unsigned = service.docx(desk.session, contract.id, issuer=ISSUER)
    desk.sign(contract, desk.agency, desk.bank)
    for upload in (pdf(desk, contract), service.docx(desk.session, contract.id, issuer=ISSUER)):
        told = service.compare(desk.session, contract.id, upload, issuer=ISSUER)
        assert (told["same"], told["count"], told["locked_changed"]) == (True, 0, False)
    told = service.compare(desk.session, contract.id, unsigned, issuer=ISSUER)
    assert {each["clause_id"] for each in told["differences"]} == {"signatures"}
    assert told["locked_changed"] is False


def test_a_glyph_that_is_missing_is_refused_with_its_field(desk: Desk) -> None:
    contract = desk.drafted(found=terms(desk, representatives={"creditor": "林ก", "agency": "王试"}))
    with pytest.raises(typesetting.GlyphMissing) as caught:
        pdf(desk, contract)
    assert caught.value.pointer == "/cover/representatives/creditor"


def test_prices_are_not_printed_for_the_association_until_a_complaint_opens_them(desk: Desk) -> None:
    contract = desk.signed()
    desk.become(desk.association)
    for made in (service.pdf, service.docx):
        assert refusal(lambda made=made: made(desk.session, contract.id, issuer=ISSUER)) == "content_not_open"
    assert refusal(lambda: service.contract_redline(desk.session, contract.id, contract.id)) == "content_not_open"
    desk.become(desk.world.member("bank"))
    assert refusal(lambda: pdf(desk, contract)) == "contract_not_found"


def test_an_amendment_has_its_redline_and_a_first_version_none(desk: Desk) -> None:
    first = desk.signed()
    assert refusal(lambda: service.contract_redline(desk.session, first.id, None)) == "nothing_before"
    deviation = Deviation("statements", [{"zh": "按月结算。", "en": "Settled monthly."}], "结算习惯")
    changed = terms(desk, 1_800, begins_on=TODAY + timedelta(days=1), deviations=[deviation])
    amended = desk.drafted(found=changed, follows=first.id, kind="amendment")
    told = service.contract_redline(desk.session, amended.id, None)
    assert told["title"].endswith("v1 → v2")
    assert [each["clause_id"] for each in told["parts"]] == ["cover", "statements"]
    assert service.contract_redline(desk.session, amended.id, first.id) == told
    other = desk.signed()
    assert refusal(lambda: service.contract_redline(desk.session, amended.id, other.id)) == "invalid_field"
    assert service.redline_pdf(told).startswith(b"%PDF-1.7")


def test_versions_of_two_templates_have_no_redline(desk: Desk) -> None:
    one, code = desk.draft(), desk.code
    desk.code = f"{code[:20]}-b"
    other = desk.draft()
    assert refusal(lambda: service.template_redline(desk.session, one.id, other.id)) == "invalid_field"


def test_the_registry_alone_rechecks_every_contract(desk: Desk) -> None:
    desk.become(desk.bank)
    statement = "select * from contracts_touched(1, 0, 'cn', current_date, current_date)"
    assert refused_by(desk.session, statement) == "contracts_touched_registry"


# --- months below zero ----------------------------------------------------------------------------------------------


def test_a_month_below_zero_leaves_what_it_lacks_to_the_next() -> None:
    assert rules.carried([100, -300, 250, 80]) == [(0, 100), (0, 0), (-300, 0), (-50, 30)]
    assert rules.carried([]) == []


class Months:
    """The clock, a month on at each call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days, now, today = 0, clock.now, clock.today_in_china
        monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=self.days))
        monkeypatch.setattr(clock, "today_in_china", lambda: today() + timedelta(days=self.days))

    def on(self) -> None:
        self.days += 31


def _confirmed(desk: Desk, contract: Contract, fen: int) -> uuid.UUID:
    desk.become(desk.agency)
    found = commissions.report(
        desk.session, caller=desk.agency, contract_id=contract.id, reference=f"R-{uuid.uuid4().hex[:8]}",
        received_on=clock.today_in_china(), age=3, parts={"principal": fen},
    )[0]  # fmt: skip
    desk.become(desk.bank)
    return commissions.confirm(desk.session, found.id, caller=desk.bank)[0].id


def _stated(desk: Desk, contract: Contract, state: str = "agreed") -> Statement:
    desk.become(desk.agency)
    month = f"{clock.today_in_china():%Y-%m}"
    made = commissions.make_statement(desk.session, caller=desk.agency, contract_id=contract.id, month=month)
    desk.become(desk.bank)
    said = None if state == "agreed" else "不认可"
    return commissions.decide(desk.session, made.id, caller=desk.bank, lines=[(1, state, said)])


def _base(desk: Desk, statement: Statement) -> int:
    desk.become(None)
    found = desk.session.get(LevyBase, statement.levy_base_id)
    assert found is not None
    return found.base_fen


def test_a_claw_back_larger_than_its_month_lowers_the_next_levy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    contract, months = desk.signed(), Months(monkeypatch)
    recovery = _confirmed(desk, contract, 50_000)
    assert _base(desk, _stated(desk, contract)) == 10_000
    months.on()
    desk.become(desk.bank)
    commissions.reverse(
        desk.session, recovery, caller=desk.bank, amount_fen=50_000, reversed_on=clock.today_in_china(), reason="退票"
    )
    below = _stated(desk, contract, "disputed")
    assert (below.agreed_fen, _base(desk, below)) == (0, 0)
    months.on()
    _confirmed(desk, contract, 80_000)
    last = _stated(desk, contract)
    assert (last.carried_fen, _base(desk, last)) == (0, 16_000)
    # The claw-back is agreed late: the month after it is told to the fund anew.
    desk.become(desk.bank)
    commissions.decide(desk.session, below.id, caller=desk.bank, lines=[(1, "agreed", None)])
    assert (below.agreed_fen, _base(desk, below)) == (-10_000, 0)
    assert (last.carried_fen, _base(desk, last)) == (-10_000, 6_000)
    desk.become(desk.bank)
    change = "update commission_statements set carried_fen = 1 where id = :id"
    assert refused_by(desk.session, change, id=last.id) == "ck_commission_statements_carried_fen"
