"""Files → models: YAML, then shape, of the configuration and of the files that it takes issuers from.

What is wrong with a shape is taken out and the rest looked at all the same, so that one run names as much as can be known.
"""

import copy
import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from rotator.config.explain import Fault, faults, without
from rotator.config.model import ConfigModel, IssuerModel, IssuersModel
from rotator.config.places import Problems, Spot
from rotator.config.yaml_lines import MAX_BYTES, Document, read
from rotator.config.yaml_lines import Path as MemberPath
from rotator.errors import ConfigError

M = TypeVar("M", ConfigModel, IssuersModel)


@dataclass(frozen=True, slots=True)
class Entry:
    """An issuer as a file has it."""

    name: str
    model: IssuerModel
    spot: Spot


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that was read; `cured` are the members that were left out because they were wrong."""

    config: ConfigModel
    main: Spot
    entries: tuple[Entry, ...]
    cured: frozenset[tuple[str, MemberPath]]

    def is_cured(self, spot: Spot) -> bool:
        """Whether this member, or what holds it, was left out."""
        return bool(self.cured) and any(
            (spot.label, spot.path[:length]) in self.cured
            for length in range(1, len(spot.path) + 1)
        )


def read_all(path: Path, environ: Mapping[str, str], problems: Problems) -> Reading | None:
    """Read the configuration and its issuers; None when too little is understood to go on. Raises ConfigError."""
    reader = _Reader(problems, {"home": environ.get("HOME")})
    main = Spot(str(path), _document(path, str(path), problems))
    config = reader.validated(ConfigModel, main, main.document.data or {}, 0)
    if config is None:
        return None
    entries = [
        Entry(name, issuer, main.at("issuers", name)) for name, issuer in config.issuers.items()
    ]
    if config.issuers_from:
        entries.extend(reader.issuers_from(config.issuers_from, main, path.parent))
    return Reading(config, main, tuple(_once(entries, problems)), frozenset(reader.cured))


class _Reader:
    def __init__(self, problems: Problems, context: dict[str, Any]) -> None:
        self.cured: set[tuple[str, MemberPath]] = set()
        self._problems = problems
        self._context = context

    def issuers_from(self, pattern: str, main: Spot, base: Path) -> Iterator[Entry]:
        """The issuers of every file that matches, in the order of the files' names."""
        found = sorted(glob.glob(str(base / pattern), recursive=True))  # noqa: PTH207 - Path.glob refuses absolute ones
        if not found:
            self._problems.add(main.at("issuers_from"), "matches no file")
        for name in found:
            spot = Spot(name, _document(Path(name), name, self._problems))
            file = self.validated(IssuersModel, spot, {"issuers": spot.document.data or {}}, 1)
            for issuer, model in file.issuers.items() if file else ():
                yield Entry(issuer, model, spot.at(issuer))

    def validated(self, kind: type[M], spot: Spot, data: Any, skip: int) -> M | None:
        """The model, without what is wrong where that can be left out; `skip` members of `data` are not in the file."""
        if not spot.document.readable:
            return None
        rest, first = copy.deepcopy(data), True
        while True:
            try:
                return kind.model_validate(rest, context=self._context)
            except ValidationError as error:
                found = faults(error, rest, _schema(kind))
            for fault in found if first else ():
                self._problems.add(spot.at(*fault.path[skip:]), fault.text)
            cuts = [_cut(fault) for fault in found]
            if not all(cuts):
                return None
            self.cured.update((spot.label, without(rest, cut)[skip:]) for cut in cuts)
            first = False


@cache
def _schema(kind: type[ConfigModel | IssuersModel]) -> Mapping[str, Any]:
    return kind.model_json_schema()


def _cut(fault: Fault) -> MemberPath:
    """What to leave out so that the rest can be looked at: the member, else its issuer, but never a whole region."""
    within, depth = fault.path[:1], len(fault.path)
    if fault.curable and not (within == ("regions",) and depth == 2):
        return fault.path
    return fault.path[:2] if within == ("issuers",) and depth > 1 else ()


def _document(path: Path, label: str, problems: Problems) -> Document:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration at {label}",
            detail="it is looked for at --config, else $ROTATOR_CONFIG, else rotator.yaml here",
            hint="write one to start from: rotator init",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{label} cannot be read", detail=error.strerror or type(error).__name__
        ) from error
    except UnicodeDecodeError as error:
        problems.add_line(label, error.object.count(b"\n", 0, error.start) + 1, "not UTF-8 text")
        return Document(readable=False)
    document = read(text)
    for flaw in document.flaws:
        problems.add_line(label, flaw.line, flaw.text)
    return document


def _once(entries: list[Entry], problems: Problems) -> Iterator[Entry]:
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in first:
            problems.add(
                entry.spot,
                f"issuer {entry.name} is defined at {first[entry.name].spot.where} as well",
            )
        else:
            first[entry.name] = entry
            yield entry
