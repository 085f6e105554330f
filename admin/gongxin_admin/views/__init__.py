"""What each face shows: a module a section, each with `register(app)`."""

from collections.abc import Callable

from flask import Flask

from . import (
    agents,
    blacklist,
    check,
    contracts,
    credentials,
    delivery,
    fund,
    home,
    log,
    members,
    people,
    portal,
    rights,
    sign_in,
    single_sign_on,
)

BOTH = (
    sign_in.register,
    single_sign_on.register,
    home.register,
    people.register,
)
VIEWS: dict[str, tuple[Callable[[Flask], None], ...]] = {
    "admin": (
        *BOTH,
        members.register,
        agents.register_all,
        blacklist.register,
        log.register,
        delivery.register,
        fund.register,
        credentials.register,
        rights.register,
        contracts.register,
    ),
    "portal": (*BOTH, portal.register),
    "check": (check.register,),
}
