"""The words of a contract as they are printed, in both languages, from its content and signatures alone. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..fees import drawing
from ..fees import model as fees

Both = dict[str, str]
_BASES = {
    "recovered_principal": ("按收回本金计佣", "Commission on recovered principal"),
    "all_recovered": ("按全部回款计佣", "Commission on all that is recovered"),
    "stage_fee": ("按阶段收取固定费用", "A fixed fee for each stage"),
}
_METHODS = {
    "marginal": ("各档分段累进", "each tier on its own slice"),
    "whole": ("按总额所在档", "the tier of the whole amount"),
}
_TIERS = (
    ("账龄 Age", "轮次 Round", "自（元，含）From, yuan", "至（元，不含）To, yuan", "费率 Rate", "最低（元）Least",
     "最高（元）Most")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signed:
    """One party's signature as the paper tells it."""

    member_id: str
    kid: str
    signed_on: date
    leaf_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """One text of the paper. `part`: `cover`, `deviations`, `signatures` or the clause's id."""

    part: str
    text: str
    language: str = ""


def paper(content: Mapping[str, Any], content_hash: str, signatures: Sequence[Signed], check: str) -> dict[str, Any]:
    """What the templates print. `check`: the address that the QR code carries."""
    cover, changed = content["cover"], {each["clause_id"]: each for each in content["deviations"]}
    template = content["template"]
    model = fees.read(dict(cover["fee_model"]))
    return {
        "title": content["title"],
        "number": f"{content['number']} v{content['version']}",
        "cover": _cover(cover, template),
        "fees": {"notes": _notes(model), "head": list(_TIERS), "rows": _rows(model)},
        "clauses": [
            {"id": clause["id"], "number": clause["number"], "title": clause["title"], "text": clause["text"],
             "mark": _mark(clause, clause["id"] in changed)}
            for clause in content["clauses"]
        ],
        "deviations": [
            {"number": clause["number"], "title": clause["title"], "reason": changed[clause["id"]]["reason"],
             "standard": changed[clause["id"]]["standard"]}
            for clause in content["clauses"] if clause["id"] in changed
        ],
        "signatures": [_signature(side, cover, signatures) for side in ("creditor", "agency")],
        "content_hash": content_hash,
        "check": check,
    }  # fmt: skip


def _cover(cover: Mapping[str, Any], template: Mapping[str, Any]) -> list[dict[str, str]]:
    parties, people, bank = cover["parties"], cover["representatives"], cover["bank"]
    rows = [
        (f"{zh} {en}", f"{parties[side]['name_zh']}（{parties[side]['uscc']}）")
        for side, zh, en in (("creditor", "委托方", "Creditor"), ("agency", "受托机构", "Agency"))
    ]
    rows += [
        ("委托方代表 For the creditor", people["creditor"]), ("受托机构代表 For the agency", people["agency"]),
        ("范围", cover["scope"]["zh"]), ("Scope", cover["scope"]["en"]),
        ("期限 Term", f"{cover['term']['begins_on']} – {cover['term']['ends_on']}"),
        ("辖区 Jurisdiction", cover["jurisdiction"]),
        ("收款账户 Account", f"{bank['holder']}，{bank['bank']}，尾号 ending in {bank['account_tail']}"),
        ("委托方联系 Contact of the creditor", cover["contacts"]["creditor"]),
        ("受托机构联系 Contact of the agency", cover["contacts"]["agency"]),
        ("范本 Template", f"{template['code']} v{template['version']}"),
    ]  # fmt: skip
    return [{"label": label, "value": value} for label, value in rows]


def yuan(fen: int) -> str:
    return f"{'−' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def percent(bp: int) -> str:
    return f"{'−' if bp < 0 else ''}{abs(bp) // 100}.{abs(bp) % 100:02} %"


def _rows(model: fees.FeeModel) -> list[list[str]]:
    if model.base == "stage_fee":
        return [["", "", "", "", code, yuan(fen), yuan(fen)] for code, fen in sorted(model.stages.items())]
    return [
        [
            row["age_from"] if row["age_from"] == row["age_to"] else f"{row['age_from']}–{row['age_to']}",
            f"{row['round_from']}–{'' if row['round_to'] is None else row['round_to']}",
            yuan(row["from_fen"]), "—" if row["to_fen"] is None else yuan(row["to_fen"]), percent(row["rate_bp"]),
            *("—" if row[name] is None else yuan(row[name]) for name in ("min_fee_fen", "max_fee_fen")),
        ]
        for row in drawing.table(model)
    ]  # fmt: skip


