"""The traffic's numbers: everyday ones divided by a hundred, so that a rotation takes seconds and its order still counts.

Verifiers keep their caching as it ships, with its times scaled; the two whose times cannot be set (mod_auth_openidc, 300 s;
go-oidc, none) keep them. `VERIFIERS` says the same to rotator's policy.
"""

from __future__ import annotations

from typing import Any, Final

SCALE: Final = 100

ENVOY_S: Final = 600 / SCALE
JOSE_S: Final = 600 / SCALE
JOSE_COOLDOWN_S: Final = 30 / SCALE
JWKS_RSA_S: Final = 600 / SCALE
PYJWT_S: Final = 300 / SCALE
PYJWT_COOLDOWN_S: Final = 30 / SCALE

EDGE_S: Final = 3
TOKEN_S: Final = 6
LEEWAY_S: Final = 1

VERIFIERS: Final[list[dict[str, Any]]] = [
    {"name": "edge-envoy", "add": "6s", "remove": "6s"},
    {"name": "our-jose", "add": "300ms", "remove": "6s"},
    {"name": "our-jwks-rsa", "add": "0s", "remove": "6s"},
    {"name": "our-pyjwt", "add": "300ms", "remove": "3s"},
    {"name": "our-apache", "add": "0s", "remove": "300s"},
    {"name": "our-openbao", "add": "0s", "remove": "unbounded"},
]

POLICY: Final[dict[str, Any]] = {
    # A successor that is made, published and led within each interval: nothing stands by, so every lead counts.
    "standby_keys": 0,
    "rotate_every": "18s",
    "publish_lead": "3s",
    "access_token_lifetime": f"{TOKEN_S}s",
    "refresh_token_lifetime": "0s",
    "leeway": f"{LEEWAY_S}s",
    "max_clock_drift": "500ms",
    "signer_refresh": "600ms",
    "signer_stop": "4s",
    "propagation": "600ms",
    "edge_cache": f"{EDGE_S}s",
    "verifiers": VERIFIERS,
    # A hundredth of the default would be 36 s. This is what a busy machine may stall, and nginx counts whole seconds.
    "safety_margin": "3s",
    "evidence_freshness": "5s",
    "run_every": "1s",
}
