"""A member's profile: one TOML file beside its key file, with the registry's keys as first seen.

    registry = "https://registry.example"        # the issuer, exactly as the registry writes it
    client_id = "0193a3b0-…"
    key = "bank.pem"                              # relative to this file
    member_id = "0193a3b0-…"                      # filled in at first use
    passphrase_file = "/run/secrets/bank"         # optional
    ca_file = "ca.pem"                            # optional: the certificate authority of the registry's TLS
    strict_pins = false                           # true: a new key of the registry needs `profile trust` first

    [pins.receipts]                               # kid = Ed25519 public key, base64url
    [pins.subjects]                               # "data set/epoch" = VOPRF public key, base64url
    [pins.log]                                    # key id = vkey of its transparency log (C2SP signed-note)

`GONGXIN_MEMBER_REGISTRY`, `_CLIENT_ID`, `_KEY`, `_KEY_PASSPHRASE`, `_KEY_PASSPHRASE_FILE`, `_CA_FILE` override it;
`GONGXIN_MEMBER_PROFILE` names the file.
"""

import json
import os
import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import files
from .errors import BadInput
from .keys import SigningKey, load

DEFAULT_NAME = "gongxin-member.toml"
_TEXTS = ("registry", "client_id", "key", "member_id", "passphrase_file", "ca_file")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass
class Pins:
    """The registry's keys as first seen: `receipts` kid → x, `subjects` "data set/epoch" → public key (base64url),
    `log` key id → vkey of its transparency log."""

    receipts: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    log: dict[str, str] = field(default_factory=dict)


@dataclass
class Profile:
    """Who we are and whom we trust. `path` None: kept in memory alone (tests, short-lived processes)."""

    registry: str
    client_id: str
    key: SigningKey = field(repr=False)
    member_id: str | None = None
    key_path: Path | None = None
    path: Path | None = None
    passphrase_file: Path | None = None
    ca_file: Path | None = None
    strict_pins: bool = False
    pins: Pins = field(default_factory=Pins)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_address(self.registry)

    @property
    def loopback(self) -> bool:
        """Whether the registry runs on this machine; only then may it be plain http."""
        return urlsplit(self.registry).hostname in LOOPBACK

    def remember(self, *, receipts: Mapping[str, str] | None = None, subjects: Mapping[str, str] | None = None,
                 log: Mapping[str, str] | None = None, member_id: str | None = None) -> None:  # fmt: skip
        """Pins keys (or our member id) seen for the first time, and writes them down where there is a file. What is
        pinned already is never changed here."""
        with self._lock:
            new_receipts = {kid: x for kid, x in (receipts or {}).items() if kid not in self.pins.receipts}
            new_subjects = {name: x for name, x in (subjects or {}).items() if name not in self.pins.subjects}
            new_log = {name: x for name, x in (log or {}).items() if name not in self.pins.log}
            known = member_id is None or self.member_id is not None
            if not new_receipts and not new_subjects and not new_log and known:
                return
            self.pins.receipts |= new_receipts
            self.pins.subjects |= new_subjects
            self.pins.log |= new_log
            self.member_id = self.member_id or member_id
            if self.path is not None:
                _merge(self.path, self)


def check_address(registry: str) -> None:
    """https, but for a registry on this machine. Raises BadInput."""
    parts = urlsplit(registry)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname or registry.endswith("/") or parts.query:
        raise BadInput(
            "bad_address",
            "登记处地址应为 https:// 开头且不以 / 结尾",
            "The registry's address is https:// without a / at its end",
            "本机调试可用 http://127.0.0.1。", "http://127.0.0.1 is accepted for a registry on this machine.",
        )  # fmt: skip


