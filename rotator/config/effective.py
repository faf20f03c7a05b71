"""The policy that an issuer ends up with: its own numbers, else the file's, else the defaults; with each one's source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from rotator.config import profiles
from rotator.config.model import PolicyModel, VerifierModel
from rotator.config.places import Spot
from rotator.config.settings import Number
from rotator.domain.policy import Policy, Special, Verifier
from rotator.domain.profile import cannot_read
from rotator.domain.times import format_duration


@dataclass(frozen=True, slots=True)
class Effective:
    """An issuer's policy, and where each member that is no default was written."""

    policy: Policy
    model: PolicyModel
    spots: Mapping[str, Spot]


def effective(
    shared: PolicyModel, shared_spot: Spot, own: PolicyModel, own_spot: Spot
) -> Effective:
    """`own` over `shared`."""
    changes = {name: getattr(shared, name) for name in shared.model_fields_set}
    spots = {name: shared_spot.at(name) for name in shared.model_fields_set}
    changes |= {name: getattr(own, name) for name in own.model_fields_set}
    spots |= {name: own_spot.at(name) for name in own.model_fields_set}
    model = PolicyModel().model_copy(update=changes)
    return Effective(_policy(model), model, spots)


def numbers(effective_: Effective) -> tuple[Number, ...]:
    """Every member of the policy as `config show` prints it, the verifiers' own numbers after it."""
    return (*_members(effective_), *_verifiers(effective_))


def _members(effective_: Effective) -> Iterator[Number]:
    written = effective_.model.model_dump(mode="json")
    for name in PolicyModel.model_fields:
        value = written[name]
        if name == "verifiers":
            value = ", ".join(verifier.name for verifier in effective_.policy.verifiers) or "none"
        if name == "waves":
            value = ", then ".join(" + ".join(wave) for wave in value) or "none"
        spot = effective_.spots.get(name)
        yield Number(name, str(value), spot.where if spot else "default")


def _verifiers(effective_: Effective) -> Iterator[Number]:
    spot = effective_.spots.get("verifiers")
    for index, (entry, verifier) in enumerate(
        zip(effective_.model.verifiers, effective_.policy.verifiers, strict=True)
    ):
        given = entry.model_fields_set if isinstance(entry, VerifierModel) else frozenset[str]()
        where = spot.at(index).where if spot else "default"
        profile = profiles.find(verifier.name)
        known = (
            f"profile {verifier.name} ({profile.confidence}: {profile.source})"
            if profile
            else where
        )
        for member, value, own in (
            ("add", _time(verifier.learns), "add" in given),
            ("remove", _time(verifier.drops), "remove" in given),
            ("max_keys", str(verifier.max_keys or ""), "max_keys" in given),
            ("cannot_read", cannot_read(verifier), False),
        ):
            if value:
                yield Number(f"verifiers.{verifier.name}.{member}", value, where if own else known)


def _policy(model: PolicyModel) -> Policy:
    values = {field.name: getattr(model, field.name) for field in fields(Policy)}
    return Policy(**values | {"verifiers": tuple(_verifier(entry) for entry in model.verifiers)})


def _verifier(entry: str | VerifierModel) -> Verifier:
    name = entry if isinstance(entry, str) else entry.name
    profile = profiles.find(name)
    known = profile.verifier if profile else Verifier(name, Special.UNKNOWN, Special.UNKNOWN)
    if isinstance(entry, str):
        return known
    learns = known.learns if entry.add is None else entry.add
    drops = entry.remove
    if drops is None:
        drops = known.drops if profile else learns
    return Verifier(name, learns, drops, entry.max_keys or known.max_keys, known.breaks)


def _time(value: timedelta | Special) -> str:
    return value.value if isinstance(value, Special) else format_duration(value)
