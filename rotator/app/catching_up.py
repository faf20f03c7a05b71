"""A state behind the regions is brought up to them before anything is planned, with the key store's help (design I8)."""

from collections.abc import Iterator

from rotator.app.gather import gather, keep_evidence
from rotator.app.journal import moment_lines
from rotator.app.run import Run, save, staged_key
from rotator.domain.evidence import Evidence
from rotator.domain.jwk import Algorithm, EcPublic, OkpPublic, PublicKey, RsaPublic, thumbprint
from rotator.domain.keys import Key, LocalHandle, wrapped_handle
from rotator.errors import KeyStoreError, StateBehind
from rotator.jose.public import fits
from rotator.planning.catching_up import caught_up, generation_seen, is_behind, kids_shown
from rotator.ports import AuditEntry, Generated, Held

_BY_CURVE = {"P-256": Algorithm.ES256, "P-384": Algorithm.ES384, "P-521": Algorithm.ES512}


def catch_up(run: Run) -> None:
    """Believe the regions where they are ahead; where that cannot be done, say so and leave the state as it is.

    What was seen before belongs to another history, so every lead and every wait for dead tokens starts now.
    """
    if not is_behind(run.inventory):
        return
    now, before = run.world.clock.now(), run.inventory.state
    try:
        after = caught_up(run.inventory, _stored_keys(run), now)
    except (StateBehind, KeyStoreError) as error:
        run.world.reporter.warn(f"{error.message}: {error.detail or error.hint}")
        return
    facts = {"from_generation": before.generation, "generation": after.generation}
    entries = [
        AuditEntry(now, run.issuer.name, "caught_up", facts),
        *moment_lines(before, after, now),
    ]
    save(run, after, entries)
    keep_evidence(run.world, Evidence(issuer=run.issuer.name), None)
    run.inventory = gather(run.world, run.issuer, run.inventory.state)


def _stored_keys(run: Run) -> list[Key]:
    """The key store's keys, up to the generation that the regions carry, that the state does not know.

    KMS may hold keys that another rotator made for an issuer of the same name: only what the regions show is ours.
    """
    known = {key.kid for key in run.inventory.state.keys}
    shown, latest = kids_shown(run.inventory), generation_seen(run.inventory)
    found: dict[str, Key] = {}
    for held in (*run.issuer.keys.all_of(run.issuer.name), *_in_documents(run)):
        public = held.public or _served(run, held.kid)
        private = isinstance(held.handle, LocalHandle)
        ours = held.generation <= latest and (private or held.kid in shown)
        if public and ours and held.kid not in known:
            algorithm = _algorithm(public, run.issuer.setup.policy.algorithm)
            made = Generated(public, held.handle)
            found.setdefault(held.kid, staged_key(run, held.generation, algorithm, made))
    return list(found.values())


def _in_documents(run: Run) -> Iterator[Held]:
    """Wrapped keys: signing targets carry their ciphertext, and the JWKS their public halves."""
    for view in run.inventory.views.values():
        document = view.signing_document()
        signers = (document.active, document.standby) if document else ()
        for signer in signers:
            handle = wrapped_handle(signer.key) if signer else None
            generation = handle.context.get("generation", "") if handle else ""
            if signer and handle and generation.isdecimal():
                yield Held(int(generation), signer.kid, None, handle)


def _served(run: Run, kid: str) -> PublicKey | None:
    """The public half that some region serves under a kid."""
    for view in run.inventory.views.values():
        document = view.jwks_document()
        entry = document.entry(kid) if document else None
        public = entry.public() if entry else None
        if public and thumbprint(public) == kid:
            return public
    return None


def _algorithm(public: PublicKey, preferred: Algorithm) -> Algorithm:
    """The label a found key was published under: the policy's where it fits, else the usual one of its kind."""
    if fits(public, preferred):
        return preferred
    match public:
        case RsaPublic():
            return Algorithm.RS256
        case EcPublic(crv=crv):
            return _BY_CURVE[crv]
        case OkpPublic():
            return Algorithm.EDDSA