def find_path(given: str | Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The profile file: the one given, else GONGXIN_MEMBER_PROFILE, else gongxin-member.toml here."""
    env = os.environ if environ is None else environ
    return Path(given or env.get("GONGXIN_MEMBER_PROFILE") or DEFAULT_NAME)


def read(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Profile:
    """The profile with its key loaded. Raises BadInput naming what is missing or wrong."""
    env = os.environ if environ is None else environ
    where = find_path(path, env)
    values = _parse(where) if where.exists() else {}
    overrides = {
        "registry": env.get("GONGXIN_MEMBER_REGISTRY"), "client_id": env.get("GONGXIN_MEMBER_CLIENT_ID"),
        "key": env.get("GONGXIN_MEMBER_KEY"), "passphrase_file": env.get("GONGXIN_MEMBER_KEY_PASSPHRASE_FILE"),
        "ca_file": env.get("GONGXIN_MEMBER_CA_FILE"),
    }  # fmt: skip
    paths = {name: _beside(where, values[name]) for name in ("key", "passphrase_file", "ca_file") if values.get(name)}
    paths |= {
        name: Path(text) for name, text in overrides.items() if text and name in {"key", "passphrase_file", "ca_file"}
    }
    values |= {name: text for name, text in overrides.items() if text}
    missing = [name for name in ("registry", "client_id", "key") if not values.get(name)]
    if missing:
        raise BadInput(
            "profile_incomplete", f"会员配置缺少 {'、'.join(missing)}", f"The profile lacks {', '.join(missing)}",
            f"执行 gongxin-member profile init，或核对 {where}。", f"Run gongxin-member profile init, or see {where}.",
        )  # fmt: skip
    pins = values.get("pins", {})
    return Profile(
        registry=values["registry"],
        client_id=values["client_id"],
        key=load(paths["key"], passphrase(env, paths.get("passphrase_file"))),
        member_id=values.get("member_id"),
        key_path=paths["key"],
        path=where if where.exists() else None,
        passphrase_file=paths.get("passphrase_file"),
        ca_file=paths.get("ca_file"),
        strict_pins=bool(values.get("strict_pins", False)),
        pins=Pins(*(dict(pins.get(title, {})) for title in ("receipts", "subjects", "log"))),
    )


def pins_of(path: Path) -> tuple[str | None, dict[str, str]]:
    """(registry, pinned receipt keys) of a profile file, without its key: for verifying offline."""
    values = _parse(path)
    return values.get("registry"), dict(values.get("pins", {}).get("receipts", {}))


def log_pins_of(path: Path) -> list[str]:
    """The pinned vkeys of the registry's log, without the member's key: for verifying offline."""
    return list(_parse(path).get("pins", {}).get("log", {}).values())


def passphrase(environ: Mapping[str, str], file: Path | None) -> bytes | None:
    """The key's passphrase: from GONGXIN_MEMBER_KEY_PASSPHRASE, else the file's first line, else none."""
    if text := environ.get("GONGXIN_MEMBER_KEY_PASSPHRASE"):
        return text.encode()
    if file is None:
        return None
    try:
        return file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r") or None
    except OSError as fault:
        raise BadInput("passphrase_not_read", "口令文件无法读取", "The passphrase file cannot be read") from fault


def check_free(path: Path) -> None:
    """Raises BadInput where a profile is there already."""
    if path.exists():
        raise BadInput(
            "profile_exists", "会员配置已存在", "The profile exists", "换一个文件名，或先移走旧文件。",
            "Choose another name, or move the old file away.",
        )  # fmt: skip


def write(profile: Profile, path: Path) -> None:
    """Writes a new profile file, mode 0600. Raises BadInput where one is there."""
    check_free(path)
    files.replace(path, _render(profile, path).encode())


def _beside(profile: Path, text: str) -> Path:
    return profile.parent / text


def _parse(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise BadInput(
            "profile_unreadable", f"会员配置无法读取：{path}", f"The profile cannot be read: {path}",
            "核对 TOML 格式与编码（UTF-8）。", "Check that it is TOML in UTF-8.",
        ) from fault  # fmt: skip
    unknown = sorted(set(values) - {*_TEXTS, "strict_pins", "pins"})
    wrong = [name for name in _TEXTS if name in values and not isinstance(values[name], str)]
    pins = values.get("pins", {})
    sound = isinstance(pins, dict) and all(
        isinstance(table, dict) and all(isinstance(x, str) for x in table.values()) for table in pins.values()
    )
    if unknown or wrong or not sound:
        names = ", ".join(unknown + wrong + ([] if sound else ["pins"]))
        raise BadInput(
            "profile_unknown", f"会员配置中有不认识的内容：{names}", f"The profile holds what is not known: {names}"
        )
    return values


def _merge(path: Path, profile: Profile) -> None:
    """Adds what another process has pinned meanwhile, under a lock; where the two differ, the file's word stands."""
    with files.locked(path.with_name(path.name + ".lock")):
        pins = (_parse(path) if path.exists() else {}).get("pins", {})
        profile.pins.receipts |= pins.get("receipts", {})
        profile.pins.subjects |= pins.get("subjects", {})
        profile.pins.log |= pins.get("log", {})
        files.replace(path, _render(profile, path).encode())


def _render(profile: Profile, path: Path) -> str:
    def relative(file: Path | None) -> str | None:
        if file is None:
            return None
        try:
            return str(file.resolve().relative_to(path.parent.resolve()))
        except ValueError:
            return str(file.resolve())

    texts = {
        "registry": profile.registry, "client_id": profile.client_id, "key": relative(profile.key_path),
        "member_id": profile.member_id, "passphrase_file": relative(profile.passphrase_file),
        "ca_file": relative(profile.ca_file),
    }  # fmt: skip
    lines = [f"{name} = {_text(value)}" for name, value in texts.items() if value is not None]
    lines.append(f"strict_pins = {'true' if profile.strict_pins else 'false'}")
    tables = (("receipts", profile.pins.receipts), ("subjects", profile.pins.subjects), ("log", profile.pins.log))
    for title, pins in tables:
        lines += ["", f"[pins.{title}]", *(f"{_text(name)} = {_text(x)}" for name, x in sorted(pins.items()))]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
