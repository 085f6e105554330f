"""What tests of the pages share: the three faces as test clients, people signed in, forms sent with their token."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from gongxin.accounts import sessions
from gongxin.config import Config
from gongxin.db import transaction
from gongxin.members.models import Member
from gongxin_admin.app import create
from tests.services.accounts_world import Person, house, person

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A test client that behaves as a person's browser: keeps cookies, sends each form with the token of its page."""

    def __init__(self, app: Flask, face: str) -> None:
        self.face = face
        self.client: FlaskClient = app.test_client()
        self.headers = {"Accept": "text/html", "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={**self.headers, **headers})

    def token(self, path: str) -> str:
        found = _TOKEN.search(self.get(path).text)
        assert found is not None, f"{path} has no form"
        return unescape(found.group(1))

    def post(self, path: str, data: dict[str, Any], page: str | None = None) -> TestResponse:
        """Sends a form found on `page` (by default the same address)."""
        form = {"csrf_token": self.token(page or path), **data}
        return self.client.post(path, data=form, headers=self.headers)

    def cookie(self, token: str) -> None:
        self.client.set_cookie(f"gx_{self.face}", token, domain="localhost", path=f"/{self.face}")


@pytest.fixture(scope="session")
def page_config(config: Config) -> Config:
    return replace(config, page_address="http://localhost")


@pytest.fixture(scope="session")
def faces(page_config: Config, engine: Engine) -> dict[str, Flask]:
    found = {name: create(name, page_config, engine) for name in ("admin", "portal", "check")}
    for app in found.values():
        app.config["TESTING"] = True
    return found


class Town:
    """Houses and people, committed, and browsers for them."""

    def __init__(self, faces: dict[str, Flask], engine: Engine, config: Config) -> None:
        self.faces, self.engine, self.config = faces, engine, config

    def house(self, kind: str = "association") -> Member:
        with transaction(self.engine) as session:
            return house(session, kind)

    def person(self, member: Member, *roles: str) -> Person:
        with transaction(self.engine) as session:
            return person(session, self.config, member, *roles)

    def stranger(self, face: str) -> Browser:
        return Browser(self.faces[face], face)

    def browser(self, face: str, who: Person) -> Browser:
        """Signed in a moment ago."""
        with transaction(self.engine) as session:
            token = sessions.begin(session, who.account, face=face, method="password", device="test")
        found = self.stranger(face)
        found.cookie(token)
        return found


@pytest.fixture
def town(faces: dict[str, Flask], engine: Engine, page_config: Config) -> Iterator[Town]:
    return Town(faces, engine, page_config)
