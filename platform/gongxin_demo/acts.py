"""What the members do on the day, in order."""

from collections import Counter
from datetime import timedelta
from itertools import islice

import httpx

from gongxin import clock
from gongxin_client import LineResult, Placement, Question, Refused, Registry

from . import imports, words
from .day import Day
from .screen import Said, expect

_PLACED_A_DAY = 400
_STRANGERS_CASE = "0193a3c0-7b5a-7c1e-9d2f-3a4b5c6d7e8f"


def registers_and_places(day: Day) -> None:
    """Bank A imports its export and places cases with two agencies, one of which accepts."""
    cast, bank = day.town.cast, day.software["yunshan"]
    day.screen.chapter("一、登记与委托", "registration and placement")
    imports.import_export(day, "yunshan", typed=True)
    debtors = day.case_id("yunshan", cast.references["yunshan"])
    with day.screen.step(day.name("yunshan"), "批量委托", "places cases in bulk") as says:
        drafts = [case.case_id for case in islice(bank.cases(placement="draft", closed=False), _PLACED_A_DAY)]
        drafts = [debtors, *(case_id for case_id in drafts if case_id != debtors)]
        until = clock.today_in_china() + timedelta(days=180)
        agencies = (day.member_id("chenyu"), day.member_id("zhulin"))
        results = bank.place_many(
            Placement(case_id, "assign", agency_id=agencies[index % 2], mandate_until=until)
            for index, case_id in enumerate(drafts)
        )
        done = _all_done(list(results))
        says(
            f"{done} 件委托给晨雨、竹林两家，委托期至 {until}",
            f"{done} cases assigned to Morning Rain and Bamboo until {until}",
        )
    with day.screen.step(day.name("chenyu"), "批量接受", "accepts its cases in bulk") as says:
        agency = day.software["chenyu"]
        assigned = [case.case_id for case in agency.cases(placement="assigned")]
        done = _all_done(list(agency.place_many(Placement(case_id, "accept") for case_id in assigned)))
        expect(debtors in assigned, "委托的案件未到", "the placed case has not arrived")
        says(f"{done} 件", f"{done} cases")


def _all_done(results: list[LineResult]) -> int:
    counts = Counter(result.status for result in results)
    expect(set(counts) == {"done"}, f"有行被退回：{dict(counts)}", "lines were refused")
    return counts["done"]


def asks_before_contact(day: Day) -> None:
    """No other member has said anything about the debtor yet."""
    day.screen.chapter("二、联系之前先查询", "before contact, ask")
    case_id = day.case_id("yunshan", day.town.cast.references["yunshan"])
    with day.screen.step(day.name("chenyu"), "联系前查询债务人", "asks before it contacts the debtor") as says:
        found = day.ask("chenyu", says, day.debtor, "contact", case_id=case_id)
        expect(found.result == "none" and not found.must_not_contact, "应为无记录", "nothing was to be found")
        says("可以联系", "contact is allowed")


def another_bank_comes_in(day: Day) -> None:
    """Bank B owns another claim on the same person and links the courts' numbers to it."""
    cast = day.town.cast
    day.screen.chapter("三、同一人的另一笔债", "the same person owes elsewhere")
    imports.import_export(day, "baifan")
    with day.screen.step(day.name("baifan"), "关联案号", "links the courts' case numbers to its case") as says:
        other = day.case_id("baifan", cast.references["baifan"])
        for number in (cast.court_case, cast.bankruptcy_case):
            case = day.software["baifan"].add_reference(other, "court_case", number)
            expect(number in {entry.reference for entry in case.references}, "案号未关联", "the number is not linked")
            says(number, "")
    case_id = day.case_id("yunshan", cast.references["yunshan"])
    with day.screen.step(day.name("chenyu"), "再次查询", "asks again") as says:
        found = day.ask("chenyu", says, day.debtor, "contact", case_id=case_id)
        expect(found.result == "match" and not found.must_not_contact, "应为他处有记录", "a match was due")
        says("不含债权人、金额、机构和案件数", "no creditor, no amount, no agency, no number of cases")


