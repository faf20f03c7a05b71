"""Signing keys that live in KMS: multi-region keys, made in one region and replicated to those that sign.

A key is asked for with tags that say for whom; its kid, unknown until it exists, is tagged afterwards. So an answer
that got lost, or a crash in between, is made good by `find`, and no second key is made.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from rotator.adapters.kms import control, search, taking
from rotator.adapters.kms.regions import Kms, arn_in
from rotator.adapters.kms.specs import jws_signature, key_spec, public_half, signing_request
from rotator.adapters.kms.waiting import looks
from rotator.aws import AwsAccess, AwsClients
from rotator.aws.families import NEW_KEY
from rotator.domain.jwk import Algorithm, PublicKey, thumbprint
from rotator.domain.keys import KeyHandle, KmsHandle
from rotator.errors import (
    InternalError,
    KeyStoreDenied,
    KeyStoreError,
    KeyStoreUnreachable,
    KeyStoreUnsure,
)
from rotator.ports import Clock, ExistingHalf, Generated, Held, KeyName, KmsArn

SETTLED: Final = timedelta(minutes=5)
"""After so long KMS's lists show every key that was asked for; AWS says "seconds, in rare cases minutes"."""


class KmsKeys:
    """Implements `ports.KeyStore` and `ports.KeyControl`.

    `accesses` by AWS region, `primary` among them. `policy` is the key policy, JSON, of every key and replica; None:
    AWS's default, which leaves it to IAM. `deletion_window` is 7 to 30 days; a primary's begins when its last replica
    is gone. `patience` bounds each wait for KMS to become consistent.
    """

    def __init__(
        self,
        clients: AwsClients,
        accesses: Mapping[str, AwsAccess],
        primary: str,
        policy: str | None,
        deletion_window: timedelta,
        clock: Clock,
        patience: timedelta = timedelta(seconds=30),
    ) -> None:
        self._kms = Kms(clients, accesses, primary)
        self._policy = {} if policy is None else {"Policy": policy}
        self._window = deletion_window
        self._clock = clock
        self._patience = patience

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Make the key. It does not look whether it was made before: `find` does, at a price."""
        arn = self._created(name, key_spec(algorithm, rsa_bits))
        try:
            return self._completed(arn)
        except KeyStoreError as error:
            raise KeyStoreUnsure(
                f"{arn} was made for {name.issuer}/{name.generation}, but could not be finished",
                detail=f"{error.message}: {error.detail}",
                hint=error.hint if isinstance(error, KeyStoreDenied) else "",
            ) from error

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        """Mark an existing key as this issuer's own, once it is proven to fit."""
        if not isinstance(half, KmsArn):
            raise KeyStoreError(
                "a private key in a file cannot be given to KMS",
                detail="what KMS keeps was made there, or imported there by its own procedure",
                hint="import with --kms-key, or set the issuer's keys to kind local or kms-wrapped",
            )
        handle = taking.examined(self._kms, name.issuer, half.arn)
        if self._public(half.arn) != public:
            raise KeyStoreError(f"{half.arn} is another key than the one that is served")
        for region, arn in handle.arns.items():
            self._tagged(region, arn, {**search.tags_of(name), search.KID: thumbprint(public)})
        return handle

    def find(self, name: KeyName) -> Generated | None:
        """The key of that name, finished if it was not.

        A name that was asked for a moment ago is looked for again: KMS's lists lag behind. Raises KeyStoreUnsure when
        patience ends before they can be believed.
        """
        for _ in looks(self._clock, self._patience):
            settled = self._clock.now() - name.asked_at >= SETTLED
            found = search.find_tagged(self._kms, search.tags_of(name))
            if found:
                return self._completed(found[0].arn)
            if settled:
                return None
        raise KeyStoreUnsure(
            f"nobody knows yet whether KMS made the key of {name.issuer}/{name.generation}",
            detail=f"it was asked for less than {SETTLED.seconds // 60} min ago, and KMS's lists lag behind",
            hint="run it again in some minutes",
        )

    def all_of(self, issuer: str) -> Sequence[Held]:
        """Every finished key of the issuer in the primary region, with the replicas that exist, by generation."""
        found = search.find_tagged(self._kms, {search.ISSUER: issuer})
        held = [self._held(key) for key in found if search.KID in key.tags and _numbered(key)]
        return sorted(held, key=lambda one: one.generation)

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        """Raise KeyStoreError unless the key is there, enabled, and made for signing."""
        arn, region = self._arn(handle, aws_region)
        control.prove(self._kms, region, arn)

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        """The JWS signature over `message`, by the region's own key; refused when another key answers (design T9b)."""
        arn, region = self._arn(handle, aws_region)
        request: Any = signing_request(algorithm, message)
        with self._kms.calling(region, "kms:Sign", arn) as client:
            answer = client.sign(KeyId=arn, **request)
            used, signature = answer["KeyId"], answer["Signature"]
        if used != arn:
            raise KeyStoreError(
                f"cannot sign with {arn}", detail=f"{region} signed with {used} instead"
            )
        try:
            return jws_signature(algorithm, signature)
        except ValueError as error:
            raise KeyStoreError(f"cannot sign with {arn}", detail=str(error)) from None

    def replicate(self, handle: KeyHandle, aws_region: str) -> str:
        """Make a replica, with the primary's policy and tags, and wait until it is enabled; its ARN."""
        kms, arn = self._kms, arn_in(self._primary_arn(handle), aws_region)
        if kms.describe(aws_region, arn) is None:
            control.replicate(kms, self._primary_arn(handle), aws_region, self._policy)

        for _ in looks(self._clock, self._patience):
            described = kms.describe(aws_region, arn)
            state = described.get("KeyState") if described else None
            if state == "Enabled":
                return arn
            if state not in {None, "Creating", "Updating"}:
                raise kms.unusable(aws_region, arn, str(state))
        raise _not_ready(arn, aws_region)

    def disable(self, handle: KeyHandle) -> None:
        """DisableKey in every region that has the key."""
        control.disable(self._kms, _kms_handle(handle).arns)

    def enable(self, handle: KeyHandle) -> None:
        """EnableKey in every region that has the key; one that is pending deletion must be saved by a person."""
        control.enable(self._kms, _kms_handle(handle).arns)

    def destroy(self, handle: KeyHandle) -> None:
        """ScheduleKeyDeletion: of every replica, also of those that the handle does not know, then of the primary."""
        arn, primary = self._primary_arn(handle), _kms_handle(handle).primary
        known = {region for region in _kms_handle(handle).arns if region != primary}
        control.destroy(self._kms, arn, primary, known, self._window)

    def warnings(self) -> tuple[str, ...]:
        """Nothing lies about here."""
        return ()

    def _created(self, name: KeyName, spec: str) -> str:
        parameters: dict[str, Any] = {
            "MultiRegion": True,
            "KeyUsage": "SIGN_VERIFY",
            "KeySpec": spec,
            "Description": f"rotator: signing key {name.issuer}/{name.generation}",
            "Tags": search.as_tags(search.tags_of(name)),
            **self._policy,
        }
        with self._kms.calling(self._kms.primary, "kms:CreateKey", family=NEW_KEY) as client:
            return client.create_key(**parameters)["KeyMetadata"]["Arn"]

    def _completed(self, arn: str) -> Generated:
        """The key with its kid as a tag."""
        for _ in looks(self._clock, self._patience):
            public = self._public(arn)
            if public is not None:
                return self._marked(arn, public)
        raise _not_ready(arn, self._kms.primary)

    def _marked(self, arn: str, public: PublicKey) -> Generated:
        primary = self._kms.primary
        self._tagged(primary, arn, {search.KID: thumbprint(public)})
        return Generated(public, KmsHandle(primary, {primary: arn}))

    def _tagged(self, region: str, arn: str, tags: Mapping[str, str]) -> None:
        with self._kms.calling(region, "kms:TagResource", arn) as client:
            client.tag_resource(KeyId=arn, Tags=search.as_tags(tags))

    def _held(self, key: search.Tagged) -> Held:
        """KMS tells the public half of enabled keys only (DisabledException otherwise)."""
        enabled = key.described.get("KeyState") == "Enabled"
        return Held(
            generation=int(key.tags[search.GENERATION]),
            kid=key.tags[search.KID],
            public=self._public(key.arn) if enabled else None,
            handle=control.handle_of(self._kms, key.arn, key.described),
        )

    def _public(self, arn: str) -> PublicKey | None:
        """The public half, None while KMS says that there is no such key, or that it is not ready."""
        with self._kms.calling(self._kms.primary, "kms:GetPublicKey", arn) as client:
            try:
                der = client.get_public_key(KeyId=arn)["PublicKey"]
            except (
                client.exceptions.NotFoundException,
                client.exceptions.KMSInvalidStateException,
            ):
                return None
        return public_half(der)

    def _arn(self, handle: KeyHandle, aws_region: str | None) -> tuple[str, str]:
        """The key's ARN in a region, and that region; the primary one when none is asked for."""
        kms_handle = _kms_handle(handle)
        region = aws_region or kms_handle.primary
        arn = kms_handle.arns.get(region)
        if arn is None:
            raise KeyStoreError(
                f"{self._primary_arn(handle)} cannot be used in {region}",
                detail="it has no replica there",
                hint="rotator apply makes one",
            )
        return arn, region

    def _primary_arn(self, handle: KeyHandle) -> str:
        kms_handle = _kms_handle(handle)
        return arn_in(next(iter(kms_handle.arns.values())), kms_handle.primary)


def _kms_handle(handle: KeyHandle) -> KmsHandle:
    if not isinstance(handle, KmsHandle):
        raise InternalError(f"a key of kind {handle.kind} was given to KMS")
    return handle


def _numbered(key: search.Tagged) -> bool:
    return key.tags.get(search.GENERATION, "").isdecimal()


def _not_ready(arn: str, region: str) -> KeyStoreUnreachable:
    return KeyStoreUnreachable(
        f"{arn} is not ready yet",
        detail=f"{region} is still making it",
        hint="the next run goes on",
    )
