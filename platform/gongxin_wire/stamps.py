"""RFC 3161 time stamps: what is sent to an authority, and what of its answer is believed.

A stamp says: these bytes existed at this moment, says this authority. `check` is pure; it believes nothing but the
certificates it is given (roots, intermediates, or the authority's own), and names the first thing that fails.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MAX_REPLY = 64 * 1024
_HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}


class StampFault(ValueError):
    """A stamp that proves nothing; `code` names the first thing that fails."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code, self.zh, self.en = code, zh, en


@dataclass(frozen=True, slots=True)
class Query:
    """A request as it is sent, and the number only its answer carries."""

    raw: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stamp that holds says; `authority` is the subject of its certificate, `policy` an object identifier."""

    time: datetime
    serial: int
    policy: str
    authority: str


def query(data: bytes) -> Query:
    """A request over SHA-256 of the bytes, with a nonce, asking for the authority's certificate."""
    made = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).cert_request(cert_request=True)
    request = made.nonce(nonce=True).build()
    assert request.nonce is not None
    return Query(request.as_bytes(), request.nonce)


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises StampFault where there are none."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as fault:
        raise StampFault("stamp_certificates", "证书文件无法读取", "The file holds no certificates") from fault


def check(
    reply: bytes,
    data: bytes,
    trusted: Sequence[x509.Certificate],
    *,
    nonce: int | None = None,
    policy: str | None = None,
) -> Stamp:
    """What the authority's answer (TimeStampResp, DER) says of the bytes. `nonce`: of the request it must answer;
    `policy`: the one it must follow. Raises StampFault."""
    try:
        answer = decode_timestamp_response(reply)
        if PKIStatus(answer.status) is not PKIStatus.GRANTED:
            raise StampFault("stamp_not_granted", "机构未予授时", "The authority did not grant the stamp")
        info = answer.tst_info
        imprint, time = info.message_imprint, info.gen_time
    except StampFault:
        raise
    except ValueError as fault:
        raise StampFault("stamp_unreadable", "时间戳无法读取", "The stamp cannot be read") from fault
    algorithm = _HASHES.get(imprint.hash_algorithm.dotted_string)
    if algorithm is None or imprint.message != hashlib.new(algorithm, data).digest():
        raise StampFault("stamp_of_other_bytes", "时间戳盖的是另一份内容", "The stamp is over other bytes")
    if nonce is not None and info.nonce != nonce:
        raise StampFault("stamp_replayed", "时间戳不是对本次请求的答复", "The stamp does not answer this request")
    if policy is not None and info.policy.dotted_string != policy:
        raise StampFault("stamp_other_policy", "时间戳依据另一策略", "The stamp follows another policy")
    signer = _signer(answer, trusted)
    if not signer.not_valid_before_utc <= _aware(time) <= signer.not_valid_after_utc:
        raise StampFault(
            "stamp_outside_validity", "授时不在证书有效期内", "The stamped time is outside the certificate's validity"
        )
    _check_signature(answer, data, trusted, signer)
    return Stamp(_aware(time), info.serial_number, info.policy.dotted_string, signer.subject.rfc4514_string())


def _signer(answer: TimeStampResponse, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that signed, from the stamp or from those given; it may sign stamps and nothing else
    (RFC 3161 section 2.3)."""
    try:
        signers = list(answer.signed_data.signer_infos)
        within = [x509.load_der_x509_certificate(raw) for raw in answer.signed_data.certificates]
        found = [
            certificate
            for certificate in (*within, *trusted)
            if len(signers) == 1
            and (certificate.issuer, certificate.serial_number) == (signers[0].issuer, signers[0].serial_number)
        ]
        usage = found[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage) if found else None
    except Exception:  # of many kinds, for a certificate that is none
        usage = None
    if usage is None or not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise StampFault("stamp_certificate", "证书不是授时证书", "The certificate is not one for time stamping")
    return found[0]


def _check_signature(
    answer: TimeStampResponse, data: bytes, trusted: Sequence[x509.Certificate], signer: x509.Certificate
) -> None:
    """The signature and the chain up to a root among those trusted, as of the stamped time."""
    roots = [certificate for certificate in trusted if _self_signed(certificate)]
    try:
        if not roots and signer not in trusted:
            raise VerificationError("no root")
        builder = VerifierBuilder(
            roots=roots or [signer],
            intermediates=[certificate for certificate in trusted if certificate not in roots],
            tsa_certificate=signer,
        )
        builder.build().verify_message(answer, data)
    except (VerificationError, ValueError) as fault:
        raise StampFault(
            "stamp_signature", "时间戳签名或证书链不成立", "The stamp's signature, or its chain, does not hold"
        ) from fault


def _self_signed(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
