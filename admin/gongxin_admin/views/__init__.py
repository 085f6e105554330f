"""What each face shows: a module a section, each with `register(app)`."""

from collections.abc import Callable

from flask import Flask

from . import agents, check, home, members, people, sign_in

VIEWS: dict[str, tuple[Callable[[Flask], None], ...]] = {
    "admin": (sign_in.register, home.register, members.register, agents.register_all, people.register),
    "portal": (sign_in.register, home.register, people.register),
    "check": (check.register,),
}
