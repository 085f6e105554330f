"""The life of a template and of a cap, through the verbs, and what the database refuses by itself."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.config import Config
from gongxin.contracts.caps import queries as cap_queries
from gongxin.contracts.caps import service as caps
from gongxin.contracts.fees import model
from gongxin.contracts.standard import queries, service
from gongxin.errors import Conflict, Forbidden, GongxinError, Invalid, NotFound
from gongxin.transparency import service as transparency
from tests.services.contracts_world import TODAY, Desk, fee_model
from tests.services.disclosure_world import build
from tests.services.members_world import named, refused_by


@pytest.fixture
def desk(session: Session, owner_engine: Engine, config: Config) -> Iterator[Desk]:
    for world in build(owner_engine, config):
        yield Desk(session, world)


def refusal(call: Any) -> str:
    with pytest.raises(GongxinError) as caught:
        call()
    return caught.value.code


# --- templates ------------------------------------------------------------------------------------------------------


def test_a_template_is_drafted_consulted_approved_by_two_and_adopted(desk: Desk) -> None:
    template = desk.draft()
    service.move(desk.session, template.id, state="consulted")
    desk.become(desk.agency)
    assert desk.agency.member_id is not None
    said = service.comment(
        desk.session, template.id, member_id=desk.agency.member_id, said="建议明确次数", clause_id="conduct"
    )
    desk.approve(template, "王02")
    assert refusal(lambda: service.move(desk.session, template.id, state="adopted", effective_on=TODAY)) == (
        "approvals_missing"
    )
    desk.approve(template, "赵03")
    adopted = service.move(desk.session, template.id, state="adopted", effective_on=TODAY)
    assert (adopted.state, adopted.effective_on) == ("adopted", TODAY)
    assert transparency.is_appended(desk.session, adopted.id)
    assert queries.in_force(desk.session, desk.code, TODAY).id == adopted.id
    assert [each.id for each in queries.comments(desk.session, template.id)] == [said.id]


def test_the_maker_does_not_approve_and_nobody_twice(desk: Desk) -> None:
    template = desk.draft()
    service.move(desk.session, template.id, state="consulted")
    with pytest.raises(Forbidden):
        desk.approve(template, "林 01")
    desk.approve(template, "王02")
    assert refusal(lambda: desk.approve(template, "王-02")) == "already_approved"


def test_a_content_changed_after_approval_needs_new_ones(desk: Desk) -> None:
    template = desk.draft()
    service.move(desk.session, template.id, state="consulted")
    desk.approve(template, "王02", "赵03")
    service.move(desk.session, template.id, state="draft")
    content = desk.content()
    content["title"]["zh"] += "（修订）"
    service.revise(desk.session, template.id, content=content)
    service.move(desk.session, template.id, state="consulted")
    assert refusal(lambda: service.move(desk.session, template.id, state="adopted", effective_on=TODAY)) == (
        "approvals_missing"
    )


def test_the_next_version_supersedes_from_its_day(desk: Desk) -> None:
    first = desk.adopted()
    content = desk.content()
    content["clauses"][9]["text"][0]["zh"] += "此为修订。"
    second = desk.adopted(content, TODAY + timedelta(days=30))
    assert second.version == first.version + 1
    assert queries.in_force(desk.session, desk.code, TODAY + timedelta(days=29)).id == first.id
    assert queries.in_force(desk.session, desk.code, TODAY + timedelta(days=30)).id == second.id
    changed = [each for each in service.compare(desk.session, first.id, second.id) if each.what != "same"]
    assert [(each.clause_id, each.what) for each in changed] == [(content["clauses"][9]["id"], "changed")]


def test_adopted_text_is_immutable_in_the_database(desk: Desk) -> None:
    template = desk.adopted()
    for sql, constraint in (
        ("update contract_templates set content = '{}' where id = :id", "contract_templates_text"),
        ("update contract_templates set state = 'withdrawn', effective_on = null where id = :id",
         "contract_templates_transition"),
        ("update contract_templates set effective_on = effective_on + 1 where id = :id",
         "contract_templates_transition"),
    ):  # fmt: skip
        assert refused_by(desk.session, sql, id=template.id) == constraint
    draft = desk.draft()
    jump = "update contract_templates set state = 'adopted', effective_on = current_date where id = :id"
    assert refused_by(desk.session, jump, id=draft.id) == "contract_templates_transition"
    service.move(desk.session, draft.id, state="consulted")
    assert refused_by(desk.session, jump, id=draft.id) == "contract_templates_approved"
    approve = "insert into contract_template_approvals values (:id, '林01', :hash, :member, now())"
    assert (
        refused_by(desk.session, approve, id=draft.id, hash=draft.content_hash, member=desk.association.member_id)
        == "contract_template_approvals_guard"
    )


def test_past_the_grants_the_owner_neither_deletes_nor_rewrites(desk: Desk, owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        outer = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint")
        other = Desk(session, desk.world)
        template = other.adopted()
        other.cap()
        for sql, constraint in (
            ("delete from contract_templates where id = :id", "contract_templates_kept"),
            ("update contract_templates set maker = 'X' where id = :id", "contract_templates_kept"),
            ("update fee_caps set rate_bp_max = 1 where jurisdiction = :place", "fee_caps_kept"),
            ("delete from fee_caps where jurisdiction = :place", "fee_caps_kept"),
            ("delete from contract_template_approvals where template_id = :id",
             "append_only_contract_template_approvals"),
        ):  # fmt: skip
            values = {"id": template.id} if ":id" in sql else {"place": other.place}
            assert refused_by(session, sql, **values) == constraint
        outer.rollback()


def test_members_read_what_is_out_and_comment_only_then(desk: Desk) -> None:
    template = desk.draft()
    desk.become(desk.bank)
    with pytest.raises(NotFound):
        queries.get_template(desk.session, template.id)
    desk.become(desk.association)
    service.move(desk.session, template.id, state="consulted")
    service.move(desk.session, template.id, state="draft")
    assert desk.association.member_id is not None
    assert refusal(
        lambda: service.comment(desk.session, template.id, member_id=desk.association.member_id, said="意见")  # type: ignore[arg-type]
    ) == "not_in_consultation"  # fmt: skip
    insert = "insert into contract_template_comments values (gen_random_uuid(), :id, :member, null, 'x', now())"
    assert (
        refused_by(desk.session, insert, id=template.id, member=desk.association.member_id)
        == "contract_templates_consulted"
    )


def test_personal_numbers_stay_out_of_text_and_comments(desk: Desk) -> None:
    content = desk.content()
    content["clauses"][0]["text"][0] = {"zh": "联系13800138000", "en": "call 13800138000"}
    assert refusal(lambda: desk.draft(content)) == "personal_data_in_text"


# --- caps -----------------------------------------------------------------------------------------------------------


def test_a_cap_recorded_late_for_an_earlier_day_changes_what_is_known_now_not_what_was(desk: Desk) -> None:
    found, signed_at = model.read(fee_model(2_500)), clock.now()
    asked: dict[str, Any] = {"jurisdiction": desk.place, "day": TODAY - timedelta(days=10)}
    assert caps.verdict(desk.session, found, known_at=signed_at, **asked).state == "unknown"
    late = desk.cap(2_000, first=TODAY - timedelta(days=30))
    assert caps.verdict(desk.session, found, known_at=signed_at, **asked).state == "unknown"
    assert caps.verdict(desk.session, found, known_at=clock.now(), **asked).state == "above"
    before = asked | {"day": TODAY - timedelta(days=31)}
    assert caps.verdict(desk.session, found, known_at=clock.now(), **before).state == "unknown"
    assert all(transparency.is_appended(desk.session, each.id) for each in late)


def test_a_correction_supersedes_and_both_stay_answerable(desk: Desk) -> None:
    (wrong,) = desk.cap(1_000, [3])
    between = clock.now()
    (right,) = desk.cap(3_000, [3], supersedes=wrong.id)
    asked: dict[str, Any] = {"jurisdiction": desk.place, "member_kind": "agency", "day": TODAY}
    assert [c.id for c in cap_queries.caps_as_of(desk.session, known_at=between, **asked)] == [wrong.id]
    assert [c.id for c in cap_queries.caps_as_of(desk.session, known_at=clock.now(), **asked)] == [right.id]
    (withdrawn,) = desk.cap(None, [3], supersedes=right.id)
    assert cap_queries.caps_as_of(desk.session, known_at=clock.now(), **asked) == []
    history = cap_queries.history(desk.session, jurisdiction=desk.place, member_kind="agency")
    assert [each.id for each in history] == [wrong.id, right.id, withdrawn.id]
    assert refusal(lambda: desk.cap(1, [3], supersedes=wrong.id)) == "cap_not_to_supersede"


def test_caps_that_overlap_are_refused_by_the_rule_and_by_the_database(desk: Desk) -> None:
    with pytest.raises(Invalid) as caught:
        desk.cap(1_000, [4, 4])
    assert (caught.value.code, caught.value.pointer) == ("caps_overlap", "/caps/1/effective_from")
    desk.cap(1_000, [4], last=TODAY)
    with pytest.raises(DBAPIError) as refused, desk.session.begin_nested():
        desk.cap(1_000, [4], first=TODAY)
    assert named(refused.value) == "fee_caps_apart"
    desk.cap(1_000, [4], first=TODAY + timedelta(days=1))
    assert refusal(lambda: desk.cap(1, [9], last=TODAY - timedelta(days=200))) == "invalid_field"


_CAP = (
    "insert into fee_caps values (gen_random_uuid(), {place}, {kind}, {bucket}, {rate}, {authority}, {citation},"
    " {status}, current_date, {until}, null, {recorded}, {superseded})"
)
_GOOD = {
    "place": ":place", "kind": "'agency'", "bucket": "1", "rate": "1", "authority": "'a'", "citation": "'c'",
    "status": "'verified'", "until": "null", "recorded": "now()", "superseded": "null",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"place": "'CN' || :place"}, "ck_fee_caps_jurisdiction"),
        ({"kind": "'bank'"}, "ck_fee_caps_member_kind"),
        ({"bucket": "26"}, "ck_fee_caps_bucket"),
        ({"rate": "10001"}, "ck_fee_caps_rate"),
        ({"rate": "null"}, "ck_fee_caps_rate"),
        ({"authority": "''"}, "ck_fee_caps_authority"),
        ({"citation": "''"}, "ck_fee_caps_citation"),
        ({"status": "'sure'"}, "ck_fee_caps_source_status"),
        ({"until": "current_date - 1"}, "ck_fee_caps_days"),
        ({"superseded": "now()"}, "fee_caps_recorded"),
        ({"recorded": "now() + interval '1 day'"}, "fee_caps_recorded"),
    ],
)
def test_a_cap_is_whole(desk: Desk, change: dict[str, str], constraint: str) -> None:
    assert refused_by(desk.session, _CAP.format(**_GOOD | change), place=desk.place) == constraint
    desk.session.execute(text(_CAP.format(**_GOOD)), {"place": desk.place})


def test_only_the_association_records_caps(desk: Desk) -> None:
    desk.become(desk.bank)
    with pytest.raises(DBAPIError), desk.session.begin_nested():
        desk.session.execute(text(_CAP.format(**_GOOD)), {"place": desk.place})


def test_a_superseded_cap_must_be_the_newest_of_its_bucket(desk: Desk) -> None:
    (one,) = desk.cap(1_000, [5])
    other = _CAP.replace("null, {recorded}", "cast(:id as uuid), {recorded}").format(**_GOOD)
    assert refused_by(desk.session, other, place=desk.place, id=one.id) == "fee_caps_superseded"
    with pytest.raises(Conflict):
        desk.cap(1_000, [6], supersedes=one.id)
