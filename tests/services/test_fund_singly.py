"""The ledger's verbs as transactions of their own: what they do, and that a refusal has its words."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from gongxin.db import transaction
from gongxin.errors import GongxinError, Invalid
from gongxin.fund import standing
from gongxin.fund.ledger import audit, queries, rules, service, singly
from gongxin.fund.ledger.rules import Draft
from tests.services.fund_world import Fund, open_fund


@pytest.fixture
def fund(engine: Engine) -> Fund:
    with transaction(engine) as session:
        return open_fund(session)


def refused(code: str, call: object) -> GongxinError:
    with pytest.raises(GongxinError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code == code
    return caught.value


def test_an_entry_in_four_transactions(engine: Engine, fund: Fund) -> None:
    entry_id, content = singly.submit(engine, actor=fund.lin, new=fund.new(700))
    assert singly.approve(engine, entry_id, actor=fund.wang, content_hash=content) == "submitted"
    assert singly.approve(engine, entry_id, actor=fund.zhao, content_hash=content) == "approved"
    assert singly.post(engine, entry_id, actor=fund.wang) == "posted"
    with transaction(engine) as session:
        assert queries.balance(session, queries.get_account(session, fund.codes["cash"]).id) == 700
        entry = queries.get_entry(session, entry_id)
        legs = [leg for leg, _ in queries.legs(session, [entry_id])]
        assert entry.content_hash == content == rules.content_hash(entry, legs)
        assert [step.state for step in queries.steps(session, entry_id)] == ["draft", "submitted", "approved", "posted"]


def test_words_of_a_content_are_hashed_as_python_hashes_them(engine: Engine, fund: Fund) -> None:
    for words in ('引号"与\\反斜杠', "ＡＢ／é😀", "a'b{}$$"):
        new = fund.new(5, description=words, reference=words[:64])
        entry_id, content = singly.submit(engine, actor=fund.lin, new=new)
        with transaction(engine) as session:
            entry = queries.get_entry(session, entry_id)
            assert content == rules.content_hash(entry, [leg for leg, _ in queries.legs(session, [entry_id])])


def test_the_same_key_gives_the_same_entry_and_another_content_is_refused(engine: Engine, fund: Fund) -> None:
    new = fund.new(5)
    first = singly.submit(engine, actor=fund.lin, new=new)
    assert singly.submit(engine, actor=fund.lin, new=new) == first
    other = Draft(new.key, new.booked_on, "另一内容", new.legs)
    refused("entry_key_taken", lambda: singly.submit(engine, actor=fund.lin, new=other))


def test_what_the_database_refuses_is_told_in_words(engine: Engine, fund: Fund) -> None:
    entry_id, content = singly.submit(engine, actor=fund.lin, new=fund.new(5))
    refused(
        "maker_is_not_checker",
        lambda: singly.approve(engine, entry_id, actor=fund.lin, content_hash=content),
    )
    fault = refused(
        "content_changed", lambda: singly.approve(engine, entry_id, actor=fund.wang, content_hash=bytes(32))
    )
    assert fault.fix_zh
    assert fault.fix_en
    refused("illegal_transition", lambda: singly.post(engine, entry_id, actor=fund.wang))
    refused("entry_not_found", lambda: singly.post(engine, uuid.uuid4(), actor=fund.wang))
    singly.approve(engine, entry_id, actor=fund.wang, content_hash=content)
    refused("already_approved", lambda: singly.approve(engine, entry_id, actor=fund.wang, content_hash=content))
    unbalanced = fund.new(legs=(fund.leg("cash", "debit", 5), fund.leg("levies", "credit", 4)))
    assert refused("entry_unbalanced", lambda: singly.submit(engine, actor=fund.lin, new=unbalanced)).pointer == "/legs"
    restricted = fund.new(5, "medical_cash", "levies")
    refused("restricted_money", lambda: singly.submit(engine, actor=fund.lin, new=restricted))
    early = fund.new(5, booked_on=fund.today - timedelta(days=9_000))
    refused("no_period", lambda: singly.submit(engine, actor=fund.lin, new=early))
    nameless = fund.new(legs=(rules.NewLeg('x"}\\', "RELIEF", "debit", 5), fund.leg("levies", "credit", 5)))
    with pytest.raises(Invalid) as caught:
        singly.submit(engine, actor=fund.lin, new=nameless)
    assert caught.value.pointer == "/legs/0/account"


def test_a_whole_life_is_booked_at_once(engine: Engine, fund: Fund) -> None:
    new = fund.new(900)
    both = (fund.wang, fund.zhao)
    made = singly.book(engine, maker=fund.lin, approvers=both, new=new)
    assert singly.book(engine, maker=fund.lin, approvers=both, new=new) == made
    with transaction(engine, fund.member_id, "association") as session:
        assert standing.book(session, maker=fund.lin, approvers=both, new=new).id == made
        assert service.book(session, maker=fund.lin, approvers=both, new=fund.new(50)).state == "posted"
        assert queries.balance(session, queries.get_account(session, fund.codes["cash"]).id) == 950
    other = fund.new(1)
    with pytest.raises(Exception, match="does not follow"):
        singly.book(engine, maker=fund.lin, approvers=(fund.wang,), new=other)
    with transaction(engine) as session:
        assert queries.entries_with_keys(session, [other.key]) == []


def test_the_audit_finds_nothing_in_what_they_wrote(engine: Engine, fund: Fund) -> None:
    made = singly.book(engine, maker=fund.lin, approvers=(fund.wang, fund.zhao), new=fund.new(900))
    with transaction(engine) as session:
        found = audit.audit(session)
    ours = {str(made), *fund.codes.values()}
    assert [words for words in found.differences if any(each in words for each in ours)] == []
    assert found.entries >= 1
