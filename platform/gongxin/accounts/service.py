"""The verbs on accounts: invite, change, lock, close. Verbs flush, never commit."""

import hashlib
import secrets
import uuid
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.orm import Session

from gongxin import clock, ids
from gongxin.errors import Conflict, Invalid
from gongxin.members import queries as members

from . import queries, rules
from .models import Account, AccountChange, Invitation


def digest(token: str) -> bytes:
    """How a random token of 256 bits is kept; SHA-256 is enough where nothing can be guessed."""
    return hashlib.sha256(token.encode()).digest()


def invite(
    session: Session,
    *,
    member_id: uuid.UUID,
    login: str,
    display_name: str,
    roles: Collection[str],
    actor: str,
    language: str = "zh",
) -> tuple[Account, str]:
    """A new account and the token of the link that sets it up (72 h, once). Raises Invalid, or Conflict where the login
    is taken."""
    member = members.get_member(session, member_id)
    if queries.find_account(session, rules.check_login(login)) is not None:
        raise Conflict(
            "login_taken",
            zh="登录名已被使用",
            en="The login is taken",
            fix_zh="换一个登录名。",
            fix_en="Choose another.",
            pointer="/login",
        )
    if language not in rules.LANGUAGES:
        raise Invalid("bad_language", zh="语言须为 zh 或 en", en="The language is zh or en", pointer="/language")
    account = Account(
        id=ids.new_id(),
        member_id=member_id,
        login=login,
        display_name=rules.check_display_name(display_name),
        roles=rules.check_roles(roles, member.kind),
        language=language,
        state="invited",
        created_at=clock.now(),
    )
    session.add(account)
    session.flush()
    _record(session, account, f"invited: {', '.join(account.roles)}", "", actor)
    return account, new_link(session, account.id)


def new_link(session: Session, account_id: uuid.UUID, purpose: str = "set_up") -> str:
    """A token that works once within 72 hours: `set_up` to choose credentials, `sign_in` for demonstrations."""
    token = secrets.token_urlsafe(32)
    session.add(
        Invitation(
            token_digest=digest(token),
            account_id=account_id,
            purpose=purpose,
            expires_at=clock.now() + timedelta(hours=rules.INVITATION_HOURS),
        )
    )
    session.flush()
    return token


def change_state(session: Session, account_id: uuid.UUID, *, state: str, reason: str, actor: str) -> Account:
    """Locks, unlocks or closes. Sessions of an account that is not active are over at their next page. Raises Conflict,
    also where somebody would lock themselves out."""
    account = queries.get_account(session, account_id)
    rules.check_state(account.state, state)
    if account.login == actor and state != "active":
        raise Conflict(
            "own_account",
            zh="不能锁定或关闭自己的账号",
            en="Nobody locks or closes their own account",
            fix_zh="请另一位管理员办理。",
            fix_en="Another administrator does it.",
        )
    account.state = state
    _record(session, account, f"state: {state}", reason, actor)
    return account


def change_roles(
    session: Session, account_id: uuid.UUID, *, roles: Collection[str], reason: str, actor: str
) -> Account:
    """Raises Conflict for one's own account: nobody gives themselves a role."""
    account = queries.get_account(session, account_id)
    if account.login == actor:
        raise Conflict(
            "own_account",
            zh="不能更改自己的角色",
            en="Nobody changes their own roles",
            fix_zh="请另一位管理员办理。",
            fix_en="Another administrator does it.",
        )
    account.roles = rules.check_roles(roles, members.get_member(session, account.member_id).kind)
    _record(session, account, f"roles: {', '.join(account.roles)}", reason, actor)
    return account


def change_language(session: Session, account_id: uuid.UUID, language: str) -> None:
    account = queries.get_account(session, account_id)
    if language in rules.LANGUAGES and account.language != language:
        account.language = language
        session.flush()


def _record(session: Session, account: Account, what: str, reason: str, actor: str) -> None:
    session.add(
        AccountChange(
            id=ids.new_id(), account_id=account.id, what=what, reason=reason, actor=actor, changed_at=clock.now()
        )
    )
    session.flush()
