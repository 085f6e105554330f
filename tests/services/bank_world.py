"""What tests of the bank share: an account at a bank, statements as a bank would write them."""

import itertools
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from gongxin.config import Config
from gongxin.fund.bank import accounts, files, matching, service, statements
from gongxin.fund.bank import queries_statements as found
from gongxin.fund.bank.models_statements import BankAccount, PaymentFile, Statement
from gongxin.fund.ledger import service as ledger
from tests.services.fund_world import Fund, open_fund, unique

_NUMBERS = itertools.count(1)
HEAD = "账号,交易日期,收入金额,支出金额,余额,流水号,附言,对方户名"


def number() -> str:
    return "99" + str(uuid.uuid4().int)[:17]


class Bank:
    """One account of the fund, and a bank that keeps its own count."""

    def __init__(self, session: Any, config: Config, opening_fen: int = 100_000) -> None:
        self.config, self.session = config, session
        self.fund: Fund = open_fund(session)
        self.fund.posted(opening_fen)
        self.account_no = number()
        self.balance = opening_fen
        self.code = f"B-{uuid.uuid4().hex[:10]}"
        self.account: BankAccount = accounts.open_account(
            session, config, actor=self.fund.lin, code=self.code, ledger_accounts=[self.fund.codes["cash"]],
            holder="示范协会互助基金", account=self.account_no, bank_code="103100000018", bank_name="示范银行",
            opened_on=self.fund.today.replace(day=1), opening_fen=opening_fen,
        )  # fmt: skip

    def payee(self, account: str | None = None, **change: Any) -> Any:
        given = {"holder": "测试第九医院", "bank_code": "103100000026", "bank_name": "示范银行", **change}
        return service.register_payee(
            self.session, self.config, actor=self.fund.lin, account=account or number(), **given
        )

    def instructed(self, amount: int = 5_000, **change: Any) -> Any:
        held = ledger.hold(
            self.session, actor=self.fund.lin, account=self.fund.codes["cash"], amount_fen=amount, reason="救助"
        )
        given: dict[str, Any] = {
            "purpose": "refund", "source_id": self.owed(amount), "fund": "RELIEF", "amount_fen": amount,
            "payee_id": change.pop("payee_id", None) or self.payee().id, "hold_id": held.id, "maker": self.fund.lin,
        }  # fmt: skip
        return service.instruct(self.session, **(given | change))

    def owed(self, amount: int) -> uuid.UUID:
        """The posted entry that says so much goes back; the money is there already."""
        return self.fund.posted(amount, "levies", "owed").id

    def expected(self, amount: int = 900, **change: Any) -> Any:
        given: dict[str, Any] = {
            "source_kind": "levy", "source_id": uuid.uuid4(), "reference": service.new_reference(),
            "amount_fen": amount, "due_on": self.fund.today, "payer_id": self.fund.member_id,
        }  # fmt: skip
        return service.expect(self.session, **(given | change))

    def file(self, *instructions: Any, format: str = "csv") -> PaymentFile:
        return files.generate(
            self.session, self.config, actor=self.fund.lin, bank_account=self.code, format=format,
            execute_on=self.fund.today, instruction_ids=[each.id for each in instructions] or None,
        )  # fmt: skip

    def sent(self, *instructions: Any, format: str = "csv") -> tuple[PaymentFile, bytes]:
        made = self.file(*instructions, format=format)
        files.release(self.session, made.id, actor=self.fund.wang, sha256=made.sha256)
        return files.content(self.session, self.config, made.id)

    def csv(
        self, *rows: tuple[int, str], day: date | None = None, encoding: str = "gb18030", opening: int | None = None
    ) -> bytes:
        """(amount in fen, words) each, as the bank's CSV."""
        balance = self.balance if opening is None else opening
        lines = [HEAD]
        for amount, words in rows:
            balance += amount
            income, outgo = (yuan(amount), "") if amount > 0 else ("", yuan(-amount))
            lines.append(
                f"{self.account_no},{(day or self.fund.today).isoformat()},{income},{outgo},{yuan(balance)},"
                f"R{next(_NUMBERS):010d}{uuid.uuid4().hex[:6]},{words},某某"
            )
        return "\r\n".join(lines).encode(encoding)

    def take(self, data: bytes) -> Statement:
        made = statements.take(self.session, self.config, actor=self.fund.lin, bank_account=self.code, data=data)
        self.balance = made.closing_fen
        return made

    def lines(self, unmatched: bool = True) -> Sequence[Any]:
        return found.lines(self.session, self.account.id, unmatched=unmatched, limit=100)

    def match(self, line: Any, target: str, target_id: uuid.UUID, amount: int) -> Any:
        return matching.match(
            self.session, line.id, actor=self.fund.wang, parts=[matching.Part(target, target_id, amount)]
        )

    def booked(self, amount: int, **change: Any) -> Any:
        """A posted entry that moves so much on the account."""
        if amount > 0:
            return self.fund.posted(amount, **change)
        return self.fund.posted(-amount, "relief", "cash", key=unique("e"), **change)


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def camt(
    account: str, day: date, opening: int, rows: Sequence[dict[str, Any]], *, version: str = "08",
    closing: int | None = None, counted: int | None = None,
) -> bytes:  # fmt: skip
    """A camt.053 as banks write it; each row: amount, ref, words, and what else stands in it."""
    newer = version == "08"
    closing = opening + sum(row["amount"] for row in rows) if closing is None else closing

    def money(value: int) -> str:
        return f'<Amt Ccy="CNY">{yuan(abs(value))}</Amt><CdtDbtInd>{"CRDT" if value >= 0 else "DBIT"}</CdtDbtInd>'

    def balance(kind: str, value: int) -> str:
        code = f"<Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        return f"<Bal>{code}{money(value)}<Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>"

    entries = "".join(
        f"<Ntry>{money(row['amount'])}<Sts>{'<Cd>BOOK</Cd>' if newer else 'BOOK'}</Sts>"
        f"<BookgDt><Dt>{row.get('day', day).isoformat()}</Dt></BookgDt>"
        f"<AcctSvcrRef>{row['ref']}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{row.get('words', '')}</Ustrd></RmtInf>{row.get('more', '')}</TxDtls>"
        "</NtryDtls></Ntry>"
        for row in rows
    )
    total = f"<TxsSummry><TtlNtries><NbOfNtries>{counted}</NbOfNtries></TtlNtries></TxsSummry>" if counted else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id><Acct><Id><Othr><Id>{account}</Id></Othr>"
        f"</Id></Acct>{balance('OPBD', opening)}{balance('CLBD', closing)}{total}{entries}</Stmt></BkToCstmrStmt>"
        "</Document>"
    ).encode()
