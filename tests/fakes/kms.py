"""KMS in memory: keys with a state and replicas per AWS region, and aliases, as a scenario may tamper with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm, PublicKey, thumbprint
from rotator.domain.keys import KeyHandle, KmsHandle
from rotator.errors import (
    KeyStoreError,
    KeyStoreUnreachable,
    KeyStoreUnsure,
    TargetDenied,
    TargetUnreachable,
)
from rotator.jose.public import RSA_BITS, fits, from_cryptography
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import ExistingHalf, Generated, Held, KeyName, KmsArn
from tests.fakes.clock import START
from tests.fakes.targets import Fault

ACCOUNT = "111122223333"


class Answer(StrEnum):
    """What the next CreateKey does."""

    LOST_BEFORE = "the request is lost"
    LOST_AFTER = "the key is made, its answer is lost"


@dataclass
class KmsKey:
    """A multi-region key: its state in each region it has."""

    name: KeyName
    private: PrivateKey
    states: dict[str, str] = field(default_factory=dict)


@dataclass
class MemoryKms:
    """Implements `ports.KeyStore` and `ports.KeyControl`; `down` are AWS regions whose KMS does not answer.

    `answers` are what comes of the next CreateKeys; without `deletes` ScheduleKeyDeletion does not answer.
    """

    primary: str = "us-east-1"
    keys: dict[str, KmsKey] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    answers: list[Answer] = field(default_factory=list)
    deletes: bool = True

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        if algorithm.is_rsa and rsa_bits not in RSA_BITS:
            raise KeyStoreError(f"no RSA key has {rsa_bits} bits")
        self._answers(self.primary)
        answer = self.answers.pop(0) if self.answers else None
        if answer is Answer.LOST_BEFORE:
            raise KeyStoreUnsure("cannot make a key", detail="the connection was reset")
        ident = f"mrk-{len(self.keys) + 1:032x}"
        self.keys[ident] = KmsKey(name, new_private_key(algorithm, RSA_BITS[0]))
        self.keys[ident].states[self.primary] = "Enabled"
        if answer is Answer.LOST_AFTER:
            raise KeyStoreUnsure("cannot make a key", detail="the connection was reset")
        made = self._generated(ident)
        if not fits(made.public, algorithm):
            raise KeyStoreError(f"the key of {name.generation} is of another kind")
        return made

    def made_by_hand(self, algorithm: Algorithm, region: str = "") -> str:
        """Somebody makes a key in KMS, without rotator; its ARN."""
        ident = f"mrk-{len(self.keys) + 1:032x}"
        private = new_private_key(algorithm, RSA_BITS[0])
        self.keys[ident] = KmsKey(KeyName("", 0, "", "", START), private)
        self.keys[ident].states[region or self.primary] = "Enabled"
        return arn_of(ident, region or self.primary)

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        self._answers(self.primary)
        if not isinstance(half, KmsArn):
            raise KeyStoreError("a private key in a file cannot be given to KMS")
        ident = half.arn.rpartition("/")[2]
        if half.arn != arn_of(ident, self.primary) or ident not in self.keys:
            raise KeyStoreError(f"there is no key {half.arn} in {self.primary}")
        if self._generated(ident).public != public:
            raise KeyStoreError(f"{half.arn} is another key than the one that is served")
        self.keys[ident].name = name
        return self._generated(ident).handle

    def find(self, name: KeyName) -> Generated | None:
        self._answers(self.primary)
        found = [ident for ident, key in self.keys.items() if key.name == name]
        return self._generated(found[0]) if found else None

    def all_of(self, issuer: str) -> Sequence[Held]:
        self._answers(self.primary)
        return [
            self._held(ident)
            for ident, key in self.keys.items()
            if key.name.issuer == issuer and key.states[self.primary] != "PendingDeletion"
        ]

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        self._enabled(handle, aws_region or "")

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        ident = self._enabled(handle, aws_region or self.primary)
        return sign_with(self.keys[ident].private, algorithm, message)

    def replicate(self, handle: KeyHandle, aws_region: str) -> str:
        self._answers(self.primary)
        self._answers(aws_region)
        self.keys[_ident(handle)].states.setdefault(aws_region, "Enabled")
        return arn_of(_ident(handle), aws_region)

    def disable(self, handle: KeyHandle) -> None:
        self._set(handle, "Disabled")

    def enable(self, handle: KeyHandle) -> None:
        if "PendingDeletion" in self.keys[_ident(handle)].states.values():
            raise KeyStoreError(f"{_ident(handle)} is PendingDeletion")
        self._set(handle, "Enabled")

    def destroy(self, handle: KeyHandle) -> None:
        if not self.deletes:
            raise KeyStoreUnreachable("cannot schedule the deletion of a key")
        self._set(handle, "PendingDeletion")

    def warnings(self) -> tuple[str, ...]:
        return ()

    def alias(self, name: str, region: str) -> MemoryAlias:
        """A handle on a region's alias."""
        return MemoryAlias(self, name, region)

    def sign_through(
        self, alias: str, region: str, algorithm: Algorithm, message: bytes
    ) -> tuple[bytes, str]:
        """What a signer's Sign through a region's alias answers: the signature and the ARN of the key that made it."""
        self._answers(region)
        arn = self.aliases[region, alias]
        key = self.keys[arn.rpartition("/")[2]]
        if key.states[region] != "Enabled":
            raise KeyStoreError(f"{arn} is {key.states[region]}")
        return sign_with(key.private, algorithm, message), arn

    def states(self) -> list[set[str]]:
        """The states of every key, in the order of making: one of each kind that some region has it in."""
        return [set(key.states.values()) for key in self.keys.values()]

    def _held(self, ident: str) -> Held:
        key, made = self.keys[ident], self._generated(ident)
        tells = key.states[self.primary] == "Enabled"
        public = made.public if tells else None
        return Held(key.name.generation, thumbprint(made.public), public, made.handle)

    def _set(self, handle: KeyHandle, state: str) -> None:
        states = self.keys[_ident(handle)].states
        states.update({region: state for region in states if region not in self.down})
        for region in states:
            self._answers(region)

    def _enabled(self, handle: KeyHandle, region: str) -> str:
        self._answers(region)
        ident = _ident(handle)
        state = self.keys[ident].states.get(region, "not there")
        if state != "Enabled":
            raise KeyStoreError(f"{ident} in {region} is {state}")
        return ident

    def _answers(self, region: str) -> None:
        if region in self.down:
            raise KeyStoreUnreachable(f"KMS in {region} does not answer")

    def _generated(self, ident: str) -> Generated:
        key = self.keys[ident]
        made = {r: state for r, state in key.states.items() if r not in self.down}
        staying = [r for r, state in made.items() if state in {"Enabled", "Disabled"}]
        regions = dict.fromkeys((self.primary, *staying))
        arns = {region: arn_of(ident, region) for region in regions}
        public = from_cryptography(key.private.public_key())
        return Generated(public, KmsHandle(self.primary, arns))


