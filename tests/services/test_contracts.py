"""Contracts through the verbs: locked clauses, consents, signatures, visibility, terms, placement."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.access.jose import JoseFault
from gongxin.config import Config
from gongxin.contracts import queries, rules, service
from gongxin.contracts.rules import Deviation
from gongxin.errors import Conflict, GongxinError, Invalid, NotFound
from gongxin.transparency import service as transparency
from gongxin_wire.licences import check_character
from tests.services.contracts_world import TODAY, Desk, detached, fee_model, signing_key, terms
from tests.services.disclosure_world import build
from tests.services.members_world import refused_by

OTHER = [{"zh": "佣金按月结算。", "en": "Commission is settled monthly."}]


@pytest.fixture
def desk(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    for world in build(owner_engine, config):
        desk = Desk(session, world)
        desk.adopted()
        desk.cap(2_000)
        yield desk


def refusal(call: Any) -> tuple[str, str | None]:
    with pytest.raises(GongxinError) as caught:
        call()
    return caught.value.code, caught.value.pointer


def test_a_contract_is_drafted_signed_by_both_and_its_hash_is_in_the_log(desk: Desk) -> None:
    contract = desk.drafted()
    content = queries.get_content(desk.session, contract.id)
    assert rules.canonical_text(orjson.loads(content.content)) == (content.content, contract.content_hash)
    assert check_character(contract.number[:-1]) == contract.number[-1]
    half = desk.sign(contract, desk.agency)
    assert (half.state, half.verdict) == ("draft", None)
    whole = desk.sign(contract, desk.bank)
    assert (whole.state, whole.verdict) == ("signed", "within")
    signatures = queries.signatures(desk.session, contract.id)
    assert {each.member_id for each in signatures} == {desk.agency.member_id, desk.bank.member_id}
    assert all(transparency.is_appended(desk.session, each.id) for each in signatures)
    assert rules.shown_state("signed", whole.begins_on, whole.ends_on, None, TODAY) == "live"


def test_a_locked_clause_does_not_change(desk: Desk) -> None:
    for clause_id in ("conduct", "levy", "clawback"):
        found = terms(desk, deviations=[Deviation(clause_id, OTHER, "客户要求")])
        assert refusal(lambda found=found: desk.drafted(found=found)) == ("clause_locked", "/deviations/0/clause_id")


def test_a_deviation_has_its_reason_and_needs_the_other_sides_consent(desk: Desk) -> None:
    contract = desk.drafted(found=terms(desk, deviations=[Deviation("statements", OTHER, "按月结算习惯")]))
    assert refusal(lambda: desk.sign(contract, desk.agency))[0] == "consent_missing"
    said: dict[str, Any] = {"clause_id": "statements", "content_hash": contract.content_hash}
    assert refusal(lambda: service.consent(desk.session, contract.id, caller=desk.agency, **said))[0] == (
        "consent_of_the_other"
    )
    desk.become(desk.bank)
    service.consent(desk.session, contract.id, caller=desk.bank, **said)
    service.consent(desk.session, contract.id, caller=desk.bank, **said)
    assert desk.sign(contract, desk.agency, desk.bank).state == "signed"
    content = orjson.loads(queries.get_content(desk.session, contract.id).content)
    assert [(each["clause_id"], each["reason"]) for each in content["deviations"]] == [("statements", "按月结算习惯")]
    assert next(clause for clause in content["clauses"] if clause["id"] == "statements")["text"] == OTHER


def test_what_is_no_deviation_or_of_no_clause_is_refused(desk: Desk) -> None:
    standard = next(clause for clause in desk.content()["clauses"] if clause["id"] == "fees")["text"]
    for clause_id, words, pointer in (
        ("nothing", OTHER, "/deviations/0/clause_id"),
        ("fees", standard, "/deviations/0/text"),
        ("fees", [{"zh": "三日内", "en": "within four days"}], "/deviations/0/text/0"),
    ):
        found = terms(desk, deviations=[Deviation(clause_id, words, "理由")])
        assert refusal(lambda found=found: desk.drafted(found=found))[1] == pointer


def test_a_fee_above_its_cap_is_refused_as_drafted_and_as_signed(desk: Desk) -> None:
    with pytest.raises(Conflict) as caught:
        desk.drafted(found=terms(desk, 2_001))
    assert (caught.value.code, caught.value.pointer) == ("fee_above_cap", "/cover/fee_model/tiers/0/rate_bp")
    assert caught.value.extra["above"][0]["by_bp"] == 1
    contract = desk.drafted()
    (old,) = [c for c in _caps(desk) if c.bucket == 7]
    desk.cap(1_500, [7], supersedes=old.id)
    assert refusal(lambda: desk.sign(contract, desk.agency))[0] == "fee_above_cap"


def _caps(desk: Desk) -> Any:
    from gongxin.contracts.caps import queries as caps

    return caps.caps_as_of(desk.session, jurisdiction=desk.place, member_kind="agency", day=TODAY, known_at=clock.now())


def test_a_cap_changed_later_shows_which_live_contracts_it_touches(desk: Desk) -> None:
    contract = desk.signed()
    (old,) = [c for c in _caps(desk) if c.bucket == 7]
    (lower,) = desk.cap(1_500, [7], supersedes=old.id)
    desk.become(None)
    assert list(queries.touched_by(desk.session, lower)) == [(contract.id, 2_000)]
    assert list(queries.touched_by(desk.session, old)) == []
    assert service.verdict(desk.session, contract).state == "within"
    assert service.verdict(desk.session, contract, known_at=clock.now()).state == "above"


def test_two_parties_signing_different_hashes_make_no_contract(desk: Desk) -> None:
    contract = desk.drafted()
    desk.sign(contract, desk.agency)
    assert refusal(lambda: desk.sign(contract, desk.bank, content_hash=b"\x01" * 32)) == (
        "content_changed", "/content_hash",
    )  # fmt: skip
    insert = (
        "insert into contract_signatures values (gen_random_uuid(), :id, :member, decode(repeat('01', 32), 'hex'),"
        " 'k', '{}', 'x', now())"
    )
    desk.become(desk.bank)
    assert refused_by(desk.session, insert, id=contract.id, member=desk.bank.member_id) == "contract_signatures_content"
    signed = "update contracts set state = 'signed', signed_at = now() where id = :id"
    assert refused_by(desk.session, signed, id=contract.id) == "contracts_signed"


def test_a_signature_is_by_a_registered_key_over_this_content(desk: Desk) -> None:
    contract = desk.drafted()
    private, kid = signing_key(desk, desk.agency)
    good = rules.signed_payload(str(contract.id), contract.content_hash)
    other, _ = signing_key(desk, desk.bank)

    def sign(jws: str) -> None:
        service.sign(desk.session, contract.id, caller=desk.agency, jws=jws, content_hash=contract.content_hash)

    for jws in (
        detached(other, kid, good),
        detached(private, "x" * 43, good),
        detached(private, kid, rules.signed_payload(str(contract.id), b"\x02" * 32)),
        detached(private, kid, good).replace("..", f".{'YQ'}."),
    ):
        assert refusal(lambda jws=jws: sign(jws)) == ("bad_signature", "/jws")
    for jws in (detached(private, kid, good, typ="jwt"), detached(private, kid, good, jku="https://x"), "no"):
        with pytest.raises(JoseFault):
            sign(jws)
    sign(detached(private, kid, good))
    assert refusal(lambda: sign(detached(private, kid, good)))[0] == "signed_already"


def test_names_in_traditional_and_rare_characters_are_kept_exactly(desk: Desk) -> None:
    names = {"creditor": "龔𠮷嚴", "agency": "𪚥龘 · 歐陽"}
    contract = desk.signed(terms(desk, representatives=names))
    desk.session.expire_all()
    assert orjson.loads(queries.get_content(desk.session, contract.id).content)["cover"]["representatives"] == names


def test_a_draft_is_revised_until_somebody_signs(desk: Desk) -> None:
    contract = desk.drafted()
    before = contract.content_hash
    desk.become(desk.agency)
    service.revise(desk.session, contract.id, caller=desk.agency, terms=terms(desk, 1_500))
    assert contract.content_hash != before
    assert refusal(lambda: service.revise(desk.session, contract.id, caller=desk.bank, terms=terms(desk)))[0] == (
        "not_the_drafter"
    )
    desk.sign(contract, desk.bank)
    desk.become(desk.agency)
    assert refusal(lambda: service.revise(desk.session, contract.id, caller=desk.agency, terms=terms(desk)))[0] == (
        "signed_already"
    )
    change = "update contracts set content_hash = decode(repeat('01', 32), 'hex') where id = :id"
    assert refused_by(desk.session, change, id=contract.id) == "contracts_content"
    assert refused_by(
        desk.session,
        "update contract_contents set content = '{}', content_hash = sha256('{}') where contract_id = :id",
        id=contract.id,
    ) == "contract_contents_kept"  # fmt: skip
    tampered = "insert into contract_contents values (:id, '{}', decode(repeat('01', 32), 'hex'), '{1}')"
    assert refused_by(desk.session, tampered, id=contract.id) == "ck_contract_contents_content_hash"


def test_strangers_see_nothing_and_the_association_no_prices_until_a_complaint(desk: Desk) -> None:
    contract = desk.signed()
    desk.become(desk.world.member("bank"))
    with pytest.raises(NotFound):
        queries.get_contract(desk.session, contract.id)
    desk.become(desk.association)
    assert queries.get_contract(desk.session, contract.id).number == contract.number
    desk.session.expire_all()
    assert refusal(lambda: queries.get_content(desk.session, contract.id))[0] == "content_not_open"
    service.open_prices(desk.session, contract.id, caller=desk.association, complaint="TS-2026-7", officer="王02")
    assert queries.get_content(desk.session, contract.id).content
    desk.become(desk.bank)
    assert [each.complaint for each in queries.openings(desk.session, contract.id)] == ["TS-2026-7"]


def test_an_amendment_supersedes_and_a_renewal_follows(desk: Desk) -> None:
    first = desk.signed()
    with pytest.raises(Invalid):
        desk.drafted(follows=first.id, kind="amendment", found=terms(desk))
    change = terms(desk, 1_000, begins_on=TODAY + timedelta(days=10))
    second = desk.sign(desk.drafted(follows=first.id, kind="amendment", found=change), desk.agency, desk.bank)
    first = queries.get_contract(desk.session, first.id)
    assert (second.number, second.version) == (first.number, 2)
    assert (first.state, first.ended_on) == ("superseded", TODAY + timedelta(days=9))
    between = desk.bank.member_id, desk.agency.member_id
    for days, expected in ((9, first), (10, second)):
        found = queries.live_between(desk.session, *between, TODAY + timedelta(days=days))  # type: ignore[arg-type]
        assert found is not None
        assert found.id == expected.id
    start = second.ends_on + timedelta(days=1)
    again = terms(desk, begins_on=start, ends_on=start + timedelta(days=364))
    third = desk.sign(desk.drafted(follows=second.id, kind="renewal", found=again), desk.agency, desk.bank)
    assert (third.version, queries.get_contract(desk.session, second.id).state) == (3, "signed")


def test_a_contract_ends_and_a_draft_is_withdrawn(desk: Desk) -> None:
    contract = desk.signed()
    ended = service.terminate(desk.session, contract.id, caller=desk.bank, on=TODAY, reason="双方协商")
    assert (ended.state, ended.ended_on) == ("terminated", TODAY)
    assert refusal(lambda: service.terminate(desk.session, contract.id, caller=desk.bank, on=TODAY, reason="再次"))[
        0
    ] == ("contract_not_signed")
    draft = desk.drafted()
    assert service.withdraw(desk.session, draft.id, caller=desk.agency).state == "withdrawn"
    assert refusal(lambda: desk.sign(draft, desk.bank))[0] == "contract_not_draft"


def test_what_ends_soon_is_told_ahead(desk: Desk) -> None:
    soon = desk.signed(terms(desk, ends_on=TODAY + timedelta(days=20)))
    desk.signed()
    found = queries.contracts(desk.session, today=TODAY, expiring_days=30)
    assert [each.id for each in found] == [soon.id]


def test_a_case_names_its_contract(desk: Desk) -> None:
    contract = desk.signed()
    case_id = desk.world.case(desk.bank, "A" * 43)
    foreign = desk.world.case(desk.world.member("bank"), "A" * 43)
    desk.become(desk.bank)
    assert service.name_cases(desk.session, contract.id, caller=desk.bank, case_ids=[case_id]) == 1
    assert service.name_cases(desk.session, contract.id, caller=desk.bank, case_ids=[case_id]) == 0
    found = queries.find_case_contract(desk.session, case_id)
    assert found is not None
    assert found.contract_id == contract.id
    assert refusal(
        lambda: service.name_cases(desk.session, contract.id, caller=desk.bank, case_ids=[foreign])
    )[0] == "case_not_found"  # fmt: skip


@pytest.mark.parametrize("policy", ["off", "warn", "refuse"])
def test_a_placement_without_a_contract_meets_the_policy(desk: Desk, policy: str) -> None:
    desk.become(desk.association)
    service.set_policy(desk.session, policy=policy, effective_from=TODAY)
    desk.become(desk.bank)
    pair: Any = (desk.bank.member_id, desk.agency.member_id)
    if policy == "refuse":
        assert refusal(lambda: service.check_placement(desk.session, *pair)) == ("no_live_contract", "/agency_id")
    else:
        assert service.check_placement(desk.session, *pair) == ("no_live_contract" if policy == "warn" else None)
    desk.signed()
    assert service.check_placement(desk.session, *pair) is None


def test_the_database_keeps_what_was_signed(desk: Desk, owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        outer = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")
        other = Desk(session, desk.world)
        other.adopted()
        contract = other.signed()
        for sql, constraint in (
            ("delete from contracts where id = :id", "contracts_kept"),
            ("update contracts set number = number || '' , version = 9 where id = :id", "contracts_kept"),
            ("update contracts set ends_on = ends_on + 1 where id = :id", "contracts_content"),
            ("update contracts set state = 'draft', signed_at = null where id = :id", "contracts_transition"),
            ("update contracts set state = 'terminated' where id = :id", "ck_contracts_ended_on"),
            ("delete from contract_contents where contract_id = :id", "contract_contents_kept"),
            ("update contract_signatures set kid = 'x' where contract_id = :id", "append_only_contract_signatures"),
        ):
            assert refused_by(session, sql, id=contract.id) == constraint
        outer.rollback()


def test_a_deviation_without_consent_is_refused_by_the_database(desk: Desk) -> None:
    contract = desk.drafted(found=terms(desk, deviations=[Deviation("statements", OTHER, "理由")]))
    insert = "insert into contract_signatures values (gen_random_uuid(), :id, :member, :hash, 'k', '{}', 'x', now())"
    values = {"id": contract.id, "member": desk.agency.member_id, "hash": contract.content_hash}
    assert refused_by(desk.session, insert, **values) == "contract_signatures_consents"
    desk.session.execute(text("select 1"))


def test_parties_terms_and_fee_models_are_checked(desk: Desk) -> None:
    for change, pointer in (
        ({"ends_on": TODAY - timedelta(days=1)}, "/cover/term/ends_on"),
        ({"scope": {"zh": "3类", "en": "4 kinds"}}, "/cover/scope/0"),
        ({"fee_model": fee_model("2000")}, "/cover/fee_model/tiers/0/rate_bp"),
        ({"representatives": {"creditor": "13800138000", "agency": "乙"}}, "/cover/representatives/creditor"),
    ):
        assert refusal(lambda change=change: desk.drafted(found=terms(desk, **change)))[1] == pointer
    desk.become(desk.agency)
    assert refusal(
        lambda: service.draft(
            desk.session, caller=desk.agency, template=desk.code, other_id=desk.association.member_id,  # type: ignore[arg-type]
            terms=terms(desk),
        )
    )[0] == "wrong_parties"  # fmt: skip
