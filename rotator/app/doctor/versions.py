"""Which Python and which libraries run here, and whether they are as new as rotator needs."""

import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata

from rotator.domain.diagnosis import Area, Diagnosis, Health, Place

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*[^;]*?>=\s*([\d.]+)")
_SHOWN = ("boto3", "cryptography", "urllib3")


def of_versions(
    required: tuple[str, ...] | None = None, version: Callable[[str], str] = metadata.version
) -> Iterator[Diagnosis]:
    """One line with what runs here, and one for each library that is missing or too old.

    `required` are requirements as packages declare them (`boto3>=1.36`), rotator's own when None.
    """
    wanted = _required() if required is None else required
    found = {name: _installed(name, version) for name in _SHOWN}
    words = ", ".join(f"{name} {have}" for name, have in found.items() if have)
    python = f"Python {platform.python_version()}"
    yield Diagnosis(Area.VERSIONS, Place(), Health.OK, f"{python}, {words}" if words else python)
    for requirement in wanted:
        yield from _judged(requirement, version)


def _required() -> tuple[str, ...]:
    """What rotator declares, without its extras; nothing where it runs without having been installed."""
    try:
        declared = metadata.requires("rotator") or ()
    except metadata.PackageNotFoundError:
        return ()
    return tuple(text for text in declared if "extra ==" not in text)


def _judged(requirement: str, version: Callable[[str], str]) -> Iterator[Diagnosis]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        return
    name, least = match[1], match[2]
    have = _installed(name, version)
    if have is None or _numbers(have) < _numbers(least):
        what = f"{name} {have} is too old" if have else f"{name} is not installed"
        mend = f"pip install '{requirement.partition(';')[0].strip()}'"
        yield Diagnosis(
            Area.VERSIONS, Place(), Health.ERROR, what, f"rotator needs {least} at least", mend
        )


def _installed(name: str, version: Callable[[str], str]) -> str | None:
    try:
        return version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """`1.36.0` as numbers; what follows them (rc1, .dev0) does not count."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
