"""The key store's keys that a state does not know, as the regions publish them (design I8)."""

import json
from collections.abc import Iterator
from datetime import datetime

from rotator.app.world import IssuerWorld
from rotator.domain.inventory import Inventory
from rotator.domain.jwk import Algorithm, EcPublic, Jwk, OkpPublic, PublicKey, RsaPublic, thumbprint
from rotator.domain.jwks import ServedKey
from rotator.domain.keys import Key, LocalHandle, Moments, wrapped_handle
from rotator.errors import KeyStoreError
from rotator.jose.public import fits, normal
from rotator.jose.tokens import InvalidTokenError, assemble, check, signing_input
from rotator.planning.catching_up import generation_seen, kids_shown
from rotator.ports import Held

_BY_CURVE = {"P-256": Algorithm.ES256, "P-384": Algorithm.ES384, "P-521": Algorithm.ES512}


def found_keys(
    issuer: IssuerWorld, inventory: Inventory, now: datetime, *, newer: bool = False
) -> list[Key]:
    """The key store's keys that the state does not know: all that some region shows, and files of no later generation.

    `newer`: files of later generations too, which nobody serves yet. KMS may hold keys that another rotator made for an issuer of the same name: only what the regions show is ours.
    Raises KeyStoreError.
    """
    known = {key.kid for key in inventory.state.keys}
    shown, latest = kids_shown(inventory), generation_seen(inventory)
    found: dict[str, Key] = {}
    for held in (*issuer.keys.all_of(issuer.name), *_in_documents(inventory)):
        jwk = _as_published(issuer, inventory, held, now)
        if jwk is None or jwk.kid in known:
            continue
        made_before = held.generation <= latest or newer
        if jwk.kid in shown or (isinstance(held.handle, LocalHandle) and made_before):
            key = Key(
                jwk=jwk,
                generation=held.generation,
                handle=held.handle,
                moments=Moments(staged_at=now),
            )
            found.setdefault(jwk.kid, key)
    return list(found.values())


def _in_documents(inventory: Inventory) -> Iterator[Held]:
    """Wrapped keys: signing targets carry their ciphertext, and the JWKS their public halves."""
    for view in inventory.views.values():
        document = view.signing_document()
        signers = (document.active, document.standby) if document else ()
        for signer in signers:
            handle = wrapped_handle(signer.key) if signer else None
            generation = handle.context.get("generation", "") if handle else ""
            if signer and handle and generation.isdecimal():
                yield Held(int(generation), signer.kid, None, handle)


def _as_published(
    issuer: IssuerWorld, inventory: Inventory, held: Held, now: datetime
) -> Jwk | None:
    """A held key with the kid, the label and the members that regions publish it with; None of which nobody knows more.

    A key that was taken over has a kid that is no thumbprint: then its material tells which one it is.
    """
    preferred = issuer.setup.policy.algorithm
    for entry, public in _candidates(inventory, held):
        jwk = Jwk(entry.kid, _label(entry, public, preferred), public)
        if _material(public) == held.kid or _proven(issuer, held, jwk, now):
            return jwk
    if held.public is None:
        return None
    return Jwk(held.kid, _usual(held.public, preferred), held.public)


def _candidates(inventory: Inventory, held: Held) -> list[tuple[ServedKey, PublicKey]]:
    """Served keys that may be this one, those that signers are told of first."""
    named = set[str]()
    found: dict[tuple[str, str], tuple[ServedKey, PublicKey]] = {}
    for view in inventory.views.values():
        orders, document = view.signing_document(), view.jwks_document()
        named |= {s.kid for s in (orders.active, orders.standby) if s} if orders else set()
        for entry in document.keys if document else ():
            public = entry.public()
            if public and held.kid in (entry.kid, _material(public)):
                found[entry.kid, entry.text] = entry, public
    return sorted(found.values(), key=lambda pair: pair[0].kid not in named)


def _material(public: PublicKey) -> str:
    """The thumbprint of a key in canonical form, empty for one that cannot be."""
    try:
        return thumbprint(normal(public))
    except ValueError:
        return ""


def _proven(issuer: IssuerWorld, held: Held, jwk: Jwk, now: datetime) -> bool:
    """Whether what the store keeps signs for what is served under a kid that is no thumbprint."""
    signed = signing_input(jwk.alg, jwk.kid, {"exp": int(now.timestamp()) + 60})
    try:
        signature = issuer.keys.sign(held.handle, jwk.alg, signed)
        check(assemble(signed, signature), jwk, now, issuer.setup.policy.leeway)
    except (KeyStoreError, InvalidTokenError):
        return False
    return True


def _label(entry: ServedKey, public: PublicKey, preferred: Algorithm) -> Algorithm:
    """What the entry says where that fits, else the usual label."""
    told = json.loads(entry.text).get("alg")
    fitting = (a for a in Algorithm if a.value == told and fits(public, a))
    return next(fitting, _usual(public, preferred))


def _usual(public: PublicKey, preferred: Algorithm) -> Algorithm:
    """The label of a key that nobody publishes: the policy's where it fits, else the usual one of its kind."""
    if fits(public, preferred):
        return preferred
    match public:
        case RsaPublic():
            return Algorithm.RS256
        case EcPublic(crv=crv):
            return _BY_CURVE[crv]
        case OkpPublic():
            return Algorithm.EDDSA
