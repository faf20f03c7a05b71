"""`import`: what somebody signs with today becomes an issuer's own, without one rejected token."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.app.apply import lease_of
from rotator.app.gather import load_state, look_anew, with_lineage
from rotator.app.journal import moment_lines
from rotator.app.parallel import side_by_side
from rotator.app.reads import read_view
from rotator.app.world import IssuerWorld, World, issuer_named
from rotator.domain.inventory import RegionView
from rotator.domain.jwk import Algorithm, Jwk, PublicKey, RsaPublic, thumbprint, unb64url
from rotator.domain.jwks import Jwks, ServedKey
from rotator.domain.keys import KeyHandle, KmsHandle, LocalHandle
from rotator.domain.policy import Policy
from rotator.domain.state import IssuerState
from rotator.domain.times import format_moment
from rotator.errors import ImportRefused, KeyStoreError, UsageError
from rotator.jose.private import UnreadableHalfError, plain, read_private
from rotator.jose.public import RSA_BITS, fits, from_cryptography, normal
from rotator.jose.tokens import InvalidTokenError, assemble, check, signing_input
from rotator.planning.taken_over import Terms, taken_over
from rotator.planning.takeover import (
    Takeover,
    compared,
    entry_of,
    notes,
    require_alias,
    require_new,
    require_no_twin,
    require_room,
)
from rotator.ports import AuditEntry, ExistingHalf, HttpAnswer, KeyName, KmsArn, PlainHalf, Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be taken over: the set, the kid that signs, its private half, and since when it has signed (None: now).

    `until` is when the other keys of the set leave again, None: when they are rejected.
    """

    issuer: str
    source: Jwks
    kid: str
    half: ExistingHalf
    activated_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A takeover as it would be, or (`done`) as it was carried out; `from_file`: the private key still lies in a file."""

    issuer: str
    url: str
    at: datetime
    takeover: Takeover
    terms: Terms
    notes: tuple[str, ...]
    from_file: bool
    done: bool = False


@dataclass(frozen=True, slots=True)
class _Looked:
    issuer: IssuerWorld
    state: IssuerState
    views: dict[str, RegionView]
    report: Report


def half_in(data: bytes, passphrase: bytes | None, kid: str) -> PlainHalf:
    """The private key in a file's bytes, PEM, DER, PKCS #12 or JWK. Raises ImportRefused."""
    try:
        return PlainHalf(plain(read_private(data, passphrase, kid)))
    except UnreadableHalfError as error:
        hint = "give its passphrase with --passphrase-file" if error.locked else ""
        raise ImportRefused(
            "the private key cannot be read", detail=str(error), hint=hint
        ) from None


def fetched(probe: Probe, url: str) -> bytes:
    """What a URL answers. Raises ImportRefused."""
    answer = probe.get(url)
    if not isinstance(answer, HttpAnswer):
        raise ImportRefused(f"{url} gave no answer", detail=answer.detail)
    if answer.status != 200 or answer.truncated:
        words = "too large to be a key set" if answer.truncated else f"status {answer.status}"
        raise ImportRefused(f"{url} answered with no key set", detail=words)
    return answer.body


def preview(world: World, wanted: Wanted) -> Report:
    """What would be taken over; changes nothing. Raises ImportRefused, UsageError."""
    return _look(world, wanted).report


def take_over(world: World, wanted: Wanted, agreed: Report | None = None) -> Report:
    """Take the set over: the private half into the key store, everything else into the state; no region is written.

    `agreed` is what an operator said yes to. Raises ImportRefused, KeyStoreError, LeaseHeld, UsageError.
    """
    with lease_of(world) as lease:
        looked = _look(world, wanted)
        report, issuer = looked.report, looked.issuer
        if agreed and agreed.takeover != report.takeover:
            raise ImportRefused(
                "the regions changed while this was being read", hint="run it again"
            )
        before = with_lineage(looked.state)
        active, terms = report.takeover.active, report.terms
        name = KeyName(issuer.name, before.generation + 1, before.lineage, "import", terms.now)
        handle = issuer.keys.take(name, wanted.half, normal(active.key))
        _prove(issuer, handle, active, terms.now)
        after = taken_over(before, issuer.setup, looked.views, report.takeover, handle, terms)
        saved = world.state.save(lease, after, _log(report, before, after))
        look_anew(world, issuer, saved)
    return replace(report, done=True)


def _look(world: World, wanted: Wanted) -> _Looked:
    issuer, now = issuer_named(world, wanted.issuer), world.clock.now()
    terms = _terms(wanted, world.owner, now)
    state, setup = load_state(world, issuer), issuer.setup
    require_new(state)
    entry = entry_of(wanted.source, wanted.kid)
    active = _active(entry, setup.policy)
    _require_half(wanted, active)
    names = list(issuer.regions)
    views = dict(zip(names, side_by_side(read_view, list(issuer.regions.values())), strict=True))
    takeover = compared(setup, views, active, wanted.source)
    require_no_twin(takeover, wanted.until)
    require_room(setup, takeover)
    require_alias(setup, views, _as_handle(wanted.half))
    report = Report(
        issuer=issuer.name,
        url=setup.url,
        at=now,
        takeover=takeover,
        terms=terms,
        notes=notes(takeover, wanted.source, setup.policy),
        from_file=isinstance(wanted.half, PlainHalf),
    )
    return _Looked(issuer, state, views, report)


