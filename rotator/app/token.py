"""`token`: sign a token the way a signer in a region would now (contract §1, design T9)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rotator.app.gather import load_state
from rotator.app.world import IssuerWorld, World, issuer_named
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.signing import SigningDocument, parse_signing
from rotator.domain.times import say
from rotator.errors import NoSuchKey, NothingToSignWith, TokenRefused, UsageError
from rotator.jose.tokens import assemble, check, signing_input

SHORTEST_PREFIX = 6
RESERVED = frozenset({"iss", "iat", "exp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWanted:
    """What to sign: `kid` a prefix (None: what the region signs with), `lifetime` None for an access token's."""

    region: str
    kid: str | None = None
    lifetime: timedelta | None = None
    claims: Mapping[str, object]


def make_token(world: World, issuer: str, wanted: TokenWanted) -> str:
    """A compact JWS, checked by another library than the one that signed it before it is handed out.

    A KMS key is named itself, in the region, so that an alias that moves meanwhile cannot change it (design T9b).

    Raises UsageError, NothingToSignWith, NoSuchKey, TokenRefused, TargetError, KeyStoreError.
    """
    chosen = issuer_named(world, issuer)
    document = _orders(chosen, wanted.region)
    key = _key(world, chosen, document, wanted.kid)
    lifetime = _lifetime(chosen, document, wanted)
    now = world.clock.now()
    issued = int(now.timestamp())
    claims = {
        "iss": chosen.setup.url,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
        "jti": secrets.token_urlsafe(12),
        **wanted.claims,
    }
    try:
        unsigned = signing_input(key.jwk.alg, key.kid, claims)
        setup = chosen.setup.region(wanted.region)
        place = setup.aws_region if setup else None
        signature = chosen.keys.sign(key.handle, key.jwk.alg, unsigned, place)
        token = assemble(unsigned, signature)
        check(token, key.jwk, now, chosen.setup.policy.leeway)
    except ValueError as error:
        words = "a verifier would refuse this token"
        raise TokenRefused(words, detail=str(error), hint="mend its claims") from None
    return token


def key_by_prefix(keys: tuple[Key, ...], prefix: str) -> Key:
    """The one key whose kid begins with `prefix` (six characters at least). Raises UsageError, NoSuchKey."""
    exact = [key for key in keys if key.kid == prefix]
    found = exact or [key for key in keys if key.kid.startswith(prefix)]
    if len(prefix) < SHORTEST_PREFIX and not exact:
        raise UsageError(
            f"{prefix!r} is too short: a kid's first {SHORTEST_PREFIX} characters at least"
        )
    if not found:
        raise NoSuchKey(f"no key begins with {prefix!r}")
    if len(found) > 1:
        raise UsageError(f"{prefix!r} fits {len(found)} keys", hint="write more of the kid")
    return found[0]


def _orders(issuer: IssuerWorld, region: str) -> SigningDocument:
    ports = issuer.regions.get(region)
    if ports is None:
        raise UsageError(
            f"{issuer.name} has no region {region!r}", hint=f"it has: {', '.join(issuer.regions)}"
        )
    stored = ports.signing.read()
    if stored is None:
        raise NothingToSignWith(
            f"{region} has no signing target yet", detail=f"{ports.signing.location} does not exist"
        )
    document = parse_signing(stored.body)
    if not isinstance(document, SigningDocument):
        raise NothingToSignWith(f"{region}'s signing target cannot be read", detail=document.reason)
    return document


def _key(world: World, issuer: IssuerWorld, document: SigningDocument, prefix: str | None) -> Key:
    state = load_state(world, issuer)
    key = key_by_prefix(state.keys, prefix if prefix is not None else document.active.kid)
    if phase(key) not in (Phase.PUBLISHED, Phase.ACTIVE) and key.kid != document.active.kid:
        raise TokenRefused(
            f"{key.kid[:8]} is {phase(key)}",
            detail="only a published key (as a canary) or the active one signs",
            hint="rotator status shows which keys can",
        )
    return key


def _lifetime(issuer: IssuerWorld, document: SigningDocument, wanted: TokenWanted) -> timedelta:
    """T9: no token outlives what `signing.json` allows."""
    lifetime = wanted.lifetime or issuer.setup.policy.access_token_lifetime
    if lifetime > document.max_token_lifetime:
        raise TokenRefused(
            f"a lifetime of {say(lifetime)} is more than tokens of this key may live",
            detail=f"signing.json allows {say(document.max_token_lifetime)} (design T9)",
            hint="ask for a shorter --lifetime",
        )
    taken = sorted(RESERVED & wanted.claims.keys())
    if taken:
        raise TokenRefused(f"{taken[0]} is set by rotator", hint="use --lifetime for exp")
    return lifetime
