"""A section of the configuration as it is in force: every member, its value, and where it was written."""

from collections.abc import Iterator

from pydantic import BaseModel

from rotator.config.places import Spot
from rotator.config.settings import Number


def written(model: BaseModel, spot: Spot | None) -> tuple[Number, ...]:
    """The members of a section that stands at `spot`, None where nobody wrote it; nested ones as `aws.region`."""
    return tuple(_members(model, spot, ""))


def _members(model: BaseModel, spot: Spot | None, prefix: str) -> Iterator[Number]:
    shown = model.model_dump(mode="json")
    for name in type(model).model_fields:
        value = getattr(model, name)
        at = spot.at(name) if spot and name in model.model_fields_set else None
        if isinstance(value, BaseModel):
            nested = _members(value, at, f"{prefix}{name}.")
            yield from (number for number in nested if number.source != "default")
        else:
            text = "none" if value is None else str(shown[name])
            yield Number(prefix + name, text, at.where if at else "default")
