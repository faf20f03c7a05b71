"""Former keys in the shape of OpenID Federation's historical keys."""

import base64
import json
from dataclasses import replace

from rotator.domain.archive import Former, ended, payload, to_sign
from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.keys import Key, LocalHandle, Moments
from tests.unit.logs import DAY, NOW

KEY = Key(
    jwk=Jwk("kid-1", Algorithm.ED25519, OkpPublic("Ed25519", "A" * 43)),
    generation=3,
    handle=LocalHandle("secret/place.pem"),
    moments=Moments(staged_at=NOW, removed_at=NOW + 9 * DAY),
)
REVOKED = replace(KEY, moments=replace(KEY.moments, revoked_at=NOW + DAY))
SECONDS = int(NOW.timestamp())


def test_a_key_that_left() -> None:
    document = payload("https://a.example", [Former(KEY, NOW + 9 * DAY)], NOW + 10 * DAY)
    assert document == {
        "iss": "https://a.example",
        "iat": SECONDS + 10 * 86400,
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "A" * 43,
                "use": "sig",
                "alg": "Ed25519",
                "kid": "kid-1",
                "iat": SECONDS,
                "exp": SECONDS + 9 * 86400,
            }
        ],
    }


def test_a_revoked_key_ended_with_its_revocation() -> None:
    assert ended(REVOKED) == NOW + DAY
    (entry,) = payload("i", [Former(REVOKED, NOW + DAY)], NOW)["keys"]
    assert entry["revoked"] == {"revoked_at": SECONDS + 86400, "reason": "compromised"}


def test_a_key_that_is_served_has_not_ended() -> None:
    assert ended(replace(KEY, moments=Moments(staged_at=NOW, retired_at=NOW))) is None


def test_what_is_signed_says_what_it_is() -> None:
    header, claims = to_sign({"iss": "i"}, "k").split(b".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + b"==")) for part in (header, claims)]
    assert decoded == [{"alg": "EdDSA", "kid": "k", "typ": "jwk-set+jwt"}, {"iss": "i"}]
