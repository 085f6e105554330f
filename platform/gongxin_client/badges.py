"""Badges: issued and printed for one's own people; anybody's verified offline, from files that only go forward.

A `BadgeStore` is a folder: the registry's keys, its status lists as signed, and what was the newest of each ever seen.
Everything is verified before it is kept and again before it is used; what does not read is an error, never a fresh
start.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gongxin_wire import badges, cose, status_lists
from gongxin_wire.badges import Badge, Verdict
from gongxin_wire.cose import Keys, SignedError
from gongxin_wire.status_lists import StatusList

from . import clock, files
from .auth import Connection, new_key
from .errors import BadInput, ClientError, VerificationFailed

JWKS_PATH = "/.well-known/gongxin-badge-jwks"
LISTS_PATH = "/badges/lists"
_UNREADABLE = frozenset(
    {"badge_cut", "badge_doubled", "badge_too_long", "badge_prefix", "badge_alphabet", "badge_form", "badge_keys"}
)
MAX_FILE = 16 << 20


@dataclass(frozen=True)
class Scanned:
    """A badge whose signature holds, and whether it may be relied on: only where `verdict.state` is `valid`."""

    badge: Badge
    verdict: Verdict

    @property
    def valid(self) -> bool:
        return self.verdict.state == "valid"


@dataclass(frozen=True)
class Seen:
    """The newest issue of each list that was ever used, in one file under a lock."""

    path: Path

    def check(self, found: StatusList) -> None:
        """Remembers this issue. Raises VerificationFailed where a newer one was seen: a list never goes back."""
        with files.locked(self.path.with_name(self.path.name + ".lock")):
            known = self._read()
            try:
                status_lists.check_forward(known.get(found.uri), found)
            except SignedError as fault:
                raise of_fault(fault) from fault
            if found.issued_at != known.get(found.uri):
                known[found.uri] = found.issued_at
                files.replace(self.path, json.dumps(known, sort_keys=True).encode())

    def _read(self) -> dict[str, int]:
        try:
            known = json.loads(self.path.read_bytes())
            if not isinstance(known, dict) or not all(type(at) is int for at in known.values()):
                raise ValueError("not a memory")
            return known
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as fault:
            raise BadInput(
                "badge_memory_damaged",
                f"状态清单的记录损坏 {self.path}",
                f"The memory of status lists is damaged: {self.path}",
                "核实无人篡改后删除该文件，并重新取得清单。",
                "Once it is certain that nobody altered it, remove the file and fetch anew.",
            ) from fault  # fmt: skip


@dataclass(frozen=True)
class BadgeStore:
    """A folder of keys and lists; `keys_file` and `list_file` stand in for what the folder would hold."""

    folder: Path
    keys_file: Path | None = None
    list_file: Path | None = None

    def verify(self, code: str, *, max_age: int | None = None) -> Scanned:
        """Offline. Raises BadInput for what is no code, VerificationFailed for a signature that does not hold or a
        list that was rolled back. Without a list, or with an old one, the verdict is `unknown`."""
        keys = self.keys()
        try:
            badge = badges.decode(code, keys)
            found = self._list(badge.uri, keys)
            if found is not None:
                self.seen.check(found)
            return Scanned(badge, badges.judge(badge, found, clock.epoch_seconds(), max_age))
        except SignedError as fault:
            raise of_fault(fault) from fault

    def keys(self) -> Keys:
        path = self.keys_file or self.folder / "keys.json"
        try:
            document = json.loads(_content(path))
        except (ValueError, RecursionError) as fault:
            raise BadInput("badge_keys", f"{path} 不是公钥集", f"{path} is not a set of keys") from fault
        try:
            return cose.read_keys(document)
        except SignedError as fault:
            raise of_fault(fault) from fault

    @property
    def seen(self) -> Seen:
        if self.list_file is not None:
            return Seen(self.list_file.with_name(self.list_file.name + ".seen"))
        return Seen(self.folder / "seen.json")

    def fetch(self, registry: str, get: Callable[[str], bytes]) -> int:
        """Keys and every list of this registry, kept where they verify and are not older than what was seen; how many
        lists. `get` returns the body at a path. Raises VerificationFailed, and keeps what was there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        raw = get(JWKS_PATH)
        try:
            keys = cose.read_keys(json.loads(raw))
            uris = json.loads(get(LISTS_PATH))["status_lists"]
        except SignedError as fault:
            raise of_fault(fault) from fault
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise VerificationFailed(
                "badge_lists_unreadable", "登记处的应答不能识读", "The registry's answer does not read"
            ) from fault
        prefix = registry + badges.LISTS_PATH
        if keys.issuer != registry or not all(isinstance(uri, str) and uri.startswith(prefix) for uri in uris):
            raise VerificationFailed(
                "badge_issuer", "公钥或清单属于另一登记处", "The keys or lists are another registry's",
                "核对登记处地址。", "Check the registry's address.",
            )  # fmt: skip
        files.replace(self.folder / "keys.json", raw)
        for uri in uris:
            token = get(uri.removeprefix(registry))
            try:
                found = status_lists.read(token, keys)
            except SignedError as fault:
                raise of_fault(fault) from fault
            if found.uri != uri:
                raise VerificationFailed("badge_list_other", "清单与地址不符", "The list is not the one asked for")
            self.seen.check(found)
            files.replace(self._path(uri), token)
        return len(uris)

    def _list(self, uri: str, keys: Keys) -> StatusList | None:
        path = self.list_file or self._path(uri)
        if self.list_file is None and not path.exists():
            return None
        return status_lists.read(_content(path), keys)

    def _path(self, uri: str) -> Path:
        return self.folder / f"list-{uri.rpartition('/')[2]:.8}.jwt"


