"""Configuration: `GONGXIN_*` variables read once into one typed object, checked before anything starts."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from limits import parse

from .errors import ConfigError

DEVELOPMENT_SECRET = base64.urlsafe_b64encode(b"gongxin-development-only-secret!").decode()


@dataclass(frozen=True)
class Config:
    """What the registry runs with. Secrets are bytes and never appear in `repr`."""

    mode: str = "development"
    issuer: str = "http://127.0.0.1:8080"
    registry_name: str = "共信示范登记处 Gongxin demonstration registry"
    database_url: str = field(default="", repr=False)
    migration_database_url: str = field(default="", repr=False)
    data_dir: Path = Path("var")
    synthetic: bool = True
    debug: bool = False
    master_key: bytes = field(default=b"", repr=False)
    pepper: bytes = field(default=b"", repr=False)
    trusted_proxies: tuple[str, ...] = ()
    rate_limit: str = "6000/minute"
    anonymous_rate_limit: str = "600/minute"
    rate_storage: str = field(default="memory://", repr=False)
    token_seconds: int = 300
    dpop_nonce: bool = False
    max_body_bytes: int = 8 * 1024 * 1024
    max_json_depth: int = 16
    pool_size: int = 8
    metrics_dir: str = ""
    answer_max_age_seconds: int = 86_400
    witness_quorum: int = 2
    witness_round_seconds: int = 60
    tsa_url: str = ""
    tsa_certificate: Path | None = None
    tsa_policy: str = ""
    delivery_networks: tuple[str, ...] = ()
    delivery_senders: int = 16
    page_address: str = ""
    faces: str = "all"
    single_sign_on: Path | None = None

    @property
    def production(self) -> bool:
        return self.mode == "production"

    @property
    def pages_at(self) -> str:
        """The address of the web faces; passkeys are bound to its host, and none is bound to a bare IP address."""
        return self.page_address or self.issuer.replace("//127.0.0.1", "//localhost")

    @property
    def embedded(self) -> bool:
        return not self.database_url


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Reads and validates. Raises ConfigError listing every fault at once, by variable name."""
    env = os.environ if environ is None else environ
    faults: list[str] = []
    known = {f"GONGXIN_{name}": name.lower() for name in _READERS}
    for name in env:
        if name.startswith("GONGXIN_") and name not in known and not name.startswith("GONGXIN_TEST_"):
            faults.append(f"{name}: unknown variable; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for variable, attribute in known.items():
        if variable in env:
            try:
                values[attribute] = _READERS[attribute.upper()](env[variable])
            except ValueError as fault:
                faults.append(f"{variable}: {fault}")
    mode = values.get("mode", "development")
    if mode == "production":
        values.setdefault("synthetic", False)
    else:
        values.setdefault("master_key", _secret(DEVELOPMENT_SECRET))
        values.setdefault("pepper", _secret(DEVELOPMENT_SECRET))
    config = Config(**values)
    if bool(config.tsa_url) != (config.tsa_certificate is not None):
        faults.append(
            "GONGXIN_TSA_URL: needs GONGXIN_TSA_CERTIFICATE (the authority's root, PEM), and the other way round"
        )
    if config.production:
        told = {fault.split(":")[0] for fault in faults}
        faults.extend(fault for fault in production_faults(config) if fault.split(":")[0] not in told)
    if faults:
        raise ConfigError("refusing to start:\n  " + "\n  ".join(faults))
    return config


def production_faults(config: Config) -> list[str]:
    """Everything that must not be so in production, each by its variable."""
    faults = []
    if not config.database_url:
        faults.append("GONGXIN_DATABASE_URL: missing; production needs a PostgreSQL DSN for the web role")
    if config.database_url and _user(config.database_url) == _user(config.migration_database_url):
        faults.append("GONGXIN_DATABASE_URL: the web role must not be the role that migrates and owns the tables")
    if not config.issuer.startswith("https://"):
        faults.append("GONGXIN_ISSUER: must be the public https:// address")
    for name, secret in (("MASTER_KEY", config.master_key), ("PEPPER", config.pepper)):
        if not secret:
            faults.append(f"GONGXIN_{name}: missing; make one with `gongxin keys secret`")
        elif secret == _secret(DEVELOPMENT_SECRET) or len(set(secret)) < 16:
            faults.append(f"GONGXIN_{name}: weak or the development value; make one with `gongxin keys secret`")
    if config.master_key and config.master_key == config.pepper:
        faults.append("GONGXIN_PEPPER: must differ from GONGXIN_MASTER_KEY")
    if config.synthetic:
        faults.append("GONGXIN_SYNTHETIC: must not be set in production")
    if config.debug:
        faults.append("GONGXIN_DEBUG: must not be set in production")
    from gongxin_wire.voprf import sodium

    provider = sodium.provider()
    if not provider.production_ok:
        faults.append(
            f"libsodium: the fallback '{provider.name}' is not allowed in production; install libsodium ≥ 1.0.18"
        )
    return faults


def _user(dsn: str) -> str | None:
    """The role a DSN logs in as, None where it names none."""
    parts = urlsplit(dsn)
    return parts.username or parse_qs(parts.query).get("user", [None])[0] if dsn else ""


def _secret(text: str) -> bytes:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as fault:
        raise ValueError("must be base64url of 32 bytes") from fault
    if len(value) != 32:
        raise ValueError(f"must be base64url of 32 bytes, got {len(value)}")
    return value


def _flag(text: str) -> bool:
    if text.lower() not in {"0", "1", "true", "false"}:
        raise ValueError("must be 0 or 1")
    return text.lower() in {"1", "true"}


def _mode(text: str) -> str:
    if text not in {"development", "production"}:
        raise ValueError("must be development or production")
    return text


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("must be a positive whole number")
    return int(text)


def _address(text: str) -> str:
    parts = urlsplit(text)
    plain = not (parts.query or parts.fragment or parts.username or text.endswith("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not text.isascii():
        raise ValueError("must be an http(s) address without query, user or a slash at its end")
    return text


def _proxies(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for entry in found:
        try:
            network = None if entry == "unix" else ip_network(entry, strict=False)
        except ValueError as fault:
            raise ValueError("must be addresses or networks separated by commas, or `unix`") from fault
        if network is not None and network.prefixlen == 0:
            raise ValueError("must not trust every address")
    return found


def _networks(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for entry in found:
        try:
            network = ip_network(entry)
        except ValueError as fault:
            raise ValueError("must be networks such as 10.20.0.0/16, separated by commas") from fault
        if network.prefixlen < 8:
            raise ValueError("must not open more than a /8")
    return found


def _rate(text: str) -> str:
    try:
        parse(text)
    except ValueError as fault:
        raise ValueError("must be a rate such as 6000/minute") from fault
    return text


def _storage(text: str) -> str:
    scheme = urlsplit(text).scheme
    if scheme not in {"memory", "redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix"}:
        raise ValueError("must be memory:// or the address of a Redis or Valkey")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or not text.isascii():
        raise ValueError("must be an http(s) address without user")
    return text


def _faces(text: str) -> str:
    if text not in {"all", "none", "admin", "portal", "check"}:
        raise ValueError("must be all, none, admin, portal or check")
    return text


def _oid(text: str) -> str:
    if not re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*)){1,30}", text, re.ASCII):
        raise ValueError("must be an object identifier such as 1.2.3.4")
    return text


def _dsn(text: str) -> str:
    if not text.startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("must be a postgresql:// DSN; no other database is supported")
    return text.replace("postgresql://", "postgresql+psycopg://", 1)


_READERS: dict[str, Any] = {
    "MODE": _mode,
    "ISSUER": _address,
    "REGISTRY_NAME": str,
    "DATABASE_URL": _dsn,
    "MIGRATION_DATABASE_URL": _dsn,
    "DATA_DIR": Path,
    "SYNTHETIC": _flag,
    "DEBUG": _flag,
    "MASTER_KEY": _secret,
    "PEPPER": _secret,
    "TRUSTED_PROXIES": _proxies,
    "RATE_LIMIT": _rate,
    "ANONYMOUS_RATE_LIMIT": _rate,
    "RATE_STORAGE": _storage,
    "TOKEN_SECONDS": _positive,
    "DPOP_NONCE": _flag,
    "MAX_BODY_BYTES": _positive,
    "MAX_JSON_DEPTH": _positive,
    "POOL_SIZE": _positive,
    "METRICS_DIR": str,
    "ANSWER_MAX_AGE_SECONDS": _positive,
    "WITNESS_QUORUM": _positive,
    "WITNESS_ROUND_SECONDS": _positive,
    "TSA_URL": _url,
    "TSA_CERTIFICATE": Path,
    "TSA_POLICY": _oid,
    "DELIVERY_NETWORKS": _networks,
    "DELIVERY_SENDERS": _positive,
    "PAGE_ADDRESS": _address,
    "FACES": _faces,
    "SINGLE_SIGN_ON": Path,
}
