"""Pure decisions about accounts: roles, logins, when a guess must wait, when a session is over."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from gongxin.errors import Conflict, Invalid, TooMany
from gongxin_wire.pii import find_pii

# Role -> (kinds of member, 中文, English).
OVERSIGHT = frozenset({"association", "regulator"})
HOUSES = frozenset({"bank", "court", "agency", "mediator"})
ROLES: dict[str, tuple[frozenset[str], str, str]] = {
    "officer": (OVERSIGHT, "经办", "officer"),
    "committee": (OVERSIGHT, "审议委员", "committee member"),
    "treasurer": (OVERSIGHT, "司库", "treasurer"),
    "approver": (OVERSIGHT, "复核", "approver"),
    "auditor": (OVERSIGHT, "审计（只读）", "auditor (reads all, changes nothing)"),
    "support": (OVERSIGHT, "支持", "support"),
    "administrator": (HOUSES | OVERSIGHT, "管理员", "administrator"),
    "clerk": (HOUSES, "经办员", "clerk"),
    "compliance": (HOUSES, "合规", "compliance"),
}
STATES: dict[str, tuple[str, ...]] = {
    "invited": ("active", "closed"),
    "active": ("locked", "closed"),
    "locked": ("active", "closed"),
    "closed": (),
}
LANGUAGES = ("zh", "en")
LOGIN = re.compile(r"[a-z][a-z0-9]{2,39}", re.ASCII)
MIN_PASSWORD, MAX_PASSWORD = 12, 128
INVITATION_HOURS = 72
SESSION_HOURS, IDLE_MINUTES, REAUTHENTICATION_MINUTES = 12, 60, 10
FREE_GUESSES, WINDOW_MINUTES = 5, 15
RECOVERY_CODES = 10


@dataclass(frozen=True)
class Signed:
    """What is known of a session when a page asks: since when, last seen, last proven."""

    began_at: datetime
    seen_at: datetime
    proven_at: datetime
    ended_at: datetime | None


def check_login(login: str) -> str:
    """A name to sign in with: 3–40 of a–z and 0–9, beginning with a letter, so that its capitals name the officer in
    the books. Raises Invalid."""
    if not LOGIN.fullmatch(login):
        raise Invalid(
            "bad_login",
            zh="登录名不符合要求",
            en="The login is not acceptable",
            fix_zh="3–40 位小写字母或数字，以字母开头。",
            fix_en="3 to 40 of a–z and 0–9, beginning with a letter.",
            pointer="/login",
        )
    return login


def check_display_name(name: str) -> str:
    """1–60 characters, no control or bidirectional characters, no number that names a person. Raises Invalid."""
    name = name.strip()
    hidden = any(ord(c) < 32 or ord(c) == 127 or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in name)
    if not 1 <= len(name) <= 60 or hidden or find_pii(name) is not None:
        raise Invalid(
            "bad_display_name",
            zh="姓名不符合要求",
            en="The name is not acceptable",
            fix_zh="1–60 字，不含控制字符、证件号或电话号码。",
            fix_en="1 to 60 characters, no control characters, no identity or phone number.",
            pointer="/display_name",
        )
    return name


def check_roles(roles: Collection[str], kind: str) -> list[str]:
    """The roles in the table's order. Raises Invalid where none is named, one is not this kind's, or the auditor, who
    changes nothing, has another."""
    chosen = [role for role in ROLES if role in roles]
    if not chosen or len(chosen) != len(set(roles)) or any(kind not in ROLES[role][0] for role in chosen):
        names = "、".join(ROLES[role][1] for role in ROLES if kind in ROLES[role][0])
        raise Invalid(
            "bad_roles",
            zh="角色与机构类别不符",
            en="The roles do not fit this kind of member",
            fix_zh=f"可选：{names}。",
            fix_en="Choose among " + ", ".join(role for role in ROLES if kind in ROLES[role][0]) + ".",
            pointer="/roles",
        )
    if "auditor" in chosen and len(chosen) > 1:
        raise Invalid(
            "auditor_alone",
            zh="审计角色不得兼任其他角色",
            en="The auditor has no other role",
            fix_zh="审计人员只读；另设账号办理业务。",
            fix_en="An auditor changes nothing; use another account for work.",
            pointer="/roles",
        )
    return chosen


def check_state(state: str, wanted: str) -> None:
    """Raises Conflict where an account in this state does not become that."""
    if wanted not in STATES[state]:
        raise Conflict(
            "illegal_account_state",
            zh="账号不能这样变更状态",
            en="An account in this state does not become that",
            fix_zh="已关闭的账号不再启用；请重新邀请。",
            fix_en="A closed account stays closed; invite the person anew.",
            extra={"legal": list(STATES[state])},
        )


def check_password(password: str, login: str) -> None:
    """Length and nothing easily guessed from the login (NIST SP 800-63B section 5.1.1.2: no rules of composition).
    Raises Invalid."""
    plain = password.casefold()
    weak = len(set(plain)) < 6 or (len(login) > 3 and login in plain) or plain in _COMMON
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or weak:
        raise Invalid(
            "weak_password",
            zh="密码太短或太容易猜",
            en="The password is too short or too easily guessed",
            fix_zh=f"至少 {MIN_PASSWORD} 个字符，不含登录名；几个不相干的词最好。",
            fix_en=f"At least {MIN_PASSWORD} characters without the login; a few unrelated words are best.",
            pointer="/password",
        )


def check_guesses(failures: int, newest: datetime | None, now: datetime) -> None:
    """After FREE_GUESSES failures within the window each further try waits twice as long, 15 minutes at most. Known and
    unknown logins count alike. Raises TooMany."""
    if failures < FREE_GUESSES or newest is None:
        return
    wait = timedelta(seconds=min(15 * 2 ** (failures - FREE_GUESSES), WINDOW_MINUTES * 60))
    if now < newest + wait:
        raise TooMany(
            "too_many_guesses",
            retry_after=int((newest + wait - now).total_seconds()) + 1,
            zh="尝试次数过多",
            en="Too many attempts",
            fix_zh="请稍候再试；忘记凭证请联系本机构管理员。",
            fix_en="Wait and try again; your administrator can send a new link.",
        )


def is_over(signed: Signed, now: datetime) -> bool:
    """Ended, 12 hours old, or an hour without a page."""
    return (
        signed.ended_at is not None
        or now >= signed.began_at + timedelta(hours=SESSION_HOURS)
        or now >= signed.seen_at + timedelta(minutes=IDLE_MINUTES)
    )


def must_prove_again(signed: Signed, now: datetime) -> bool:
    """Before a decision: whether the person last proved who they are longer ago than ten minutes."""
    return now >= signed.proven_at + timedelta(minutes=REAUTHENTICATION_MINUTES)


_COMMON = frozenset(
    {
        "passwordpassword", "password123456", "123456789012", "qwertyuiop12", "adminadmin12", "gongxin123456",
        "1234567890ab", "iloveyou1234", "welcome12345", "letmein12345", "abc123456789", "woaini1314520",
    }
)  # fmt: skip
