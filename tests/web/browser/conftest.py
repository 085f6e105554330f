"""The pages in a real Chromium: served by threads of this process, watched for every fault a browser can tell of.

The browser runs in New York, so that a time shown in the browser's zone is seen. Without a Chromium on the machine
these tests are skipped, and say so.
"""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine
from werkzeug.serving import make_server

from gongxin.accounts import service
from gongxin.app import create_app
from gongxin.config import Config
from gongxin.db import transaction
from gongxin_admin.app import mount
from tests.services.accounts_world import Person
from tests.web.conftest import Town

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
SCREENS = Path(__file__).resolve().parents[3] / "var" / "screens"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_WATCH = """document.addEventListener("securitypolicyviolation",
  (event) => console.error("policy violated: " + event.violatedDirective + " " + event.blockedURI));"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(config: Config, engine: Engine) -> Iterator[str]:
    """Where the API and the faces are served; `localhost`, since passkeys do not work on a bare IP address."""
    server = make_server("127.0.0.1", 0, None, threaded=True)
    found = f"http://localhost:{server.port}"
    served = replace(config, issuer=found, page_address=found)
    inner = mount(create_app(served, engine), served, engine)
    server.app = lambda environ, start: inner(environ | {"gongxin.raise_faults": True}, start)  # type: ignore[assignment]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()


@dataclass
class Watched:
    """A page that remembers what its browser complained of. `allowed`: statuses that a test expects."""

    page: Page
    address: str
    allowed: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> "Watched":
        self.page.add_init_script(_WATCH)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._asked)
        return self

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def check(self, name: str = "") -> None:
        """No complaint, no serious or critical fault of accessibility, no sideways scroll; keeps a picture."""
        assert self.complaints == []
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": TAGS}}).response["violations"]
        grave = [
            (v["id"], [n["html"][:120] for n in v["nodes"]][:3])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert grave == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        if name:
            SCREENS.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=SCREENS / f"{name}.png", full_page=True)

    def _said(self, message: Any) -> None:
        expected = any(f"status of {status}" in message.text for status in self.allowed)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the browser itself gave up as the next page came
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "about:")):
            self.complaints.append(f"asked elsewhere: {request.url}")


@dataclass
class Windows:
    """Opens pages: of which language, how wide, in which colours, signed in as whom."""

    chromium: Browser
    address: str
    town: Town
    open_ones: list[BrowserContext] = field(default_factory=list)

    def window(
        self, who: Person | None = None, face: str = "admin", *, language: str = "zh", width: int = 1280,
        dark: bool = False, script: bool = True,
    ) -> Watched:  # fmt: skip
        context = self.chromium.new_context(
            viewport={"width": width, "height": 800},
            locale="zh-CN" if language == "zh" else "en-GB",
            timezone_id="America/New_York",
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            bypass_csp=False,
        )
        self.open_ones.append(context)
        context.set_default_timeout(10_000)
        watched = Watched(context.new_page(), self.address).watch()
        if who is not None:
            with transaction(self.town.engine) as session:
                token = service.new_link(session, who.account.id, "sign_in")
            if language == "en":
                watched.go(f"/{face}/language/en")
            watched.go(f"/{face}/link/{token}")
        return watched


@pytest.fixture
def windows(chromium: Browser, address: str, town: Town) -> Iterator[Windows]:
    found = Windows(chromium, address, town)
    yield found
    for context in found.open_ones:
        context.close()
