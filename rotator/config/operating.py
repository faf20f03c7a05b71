"""Values of the sections that say how rotator is run: addresses, schedules, time zones, variables that hold secrets.

Validators raise ValueError with words that follow a member's name.
"""

import re
from datetime import timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from rotator.config.values import Text, shown
from rotator.domain.times import parse_duration

_LISTEN: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})", re.ASCII)
_CRON: Final = re.compile(r"[0-9A-Za-z*/,#LW?-]+( +[0-9A-Za-z*/,#LW?-]+){4}", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _listen(value: str) -> str:
    match = _LISTEN.fullmatch(value)
    if not match or int(match[2]) > 65_535:
        raise ValueError(f"host:port expected, such as 127.0.0.1:9464, not {shown(value)}")
    return value


def _cron(value: str) -> str:
    if _CRON.fullmatch(value):
        return value
    try:
        if parse_duration(value) > timedelta():
            return value
    except ValueError:
        pass
    raise ValueError(
        f"a cron line of five fields expected, or a duration such as 6h, not {shown(value)}"
    )


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"a time zone such as Europe/Berlin expected, not {shown(value)}"
        ) from None
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"the name of a variable expected, not {shown(value)}")
    return value


Listen = Annotated[Text, AfterValidator(_listen)]
Cron = Annotated[Text, AfterValidator(_cron)]
"""A cron line or a duration; what the fields of a cron line mean is judged by `rotator.daemon.cron`."""
Zone = Annotated[Text, AfterValidator(_zone)]
Variable = Annotated[Text, AfterValidator(_variable)]
