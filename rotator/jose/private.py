"""Private keys as other systems keep them: PEM and DER in their four forms, private JWKs, PKCS #12; pure.

No error quotes what it could not read, and none carries a cause whose text might.
"""

import re
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from rotator.domain.jwk import PublicKey
from rotator.domain.strict_json import read_json
from rotator.jose.public import from_cryptography
from rotator.jose.signatures import PrivateKey

_PEM: Final = re.compile(
    rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL
)
_OPENSSH: Final = b"BEGIN OPENSSH"
_ENCRYPTED: Final = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE
)
_KINDS: Final = {"RSA", "EC", "OKP"}


class UnreadableHalfError(ValueError):
    """What was given is no private key that can be used, and why; `locked`: only a right passphrase is missing."""

    def __init__(self, words: str, *, locked: bool = False) -> None:
        super().__init__(words)
        self.locked = locked


def read_private(data: bytes, passphrase: bytes | None = None, kid: str = "") -> PrivateKey:
    """The one private key in a file: PEM (PKCS #8, PKCS #1, SEC 1), DER, PKCS #12, a private JWK or a set of them.

    Of a set of JWKs it is the one of that kid. Raises UnreadableHalfError.
    """
    text = data.strip()
    if text.startswith(b"{"):
        return _from_json(text, kid)
    if b"-----BEGIN " in data:
        return _from_pem(data, passphrase)
    return _from_der(data, passphrase)


def plain(key: PrivateKey) -> bytes:
    """The key as PKCS #8 in DER, not encrypted: for a key store's eyes only."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def opened(pkcs8: bytes, public: PublicKey) -> PrivateKey:
    """The private half in `plain` form, proven to be that of `public`; raises UnreadableHalfError."""
    try:
        key = _signing(load_der_private_key(pkcs8, None))
    except (ValueError, TypeError):
        raise UnreadableHalfError("it is no private key") from None
    if from_cryptography(key.public_key()) != public:
        raise UnreadableHalfError("it is the private half of another key")
    return key


def _from_pem(data: bytes, passphrase: bytes | None) -> PrivateKey:
    found = [match.group() for match in _PEM.finditer(data)]
    if not found:
        raise UnreadableHalfError("it is PEM without a private key in it")
    if len(found) > 1:
        raise UnreadableHalfError(f"{len(found)} private keys are in it: leave the one that signs")
    if _OPENSSH in found[0]:
        words = (
            "it is in OpenSSH's own format: have a copy rewritten by ssh-keygen -p -m PKCS8 -f COPY"
        )
        raise UnreadableHalfError(words)
    locked = _ENCRYPTED.search(found[0]) is not None
    if locked and passphrase is None:
        raise UnreadableHalfError("it is encrypted", locked=True)
    try:
        key = load_pem_private_key(found[0], passphrase if locked else None)
    except (ValueError, TypeError):
        words = "the passphrase does not open it" if locked else "it is damaged"
        raise UnreadableHalfError(words, locked=locked) from None
    return _signing(key)


def _from_der(data: bytes, passphrase: bytes | None) -> PrivateKey:
    """DER, or PKCS #12, which is DER too: whatever can be read is meant."""
    for secret in dict.fromkeys((passphrase, None)):
        if (found := _der(data, secret)) is not None:
            return _signing(found)
    try:
        key = load_pkcs12(data, passphrase).key
    except (ValueError, TypeError):
        if data[:1] != b"\x30":
            raise UnreadableHalfError(
                "it is neither PEM, DER, PKCS #12 nor a private JWK"
            ) from None
        words = "it is encrypted" if passphrase is None else "the passphrase does not open it"
        raise UnreadableHalfError(f"{words}, or it is damaged", locked=True) from None
    if key is None:
        raise UnreadableHalfError("it is PKCS #12 without a private key in it")
    return _signing(key)


def _der(data: bytes, passphrase: bytes | None) -> object | None:
    try:
        return load_der_private_key(data, passphrase)
    except (ValueError, TypeError):
        return None


def _from_json(text: bytes, kid: str) -> PrivateKey:
    try:
        document: Any = read_json(text)
    except ValueError:
        raise UnreadableHalfError("it is no JSON that can be read") from None
    members = _member_of_set(document["keys"], kid) if "keys" in document else document
    kind = members.get("kty")
    if str(kind) not in _KINDS:
        raise UnreadableHalfError("it is a JWK of a kind that cannot sign tokens")
    if "d" not in members:
        raise UnreadableHalfError("it is a public JWK: its private half is not in it")
    try:
        imported: Any = import_key(members)
        key = imported.private_key
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnreadableHalfError("it is a JWK whose members do not make a key") from None
    return _signing(key)


def _member_of_set(keys: object, kid: str) -> dict[str, Any]:
    listed = keys if isinstance(keys, list) else []
    found = [key for key in listed if isinstance(key, dict) and key.get("kid") == kid]
    if len(found) != 1:
        raise UnreadableHalfError("it is a set of keys in which that kid does not stand once")
    return found[0]


def _signing(key: object) -> PrivateKey:
    match key:
        case rsa.RSAPrivateKey() | ec.EllipticCurvePrivateKey() | ed25519.Ed25519PrivateKey():
            _known(key)
            return key
        case _:
            raise UnreadableHalfError("it is of a kind that rotator does not sign with")


def _known(key: PrivateKey) -> None:
    try:
        from_cryptography(key.public_key())
    except ValueError:
        raise UnreadableHalfError("it is on a curve that rotator does not sign with") from None