@dataclass
class MemoryAlias:
    """Implements `ports.AliasTarget`.

    `lag` is how many reads still show what was there before a move, `next_points` are faults of the coming moves.
    """

    kms: MemoryKms
    name: str
    region: str
    lag: int = 0
    next_points: list[Fault] = field(default_factory=list)
    asked: int = 0
    _before: list[str | None] = field(default_factory=list)

    @property
    def location(self) -> str:
        return f"{self.name} in {self.region}"

    def read(self) -> str | None:
        self.asked += 1
        self._answers()
        if self._before:
            return self._before.pop()
        return self.kms.aliases.get((self.region, self.name))

    def point(self, arn: str) -> None:
        self._answers()
        fault = self.next_points.pop(0) if self.next_points else None
        if fault in {Fault.DOWN, Fault.DENIED}:
            raise TargetDenied(f"cannot move {self.location}", detail="AccessDeniedException")
        self._before = [self.kms.aliases.get((self.region, self.name))] * self.lag
        self.kms.aliases[self.region, self.name] = arn
        if fault is Fault.ANSWER_LOST:
            raise TargetUnreachable(f"cannot move {self.location}", detail="effect unknown")

    def _answers(self) -> None:
        if self.region in self.kms.down:
            raise TargetUnreachable(f"KMS in {self.region} does not answer")


def arn_of(ident: str, region: str) -> str:
    """The ARN of a key in a region."""
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{ident}"


def _ident(handle: KeyHandle) -> str:
    assert isinstance(handle, KmsHandle)
    return handle.arns[handle.primary].rpartition("/")[2]
