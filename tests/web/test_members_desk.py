"""Members at the desk: found, read with their history, and their state decided by officers with a reason."""

import csv
import io

from gongxin.db import transaction
from gongxin.members import queries
from tests.services.members_world import apply

from .conftest import Town


def test_a_filter_stays_in_the_address_and_finds_what_it_says(town: Town) -> None:
    member = town.house("court")
    desk = town.browser("admin", town.person(town.house(), "auditor"))
    page = desk.get(f"/admin/members?kind=court&state=active&q={member.uscc.lower()}")
    assert member.uscc in page.text
    assert page.text.count("<tr>") == 2  # the head and the one found
    assert '<option value="court" selected>' in page.text
    assert desk.get("/admin/members?kind=nonsense").status_code == 200


def test_a_filter_by_htmx_answers_with_the_list_alone(town: Town) -> None:
    desk = town.browser("admin", town.person(town.house(), "officer"))
    part = desk.get("/admin/members?kind=bank", **{"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="found">')
    assert "<html" not in part


def test_a_csv_says_its_zone_and_holds_no_formula(town: Town) -> None:
    with transaction(town.engine) as session:
        apply(session, "mediator", name_zh="=cmd|' /C calc'!A0")
    desk = town.browser("admin", town.person(town.house(), "officer"))
    answer = desk.get("/admin/members?kind=mediator&q==cmd&csv=1")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert "北京时间" in rows[0][0]
    assert "'=cmd|' /C calc'!A0" in [row[0] for row in rows[2:]]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]


def test_markup_in_a_name_is_shown_and_not_run(town: Town) -> None:
    with transaction(town.engine) as session:
        apply(session, "mediator", name_zh="<script>alert(1)</script>")
    desk = town.browser("admin", town.person(town.house(), "officer"))
    page = desk.get("/admin/members?kind=mediator&q=alert").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_officer_suspends_with_a_reason_and_the_history_shows_it(town: Town) -> None:
    member, officer = town.house("agency"), town.person(town.house(), "officer")
    desk = town.browser("admin", officer)
    address = f"/admin/members/{member.id}"
    refused = desk.post(f"{address}/state", {"state": "suspended", "reason": ""}, address)
    assert refused.status_code == 422
    assert 'id="e-reason"' in refused.text
    done = desk.post(f"{address}/state", {"state": "suspended", "reason": "多次泄露 <b>查询</b>"}, address)
    assert (done.status_code, done.location) == (303, address)
    page = desk.get(address).text
    assert f"officer:{officer.login}" in page
    assert "多次泄露 &lt;b&gt;查询&lt;/b&gt;" in page
    with transaction(town.engine) as session:
        assert queries.get_member(session, member.id).state == "suspended"


def test_a_decision_that_came_too_late_keeps_what_was_written(town: Town) -> None:
    member, officer = town.house("agency"), town.person(town.house(), "officer")
    desk, address = town.browser("admin", officer), f"/admin/members/{member.id}"
    for expected in (303, 409):
        answer = desk.post(f"{address}/state", {"state": "suspended", "reason": "按决定第七号"}, address)
        assert answer.status_code == expected
    assert "按决定第七号</textarea>" in answer.text


def test_an_auditor_reads_and_finds_nothing_to_press(town: Town) -> None:
    member = town.house("agency")
    desk = town.browser("admin", town.person(town.house(), "auditor"))
    page = desk.get(f"/admin/members/{member.id}").text
    assert 'name="state"' not in page
    assert desk.post(f"/admin/members/{member.id}/state", {"state": "left", "reason": "x"}, "/admin").status_code == 403


def test_a_member_that_is_not_there_is_404(town: Town) -> None:
    desk = town.browser("admin", town.person(town.house(), "officer"))
    assert desk.get("/admin/members/01900000-0000-7000-8000-000000000000").status_code == 404
    assert desk.get("/admin/members/x").status_code == 404
    assert desk.get("/admin/members?cursor=x").status_code == 422