class Badges:
    """Base of `Registry`. Every method raises Refused, Unavailable or NotConnected where its call fails."""

    connection: Connection

    def issue_badge(self, agent_id: str) -> dict[str, Any]:
        """A badge for one's own licensed agent; the one before ends. `code` is what the QR shows."""
        return self._badge("POST", agent_id, "", key=new_key())

    def withdraw_badge(self, agent_id: str, badge_id: str, reason: str) -> dict[str, Any]:
        """Ends a badge: lost, stolen, damaged, wrong or left. For good."""
        path = f"/{quote(badge_id, safe='')}/withdrawal"
        return self._badge("POST", agent_id, path, json_body={"reason": reason}, key=new_key())

    def agent_badges(self, agent_id: str) -> list[dict[str, Any]]:
        """An agent's badges, the newest first."""
        found: list[dict[str, Any]] = self._badge("GET", agent_id, "", scope="agents.read")["items"]
        return found

    def badge_card(self, agent_id: str, badge_id: str, language: str = "zh") -> bytes:
        """The card to print, as PDF."""
        path = f"/v1/agents/{quote(agent_id, safe='')}/badges/{quote(badge_id, safe='')}/card"
        return self.connection.call("GET", path, scope="agents.read", query={"language": language}).content

    def check_badge(self, code: str) -> dict[str, Any]:
        """A scanned code against the registry this instant; only `state` `valid` is to be relied on."""
        return self.connection.read("POST", "/check/badge", scope=None, json_body={"code": code})

    def check_photo(self, licence: str, photo_sha256: str) -> bool:
        """Whether this is the photograph on file."""
        body = {"licence": licence, "photo_sha256": photo_sha256}
        return bool(self.connection.read("POST", "/check/photo", scope=None, json_body=body)["matches"])

    def fetch_badge_lists(self, store: BadgeStore) -> int:
        """Keys and status lists into the folder, so that badges are verified offline; how many lists."""
        return store.fetch(
            self.connection.profile.registry, lambda path: self.connection.call("GET", path, scope=None).content
        )

    def _badge(self, method: str, agent_id: str, rest: str, **given: Any) -> dict[str, Any]:
        path = f"/v1/agents/{quote(agent_id, safe='')}/badges{rest}"
        return self.connection.read(method, path, **({"scope": "agents.write"} | given))


def of_fault(fault: SignedError) -> ClientError:
    """What is no code is bad input; what does not hold is a failed verification."""
    kind: type[ClientError] = BadInput if fault.code in _UNREADABLE else VerificationFailed
    return kind(fault.code, fault.zh, fault.en, fault.fix_zh, fault.fix_en)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise BadInput("file_too_large", f"{path} 过大", f"{path} is too large")
        return path.read_bytes()
    except OSError as fault:
        raise BadInput(
            "badge_file", f"无法读取 {path}", f"{path} cannot be read",
            "先运行 gongxin-member badge fetch。", "Run gongxin-member badge fetch first.",
        ) from fault  # fmt: skip


def as_value(found: Scanned) -> Mapping[str, Any]:
    """For `--json`."""
    badge, verdict = found.badge, found.verdict
    return {
        "state": verdict.state, "why": verdict.why, "valid": found.valid, "licence": badge.licence,
        "agency": badge.agency, "certificate": badge.level, "issued_at": badge.issued_at,
        "expires_at": badge.expires_at, "list": badge.uri, "index": badge.index,
        "list_issued_at": verdict.list_issued_at,
    }  # fmt: skip
