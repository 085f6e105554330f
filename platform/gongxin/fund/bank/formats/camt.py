"""Bank-to-customer statement, camt.053.001.02 and 001.08 (ISO 20022), read by defusedxml: nothing is fetched."""

import re
from datetime import date
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException, ElementTree

from .parts import Line, Read, bank_ref, check_once, day, fault, fen

_NAMESPACES = tuple(f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}" for version in ("02", "08"))
_MAX_ENTRIES = 100_000


def looks_like(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read(data: bytes) -> Read:
    """Raises Invalid with the number of the entry."""
    try:
        root = ElementTree.fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        at = error.position[0] if isinstance(error, ParseError) else 0
        raise fault(at, "不是完整的 XML", "it is not whole XML") from error
    namespace = root.tag.partition("}")[0].lstrip("{")
    if namespace not in _NAMESPACES:
        raise fault(0, "仅接受 camt.053.001.02 与 001.08", "only camt.053.001.02 and 001.08 are read")
    found = _Reader({"c": namespace}, namespace.endswith("08"))
    statements = root.findall("c:BkToCstmrStmt/c:Stmt", found.ns)
    if len(statements) != 1:
        raise fault(0, "一个文件应含一份对账单", "a file holds one statement")
    return found.statement(statements[0])


class _Reader:
    def __init__(self, ns: dict[str, str], newer: bool) -> None:
        self.ns = ns
        self.newer = newer

    def text(self, element: Any, path: str, at: int, zh: str, en: str) -> str:
        found = element.findtext(path, None, self.ns)
        if found is None or not found.strip():
            raise fault(at, zh, en)
        return str(found.strip())

    def statement(self, element: Any) -> Read:
        account = element.findtext("c:Acct/c:Id/c:Othr/c:Id", None, self.ns) or element.findtext(
            "c:Acct/c:Id/c:IBAN", None, self.ns
        )
        if not account:
            raise fault(0, "缺少账号", "the account is missing")
        balances = {}
        for balance in element.findall("c:Bal", self.ns):
            kind = self.text(balance, "c:Tp/c:CdOrPrtry/c:Cd", 0, "余额缺少类型", "a balance has no type")
            balances[kind] = (self.amount(balance, 0), self.date(balance, "c:Dt", 0))
        opening = balances.get("OPBD") or balances.get("PRCD")
        closing = balances.get("CLBD")
        if opening is None or closing is None:
            raise fault(0, "缺少期初或期末余额", "opening or closing balance is missing")
        entries = element.findall("c:Ntry", self.ns)
        if len(entries) > _MAX_ENTRIES:
            raise fault(_MAX_ENTRIES, "行数过多", "there are too many lines")
        lines = tuple(line for at, entry in enumerate(entries, 1) if (line := self.entry(entry, at)) is not None)
        counted = element.findtext("c:TxsSummry/c:TtlNtries/c:NbOfNtries", None, self.ns)
        if counted is not None and counted.strip() != str(len(entries)):
            raise fault(len(entries), "行数与汇总不符", "the summary counts other lines", code="statement_cut")
        check_once(lines)
        return Read("camt053", re.sub(r"[\s-]", "", account), closing[1], opening[0], closing[0], lines)

    def amount(self, element: Any, at: int) -> int:
        found = element.find("c:Amt", self.ns)
        if found is None or found.get("Ccy") != "CNY":
            raise fault(at, "币种应为 CNY", "the currency is not CNY")
        value = fen(found.text or "", at)
        side = self.text(element, "c:CdtDbtInd", at, "缺少借贷标志", "debit or credit is not said")
        if value < 0 or side not in ("CRDT", "DBIT"):
            raise fault(at, "借贷标志无法识别", "debit or credit cannot be read")
        return value if side == "CRDT" else -value

    def date(self, element: Any, path: str, at: int) -> date:
        found = element.findtext(f"{path}/c:Dt", None, self.ns) or element.findtext(f"{path}/c:DtTm", None, self.ns)
        if found is None:
            raise fault(at, "缺少日期", "a day is missing")
        return day(found, at)

    def entry(self, entry: Any, at: int) -> Line | None:
        """None where it is only pending."""
        status = entry.findtext("c:Sts/c:Cd" if self.newer else "c:Sts", "", self.ns).strip()
        if status == "PDNG":
            return None
        if status != "BOOK":
            raise fault(at, "记账状态无法识别", "its status cannot be read")
        amount = self.amount(entry, at)
        if amount == 0:
            raise fault(at, "金额为零", "the amount is nothing")
        if entry.findtext("c:RvslInd", "false", self.ns).strip() in ("true", "1"):
            returned = True
        else:
            returned = entry.find(".//c:RtrInf", self.ns) is not None
        booked = self.date(entry, "c:BookgDt", at)
        value = self.date(entry, "c:ValDt", at) if entry.find("c:ValDt", self.ns) is not None else booked
        given = entry.findtext("c:AcctSvcrRef", None, self.ns) or entry.findtext("c:NtryRef", None, self.ns)
        if given is None:
            raise fault(at, "缺少流水号", "the bank's reference is missing")
        words = [found.text or "" for name in ("EndToEndId", "Ustrd", "Ref", "AddtlNtryInf", "AddtlTxInf")
                 for found in entry.iterfind(f".//c:{name}", self.ns)]  # fmt: skip
        side = "Cdtr" if amount < 0 else "Dbtr"
        other = (
            entry.findtext(f".//c:RltdPties/c:{side}/c:Pty/c:Nm", None, self.ns)
            or entry.findtext(f".//c:RltdPties/c:{side}/c:Nm", None, self.ns)
            or ""
        )
        return Line(at, booked, value, amount, bank_ref(given, at), " ".join(words)[:500], other[:140], returned)
