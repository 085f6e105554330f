"""A time-stamping authority for tests and the demonstration: RFC 3161 replies, CMS written by hand in DER, so that
nothing but Python is needed. Its root is made anew each time; nobody else trusts it."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client._rust import parse_timestamp_request

from gongxin import clock

POLICY = "1.3.6.1.4.1.99999.1"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"


@dataclass
class Authority:
    """Issues stamps. `now` is its own clock; `policy` what it says it follows."""

    now: Callable[[], datetime] = clock.now
    policy: str = POLICY
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING
    valid: tuple[datetime, datetime] = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC))
    serial: int = 0
    _root_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Demonstration root")])
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "示范时间戳机构 Demonstration TSA")])
        self.root = (
            _builder(name, name, self._root_key, (datetime(2019, 1, 1, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )
        self.certificate = (
            _builder(own, name, self._key, self.valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([self.usage]), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """Its root: what whoever believes it configures."""
        return self.root.public_bytes(Encoding.PEM)

    def reply(self, query: bytes) -> bytes:
        """TimeStampResp to a TimeStampReq (RFC 3161 section 2.4)."""
        asked = parse_timestamp_request(query)
        self.serial += 1
        info = _sequence(
            _integer(1),
            _oid(self.policy),
            _sequence(
                _sequence(_oid(asked.message_imprint.hash_algorithm.dotted_string)),
                _tlv(0x04, asked.message_imprint.message),
            ),
            _integer(self.serial),
            _tlv(0x18, self.now().astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()),
            *(() if asked.nonce is None else (_integer(asked.nonce),)),
        )
        return _sequence(_sequence(_integer(0)), self._signed(info))

    def _signed(self, info: bytes) -> bytes:
        """ContentInfo with SignedData over the TSTInfo (RFC 5652 section 5)."""
        der = self.certificate.public_bytes(Encoding.DER)
        attributes = _set(
            _attribute(_CONTENT_TYPE, _oid(_TST_INFO)),
            _attribute(_MESSAGE_DIGEST, _tlv(0x04, hashlib.sha256(info).digest())),
            _attribute(_SIGNING_CERTIFICATE, _sequence(_sequence(_sequence(_tlv(0x04, hashlib.sha256(der).digest()))))),
        )
        signer = _sequence(
            _integer(1),
            _sequence(self.certificate.issuer.public_bytes(), _integer(self.certificate.serial_number)),
            _sequence(_oid(_SHA256)),
            b"\xa0" + attributes[1:],
            _sequence(_oid(_ECDSA_SHA256)),
            _tlv(0x04, self._key.sign(attributes, ec.ECDSA(hashes.SHA256()))),
        )
        content = _sequence(
            _integer(3),
            _set(_sequence(_oid(_SHA256))),
            _sequence(_oid(_TST_INFO), _tlv(0xA0, _tlv(0x04, info))),
            _tlv(0xA0, der),
            _set(signer),
        )
        return _sequence(_oid(_SIGNED_DATA), _tlv(0xA0, content))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1] - timedelta(seconds=1))
    )


@contextmanager
def serving(authority: Authority) -> Iterator[str]:
    """The authority over HTTP on this machine (RFC 3161 section 3.4) until the block ends; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = authority.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- DER (X.690) ------------------------------------------------------------------------------------------------------


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _set(*parts: bytes) -> bytes:
    return _tlv(0x31, b"".join(sorted(parts)))


def _attribute(oid: str, value: bytes) -> bytes:
    return _sequence(_oid(oid), _set(value))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    found = bytearray()
    for arc in (first * 40 + second, *rest):
        parts = [arc & 0x7F]
        while arc := arc >> 7:
            parts.append(arc & 0x7F | 0x80)
        found += bytes(reversed(parts))
    return _tlv(0x06, bytes(found))
