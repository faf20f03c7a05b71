"""An issuer's `keys` → where its private halves are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from rotator.config.key_policy import read_policy
from rotator.config.model import KmsModel, KmsWrappedModel, LocalKeysModel
from rotator.config.places import Problems, Spot
from rotator.config.reach import NOWHERE, Ways, aws_region
from rotator.config.reading import Entry, Reading
from rotator.config.settings import (
    AwsSpec,
    KeysSpec,
    KmsSpec,
    LocalKeysSpec,
    Number,
    WrappedSpec,
    normal_path,
)
from rotator.config.values import ISSUER
from rotator.config.written import written

KeysModel = LocalKeysModel | KmsModel | KmsWrappedModel


def keys_of(entry: Entry, reading: Reading) -> tuple[KeysModel, Spot | None]:
    """The `keys` that count for an issuer, and where they stand; None where nobody wrote any."""
    if entry.model.keys is not None:
        return entry.model.keys, entry.spot.at("keys")
    given = "keys" in reading.config.model_fields_set
    return reading.config.keys, reading.main.at("keys") if given else None


def keys_spot(entry: Entry, reading: Reading) -> Spot:
    """Where an issuer's `keys` stand, or could."""
    return keys_of(entry, reading)[1] or reading.main.at("keys")


def keys_written(entry: Entry, reading: Reading) -> tuple[Number, ...]:
    """The members of an issuer's `keys` with their sources, its own name filled in."""
    model, spot = keys_of(entry, reading)
    return tuple(
        Number(number.member, number.value.replace(ISSUER, entry.name), number.source)
        for number in written(model, spot)
    )


@dataclass(slots=True)
class KeysBuilder:
    """Builds the specs of all issuers; `known` is how each region is reached. Reads each policy file once."""

    reading: Reading
    base: Path
    known: Mapping[str, AwsSpec]
    problems: Problems
    _policies: dict[str, str | None] = field(default_factory=dict)

    def spec(self, entry: Entry, own: Sequence[str]) -> KeysSpec:
        """The keys of an issuer whose regions are `own`."""
        model, spot = keys_of(entry, self.reading)[0], keys_spot(entry, self.reading)
        if self.reading.is_cured(entry.spot.at("keys")) or self.reading.is_cured(spot):
            return LocalKeysSpec("")
        match model:
            case LocalKeysModel():
                return LocalKeysSpec(model.path)
            case KmsModel():
                return self._kms(model, spot, own)
            case KmsWrappedModel():
                primary, ways = self._reach(model, spot, own)
                return WrappedSpec(
                    primary=primary,
                    regions=ways,
                    wrapping_key=model.wrapping_key.replace(ISSUER, entry.name),
                )
            case _:
                assert_never(model)

    def _reach(
        self, model: KmsModel | KmsWrappedModel, spot: Spot, own: Sequence[str]
    ) -> tuple[AwsSpec, tuple[AwsSpec, ...]]:
        if any(self.reading.is_cured(aws_region(self.reading, name)) for name in self.known):
            return NOWHERE  # what was wrong there has been said, and what is left is not what was meant
        return Ways(model, spot, own, self.known, self.reading, self.problems).found()

    def _kms(self, model: KmsModel, spot: Spot, own: Sequence[str]) -> KmsSpec:
        primary, ways = self._reach(model, spot, own)
        return KmsSpec(
            primary=primary,
            regions=ways,
            alias=model.alias,
            policy=self._policy(model.policy_file, spot.at("policy_file")),
            rollback_window=model.rollback_window,
            deletion_window=model.deletion_window,
        )

    def _policy(self, file: str | None, spot: Spot) -> str | None:
        if file is None:
            return None
        path = normal_path(self.base, file)
        if path not in self._policies:
            self._policies[path] = None
            try:
                self._policies[path] = read_policy(Path(path))
            except ValueError as error:
                self.problems.add(spot, str(error))
        return self._policies[path]
