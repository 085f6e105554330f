"""The words of the section, and who acts."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from gongxin.errors import Invalid
from gongxin.fund.ledger.rules import Actor
from gongxin.members import queries as members
from gongxin.web.paging import id_after

from ... import languages
from ...face import Door
from ...formats import plain

T = TypeVar("T")

FUNDS = {"RELIEF": ("债务人救助", "RELIEF debtors' relief"), "STAFF": ("从业保障", "STAFF protection"),
         "ADMIN": ("管理费", "ADMIN")}  # fmt: skip
CAUSES = {
    "medical": ("大病", "medical"), "unemployment": ("失业", "unemployment"), "disaster": ("灾害", "disaster"),
    "minors": ("未成年人", "minors"), "injury": ("工伤", "injury"), "assault": ("遇袭", "assault"),
    "legal_aid": ("法律援助", "legal aid"), "counselling": ("心理疏导", "counselling"),
}  # fmt: skip
PAYEES = {
    "hospital": ("医院", "hospital"), "school": ("学校", "school"), "landlord": ("出租人", "landlord"),
    "person": ("本人", "the person"), "lawyer": ("律师", "lawyer"), "counsellor": ("咨询师", "counsellor"),
}  # fmt: skip
WHY = {
    "proposed": ("建议金额", "proposed"), "over_what_was_asked": ("不超过申请额", "not more than was asked"),
    "cap_per_claim": ("单笔上限", "cap a claim"), "cap_per_person_and_year": ("每人每年上限", "cap a person and year"),
    "cap_per_year": ("此类全年上限", "cap of the kind a year"),
    "reserve_floor": ("储备下限以上的可用额", "available above the reserve floor"),
}  # fmt: skip
# state -> 中文, English, mood
CLAIMS = {
    "filed": ("待评估", "to be assessed", "wait"), "assessed": ("待批准", "to be approved", "wait"),
    "approved": ("待付款", "to be paid", "act"), "held": ("已冻结", "held", "wait"),
    "instructed": ("已付款指令", "instructed", "wait"), "paid": ("已到账", "paid", "good"),
    "returned": ("已退回", "returned", "bad"), "appealed": ("申诉中", "appealed", "wait"),
    "rejected": ("已驳回", "rejected", "over"), "withdrawn": ("已撤回", "withdrawn", "over"),
}  # fmt: skip
ENTRIES = {
    "submitted": ("待复核", "to be approved", "wait"), "approved": ("待过账", "to be posted", "act"),
    "draft": ("草稿", "draft", "over"), "posted": ("已过账", "posted", "good"),
    "rejected": ("已驳回", "rejected", "bad"), "withdrawn": ("已撤回", "withdrawn", "over"),
    "expired": ("已失效", "expired", "over"),
}  # fmt: skip
RUNS = {
    "preview": ("待批准", "to be approved", "wait"), "approved": ("待开票", "to be invoiced", "act"),
    "draft": ("草稿", "draft", "over"), "issued": ("已开票", "invoiced", "good"),
    "withdrawn": ("已撤回", "withdrawn", "over"),
}  # fmt: skip
KINDS = {"levy": ("会费", "levy"), "penalty": ("罚款", "penalty"), "donation": ("捐赠", "donation"),
         "credit": ("冲减", "credit note")}  # fmt: skip
PERIODS = {"open": ("开放", "open", "good"), "closing": ("结账中", "closing", "wait"),
           "closed": ("已结账", "closed", "over")}  # fmt: skip
SIDES = {"debit": ("借", "debit"), "credit": ("贷", "credit")}
RHYTHMS = {"monthly": ("按月", "monthly"), "quarterly": ("按季", "quarterly")}


def actor(door: Door) -> Actor:
    """The person who acts, as the books name them."""
    return Actor(door.house.id, door.me.officer)


def of(words: dict[str, Any], name: str | None) -> str:
    return "—" if name is None else languages.both(*words[name][:2]) if name in words else name


def tagged(words: dict[str, tuple[str, str, str]], name: str) -> Markup:
    return Markup('<span class="tag {}">{}</span>').format(words[name][2], of(words, name))


def options(words: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, languages.both(*row[:2])) for name, row in words.items()]


def house(door: Door, member_id: UUID | None) -> Any:
    """A member's name; a link to it for whoever reads the directory."""
    if member_id is None:
        return "—"
    found = members.get_member(door.session, member_id)
    name = plain(languages.both(found.name_zh, found.name_en or found.name_zh))
    return Markup('<a href="{}">{}</a>').format(url_for("admin.member", member_id=member_id), name)


def key(after: list[str] | None) -> UUID | None:
    """The identifier a list goes on from."""
    try:
        return id_after(after)
    except ValueError as fault:
        raise Invalid("bad_cursor", zh="分页游标无效", en="The cursor is not one of ours", pointer="/cursor") from fault


def missing(name: str) -> Invalid:
    return Invalid("missing_field", zh="此项须填写", en="This is needed", pointer=f"/{name}",
                   fix_zh="填写后再提交；已填内容保留在页上。",
                   fix_en="Fill it in and send again; what you wrote is kept.")  # fmt: skip


def needed(name: str, read: Callable[[str], T | None]) -> T:
    """What `read` finds in the field. Raises Invalid where it is empty."""
    given = read(name)
    if given is None:
        raise missing(name)
    return given


def bound(approval: Any, found: Any) -> str:
    """Whether an approval is of the content as it stands."""
    return _("现内容") if approval.content_hash == found.content_hash else _("旧内容，不再有效")


def own_bar() -> str:
    return _("经办过此件的人员不得复核：须由另一人办理，换账号、换写法仍是同一人。")
