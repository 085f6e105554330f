"""badge fetch, verify, issue, list, withdraw, print."""

import sys
from pathlib import Path

import click
import httpx

from ..badges import BadgeStore, Scanned, as_value
from ..errors import BadInput, NotConnected
from .base import PARTLY, Output, command, plain

FOLDER = click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("gongxin-badges"), show_default=True,
    help="公钥与状态清单所在目录 Folder of keys and status lists.",
)  # fmt: skip
REASONS = ("lost", "stolen", "damaged", "wrong", "left")
_STATES = {
    "valid": "有效 valid",
    "suspended": "暂停，不可信赖 suspended: do not rely on it",
    "invalid": "已失效，不可信赖 ended: do not rely on it",
    "expired": "已过期，不可信赖 expired: do not rely on it",
    "unknown": "无法确定，不可信赖 unknown: do not rely on it",
}
_WHYS = {
    "no_list": "没有相应的状态清单：先 badge fetch there is no list for it: badge fetch first",
    "list_too_old": "状态清单过旧：重新 badge fetch the list is too old: badge fetch anew",
    "list_before_badge": "清单早于工牌：重新 badge fetch the list is older than the badge: badge fetch anew",
    "clock": "本机时钟与签发时间不符 this machine's clock does not fit",
}
_LEVELS = {"basic": "上岗 basic", "senior": "高级 senior", "debt_counsellor": "债务顾问 debt counsellor"}


@click.group("badge")
def badge() -> None:
    """电子工牌 Badges: verify anybody's offline; issue and print one's own people's."""


@command("fetch")
@FOLDER
@click.option("--registry", "address", help="登记处地址；省略则按会员配置 Its address; else the profile's.")
def fetch(out: Output, folder: Path, address: str | None) -> None:
    """取得公钥与状态清单 Fetch keys and status lists; what is older than seen before is refused."""
    store = BadgeStore(folder)
    if address is None:
        with out.registry() as registry:
            count = registry.fetch_badge_lists(store)
    else:
        count = store.fetch(address.rstrip("/"), lambda path: _get(address.rstrip("/") + path))
    out.show({"lists": count, "folder": str(folder)}, [f"状态清单 status lists: {count} → {folder}"])


@command("verify")
@click.argument("code")
@FOLDER
@click.option("--keys", "keys_file", type=click.Path(path_type=Path), help="公钥文件（JWKS） File of keys (JWKS).")
@click.option("--list", "list_file", type=click.Path(path_type=Path), help="状态清单文件 File of the status list.")
@click.option("--max-age", type=click.IntRange(1), help="清单最久秒数 The oldest list to accept, in seconds.")
def verify(
    out: Output, code: str, folder: Path, keys_file: Path | None, list_file: Path | None, max_age: int | None
) -> int | None:
    """离线核验工牌 Verify a badge without a network. CODE: what a scanner read, a text file with it, or - for stdin.

    0: valid. 1: suspended, ended, expired or unknown. 5: the signature or the list does not hold."""
    found = BadgeStore(folder, keys_file, list_file).verify(_code(code), max_age=max_age)
    out.show(as_value(found), _lines(found))
    return None if found.valid else PARTLY


@command("issue")
@click.argument("agent")
@click.option("--card", type=click.Path(path_type=Path), help="同时保存卡片 PDF Also save the card, PDF.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
def issue(out: Output, agent: str, card: Path | None, language: str) -> None:
    """签发工牌 Issue a badge for an agent of one's own; the one before ends."""
    with out.registry() as registry:
        made = registry.issue_badge(agent)
        if card is not None:
            _write(card, registry.badge_card(agent, made["badge_id"], language))
    out.show(made, [f"{made['badge_id']}  至 until {made['expires_at']}", made["code"]])


@command("list")
@click.argument("agent")
def listed(out: Output, agent: str) -> None:
    """查看工牌 An agent's badges, the newest first."""
    with out.registry() as registry:
        found = registry.agent_badges(agent)
    lines = [f"{b['badge_id']}  {b['state']}  {b['issued_at']}  {b['ended_as'] or ''}".rstrip() for b in found]
    out.show({"items": plain(found)}, lines or ["没有工牌 No badge."])


@command("withdraw")
@click.argument("agent")
@click.argument("badge_id")
@click.option("--reason", type=click.Choice(REASONS), required=True, help="原因 Reason.")
def withdraw(out: Output, agent: str, badge_id: str, reason: str) -> None:
    """收回工牌 Withdraw a badge, for good."""
    with out.registry() as registry:
        ended = registry.withdraw_badge(agent, badge_id, reason)
    out.show(ended, [f"{ended['badge_id']}  已失效 ended"])


@command("print")
@click.argument("agent")
@click.argument("badge_id")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
def card(out: Output, agent: str, badge_id: str, file: Path, language: str) -> None:
    """保存卡片 Save the card to print, PDF."""
    with out.registry() as registry:
        _write(file, registry.badge_card(agent, badge_id, language))
    out.show({"file": str(file)}, [str(file)])


def _code(given: str) -> str:
    if given.startswith("GXB1:"):
        return given
    try:
        if given == "-":
            return sys.stdin.read(4096)
        with open(given, encoding="utf-8-sig") as file:
            return file.read(4096)
    except (OSError, ValueError) as fault:
        raise BadInput(
            "badge_prefix",
            "不是工牌内容，也不是可读的文本文件",
            "Neither the content of a badge nor a text file that reads",
            "工牌内容以 GXB1: 开头。", "A badge begins with GXB1:.",
        ) from fault  # fmt: skip


def _lines(found: Scanned) -> list[str]:
    badge, verdict = found.badge, found.verdict
    lines = [
        f"工牌 Badge: {_STATES[verdict.state]}",
        f"执照 licence: {badge.licence}  证书 certificate: {_LEVELS[badge.level]}",
        f"机构 agency: {badge.agency}",
    ]
    return [*lines, _WHYS[verdict.why]] if verdict.why in _WHYS else lines


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as fault:
        raise BadInput("not_saved", f"无法写入 {path}", f"{path} cannot be written") from fault


def _get(url: str) -> bytes:
    try:
        answer = httpx.get(url, timeout=30)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise NotConnected("not_connected", f"无法取得 {url}", f"{url} was not fetched") from fault
    return answer.content


for each in (fetch, verify, issue, listed, withdraw, card):
    badge.add_command(each)
COMMANDS = (badge,)
