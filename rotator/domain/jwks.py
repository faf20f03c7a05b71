"""JWKS documents: canonical bytes out; anything at all in, never believed further than it was checked.

Reading is total: a document is either `Jwks`, with the keys that could be read and every flaw found, or
`Unreadable`. Entries that are not rotator's keep their public text, so that a foreign key is never rewritten.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rotator.domain.jwk import (
    EcPublic,
    Jwk,
    OkpPublic,
    PublicKey,
    RsaPublic,
    jwk_members,
    thumbprint,
    unb64url,
)
from rotator.domain.strict_json import read_json

MAX_BYTES = 256 * 1024
"""No key set that rotator writes or reads is larger (design I3); a hundred RSA-4096 keys need 90 KiB."""

_MAX_KID = 512
_RSA_BITS = range(1024, 16384 + 1)
_MAX_FLAWS = 20
"""A document of junk has a flaw per entry; a person needs to see only some."""

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"})
_COORDINATE_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66}
_OKP_BYTES = {"Ed25519": 32, "Ed448": 57}


@dataclass(frozen=True, slots=True)
class ServedKey:
    """One entry of a document: kid, thumbprint (None for kinds rotator cannot read), its public text."""

    kid: str
    thumbprint: str | None
    text: str

    def public(self) -> PublicKey | None:
        """The public half, None for kinds rotator cannot read."""
        return _public_key(json.loads(self.text)) if self.thumbprint else None


@dataclass(frozen=True, slots=True)
class Jwks:
    """A document that was read: entries in its own order, and what is wrong with it in words.

    `leaked` are the kids that stand there with private members.
    """

    keys: tuple[ServedKey, ...]
    flaws: tuple[str, ...] = ()
    leaked: frozenset[str] = frozenset()

    def kids(self) -> tuple[str, ...]:
        """The kids in document order."""
        return tuple(key.kid for key in self.keys)

    def entry(self, kid: str) -> ServedKey | None:
        """The first entry of that kid."""
        return next((key for key in self.keys if key.kid == kid), None)

    def holds(self, jwk: Jwk) -> bool:
        """Whether exactly this key, with equal thumbprint, stands in the document once."""
        found = [key for key in self.keys if key.kid == jwk.kid]
        return len(found) == 1 and found[0].thumbprint == thumbprint(jwk.key)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that is no key set; `reason` never quotes it."""

    reason: str


def own_entry(jwk: Jwk) -> ServedKey:
    """The entry that publishes one of rotator's keys."""
    return ServedKey(jwk.kid, thumbprint(jwk.key), _text(jwk_members(jwk)))


def render(entries: Iterable[ServedKey]) -> bytes:
    """The canonical document: entries in the order given, no white space, so all regions agree byte for byte."""
    return b'{"keys":[' + ",".join(entry.text for entry in entries).encode() + b"]}"


def parse(body: bytes) -> Jwks | Unreadable:
    """Read a served body; total, bounded by MAX_BYTES, refuses repeated members (RFC 8725 §2.4's spirit)."""
    if len(body) > MAX_BYTES:
        return Unreadable(f"larger than {MAX_BYTES // 1024} KiB")
    try:
        document = read_json(body)
    except ValueError:
        return Unreadable("not JSON")
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        return Unreadable('no "keys" list')
    keys, flaws, leaked = [], [], set[str]()
    for index, entry in enumerate(document["keys"]):
        served, entry_flaws = _entry(index, entry)
        flaws.extend(entry_flaws)
        if served:
            keys.append(served)
            leaked.update({served.kid} if _PRIVATE & entry.keys() else ())
    repeated = [kid for kid, count in Counter(key.kid for key in keys).items() if count > 1]
    flaws.extend(f"kid {short(kid)} stands there more than once" for kid in repeated)
    if len(flaws) > _MAX_FLAWS:
        flaws[_MAX_FLAWS:] = [f"and {len(flaws) - _MAX_FLAWS} flaws more"]
    return Jwks(tuple(keys), tuple(flaws), frozenset(leaked))


def short(kid: str) -> str:
    """A kid from outside, fit to print: eight printable characters at most."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in kid[:8])


def _entry(index: int, entry: object) -> tuple[ServedKey | None, list[str]]:
    if not isinstance(entry, dict):
        return None, [f"entry {index} is no object"]
    kid = entry.get("kid")
    if not isinstance(kid, str) or not kid or len(kid) > _MAX_KID or not kid.isprintable():
        return None, [f"entry {index} has no usable kid"]
    private = sorted(_PRIVATE & entry.keys())
    flaws = [f"key {short(kid)} carries private members ({', '.join(private)})"] if private else []
    public = {name: value for name, value in entry.items() if name not in _PRIVATE}
    try:
        key = _public_key(public)
        print_ = thumbprint(key) if key else None
        text = _text(public)
    except (ValueError, RecursionError) as error:
        return None, [*flaws, f"key {short(kid)} cannot be read: {error}"]
    return ServedKey(kid, print_, text), flaws


def _public_key(entry: Mapping[str, object]) -> PublicKey | None:
    """The key of a kind rotator knows, None of another; raises ValueError when its members are wrong."""
    match entry.get("kty"), entry.get("crv"):
        case "RSA", _:
            n, e = _member(entry, "n"), _member(entry, "e")
            if int.from_bytes(unb64url(n)).bit_length() not in _RSA_BITS:
                raise ValueError("RSA modulus of an impossible size")
            unb64url(e)
            return RsaPublic(n, e)
        case "EC", str(crv) if crv in _COORDINATE_BYTES:
            x, y = _member(entry, "x"), _member(entry, "y")
            if {len(unb64url(x)), len(unb64url(y))} != {_COORDINATE_BYTES[crv]}:
                raise ValueError("coordinates of the wrong length")
            return EcPublic(crv, x, y)
        case "OKP", str(crv) if crv in _OKP_BYTES:
            x = _member(entry, "x")
            if len(unb64url(x)) != _OKP_BYTES[crv]:
                raise ValueError("public key of the wrong length")
            return OkpPublic(crv, x)
        case str(), _:
            return None
        case _:
            raise ValueError("no kty")


def _member(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {name}")
    return value


def _text(members: Mapping[str, object]) -> str:
    return json.dumps(
        members, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