def the_courts_speak(day: Day) -> None:
    """A judgment, then a stay, by 案号 alone; the agency asks after each and stops."""
    cast, today = day.town.cast, clock.today_in_china()
    day.screen.chapter("四、法院按案号登记", "the courts assert by case number")
    case_id = day.case_id("yunshan", cast.references["yunshan"])
    with day.screen.step(day.name("court-1"), "登记立案与判决", "files the case and the judgment") as says:
        for status, on in (("filed", today - timedelta(days=60)), ("judged", today)):
            event = day.software["court-1"].court_event(cast.court_case, "legal", status, effective_on=on)
            says(f"{event.court_case_number} → {event.status}", f"effective {event.effective_on}")
    with day.screen.step(day.name("chenyu"), "再次查询", "asks again") as says:
        found = day.ask("chenyu", says, day.debtor, "contact", case_id=case_id)
        expect(found.legal_class == "judged" and not found.must_not_contact, "应为已判决", "judged was due")
    with day.screen.step(day.name("court-2"), "登记破产保护", "files a bankruptcy stay") as says:
        event = day.software["court-2"].court_event(
            cast.bankruptcy_case, "legal", "bankruptcy_stay", effective_on=today
        )
        says(f"{event.court_case_number} → {event.status}", f"effective {event.effective_on}")
    with day.screen.step(day.name("chenyu"), "再次查询，得到停催标记", "asks again and gets the stop flag") as says:
        found = day.ask("chenyu", says, day.debtor, "contact", case_id=case_id)
        expect(found.stop_flags == ("bankruptcy_stay",) and found.must_not_contact, "应有停催标记", "no stop flag")
        returned = day.software["chenyu"].give_back(case_id, "停催 stop flag")
        expect(returned.placement == "returned", "未退案", "the case was not returned")
        says("不再联系，退回案件", "it does not contact, and returns the case")
    with day.screen.step(day.name("court-2"), "凭案号查询", "asks on the ground of its case number") as says:
        found = day.ask("court-2", says, day.debtor, "judicial", reference=cast.bankruptcy_case)
        expect(found.result == "match", "应为他处有记录", "a match was due")
    with day.screen.step(day.name("chenyu"), "批量查询手中案件", "asks about all cases in its hands") as says:
        _ask_many(day, says)


def _ask_many(day: Day, says: Said) -> None:
    held = {case.creditor_ref: case.case_id for case in day.software["chenyu"].cases(placement="accepted")}
    questions = [
        Question(imports.identifier(row), case_id=held[row.creditor_ref])
        for row in day.town.exports[0].rows
        if row.fault is None and row.creditor_ref in held
    ]
    answers = list(day.software["chenyu"].lookup_many(questions[:1000], purpose="contact"))
    counts = Counter(answer.result for answer in answers)
    expect(len(answers) > 0 and counts["no_ground"] == 0, "有依据未被接受", "a ground was not accepted")
    told = ", ".join(f"{result} {counts[result]}" for result in ("match", "none"))
    day.keep("chenyu", "contact", f"{len(answers)}: {told}", answers[0].lookup_id, answers[0].evidence)
    says(
        f"{len(answers)} 人一次问完：他处有记录 {counts['match']}，无记录 {counts['none']}；一份回执",
        f"{len(answers)} people in one request: {told}; one receipt over all",
    )


def a_bank_asks_before_placing(day: Day) -> None:
    """Bank C learns of the stay before it places the debtor's third debt, and does not."""
    cast, bank = day.town.cast, day.software["shiqiao"]
    day.screen.chapter("五、委托之前先查询", "before placement, ask")
    imports.import_export(day, "shiqiao")
    with day.screen.step(day.name("shiqiao"), "委托前查询", "asks before it places") as says:
        case_id = day.case_id("shiqiao", cast.references["shiqiao"])
        found = day.ask("shiqiao", says, day.debtor, "placement", case_id=case_id)
        expect(found.stop_flags == ("bankruptcy_stay",), "应有停催标记", "no stop flag")
        says("不委托", "it does not place the case")
    with day.screen.step(day.name("shiqiao"), "委托另一人的案件", "places another person's case") as says:
        case_id = day.case_id("shiqiao", cast.bystander_reference)
        found = day.ask("shiqiao", says, day.bystander, "placement", case_id=case_id)
        expect(found.result == "none", "应为无记录", "nothing was to be found")
        bank.assign(case_id, day.member_id("yuanlu"))
        accepted = day.software["yuanlu"].accept(case_id)
        expect(accepted.placement == "accepted", "未接受", "it was not accepted")
        says("远路示例机构接受", "Long Road Demo Agency accepts")


