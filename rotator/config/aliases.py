"""No KMS alias for two issuers: it would follow whichever of them switched last."""

from collections.abc import Iterator, Sequence

from rotator.config.places import Problems, Spot
from rotator.config.settings import IssuerSpec, KmsSpec, WrappedSpec
from rotator.config.values import ISSUER

_Name = tuple[str | None, str]
"""An alias in an AWS region. Accounts do not count: which one credentials are for is not known here."""


def shared_aliases(specs: Sequence[IssuerSpec], spots: Sequence[Spot], problems: Problems) -> None:
    """Refuse an alias that two issuers would move, and one that is also a wrapping key; `spots` have the `keys`."""
    first: dict[_Name, str] = {}
    for spec, spot in zip(specs, spots, strict=True):
        for name in _aliases(spec):
            owner = first.setdefault(name, spec.name)
            if owner != spec.name:
                text = f"{owner} and {spec.name} would share {name[1]} in {name[0]}: put {ISSUER} into it"
                problems.add(spot.at("alias"), text)
                break
    for spec, spot in zip(specs, spots, strict=True):
        if taken := [name for name in _wrapping(spec) if name in first]:
            region, alias = taken[0]
            text = f"{alias} in {region} follows the signing key of {first[taken[0]]}; name another key"
            problems.add(spot.at("wrapping_key"), text)


def _aliases(spec: IssuerSpec) -> Iterator[_Name]:
    if isinstance(spec.keys, KmsSpec):
        for region in spec.setup.regions:
            if region.alias:
                yield region.aws_region, region.alias


def _wrapping(spec: IssuerSpec) -> Iterator[_Name]:
    if isinstance(spec.keys, WrappedSpec):
        for aws in spec.keys.regions:
            yield aws.region, spec.keys.wrapping_key.rpartition(":")[2]
