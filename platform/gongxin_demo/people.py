"""Who may sign in to the pages of the demonstration: one person a role, each with a link that works once."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from gongxin.accounts import queries, service
from gongxin.accounts.rules import OVERSIGHT
from gongxin.db import transaction

from .town import Town


@dataclass(frozen=True, slots=True)
class Part:
    """A person of the cast: whose house, which roles."""

    slug: str
    login: str
    name: str
    roles: tuple[str, ...]
    does_zh: str
    does_en: str


CAST = (
    Part(
        "association",
        "chenjingban",
        "陈经办（虚构）",
        ("officer", "administrator"),
        "协会经办与管理员",
        "the association's officer",
    ),
    Part("association", "weiyuan", "卫委员（虚构）", ("committee",), "审议委员", "a member of the committee"),
    Part("association", "siku", "司库（虚构）", ("treasurer",), "司库", "treasurer"),
    Part("association", "fuhe", "傅复核（虚构）", ("approver",), "复核", "approver"),
    Part("association", "shenji", "沈审计（虚构）", ("auditor",), "审计，只读", "auditor, reads all"),
    Part("yunshan", "yinhang", "殷主管（虚构）", ("administrator", "clerk", "compliance"), "云杉银行", "a bank"),
    Part("chenyu", "linguanli", "林管理（虚构）", ("administrator", "clerk", "compliance"), "晨雨机构", "an agency"),
)


def links(town: Town) -> list[tuple[Part, str]]:
    """A new link for each; the people are invited where they are not there yet."""
    with transaction(town.engine) as session:
        return [(part, _link(town, session, part)) for part in CAST if part.slug in town.members]


def _link(town: Town, session: Session, part: Part) -> str:
    member = town.members[part.slug]
    account = queries.find_account(session, part.login)
    if account is None:
        account, _token = service.invite(
            session, member_id=UUID(member.member_id), login=part.login, display_name=part.name, roles=part.roles,
            actor="registry",
        )  # fmt: skip
    face = "admin" if member.institution.kind in OVERSIGHT else "portal"
    return f"{town.config.pages_at}/{face}/link/{service.new_link(session, account.id, 'sign_in')}"
