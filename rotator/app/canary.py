"""Looks whether a service of a region accepts tokens of a key that signs nothing yet (design T2).

Each canary is signed the way the region's signers would, checked with the key as the region's public URLs serve it, by
a library that did not sign it, and only then presented. The same with a wrong signature must be refused. A token lives
a minute and is kept nowhere.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import assert_never

from rotator.app.parallel import side_by_side
from rotator.app.world import IssuerWorld, World
from rotator.domain.canary import CANARY_TYPE, canary_claims, canary_keys
from rotator.domain.checks import CanaryCheck
from rotator.domain.evidence import Check, Verdict
from rotator.domain.jwk import b64url, unb64url
from rotator.domain.jwks import Jwks, parse
from rotator.domain.keys import Key
from rotator.domain.state import IssuerState
from rotator.errors import KeyStoreError, RotatorError, TargetError
from rotator.jose.tokens import InvalidTokenError, assemble, check, signing_input
from rotator.planning.trying import (
    Trial,
    as_served,
    canary_check,
    judge_presented,
    read_copy,
    readable,
)
from rotator.ports import DocumentTarget, HttpAnswer, NoAnswer

Copies = Mapping[str, Jwks | Trial]
"""By where it was read: the region's document, or why there is none."""


@dataclass(frozen=True, slots=True)
class _Canary:
    """A token ready to be presented; it never shows in a text of this value."""

    kid: str
    token: str = field(repr=False)


def look_with_canary(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    region: str,
    spec: CanaryCheck,
    documents: tuple[str, ...],
) -> Check:
    """A canary for each key that waits for promotion (else the active one), presented to the region's endpoint.

    `documents` are the region's public URLs; where there are none, its origin is read.
    """
    keys = canary_keys(state)
    copies = _copies(world, issuer, region, documents) if keys else {}
    making = _Making(world, issuer, region, copies)
    made = side_by_side(making.canary, keys)
    canaries = [one for one in made if isinstance(one, _Canary)]
    told = _presented(world, spec.url, canaries)
    trials = {
        key.kid: one if isinstance(one, Trial) else told[one.kid]
        for key, one in zip(keys, made, strict=True)
    }
    return canary_check(spec.url, trials)


def _presented(world: World, url: str, canaries: Sequence[_Canary]) -> Mapping[str, Trial]:
    """What the endpoint says of each, and of the same with a wrong signature.

    All at once: to ask once more afterwards would cost a round trip in every look.
    """
    right = [canary.token for canary in canaries]
    tokens = [*right, *map(_changed, right)]
    answers = side_by_side(partial(_present, world, url), tokens)
    both = zip(canaries, answers, answers[len(right) :], strict=False)
    return {c.kid: judge_presented(said, of_wrong, took) for c, (said, took), (of_wrong, _) in both}


def _present(world: World, url: str, token: str) -> tuple[int | str, timedelta | None]:
    match world.probe.get(url, token=token):
        case NoAnswer(detail):
            return detail, None
        case HttpAnswer(status, latency=latency):
            return status, latency
        case _ as never:
            assert_never(never)


def _changed(token: str) -> str:
    """The token with one bit of its signature turned over."""
    signed, _, signature = token.rpartition(".")
    first, *others = unb64url(signature)
    return f"{signed}.{b64url(bytes((first ^ 1, *others)))}"


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes the canaries of a region that serves `copies`."""

    world: World
    issuer: IssuerWorld
    region: str
    copies: Copies

    def canary(self, key: Key) -> _Canary | Trial:
        """A canary that every copy of the region's document verifies, or why there is none."""
        claims = canary_claims(
            self.issuer.setup.url, self.world.clock.now(), secrets.token_urlsafe(12)
        )
        unsigned = signing_input(key.jwk.alg, key.kid, claims, CANARY_TYPE)
        setup = self.issuer.setup.region(self.region)
        place = setup.aws_region if setup else None
        try:
            signature = self.issuer.keys.sign(key.handle, key.jwk.alg, unsigned, place)
        except KeyStoreError as error:
            return Trial(Verdict.UNKNOWN, f"could not sign: {_why(error)}")
        token = assemble(unsigned, signature)
        trials = [self._verified(where, copy, key, token) for where, copy in self.copies.items()]
        bad = [trial for trial in trials if trial is not None]
        return min(bad, key=_failures_first, default=None) or _Canary(key.kid, token)

    def _verified(self, where: str, copy: Jwks | Trial, key: Key, token: str) -> Trial | None:
        """What keeps a consumer of this copy from accepting the token."""
        served = copy if isinstance(copy, Trial) else as_served(where, copy, key)
        if isinstance(served, Trial):
            return served
        leeway = self.issuer.setup.policy.leeway
        try:
            check(token, served, self.world.clock.now(), leeway)
        except InvalidTokenError as error:
            return Trial(Verdict.FAIL, f"signs what {where} does not verify: {error}")
        return None


def _failures_first(trial: Trial) -> bool:
    return trial.verdict is not Verdict.FAIL


def _copies(world: World, issuer: IssuerWorld, region: str, documents: Sequence[str]) -> Copies:
    if not documents:
        target = issuer.regions[region].jwks
        return {target.location: _origin(target)}
    return dict(zip(documents, side_by_side(partial(_fetched, world), documents), strict=True))


def _fetched(world: World, url: str) -> Jwks | Trial:
    match world.probe.get(url):
        case NoAnswer(detail):
            return Trial(Verdict.UNKNOWN, f"cannot be compared: {url}: {detail}")
        case HttpAnswer(status, headers, body, truncated):
            return read_copy(url, status, headers, None if truncated else body)
        case _ as never:
            assert_never(never)


def _origin(target: DocumentTarget) -> Jwks | Trial:
    try:
        stored = target.read()
    except TargetError as error:
        return Trial(Verdict.UNKNOWN, f"cannot be compared: {_why(error)}")
    if stored is None:
        return Trial(Verdict.FAIL, f"is not served: {target.location} does not exist")
    return readable(target.location, parse(stored.body))


def _why(error: RotatorError) -> str:
    return f"{error.message} ({error.detail})" if error.detail else error.message
