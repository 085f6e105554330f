"""The fund and its bank: one account for three funds, a payment out and a levy in, the day reconciled, the quarter
disclosed. A bank tells a day once and a reconciled day stays as it is: what a second run on one day makes, the next
day's statement tells."""

import base64
import uuid
from datetime import timedelta
from typing import Any

from gongxin import clock
from gongxin.db import transaction
from gongxin.fund.bank import accounts
from gongxin.fund.bank import queries_statements as banking
from gongxin.fund.ledger import periods
from gongxin.fund.ledger import queries as books
from gongxin.fund.ledger.rules import Actor
from gongxin_client import Refused

from .day import Day
from .screen import expect

BANK = "DEMO-FUND"
_ACCOUNT = "9900000000000017"
_HEAD = "账号,交易日期,收入金额,支出金额,余额,流水号,附言,对方户名"
_YEAR = timedelta(days=366)


def open_books(day: Day) -> None:
    """The first run opens a period and the account at the bank."""
    today = clock.today_in_china()
    member = uuid.UUID(day.member_id("association"))
    with transaction(day.town.engine) as session:
        period = books.find_last_period(session)
        if period is None:
            periods.open_period(session, first_day=today - timedelta(days=31), last_day=today + _YEAR)
        elif period.last_day < today:
            periods.open_period(session, last_day=today + _YEAR)
        if all(account.code != BANK for account in banking.bank_accounts(session)):
            money = sorted(each.code for each in books.accounts(session) if each.code.startswith("1002-"))
            accounts.open_account(
                session, day.town.config, actor=Actor(member, "LIN01"), code=BANK, ledger_accounts=money,
                holder="示例互助基金", account=_ACCOUNT, bank_code="103100000018", bank_name="示例银行",
                opened_on=today,
                opening_fen=sum(books.balance(session, books.get_account(session, code).id) for code in money),
            )  # fmt: skip


def the_bank_pays(day: Day) -> None:
    """A file that one officer makes and another releases; a statement with what went out and what came in."""
    with day.screen.step(
        "银行 Bank", "付款文件：一人制盘，另一人放行", "a file: one makes it, another releases"
    ) as says:
        body = {"officer": "LIN01", "bank_account": BANK, "format": "pain001", "execute_on": _today()}
        made = office(day, "POST", "/bank/files", "fund.pay", body)
        release = {"officer": "WANG02", "sha256": made["sha256"]}
        office(day, "POST", f"/bank/files/{made['file_id']}/release", "fund.pay", release)
        first, again = (office(day, "POST", f"/bank/files/{made['file_id']}/sending", "fund.pay") for _ in range(2))
        expect(first["content"] == again["content"], "两次生成的文件不同", "the file was not the same twice")
        says(f"{first['name'][-20:]}：{made['payments']} 笔，再取一次一字不差", "taken twice, the same octets")
    with day.screen.step("银行 Bank", "对账单导入、自动核销", "the statement is taken and settled") as says:
        content = base64.b64encode(_statement(day).encode("gb18030")).decode()
        path = f"/bank/accounts/{BANK}"
        try:
            body = {"officer": "LIN01", "content": content}
            taken = office(day, "POST", f"{path}/statements", "fund.write", body)
        except Refused as refused:
            expect(refused.code == "statement_out_of_order", refused.code, "another refusal")
            says(
                "今日对账单已导入，第二份被拒绝；其后往来见明日对账单",
                "a second one of today is refused; tomorrow's has the rest",
            )
            return
        office(day, "POST", f"{path}/matching", "fund.write", {"officer": "WANG02"})
        for line in office(day, "GET", f"{path}/lines", "fund.read", unmatched="true")["items"]:
            part = {"target": "entry", "target_id": day.fund["gift_id"], "amount_fen": line["open_fen"]}
            settle = {"officer": "WANG02", "parts": [part]}
            office(day, "POST", f"/bank/lines/{line['line_id']}/matches", "fund.write", settle)
        claim = day.software["mediator"].fund_claim(day.fund["claim_id"])
        expect(claim["state"] == "paid", "银行未确认", "the bank did not confirm")
        charge = day.software["chenyu"].charge(day.fund["charge_id"])
        expect(charge["state"] == "received", "会费未到账", "the levy was not received")
        says(
            f"{taken['lines']} 行：救助已付，会费已到并分入三项基金",
            "relief is paid; the levy is split over three funds",
        )


def the_day_is_reconciled(day: Day) -> None:
    """Bank and books agree; nothing is posted into that day any more."""
    with day.screen.step(day.name("association"), "日终对平", "reconciles the day") as says:
        body = {"officer": "WANG02", "day": _today()}
        how = office(day, "POST", f"/bank/accounts/{BANK}/days", "fund.approve", body)
        expect(how["agrees"] and how["reconciled_at"], "未对平", "the day does not agree")
        day.last_leaf = how["leaf_id"]
        says(
            f"银行 {how['closing_fen']:,} = 账面 {how['booked_fen']:,}（分）；此日不再入账",
            "bank and books agree; its leaf is in the log, and nothing is posted into the day any more",
        )


def the_quarter_is_disclosed(day: Day) -> None:
    """The quarter before this one: published by the association, read by anyone."""
    today = clock.today_in_china()
    year, quarter = (today.year, (today.month - 1) // 3) if today.month > 3 else (today.year - 1, 4)
    with day.screen.step(day.name("association"), "季度披露", "discloses the quarter") as says:
        body = {"officer": "LIN01", "year": year, "quarter": quarter}
        made = office(day, "POST", "/reports", "fund.approve", body)
        says(f"{made['figures']['quarter']}：小格不予披露，摘要入日志", "small cells untold; its digest is in the log")
    with day.screen.step("公众 Anyone", "免登录查阅 JSON、CSV、PDF", "reads it without signing in") as says:
        sizes = [len(day.public(f"/v1/fund/reports/{made['report_id']}{suffix}")) for suffix in ("", "/csv", "/pdf")]
        expect(all(sizes), "读不到", "it cannot be read")
        says(f"{sizes[0]} / {sizes[1]} / {sizes[2]} 字节", "bytes of each")


def _statement(day: Day) -> str:
    """What the bank says today: what was given, levies, relief; and what an earlier run has made since."""
    with transaction(day.town.engine) as session:
        account = banking.get_bank_account(session, BANK)
        last = banking.find_last_statement(session, account.id)
        balance = account.opening_fen if last is None else last.closing_fen
        rows = [(-paid.amount_fen, paid.reference) for paid in banking.under_way(session, account.id)]
    rows += [(each["amount_fen"], each["reference"]) for each in day.software["chenyu"].charges(state="issued")]
    if "gift_id" in day.fund:
        rows.append((int(day.fund["gift_fen"]), "捐赠"))
    lines = [_HEAD]
    for at, (amount, words) in enumerate(sorted(rows, reverse=True)):
        balance += amount
        income, outgo = (_yuan(amount), "") if amount > 0 else ("", _yuan(-amount))
        ref = f"D{day.town.cast.day:06d}{at:02d}"
        lines.append(f"{_ACCOUNT},{_today()},{income},{outgo},{_yuan(balance)},{ref},{words},某某")
    return "\r\n".join(lines)


def _today() -> str:
    return clock.today_in_china().isoformat()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def office(
    day: Day, method: str, path: str, scope: str, body: dict[str, Any] | None = None, **query: Any
) -> dict[str, Any]:
    return day.software["association"].fund_office(method, path, scope, body, **query)


ACTS = (the_bank_pays, the_day_is_reconciled, the_quarter_is_disclosed)
