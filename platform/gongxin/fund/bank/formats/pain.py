"""Customer credit transfer initiation, pain.001.001.09 (ISO 20022): written, and held against its structure."""

import re
import xml.etree.ElementTree as ET
from typing import Any

from defusedxml import ElementTree

from gongxin.errors import Invalid

from .parts import Order, Payment, yuan

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_MAX35 = r".{1,35}"
_AMOUNT = r"[0-9]{1,15}\.[0-9]{2}"
_ACCOUNT = ("Id", 1, 1, [("Othr", 1, 1, [("Id", 1, 1, r"[0-9]{6,34}")])])
_AGENT = (
    "FinInstnId", 1, 1, [
        ("BICFI", 0, 1, r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?"),
        ("ClrSysMmbId", 0, 1, [("ClrSysId", 0, 1, [("Cd", 1, 1, r"[A-Z]{1,5}")]), ("MmbId", 1, 1, _MAX35)]),
        ("Nm", 0, 1, r".{1,140}"),
    ],
)  # fmt: skip
_PARTY = ("Nm", 1, 1, r".{1,140}")
# (name, least, most, children or pattern of the text), in their order: what we use of the schema, no more.
_DOCUMENT: Any = [
    ("CstmrCdtTrfInitn", 1, 1, [
        ("GrpHdr", 1, 1, [
            ("MsgId", 1, 1, _MAX35),
            ("CreDtTm", 1, 1, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00"),
            ("NbOfTxs", 1, 1, r"[0-9]{1,15}"),
            ("CtrlSum", 1, 1, _AMOUNT),
            ("InitgPty", 1, 1, [_PARTY]),
        ]),
        ("PmtInf", 1, 1, [
            ("PmtInfId", 1, 1, _MAX35),
            ("PmtMtd", 1, 1, r"TRF"),
            ("BtchBookg", 1, 1, r"false"),
            ("NbOfTxs", 1, 1, r"[0-9]{1,15}"),
            ("CtrlSum", 1, 1, _AMOUNT),
            ("ReqdExctnDt", 1, 1, [("Dt", 1, 1, r"\d{4}-\d\d-\d\d")]),
            ("Dbtr", 1, 1, [_PARTY]),
            ("DbtrAcct", 1, 1, [_ACCOUNT, ("Ccy", 1, 1, "CNY")]),
            ("DbtrAgt", 1, 1, [_AGENT]),
            ("CdtTrfTxInf", 1, 10_000, [
                ("PmtId", 1, 1, [("EndToEndId", 1, 1, _MAX35)]),
                ("Amt", 1, 1, [("InstdAmt", 1, 1, _AMOUNT)]),
                ("CdtrAgt", 1, 1, [_AGENT]),
                ("Cdtr", 1, 1, [_PARTY]),
                ("CdtrAcct", 1, 1, [_ACCOUNT]),
                ("RmtInf", 1, 1, [("Ustrd", 1, 1, r".{1,140}")]),
            ]),
        ]),
    ]),
]  # fmt: skip


def write(order: Order) -> bytes:
    """The file, of the same octets whenever it is written; what does not fit the structure is not written."""
    root = ET.Element("Document", {"xmlns": NAMESPACE})
    top = ET.SubElement(root, "CstmrCdtTrfInitn")
    count, total = str(len(order.payments)), yuan(order.total_fen)
    header = ET.SubElement(top, "GrpHdr")
    _texts(header, MsgId=order.message_id, CreDtTm=order.made_at.isoformat(timespec="seconds"), NbOfTxs=count)
    _texts(header, CtrlSum=total)
    _texts(ET.SubElement(header, "InitgPty"), Nm=order.payer["holder"])
    info = ET.SubElement(top, "PmtInf")
    _texts(info, PmtInfId=order.message_id, PmtMtd="TRF", BtchBookg="false", NbOfTxs=count, CtrlSum=total)
    _texts(ET.SubElement(info, "ReqdExctnDt"), Dt=order.execute_on.isoformat())
    _texts(ET.SubElement(info, "Dbtr"), Nm=order.payer["holder"])
    account = ET.SubElement(info, "DbtrAcct")
    _account(account, order.payer["account"])
    _texts(account, Ccy="CNY")
    _agent(ET.SubElement(info, "DbtrAgt"), order.payer["bank_code"], order.payer["bank_name"])
    for payment in order.payments:
        _payment(info, payment)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    check(made)
    return made


def _payment(info: ET.Element, payment: Payment) -> None:
    one = ET.SubElement(info, "CdtTrfTxInf")
    _texts(ET.SubElement(one, "PmtId"), EndToEndId=payment.reference)
    amount = ET.SubElement(ET.SubElement(one, "Amt"), "InstdAmt", {"Ccy": "CNY"})
    amount.text = yuan(payment.amount_fen)
    _agent(ET.SubElement(one, "CdtrAgt"), payment.bank_code, payment.bank_name)
    _texts(ET.SubElement(one, "Cdtr"), Nm=payment.holder)
    _account(ET.SubElement(one, "CdtrAcct"), payment.account)
    _texts(ET.SubElement(one, "RmtInf"), Ustrd=payment.reference)


def _texts(parent: ET.Element, **texts: str) -> None:
    for name, value in texts.items():
        ET.SubElement(parent, name).text = value


def _account(parent: ET.Element, number: str) -> None:
    _texts(ET.SubElement(ET.SubElement(parent, "Id"), "Othr"), Id=number)


def _agent(parent: ET.Element, code: str, name: str) -> None:
    bank = ET.SubElement(parent, "FinInstnId")
    if code.isdigit():
        member = ET.SubElement(bank, "ClrSysMmbId")
        _texts(ET.SubElement(member, "ClrSysId"), Cd="CNAPS")
        _texts(member, MmbId=code)
    else:
        _texts(bank, BICFI=code)
    _texts(bank, Nm=name)


def check(made: bytes) -> None:
    """Raises Invalid where the document is not of the structure, or its sums are not those of its payments."""
    root = ElementTree.fromstring(made)
    if root.tag != f"{{{NAMESPACE}}}Document":
        raise _unlike("Document")
    _walk(root, _DOCUMENT, "Document")
    ns = {"p": NAMESPACE}
    amounts = [int(found.text.replace(".", "")) for found in root.iterfind(".//p:InstdAmt", ns)]
    for place in (".//p:GrpHdr", ".//p:PmtInf"):
        part = root.find(place, ns)
        if (part.find("p:NbOfTxs", ns).text, part.find("p:CtrlSum", ns).text) != (
            str(len(amounts)),
            yuan(sum(amounts)),
        ):
            raise _unlike(place.removeprefix(".//p:"))
    references = [found.text for found in root.iterfind(".//p:EndToEndId", ns)]
    if len(set(references)) != len(references):
        raise _unlike("EndToEndId")


def _walk(element: Any, children: Any, path: str) -> None:
    left = list(element)
    for name, least, most, inner in children:
        taken: list[Any] = []
        while left and left[0].tag == f"{{{NAMESPACE}}}{name}" and len(taken) < most:
            taken.append(left.pop(0))
        if len(taken) < least:
            raise _unlike(f"{path}/{name}")
        for found in taken:
            if isinstance(inner, str):
                if len(found) or re.fullmatch(inner, found.text or "") is None:
                    raise _unlike(f"{path}/{name}")
            else:
                _walk(found, inner, f"{path}/{name}")
            wanted = {"Ccy": "CNY"} if name == "InstdAmt" else {}
            if dict(found.attrib) != wanted:
                raise _unlike(f"{path}/{name}")
    if left:
        raise _unlike(path)


def _unlike(path: str) -> Invalid:
    return Invalid(
        "payment_file_structure",
        zh="付款文件不符合 pain.001.001.09 结构",
        en="The payment file is not of the structure of pain.001.001.09",
        fix_zh="按 element 所示更正收款人资料或改用 CSV。",
        fix_en="Correct the payee's details at element, or use CSV.",
        extra={"element": path[:200]},
    )