def strangers_learn_nothing(day: Day) -> None:
    """No case on the person, no answer: whatever is asked, the same bytes come back."""
    own = day.case_id("shiqiao", day.town.cast.bystander_reference)
    day.screen.chapter("六、陌生机构", "a stranger")
    replies = []
    with day.screen.step(
        day.name("yuanlu"), "用别人的案件打听债务人", "asks about the debtor with another's case"
    ) as says:
        found = day.ask("yuanlu", says, day.debtor, "contact", case_id=own)
        expect(found.result == "no_ground", "不应得到任何信息", "it was to learn nothing")
        replies.append(found.evidence.reply["answers"])
    with day.screen.step(day.name("haitang"), "凭空打听", "asks without any case") as says:
        found = day.ask("haitang", says, day.debtor, "contact", case_id=_STRANGERS_CASE)
        expect(found.result == "no_ground", "不应得到任何信息", "it was to learn nothing")
        replies.append(found.evidence.reply["answers"])
        found = day.software["haitang"].lookup(imports.nobody(), purpose="contact", case_id=_STRANGERS_CASE)
        replies.append(found.evidence.reply["answers"])
        expect(replies[0] == replies[1] == replies[2], "答复应逐字节相同", "the answers were to be the same bytes")
        says("查有债与查无此人，答复逐字节相同", "about a debtor and about nobody, the same bytes")


def a_member_is_suspended(day: Day) -> None:
    """A suspension takes effect on tokens already given."""
    association, yuanlu = day.software["association"], day.software["yuanlu"]
    with day.screen.step(day.name("association"), "暂停远路示例机构", "suspends Long Road Demo Agency") as says:
        token = yuanlu.connection.tokens.token("members.read")
        expect(_with_token(day, token) == 200, "令牌无效", "its token does not work")
        association.change_state(day.member_id("yuanlu"), "suspended", reason="越权查询 asked without ground")
        try:
            status = _with_token(day, token)
            expect(status in {401, 403}, "令牌仍然有效", "its token still works")
            says(f"已发出的令牌立即失效：HTTP {status}", "a token already given is refused at once")
            refusal = _new_token(day)
            expect(refusal is not None, "仍能取得令牌", "it still gets tokens")
            says(f"也不再发给新的令牌：{refusal}", "and no new one is given")
        finally:
            association.change_state(day.member_id("yuanlu"), "active", reason="演示恢复 restored by the demonstration")
        says("随后恢复", "then it is restored")


def _with_token(day: Day, token: str) -> int:
    """What the registry answers to this very token, with a fresh proof of possession."""
    connection = day.software["yuanlu"].connection
    url = f"{day.town.registry.address}/v1/members/me"
    prover = connection.tokens.prover
    for _ in range(2):
        proof = prover.proof("GET", url, server="resource", token=token)
        response = httpx.get(url, headers={"Authorization": f"DPoP {token}", "DPoP": proof}, timeout=10)
        if response.status_code != 401 or not prover.hear(response, "resource"):
            break
    return response.status_code


def _new_token(day: Day) -> str | None:
    try:
        with Registry(day.software["yuanlu"].profile) as restarted:
            restarted.connection.tokens.token("members.read")
    except Refused as refused:
        return f"HTTP {refused.status} {refused.code}"
    return None


def the_subject_sees_who_asked(day: Day) -> None:
    """The debtor asks the association who asked, and is told all of it."""
    day.screen.chapter("七、本人查阅", "the subject sees who looked")
    reference = f"查阅2025-{day.town.cast.day:04d}"
    with day.screen.step(day.name("association"), "代本人查阅", "asks on the subject's own request") as says:
        asked, evidence = day.software["association"].subject_access_with_evidence(
            day.debtor, request_reference=reference
        )
        day.keep("association", "subject_access", f"{len(asked)} 次 times", evidence.reply["lookup_id"], evidence)
        for entry in asked:
            says(
                f"{entry.asked_at.astimezone(clock.SHANGHAI):%H:%M:%S} {entry.member_name_zh} "
                f"{words.PURPOSES[entry.purpose]}：{words.OUTCOMES[entry.outcome]}",
                f"{entry.purpose}: {entry.outcome}",
            )
        found = Counter((entry.member_name_zh, entry.outcome) for entry in asked)
        expect(found == _expected(day), f"与今日的查询不符 {dict(found)}", "it is not what was asked today")


def _expected(day: Day) -> Counter[tuple[str, str]]:
    """Who asked about the debtor today, by name and outcome."""
    names = {slug: member.institution.name_zh for slug, member in day.town.members.items()}
    return Counter(
        {
            (names["chenyu"], "none"): 1,
            (names["chenyu"], "match"): 3,
            (names["court-2"], "match"): 1,
            (names["shiqiao"], "match"): 1,
            (names["yuanlu"], "no_ground"): 1,
            (names["haitang"], "no_ground"): 1,
        }
    )


ACTS = (
    registers_and_places,
    asks_before_contact,
    another_bank_comes_in,
    the_courts_speak,
    a_bank_asks_before_placing,
    strangers_learn_nothing,
    a_member_is_suspended,
    the_subject_sees_who_asked,
)
