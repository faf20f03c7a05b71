"""The objects below one prefix: read, listed, and replaced until it is known whether that took effect."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rotator.aws.objects import Objects
from rotator.errors import StateConflict, StateDamaged, StateError, StateUnreachable
from rotator.ports import Clock, Stored

MAX_BYTES: Final = 16 * 1024 * 1024
_HEADERS: Final = {"ContentType": "application/json", "CacheControl": "no-store"}
_ATTEMPTS: Final = 3
_PAUSE: Final = timedelta(milliseconds=200)
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Instead:
    """What stands where something else was to be replaced; None when nothing does."""

    stored: Stored | None


class Bucket:
    """The objects of one state. Names are below the prefix: `state/accounts.json`."""

    def __init__(self, objects: Objects, prefix: str, clock: Clock) -> None:
        self._objects = objects
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._clock = clock

    def location(self, name: str) -> str:
        """Where an object is, for people."""
        return self._objects.place(self._prefix + name)

    def endpoint(self) -> str:
        """The endpoint that really answers."""
        return self._objects.endpoint()

    def read(self, name: str) -> Stored | None:
        """The object, None when there is none."""
        stored = self._objects.get(self._prefix + name, MAX_BYTES)
        if stored is not None and len(stored.body) > MAX_BYTES:
            raise StateDamaged(
                f"{self.location(name)} is not what was written",
                detail=f"it is larger than {MAX_BYTES} bytes",
            )
        return stored

    def names(self, folder: str, most: int | None = None) -> Iterator[str]:
        """The names below `folder`, without it, in order; the first `most` of them."""
        start = f"{self._prefix}{folder}"
        return (key.removeprefix(start) for key in self._objects.keys(start, most))

    def prove_conditions(self, name: str) -> None:
        """Raise StateError when the store is seen to ignore conditions."""
        self._objects.prove_conditions(self._prefix + name, _HEADERS)

    def replace(self, name: str, body: bytes, etag: str | None) -> str | Instead:
        """Put `body` in place of the object that has `etag` (None: of none); the new ETag, or what stands there instead.

        What is read back decides, so that an answer lost after the effect is a success. Sending again is safe: the
        condition holds once only, since no two bodies under one name are alike. Raises StateUnreachable when the
        outcome stays unknown.
        """
        until = self._clock.monotonic() + _PATIENCE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._objects.put(self._prefix + name, body, etag, _HEADERS)
            except (StateConflict, StateUnreachable) as error:
                there = self._read_back(name, error)
                if there is not None and there.body == body:
                    return there.etag
                if (there.etag if there else None) != etag:
                    return Instead(there)
                if attempt == _ATTEMPTS or self._clock.monotonic() > until:
                    raise
            self._clock.sleep(_PAUSE * attempt)
        raise AssertionError("the last attempt returns or raises")

    def _read_back(self, name: str, failure: StateError) -> Stored | None:
        try:
            return self.read(name)
        except StateUnreachable:
            raise failure from None
