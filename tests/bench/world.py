"""A registry for measuring: its own durable server, a million subjects, two members with clients, gunicorn."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from gongxin import embedded, migrate
from gongxin.access import service as access
from gongxin.config import Config, load
from gongxin.db import make_engine, transaction
from gongxin.members import service as members
from gongxin.subjects import service as subjects
from gongxin.subjects.rules import decode_token
from gongxin_wire.identifiers import synthetic_uscc

ROOT = Path(__file__).resolve().parents[2]
LARGE, SMALL = 1_000_000, 10_000


@dataclass(frozen=True)
class Party:
    """A member, its client, and the key the client signs with."""

    member_id: uuid.UUID
    client_id: uuid.UUID
    key: ec.EllipticCurvePrivateKey
    kid: str


class Registry:
    """One database with `subjects` debtors, each with one case of the bank's, accepted by the agency."""

    def __init__(self, host: str, name: str, count: int) -> None:
        self.host, self.name, self.count = host, name, count
        self.web_url, self.owner_url = embedded.prepare(host, name)
        self.port = free_port()
        self.config: Config = replace(
            load({}),
            issuer=f"http://127.0.0.1:{self.port}",
            database_url=self.web_url,
            migration_database_url=self.owner_url,
            rate_limit="100000000/minute",
            anonymous_rate_limit="100000000/minute",
        )
        self.engine: Engine = make_engine(self.web_url, pool_size=4)
        migrate.upgrade(self.owner_url)
        with transaction(self.engine) as session:
            access.ensure_registry_keys(session, self.config)
            subjects.ensure_epochs(session, self.config)
        self.bank = self._member(
            "bank", 1, ["agents.check", "cases.read", "cases.write", "lookups", "subjects.evaluate"]
        )
        self.agency = self._member("agency", 2, ["cases.read", "cases.write", "lookups", "subjects.evaluate"])
        self._fill()

    def token_text(self, number: int) -> str:
        """The n-th debtor's token: any 32 bytes will do, for a registry never sees how a token was made."""
        return urlsafe_b64encode(number.to_bytes(8) * 4).decode().rstrip("=")

    def case_id(self, number: int) -> uuid.UUID:
        return uuid.UUID(int=(0x7000 << 64) | (0x2 << 62) | number)

    def subject_key(self, number: int) -> bytes:
        return subjects.subject_key(self.config, "debtor", 1, decode_token(self.token_text(number)))

    def connect(self, *, owner: bool = False) -> psycopg.Connection:
        url = (self.owner_url if owner else self.web_url).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True)

    def _member(self, kind: str, number: int, scopes: list[str]) -> Party:
        purposes = ["contact", "placement"] if kind == "bank" else ["contact"]
        key = ec.generate_private_key(ec.SECP256R1())
        with transaction(self.engine) as session:
            member = members.apply(
                session, kind=kind, name_zh=f"测试{kind}", name_en=kind, uscc=synthetic_uscc(number), synthetic=True
            )
            members.change_state(session, member.id, state="active", reason="bench", changed_by="bench")
            members.agree(
                session,
                member.id,
                purposes=purposes,
                data_types=["case_status"],
                budgets=dict.fromkeys([*purposes, "evaluation"], 10**9),
                contacts={"operations": "operations@example.com"},
                effective_from=member.created_at,
            )
            client = access.create_client(
                session, member_id=member.id, name="bench", auth_method="private_key_jwt", scopes=scopes
            )
            kid = access.add_key(session, client.id, jwk=public_jwk(key)).kid
        return Party(member.id, client.id, key, kid)

    def _fill(self) -> None:
        with self.connect(owner=True) as connection, connection.cursor() as cursor:
            if cursor.execute("select count(*) from cases").fetchone() != (0,):
                return
            with cursor.copy(
                "copy cases (id, creditor_id, creditor_ref, agency_id, placement, opened_on) from stdin"
            ) as copy:
                for n in range(self.count):
                    copy.write_row(
                        (
                            self.case_id(n),
                            self.bank.member_id,
                            f"L{n:09d}",
                            self.agency.member_id,
                            "accepted",
                            "2026-01-05",
                        )
                    )
            with cursor.copy("copy case_keys (case_id, epoch, subject_key) from stdin (format binary)") as copy:
                copy.set_types(["uuid", "int4", "bytea"])
                for n in range(self.count):
                    copy.write_row((self.case_id(n), 1, self.subject_key(n)))
            cursor.execute("vacuum analyze cases")
            cursor.execute("vacuum analyze case_keys")


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": urlsafe_b64encode(numbers.x.to_bytes(32)).decode().rstrip("="),
        "y": urlsafe_b64encode(numbers.y.to_bytes(32)).decode().rstrip("="),
    }


class World:
    """What the figures share; each part is made at its first use, all of it goes at the end."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        shutil.rmtree(data_dir, ignore_errors=True)
        self.open = contextlib.ExitStack()

    @cached_property
    def host(self) -> str:
        host = embedded.start(self.data_dir)
        self.open.callback(embedded.stop, self.data_dir)
        return host

    @cached_property
    def large(self) -> Registry:
        print(f"… {LARGE:,} subjects", file=sys.stderr, flush=True)
        return Registry(self.host, "bench_large", LARGE)

    @cached_property
    def small(self) -> Registry:
        return Registry(self.host, "bench_small", SMALL)

    @cached_property
    def bare_port(self) -> int:
        return self.open.enter_context(gunicorn("tests.bench.bare:application", free_port(), {}))

    @cached_property
    def port(self) -> int:
        return self.open.enter_context(self.serving(self.large))

    def serving(self, registry: Registry) -> "contextlib.AbstractContextManager[int]":
        """The registry's API behind gunicorn with two workers; its port."""
        return gunicorn(
            "wsgi:application",
            registry.port,
            {
                "GONGXIN_DATABASE_URL": registry.web_url.replace("+psycopg", ""),
                "GONGXIN_MIGRATION_DATABASE_URL": registry.owner_url.replace("+psycopg", ""),
                "GONGXIN_ISSUER": registry.config.issuer,
                "GONGXIN_RATE_LIMIT": registry.config.rate_limit,
                "GONGXIN_ANONYMOUS_RATE_LIMIT": registry.config.anonymous_rate_limit,
            },
        )

    def close(self) -> None:
        for name in ("large", "small"):
            if name in self.__dict__:
                self.__dict__[name].engine.dispose()
        self.open.close()
        shutil.rmtree(self.data_dir, ignore_errors=True)


@contextlib.contextmanager
def gunicorn(application: str, port: int, environment: dict[str, str]) -> Iterator[int]:
    """gunicorn with two workers and the settings of `gongxin serve`; the bare answer gets the same."""
    metrics = f"/tmp/gongxin-bench-{secrets.token_hex(4)}"
    os.makedirs(metrics)
    command = [sys.executable, "-m", "gunicorn", "-c", "python:gongxin.serving", "--bind", f"127.0.0.1:{port}"]
    with open(ROOT / "var" / "bench.log", "ab") as log:
        process = subprocess.Popen(
            [*command, "--workers", "2", application],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": "platform:admin:.", "PROMETHEUS_MULTIPROC_DIR": metrics, "GONGXIN_METRICS_DIR": metrics}
            | environment,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(metrics, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(150):
        if process.poll() is not None:
            raise RuntimeError("gunicorn did not start; see var/bench.log")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError("gunicorn did not answer; see var/bench.log")
