"""Sealing with AES-256-GCM: what was sealed opens with the same key and the same purpose, or not at all."""

from __future__ import annotations

import base64
import binascii
import secrets

from tools.kit.errors import UserMustMend

KEY_BYTES, NONCE_BYTES = 32, 12


class WrongKey(UserMustMend):
    """It does not open: another key, another purpose, or it was changed."""


def seal(key: bytes, plain: bytes, purpose: str) -> str:
    """The sealed text (base64 of nonce and ciphertext). `purpose` is bound to it: it opens for no other."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())).decode()


def unseal(key: bytes, sealed: str, purpose: str) -> bytes:
    """What was sealed. Raises WrongKey."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise WrongKey("The vault cannot be opened: it was sealed with another key, or changed.") from error


def key_of(text: str, where: str) -> bytes:
    """The 32 bytes that a key's text stands for: base64 or hexadecimal. Raises UserMustMend; the text is not shown."""
    stripped = text.strip()
    try:
        key = bytes.fromhex(stripped) if len(stripped) == 2 * KEY_BYTES else base64.b64decode(stripped, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise UserMustMend(
            f"{where} is no key: it must be 32 bytes in base64 or hexadecimal.",
            remedy="`openssl rand -base64 32` makes one.",
        )
    return key


def new_key() -> bytes:
    """A key from the system's random numbers."""
    return secrets.token_bytes(KEY_BYTES)