def _notes(model: fees.FeeModel) -> list[Both]:
    base, method, back = _BASES[model.base], _METHODS[model.method], model.clawback
    notes = [
        (f"{base[0]}，{method[0]}，四舍五入至分。", f"{base[1]}, {method[1]}, rounded half up to the fen."),
        (f"付款于 {back.within_days} 日内被撤销的，回拨其佣金的 {percent(back.share_bp)}。",
         f"A payment reversed within {back.within_days} days takes back {percent(back.share_bp)} of its commission."),
    ]  # fmt: skip
    if model.minimum_fen is not None:
        notes.append((f"每笔最低 {yuan(model.minimum_fen)} 元。", f"At least {yuan(model.minimum_fen)} yuan each."))
    if model.maximum_fen is not None:
        notes.append((f"每笔最高 {yuan(model.maximum_fen)} 元。", f"At most {yuan(model.maximum_fen)} yuan each."))
    if model.modifiers:
        listed = "; ".join(f"{code} {percent(bp)}" for code, bp in sorted(model.modifiers.items()))
        notes.append((f"调整：{listed}。", f"Modifiers: {listed}."))
    if model.carve_outs:
        listed = ", ".join(model.carve_outs)
        notes.append((f"不计佣部分：{listed}。", f"Carved out: {listed}."))
    if model.deductions:
        listed = "; ".join(
            f"{each.code} {percent(each.rate_bp) if each.rate_bp is not None else yuan(each.amount_fen or 0)}"
            for each in model.deductions
        )
        notes.append((f"扣减：{listed}。", f"Deductions: {listed}."))
    return [{"zh": zh, "en": en} for zh, en in notes]


def _mark(clause: Mapping[str, Any], deviates: bool) -> str:
    if deviates:
        return "偏离 deviates"
    return "锁定 locked" if clause["locked"] else "标准 standard"


def _signature(side: str, cover: Mapping[str, Any], signatures: Sequence[Signed]) -> dict[str, str]:
    party, person = cover["parties"][side], cover["representatives"][side]
    found = next((each for each in signatures if each.member_id == party["member_id"]), None)
    told = "未签署 Not signed" if found is None else (
        f"已签署 Signed {found.signed_on.isoformat()}；密钥 key {found.kid}；日志叶 leaf {found.leaf_id}"
    )  # fmt: skip
    label = "委托方 Creditor" if side == "creditor" else "受托机构 Agency"
    return {"label": label, "party": f"{party['name_zh']}，{person}", "told": told}


# --- the order of printing ------------------------------------------------------------------------------------------

HEADINGS = {
    "fees": "佣金 Commission",
    "deviations": "偏离条款 Deviations",
    "no_deviations": "无偏离。 None.",
    "reason": "理由 Reason：",
    "instead_of": "代替标准文本 Instead of the standard text：",
    "signatures": "签署 Signatures",
    "content_hash": "内容哈希 Content hash",
    "check": "核验 Verify",
}
CURVE_NOTE = (
    "曲线：各账龄第 1 轮的实际费率随金额变化；横轴为 1 至 10,000,000 元（对数）。 "
    "Curve: the effective rate of each age, round 1, over the amount; from 1 to 10,000,000 yuan, logarithmic."
)


def lines(page: Mapping[str, Any]) -> Iterator[Line]:
    """Every text of the paper but its running heads, its curve's caption and its pictures, in the order of printing."""
    for language in ("zh", "en"):
        yield Line("cover", page["title"][language], language)
    yield Line("cover", page["number"])
    for row in page["cover"]:
        yield Line("cover", row["label"])
        yield Line("cover", row["value"])
    yield Line("cover", HEADINGS["fees"])
    yield from (Line("cover", cell) for cell in page["fees"]["head"])
    yield from (Line("cover", cell) for row in page["fees"]["rows"] for cell in row if cell)
    for note in page["fees"]["notes"]:
        yield from (Line("cover", note[language], language) for language in ("zh", "en"))
    for clause in page["clauses"]:
        yield Line(clause["id"], f"{clause['number']} {clause['title']['zh']} {clause['title']['en']}")
        yield Line(clause["id"], clause["mark"])
        for paragraph in clause["text"]:
            yield from (Line(clause["id"], paragraph[language], language) for language in ("zh", "en"))
    yield from _deviations(page)
    yield Line("signatures", HEADINGS["signatures"])
    for each in page["signatures"]:
        yield from (Line("signatures", each[name]) for name in ("label", "party", "told"))
    for name in ("content_hash", "check"):
        yield Line("signatures", HEADINGS[name])
        yield Line("signatures", page[name])


def _deviations(page: Mapping[str, Any]) -> Iterator[Line]:
    yield Line("deviations", HEADINGS["deviations"])
    if not page["deviations"]:
        yield Line("deviations", HEADINGS["no_deviations"])
    for each in page["deviations"]:
        yield Line("deviations", f"{each['number']} {each['title']['zh']} {each['title']['en']}")
        yield Line("deviations", HEADINGS["reason"] + each["reason"])
        yield Line("deviations", HEADINGS["instead_of"])
        for paragraph in each["standard"]:
            yield from (Line("deviations", paragraph[language], language) for language in ("zh", "en"))
