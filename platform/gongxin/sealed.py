"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under the master key, bound to a label so that none can be swapped."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def seal(master_key: bytes, label: str, secret: bytes) -> bytes:
    """Nonce (12 bytes) followed by ciphertext and tag."""
    nonce = os.urandom(12)
    return nonce + AESGCM(master_key).encrypt(nonce, secret, label.encode())


def unseal(master_key: bytes, label: str, sealed: bytes) -> bytes:
    """The secret; raises cryptography.exceptions.InvalidTag where key, label or bytes are not those of `seal`."""
    return AESGCM(master_key).decrypt(sealed[:12], sealed[12:], label.encode())
