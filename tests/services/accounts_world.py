"""What tests of accounts and pages share: people of a house, with a password and dynamic codes that never repeat."""

import itertools
import uuid
from dataclasses import dataclass

import pyotp
from sqlalchemy.orm import Session

from gongxin import clock
from gongxin.accounts import queries, service, sign_in
from gongxin.accounts.models import Account
from gongxin.config import Config
from gongxin.members.models import Member

from .members_world import apply, move

PASSWORD = "correct horse battery staple"
_NUMBERS = itertools.count(1)


@dataclass
class Person:
    """An account with what its owner knows."""

    account: Account
    secret: str
    recovery_codes: tuple[str, ...]

    @property
    def login(self) -> str:
        return self.account.login

    def code(self, step: int = 0) -> str:
        """The dynamic code now, or `step` half minutes from now."""
        return pyotp.TOTP(self.secret).at(clock.epoch_seconds() + 30 * step)


def house(session: Session, kind: str = "association") -> Member:
    return move(session, apply(session, kind), "active")


def new_login() -> str:
    return f"p{uuid.uuid4().hex[:10]}{next(_NUMBERS)}"


def person(session: Session, config: Config, member: Member, *roles: str, name: str = "测试甲") -> Person:
    """Invited, and set up by the link."""
    account, token = service.invite(
        session, member_id=member.id, login=new_login(), display_name=name, roles=roles, actor="registry"
    )
    secret = sign_in.new_secret()
    # The step before this one, so that the code of now is still to be used.
    codes = sign_in.set_password(
        session,
        config,
        account,
        password=PASSWORD,
        secret=secret,
        code=pyotp.TOTP(secret).at(clock.epoch_seconds() - 30),
    )
    sign_in.use_link(session, token, "set_up")
    return Person(queries.get_account(session, account.id), secret, codes)
