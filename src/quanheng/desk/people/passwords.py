"""Passwords, second factors and one-time codes (reliability.md 3.2; JR/T 0060-2021, level 3)."""

import hashlib
import hmac
import secrets

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from quanheng.desk.people.rules import Passwords
from quanheng.terms.units import SECOND, Nanos

HASHER = PasswordHasher()
"""argon2id with the library's own costs."""
ISSUER = "Quanheng"
STEP = 30 * SECOND
"""A code's step (RFC 6238); the step before and the one after are taken too."""
_RUNS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_RUN = 4
"""Neighbours of one of the runs, in either direction, that make a pattern."""


def weakness(password: str, rules: Passwords, admin: bool, names: tuple[str, ...]) -> str:
    """Why a password is not good enough, "" when it is. `names`: id and name of its owner."""
    least = rules.admin_length if admin else rules.length
    kinds = (
        any(char.isdigit() for char in password),
        any(char.isascii() and char.isupper() for char in password),
        any(char.isascii() and char.islower() for char in password),
        any(not char.isalnum() for char in password),
    )
    small = password.lower()
    if len(password) < least or len(password) > 128:
        return f"{least} 至 128 位 ({least} to 128 characters)"
    if not all(kinds):
        return "须含数字、大写、小写字母和符号 (digits, upper, lower case and a symbol)"
    if any(name and name.lower() in small for name in names):
        return "不得包含本人编号或姓名 (not the person's own id or name)"
    if any(small[at] == small[at + 1] == small[at + 2] for at in range(len(small) - 2)):
        return "不得连续三个相同字符 (no character three times in a row)"
    for run in (*_RUNS, *(row[::-1] for row in _RUNS)):
        if any(run[at : at + _RUN] in small for at in range(len(run) - _RUN + 1)):
            return "不得含连续字符 (no run like 1234, abcd or qwer)"
    return ""


def hashed(password: str) -> str:
    """What is kept of a password."""
    return HASHER.hash(password)


def matches(kept: str, password: str) -> bool:
    """Is it the password? An empty `kept` costs the same time and is never it."""
    try:
        HASHER.verify(kept or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


_NOBODY: list[str] = []


def _nobody() -> str:
    """A hash that no password has, made once: an unknown name takes as long as a known one."""
    if not _NOBODY:
        _NOBODY.append(HASHER.hash(secrets.token_hex()))
    return _NOBODY[0]


def new_secret() -> str:
    """A new second factor, base32."""
    return pyotp.random_base32()


def uri(secret: str, person: str) -> str:
    """What an authenticator takes, also as a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=person, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: Nanos) -> int:
    """The time step a code is of, 0 for a code of none. The caller refuses a step it has had."""
    totp = pyotp.TOTP(secret)
    found = 0
    for step in range(now // STEP - 1, now // STEP + 2):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def half() -> str:
    """Half of a one-time enrolment code: one from who asks for it, one from who confirms it."""
    return secrets.token_hex(4)


def of_half(text: str) -> str:
    """What is kept of a half while the other is not there yet."""
    return hashlib.sha256(text.strip().lower().encode()).hexdigest()


def of_halves(first: str, second: str) -> str:
    """What is kept of a whole code, from what is kept of its halves."""
    return hashlib.sha256((first + second).encode()).hexdigest()


def of_code(code: str) -> str:
    """What is kept of a whole code like 1a2b3c4d-5e6f7a8b."""
    first, _, second = code.partition("-")
    return of_halves(of_half(first), of_half(second))
