"""Chinese first, English second: which one a page speaks, and its words.

Templates and views write Chinese; `translations/*.po` have the English, and a test fails for a missing entry.
"""

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel, Domain, get_locale

CODES = {"zh": "zh_Hans", "en": "en"}
COOKIE = "gx_language"
_FOLDER = Path(__file__).with_name("translations")


class Catalogue(Domain):
    """The English words, read from their texts: nothing is compiled into the repository."""

    def get_translations(self) -> NullTranslations:
        return english() if current() == "en" else NullTranslations()


@cache
def english() -> Translations:
    """All of `translations/*.po`, a file a section, as one."""
    found = Catalog(locale="en")
    for path in sorted(_FOLDER.glob("*.po")):
        with open(path, "rb") as file:
            for message in read_po(file, locale="en"):
                found[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, found)
    compiled.seek(0)
    return Translations(compiled)


def register(app: Flask) -> None:
    babel = Babel(app, locale_selector=_select, default_locale="zh_Hans", default_timezone="Asia/Shanghai")
    babel.domain_instance = Catalogue()  # type: ignore[no-untyped-call]


def current() -> str:
    """`zh` or `en`."""
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else "zh"


def both(zh: str, en: str) -> str:
    """Of a pair of texts the one in the page's language."""
    return en if current() == "en" else zh


def _select() -> str:
    """What the switch on each page chose; then the account's; then what the browser asks for."""
    public = request.path.startswith("/check")  # which sets no cookie: the address says it
    chosen = request.args.get("lang") if public else request.cookies.get(COOKIE)
    if chosen not in CODES:
        account = g.get("account")
        chosen = account.language if account is not None else preferred(request.headers.get("Accept-Language", ""))
    return CODES[chosen]


def preferred(header: str) -> str:
    """By primary subtag: `zh-CN,zh;q=0.9,en;q=0.8` is Chinese, which both libraries' negotiation misses."""
    ranked = []
    for position, part in enumerate(header.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") if parameter else "1"
        try:
            ranked.append((-float(quality), position, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(ranked) if tag in CODES), "zh")
