"""Certificates of a pair of nodes: an authority of their own, one for each process (T-05, O-06).

    FOLDER/authority.pem  authority.key     signs; the key belongs on no node, take it away
           a.pem a.key  b.pem b.key  arbiter.pem arbiter.key  overseer.pem overseer.key
           carrier.pem carrier.key  messaging.pem messaging.key  where journals are carried

Keys are of the curve P-256 and only their owner may read them. `examine` says of each file whether
a process could use it, and for how many days.
"""

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quanheng.compose.run_folder import RunError
from quanheng.edge.tls import AUTHORITY, KNOWN, CertificateError, Identity

AUTHORITY_KEY = "authority.key"
AUTHORITY_DAYS = 3_650
LONGEST = 825
"""Days a certificate may be good for."""


class KeyFileError(RunError):
    """A folder of certificates that cannot be written or read; the message names the file."""


class Look(msgspec.Struct, frozen=True):
    """A certificate of a folder. `days`: how long it is in force, below 0 when it is not any more;
    `why`: what speaks against it, "" for nothing.
    """

    file: str
    name: str
    days: int
    why: str


def make(folder: Path, names: tuple[str, ...], days: int, renew: bool = False) -> list[Path]:
    """Make the authority where there is none, and a certificate for each name that has none, or
    for every name with `renew`; the files that were written.

    KeyFileError for a name or a number of days that is none, or an authority without its key.
    """
    for name in names:
        if name not in KNOWN:
            raise KeyFileError(f"{name!r} is none of {', '.join(KNOWN)}")
    if not 1 <= days <= LONGEST:
        raise KeyFileError(f"--days {days}: must be 1 to {LONGEST}")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if not (folder / AUTHORITY).exists():
        written += _authority(folder)
    wanted = [name for name in names if renew or not (folder / f"{name}.pem").exists()]
    if not wanted:
        return written
    key, root = _signer(folder)
    for name in wanted:
        written += _certificate(folder, name, days, key, root)
    return written


def _signer(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    path = folder / AUTHORITY_KEY
    if not path.exists():
        raise KeyFileError(f"{path}: 没有签发机构的密钥，无法签发 the authority's key is not here")
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{path}: 不是椭圆曲线密钥 is no key of an elliptic curve")
    return key, _read(folder / AUTHORITY)


def _authority(folder: Path) -> list[Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    said = f"quanheng pair authority {secrets.token_hex(8)}"  # no two pairs have the same
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, said)])
    made = _builder(name, name, key.public_key(), AUTHORITY_DAYS)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_usage(sign=True), critical=True)
    return _write(folder, AUTHORITY, AUTHORITY_KEY, made.sign(key, hashes.SHA256()), key)


def _certificate(
    folder: Path, name: str, days: int, signer: ec.EllipticCurvePrivateKey, root: x509.Certificate
) -> list[Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = _builder(subject, root.subject, key.public_key(), days)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(sign=False), True),
        (x509.ExtendedKeyUsage(both), False),
        (x509.SubjectAlternativeName([x509.DNSName(name)]), False),
    ):
        made = made.add_extension(extension, critical=critical)
    done = made.sign(signer, hashes.SHA256())
    return _write(folder, f"{name}.pem", f"{name}.key", done, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    """In force from an hour ago, because clocks of two hosts differ."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    folder: Path, name: str, key_name: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> list[Path]:
    """The key first, and neither half: a process that starts meanwhile finds a whole file."""
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files = [
        (folder / key_name, secret, 0o600),
        (folder / name, made.public_bytes(serialization.Encoding.PEM), 0o644),
    ]
    for path, data, mode in files:
        part = path.with_name(f"{path.name}.part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        part.chmod(mode)
        part.replace(path)
    return [path for path, _, _ in files]


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: {error}") from error


def examine(folder: Path) -> list[Look]:
    """The authority and every certificate of a folder, as a process would find them."""
    root_path = folder / AUTHORITY
    root = _read(root_path)
    found = [Look(str(root_path), "authority", _days(root), _against(root, root))]
    for name in KNOWN:
        path = folder / f"{name}.pem"
        if not path.exists():
            continue
        one = _read(path)
        why = _against(one, root)
        try:
            Identity(folder, name)
        except CertificateError as error:
            why = why or str(error)
        names: Any = _names(one)
        if not why and name not in names:
            why = f"证书名 is a certificate of {', '.join(names) or 'nobody'}"
        found.append(Look(str(path), name, _days(one), why))
    return found


def _days(one: x509.Certificate) -> int:
    return (one.not_valid_after_utc - datetime.now(UTC)).days


def _against(one: x509.Certificate, root: x509.Certificate) -> str:
    now = datetime.now(UTC)
    if now > one.not_valid_after_utc:
        return f"已于 {one.not_valid_after_utc:%Y-%m-%d} 过期 has expired"
    if now < one.not_valid_before_utc:
        return f"{one.not_valid_before_utc:%Y-%m-%d} 起生效 is not in force yet"
    try:
        one.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return "不是本机构签发 is not of this authority"
    return ""


def _names(one: x509.Certificate) -> list[str]:
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)
