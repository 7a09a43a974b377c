"""The store's key: it seals second factors and hides personal data in the trail.

The key is a file outside the database, so a copy of the database alone opens no door. Hidden data
can be told apart (was it changed?) and not read back, so personal data can be deleted for good.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quanheng.desk.people.errors import StoreError

_BYTES = 32
_NONCE = 12


def make_key(path: Path) -> None:
    """A new key in a file that only its owner reads. StoreError when the file exists already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(os.urandom(_BYTES).hex() + "\n")


def read_key(path: Path) -> bytes:
    """The key of a file. StoreError for a file that is none, or that others may read."""
    try:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"{path}: others may read or write the key; chmod 600")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; the key of the people store") from error
    except ValueError as error:
        raise StoreError(f"{path}: not a key of {_BYTES} bytes in hex") from error
    if len(key) != _BYTES:
        raise StoreError(f"{path}: not a key of {_BYTES} bytes in hex")
    return key


def seal(key: bytes, person: str, text: str) -> str:
    """A text only the key opens, and only for this person."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), person.encode())
    return base64.b64encode(nonce + sealed).decode()


def unseal(key: bytes, person: str, sealed: str) -> str:
    """The text again. StoreError when it was sealed with another key or for another person."""
    data = base64.b64decode(sealed)
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], person.encode()).decode()
    except InvalidTag as error:
        raise StoreError(f"{person}: the second factor was sealed with another key") from error


def hidden(key: bytes, text: str) -> str:
    """What stands for personal data in the trail; "" stays ""."""
    if not text:
        return ""
    return "hidden:" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:24]
