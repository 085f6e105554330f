"""Time stamps: what an authority's answer must be before it is believed, by our own test authority and by openssl's."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

pytest.importorskip("rfc3161_client", reason="the locked rfc3161-client is not installed: run `make env`")

from gongxin_demo.authority import POLICY, Authority
from gongxin_wire.stamps import StampFault, certificates, check, query

DATA = b"log.example/registry\n42\nbase64root\n"
NOW = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(now=lambda: NOW)


def refused(code: str, reply: bytes, data: bytes, trusted: list[x509.Certificate], **more: object) -> None:
    with pytest.raises(StampFault) as caught:
        check(reply, data, trusted, **more)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_a_stamp_says_when_by_whom_and_under_which_policy(authority: Authority) -> None:
    asked = query(DATA)
    found = check(authority.reply(asked.raw), DATA, certificates(authority.pem), nonce=asked.nonce, policy=POLICY)
    assert found.time == NOW
    assert found.policy == POLICY
    assert "Demonstration TSA" in found.authority
    assert found.serial == authority.serial


def test_the_authoritys_own_certificate_may_be_the_one_trusted() -> None:
    authority = Authority(now=lambda: NOW)
    bundle = authority.pem + authority.certificate.public_bytes(Encoding.PEM)
    assert check(authority.reply(query(DATA).raw), DATA, certificates(bundle)).time == NOW


def test_a_stamp_of_other_bytes_is_none_of_these(authority: Authority) -> None:
    refused("stamp_of_other_bytes", authority.reply(query(DATA).raw), DATA + b"x", [authority.root])


def test_an_answer_to_another_request_is_a_replay(authority: Authority) -> None:
    old, new = query(DATA), query(DATA)
    refused("stamp_replayed", authority.reply(old.raw), DATA, [authority.root], nonce=new.nonce)


def test_another_policy_is_refused(authority: Authority) -> None:
    refused("stamp_other_policy", authority.reply(query(DATA).raw), DATA, [authority.root], policy="1.2.3.4")


def test_an_authority_that_nobody_trusts_is_refused(authority: Authority) -> None:
    stranger = Authority(now=lambda: NOW)
    refused("stamp_signature", stranger.reply(query(DATA).raw), DATA, [authority.root])
    refused("stamp_signature", authority.reply(query(DATA).raw), DATA, [])


def test_a_certificate_for_another_use_stamps_nothing() -> None:
    server = Authority(now=lambda: NOW, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    refused("stamp_certificate", server.reply(query(DATA).raw), DATA, [server.root])


@pytest.mark.parametrize("off", [timedelta(days=-2), timedelta(days=2)])
def test_a_time_outside_the_certificates_validity_is_refused(off: timedelta) -> None:
    authority = Authority(now=lambda: NOW + off, valid=(NOW - timedelta(days=1), NOW + timedelta(days=1)))
    refused("stamp_outside_validity", authority.reply(query(DATA).raw), DATA, [authority.root])


def test_a_certificate_that_ended_since_does_not_undo_its_stamps() -> None:
    authority = Authority(now=lambda: datetime(2021, 1, 1, tzinfo=UTC),
                          valid=(datetime(2020, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)))  # fmt: skip
    assert check(authority.reply(query(DATA).raw), DATA, [authority.root]).time.year == 2021


def test_whichever_byte_of_a_stamp_is_altered_it_says_nothing_else(authority: Authority) -> None:
    """Either it is refused, or (bytes that nothing depends on, such as the outer version) it still says the same."""
    reply = authority.reply(query(DATA).raw)
    said = check(reply, DATA, [authority.root])
    held = 0
    for place in range(0, len(reply), 3):
        altered = reply[:place] + bytes([reply[place] ^ 0x01]) + reply[place + 1 :]
        try:
            assert check(altered, DATA, [authority.root]) == said
            held += 1
        except StampFault:
            pass
    assert held < len(reply) // 3 // 10


@pytest.mark.parametrize(
    "reply", [b"", b"0", b"\x30\x03\x02\x01\x00", b"<html>busy</html>", b"\x30\x84\xff\xff\xff\xff"]
)
def test_what_is_no_answer_is_unreadable(authority: Authority, reply: bytes) -> None:
    refused("stamp_unreadable", reply, DATA, [authority.root])


def test_a_refusal_by_the_authority_is_no_stamp(authority: Authority) -> None:
    rejection = bytes.fromhex("30053003020102")  # PKIStatusInfo with status 2, rejection
    with pytest.raises(StampFault) as caught:
        check(rejection, DATA, [authority.root])
    assert caught.value.code in {"stamp_not_granted", "stamp_unreadable"}


def test_a_file_without_certificates_is_refused() -> None:
    with pytest.raises(StampFault, match="stamp_certificates"):
        certificates(b"nothing")


@needs_openssl
def test_openssl_accepts_our_authoritys_stamp_and_not_for_other_bytes(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "reply").write_bytes(authority.reply(query(DATA).raw))
    (tmp_path / "root").write_bytes(authority.pem)
    for data, expected in ((DATA, 0), (DATA + b"x", 1)):
        (tmp_path / "data").write_bytes(data)
        verify = [OPENSSL, "ts", "-verify", "-in", "reply", "-data", "data", "-CAfile", "root"]
        assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode == expected  # type: ignore[arg-type]


@needs_openssl
def test_a_stamp_by_openssl_is_accepted_by_us(tmp_path: Path) -> None:
    assert OPENSSL is not None
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\n"
        "signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n"
        "digests = sha256, sha512\naccuracy = secs:1\nordering = yes\ntsa_name = yes\ness_cert_id_chain = no\n"
        "[ext]\nextendedKeyUsage = critical,timeStamping\nbasicConstraints = critical,CA:FALSE\n"
    )
    (tmp_path / "serial").write_text("01\n")

    def run(*words: str) -> None:
        subprocess.run([OPENSSL, *words], cwd=tmp_path, check=True, capture_output=True)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root",
        "-days", "36500")  # fmt: skip
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=openssl tsa")
    run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "36500",
        "-extfile", "tsa.cnf", "-extensions", "ext", "-out", "tsa.pem")  # fmt: skip
    asked = query(DATA)
    (tmp_path / "query").write_bytes(asked.raw)
    run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
    reply, trusted = (tmp_path / "reply").read_bytes(), certificates((tmp_path / "root.pem").read_bytes())
    found = check(reply, DATA, trusted, nonce=asked.nonce, policy="1.2.3.4.1")
    assert found.authority == "CN=openssl tsa"
    refused("stamp_of_other_bytes", reply, b"other", trusted)
