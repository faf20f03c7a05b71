"""Signing keys that KMS made and encrypted, for signers that are faster than KMS's quotas.

The private half leaves KMS only encrypted, under a context that names issuer, generation and lineage; it lies in the
signing target, and signers have KMS open it. Nothing is kept in KMS, so a lost answer costs nothing.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import load_der_private_key

from rotator.adapters.kms.regions import Kms, arn_in
from rotator.adapters.kms.specs import key_spec, public_half
from rotator.aws import AwsAccess, AwsClients
from rotator.domain.jwk import Algorithm, PublicKey
from rotator.domain.keys import KeyHandle, WrappedHandle
from rotator.errors import InternalError, KeyStoreError
from rotator.jose.private import opened, plain
from rotator.jose.public import fits
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import ExistingHalf, Generated, Held, KeyName, PlainHalf


class WrappedKeys:
    """Implements `ports.KeyStore`.

    `wrapping_key` is a multi-region encryption key: its ARN, or an alias that every region has. `accesses` by AWS
    region, `primary` among them.
    """

    def __init__(
        self,
        clients: AwsClients,
        accesses: Mapping[str, AwsAccess],
        primary: str,
        wrapping_key: str,
    ) -> None:
        self._kms = Kms(clients, accesses, primary)
        self._wrapping_key = wrapping_key

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Have KMS make a pair; asked again for the same name, it makes another."""
        context = _context(name)
        spec, region = cast("Any", key_spec(algorithm, rsa_bits)), self._kms.primary
        wrapping, action = self._wrapping_in(region), "kms:GenerateDataKeyPairWithoutPlaintext"
        with self._kms.calling(region, action, wrapping) as client:
            answer = client.generate_data_key_pair_without_plaintext(
                KeyId=wrapping, KeyPairSpec=spec, EncryptionContext=context
            )
            der, blob = answer["PublicKey"], answer["PrivateKeyCiphertextBlob"]
        public, ciphertext = public_half(der), base64.b64encode(blob).decode("ascii")
        if not fits(public, algorithm):
            raise KeyStoreError(f"KMS made a key of another kind than {algorithm} needs")
        return Generated(public, WrappedHandle(ciphertext, context))

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        """Encrypt the private half under the wrapping key (kms:Encrypt, which rotator needs for this alone)."""
        if not isinstance(half, PlainHalf):
            raise KeyStoreError(
                f"{half.arn} signs inside KMS: it cannot be wrapped",
                hint="set the issuer's keys to kind kms, or import with --private-key",
            )
        context, wrapping = _context(name), self._wrapping_in(self._kms.primary)
        try:
            pkcs8 = plain(opened(half.pkcs8, public))
        except ValueError as error:
            raise KeyStoreError("the private key cannot be taken", detail=str(error)) from None
        with self._kms.calling(self._kms.primary, "kms:Encrypt", wrapping) as client:
            answer = client.encrypt(KeyId=wrapping, Plaintext=pkcs8, EncryptionContext=context)
            blob = answer["CiphertextBlob"]
        return WrappedHandle(base64.b64encode(blob).decode("ascii"), context)

    def find(self, name: KeyName) -> Generated | None:  # noqa: ARG002 - the port has it
        """None: what was not recorded is nowhere."""
        return None

    def all_of(self, issuer: str) -> Sequence[Held]:  # noqa: ARG002 - the port has it
        """None: KMS keeps none of them."""
        return ()

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        """Raise KeyStoreError unless there is a ciphertext and the region's wrapping key is ready to open it."""
        _ciphertext(handle)
        region = aws_region or self._kms.primary
        key = self._wrapping_in(region)
        described = self._kms.describe(region, key)
        if described is None:
            raise KeyStoreError(
                f"the wrapping key {key} cannot be used in {region}",
                detail="there is no such key or alias",
                hint=f"replicate it to {region}, and make the alias there",
            )
        usage, state = described.get("KeyUsage"), described.get("KeyState")
        if usage != "ENCRYPT_DECRYPT":
            raise KeyStoreError(f"the wrapping key {key} is of another kind: it is for {usage}")
        if state != "Enabled":
            raise self._kms.unusable(region, described["Arn"], str(state))

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        """The JWS signature over `message`, as a signer of the region makes it; the opened key is not kept."""
        key = self._opened(handle, aws_region or self._kms.primary)
        try:
            return sign_with(key, algorithm, message)
        except ValueError as error:
            raise KeyStoreError("cannot sign with a wrapped key", detail=str(error)) from None

    def destroy(self, handle: KeyHandle) -> None:
        """Nothing to do in KMS: whoever holds the ciphertext drops it."""

    def warnings(self) -> tuple[str, ...]:
        """Nothing lies about here."""
        return ()

    def _opened(self, handle: KeyHandle, region: str) -> PrivateKey:
        # Without KeyId: the ciphertext says which key opens it, also after the alias moved to a newer one.
        blob, context = _ciphertext(handle)
        with self._kms.calling(region, "kms:Decrypt") as client:
            plain = client.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
        try:
            return cast("PrivateKey", load_der_private_key(plain, None))
        except ValueError:
            # Without the cause, whose text might quote what it could not read.
            raise KeyStoreError("cannot sign with a wrapped key", detail="it is no key") from None

    def _wrapping_in(self, region: str) -> str:
        key = self._wrapping_key
        return arn_in(key, region) if key.startswith("arn:") else key


def _context(name: KeyName) -> dict[str, str]:
    """What the ciphertext of a name is bound to."""
    return {
        "issuer": name.issuer,
        "generation": str(name.generation),
        "lineage": name.lineage,
    }


def _ciphertext(handle: KeyHandle) -> tuple[bytes, Mapping[str, str]]:
    """Ciphertext and context of a handle; raises KeyStoreError when it is destroyed or damaged."""
    if not isinstance(handle, WrappedHandle):
        raise InternalError(f"a key of kind {handle.kind} was given to the wrapped keys")
    try:
        blob = base64.b64decode(handle.ciphertext, validate=True)
    except binascii.Error:
        raise KeyStoreError("cannot sign with a wrapped key", detail="it is damaged") from None
    if not blob:
        raise KeyStoreError("cannot sign with a wrapped key", detail="it was destroyed")
    return blob, handle.context
