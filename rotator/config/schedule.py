"""The section `schedule`: when a switch may begin. Its shape, and the domain's value that it amounts to."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic import WithJsonSchema as Schema

from rotator.config.operating import Zone
from rotator.config.values import shown
from rotator.domain.windows import Blackout, Schedule, Window, parse_blackout, parse_window

_MANY = 100
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _window(value: object) -> Window:
    match value:
        case Window():
            return value
        case str():
            return parse_window(value)
        case _:
            raise ValueError(f"a window such as Mon-Fri 09:00-16:00 expected, not {shown(value)}")


def _blackout(value: object) -> Blackout:
    # YAML reads a bare 2026-12-24 as a date.
    text = value if isinstance(value, str) else str(value) if hasattr(value, "isoformat") else None
    if isinstance(value, Blackout):
        return value
    if text is None:
        raise ValueError(f"a day such as 2026-12-24 expected, not {shown(value)}")
    return parse_blackout(text)


_Window = Annotated[
    Window,
    BeforeValidator(_window),
    PlainSerializer(str, return_type=str),
    Schema({"type": "string", "pattern": "^(.+ )?[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$"}),
]
_Blackout = Annotated[
    Blackout,
    BeforeValidator(_blackout),
    PlainSerializer(str, return_type=str),
    Schema({"type": "string", "pattern": f"^{_DAY}(/{_DAY})?$"}),
]


class ScheduleModel(BaseModel):
    """When a switch may begin. Publishing, repairs, removals and emergencies need no window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Zone = "UTC"
    windows: Annotated[tuple[_Window, ...], Field(max_length=_MANY)] = ()
    blackout: Annotated[tuple[_Blackout, ...], Field(max_length=_MANY)] = ()


def schedule_of(own: ScheduleModel | None, shared: ScheduleModel | None) -> Schedule | None:
    """An issuer's own schedule, else the one for all; None where every moment is as good."""
    model = own or shared
    if model is None or not (model.windows or model.blackout):
        return None
    return Schedule(ZoneInfo(model.timezone), model.timezone, model.windows, model.blackout)
