"""Verifiers and signers that know nothing of rotator but its documents: PyJWT reads the key sets and checks the tokens.

A signature is checked once for each pair of token and key material; after that a document must hold that kid with
that material for as long as the token lives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.place import URL

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was handed out: `kid` and `exp` as any consumer reads them."""

    text: str
    kid: str
    exp: datetime
    origin: str


def issued(text: str, origin: str) -> Issued:
    """A token as it comes from a signer."""
    claims = jwt.decode(text, options={"verify_signature": False})
    kid = str(jwt.get_unverified_header(text)["kid"])
    return Issued(text, kid, datetime.fromtimestamp(claims["exp"]).astimezone(), origin)


def key_set(body: bytes) -> dict[str, str]:
    """kid → material of a served document; asserts that it is a valid key set without a private member."""
    document = json.loads(body)
    entries = document["keys"]
    assert entries, "an empty key set"
    assert not [name for entry in entries for name in PRIVATE & entry.keys()]
    assert len(jwt.PyJWKSet.from_dict(document).keys) == len(entries)
    found = {entry["kid"]: json.dumps(entry, sort_keys=True) for entry in entries}
    assert len(found) == len(entries), "a kid stands there twice"
    return found


@dataclass
class Verifiers:
    """One verifier in each region. `refused` is every living token that one of them could not have accepted."""

    leeway: timedelta
    issuer: str = URL
    alive: list[Issued] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    checked: int = 0
    _proven: set[tuple[str, str]] = field(default_factory=set)

    def take(self, tokens: list[Issued]) -> None:
        """Tokens that were handed out now."""
        self.alive.extend(tokens)

    def check_all(self, documents: Mapping[str, bytes], now: datetime) -> None:
        """Hold every token that is still alive against every region's document."""
        self.alive = [token for token in self.alive if token.exp + self.leeway >= now]
        for region, body in documents.items():
            keys = key_set(body)
            for token in self.alive:
                self.checked += 1
                material = keys.get(token.kid)
                if material is None or not self._verifies(token, material):
                    self.refused.append(f"{now}: {token.origin}'s {token.kid[:8]} in {region}")

    def _verifies(self, token: Issued, material: str) -> bool:
        if (token.text, material) in self._proven:
            return True
        key = jwt.PyJWK.from_json(material)
        try:
            # The consumer's clock is the virtual one: `exp` is compared above.
            jwt.decode(
                token.text,
                key,
                issuer=self.issuer,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return False
        self._proven.add((token.text, material))
        return True


@dataclass
class LaggingSigner:
    """A region's signer that read its signing target some time ago and goes on for as long as it may (design T3)."""

    base: Path
    passphrase: bytes
    _orders: dict[str, object] = field(default_factory=dict)
    _read_at: datetime | None = None
    _opened: dict[str, EllipticCurvePrivateKey] = field(default_factory=dict)

    def read(self, body: bytes | None, now: datetime) -> None:
        """Read the signing target; the next look may be late."""
        if body is not None:
            self._orders, self._read_at = json.loads(body), now

    def sign(self, now: datetime, origin: str) -> Issued | None:
        """The longest token that it may still sign; None when it must have stopped."""
        if self._read_at is None or not self._orders:
            return None
        match self._orders:
            case {
                "active": {"kid": str(kid), "alg": str(alg), "key": {"path": str(path)}},
                "stop_after_s": int(stop) | float(stop),
                "max_token_lifetime_s": int(longest) | float(longest),
            }:
                if now - self._read_at > timedelta(seconds=stop):
                    return None
                claims = {"iss": URL, "iat": now, "exp": now + timedelta(seconds=longest)}
                text = jwt.encode(claims, self._key(path), algorithm=alg, headers={"kid": kid})
                return issued(text, origin)
            case _:
                raise AssertionError(f"no signer understands {self._orders}")

    def _key(self, path: str) -> EllipticCurvePrivateKey:
        if path not in self._opened:
            pem = (self.base / path).read_bytes()
            key = load_pem_private_key(pem, self.passphrase)
            assert isinstance(key, EllipticCurvePrivateKey)
            self._opened[path] = key
        return self._opened[path]
