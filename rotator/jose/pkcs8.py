"""Private keys as encrypted PKCS #8 (RFC 5958 §3, PBES2 of RFC 8018): PBKDF2 with HMAC-SHA-256, AES-256-CBC.

`cryptography` reads any cost but writes a fixed one of 2048 rounds, too cheap for a passphrase that a person
chose; so the few bytes around its primitives are put together here. Salt and IV are arguments: nothing is drawn.
"""

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from rotator.jose.signatures import PrivateKey

SALT_BYTES: Final = 16
IV_BYTES: Final = 16

_BEGIN: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_END: Final = b"-----END ENCRYPTED PRIVATE KEY-----"
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC: Final = bytes.fromhex("060960864801650304012a")
_LINE: Final = 64


def encrypt(
    private_key: PrivateKey, passphrase: bytes, rounds: int, salt: bytes, iv: bytes
) -> bytes:
    """The key as PEM, opened by `passphrase`; `rounds` is the cost of each guess at it."""
    plain = private_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    secret = PBKDF2HMAC(hashes.SHA256(), 32, salt, rounds).derive(passphrase)
    padder, encryptor = (
        padding.PKCS7(128).padder(),
        Cipher(algorithms.AES256(secret), modes.CBC(iv)).encryptor(),
    )
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    kdf = _sequence(_PBKDF2, _sequence(_octets(salt), _integer(rounds), _HMAC_SHA256))
    scheme = _sequence(_PBES2, _sequence(kdf, _sequence(_AES256_CBC, _octets(iv))))
    return _pem(_sequence(scheme, _octets(data)))


def is_whole(pem: bytes) -> bool:
    """Whether the text is one unbroken encrypted PEM, so that what fails to open it is the passphrase."""
    lines = pem.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        return False
    try:
        der = base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        return False
    return der == _tagged(0x30, _content(der))


def _content(der: bytes) -> bytes:
    """What follows the tag and the length of the outermost value."""
    long_form = len(der) > 1 and der[1] > 0x7F
    return der[2 + (der[1] & 0x7F if long_form else 0) :]


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return b"\n".join((_BEGIN, *lines, _END, b""))


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _octets(data: bytes) -> bytes:
    return _tagged(0x04, data)


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tagged(tag: int, content: bytes) -> bytes:
    """DER (X.690 §8.1.3): tag, length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