def _terms(wanted: Wanted, owner: str, now: datetime) -> Terms:
    if wanted.until is not None and wanted.until <= now:
        raise UsageError(f"--until {format_moment(wanted.until)} is in the past")
    since = wanted.activated_at or now
    if since > now:
        raise UsageError(
            f"--activated-at {format_moment(since)} is in the future",
            hint="say since when the key signs, or leave it out: from now on is safe",
        )
    return Terms(activated_at=since, until=wanted.until, owner=owner, now=now)


def _active(entry: ServedKey, policy: Policy) -> Jwk:
    """The key that signs, under the label it is served with; the policy's where it has none."""
    members, public = json.loads(entry.text), entry.public()
    if public is None or members.get("use", "sig") != "sig":
        what = (
            "for encryption" if members.get("use") == "enc" else "of a kind that rotator cannot use"
        )
        raise ImportRefused(f"{entry.kid} cannot be the key that signs: it is {what}")
    try:
        normal(public)
    except ValueError as error:
        raise ImportRefused(f"{entry.kid} is no key that can be", detail=str(error)) from None
    if isinstance(public, RsaPublic) and _bits(public) < RSA_BITS[0]:
        raise ImportRefused(
            f"{entry.kid} has {_bits(public)} bits, and RSA keys below {RSA_BITS[0]} must not sign (RFC 7518 §3.3)",
            hint="replace it where it is first",
        )
    return Jwk(entry.kid, _label(entry.kid, members.get("alg"), public, policy), public)


def _label(kid: str, label: object, public: PublicKey, policy: Policy) -> Algorithm:
    if label is None:
        if fits(public, policy.algorithm):
            return policy.algorithm
        raise ImportRefused(
            f"the set does not say which algorithm {kid} signs with, and {policy.algorithm} does not fit it",
            hint="set policy.algorithm to what its tokens say in their header (alg)",
        )
    found = next((a for a in Algorithm if a.value == label), None)
    if found is None or not fits(public, found):
        raise ImportRefused(f"{kid} is labelled {label!r}, with which rotator cannot sign")
    return found


def _bits(public: RsaPublic) -> int:
    return int.from_bytes(unb64url(public.n)).bit_length()


def _require_half(wanted: Wanted, active: Jwk) -> None:
    """A private key in a file must be that of the kid; says which it is. The store proves a key in KMS."""
    if not isinstance(wanted.half, PlainHalf):
        return
    mine = from_cryptography(read_private(wanted.half.pkcs8).public_key())
    if mine == normal(active.key):
        return
    others = [key.kid for key in wanted.source.keys if _is(key, mine)]
    named = f"it belongs to {others[0]}" if others else "it belongs to no key of the set"
    raise ImportRefused(
        f"the private key is not that of {active.kid}",
        detail=f"{named}; its thumbprint is {thumbprint(mine)}",
        hint=f"--active {others[0]}, if that is the key that signs" if others else "",
    )


def _is(key: ServedKey, mine: PublicKey) -> bool:
    public = key.public()
    try:
        return public is not None and normal(public) == mine
    except ValueError:
        return False


def _as_handle(half: ExistingHalf) -> KeyHandle:
    """The half as far as an alias can be compared with it."""
    return KmsHandle("", {"": half.arn}) if isinstance(half, KmsArn) else LocalHandle("")


def _prove(issuer: IssuerWorld, handle: KeyHandle, active: Jwk, now: datetime) -> None:
    """A signature by what the store keeps must verify with what is served. Raises KeyStoreError."""
    claims = {"iss": issuer.setup.url, "exp": int(now.timestamp()) + 60}
    signed = signing_input(active.alg, active.kid, claims)
    token = assemble(signed, issuer.keys.sign(handle, active.alg, signed))
    try:
        check(token, active, now, issuer.setup.policy.leeway)
    except InvalidTokenError as error:
        raise KeyStoreError(
            f"what {active.kid} signs in the key store does not verify", detail=str(error)
        ) from None


def _log(report: Report, before: IssuerState, after: IssuerState) -> list[AuditEntry]:
    takeover, terms = report.takeover, report.terms
    facts = {
        "kid": takeover.active.kid,
        "thumbprint": thumbprint(takeover.active.key),
        "algorithm": takeover.active.alg.value,
        "owner": terms.owner,
        "others": ", ".join(entry.kid for entry in takeover.others),
        "until": format_moment(terms.until) if terms.until else None,
        "regions": ", ".join(takeover.serving),
    }
    first = AuditEntry(terms.now, after.issuer, "taken_over", facts)
    return [first, *moment_lines(before, after, terms.now)]
