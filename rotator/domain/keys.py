"""A signing key as the state keeps it: public half, where the private half lives, and its recorded moments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from rotator.domain.jwk import Jwk


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When each thing happened to a key, aware UTC; the phase follows from these, never the other way round.

    `switch_started_at` and `removal_started_at` are recorded before the first region is touched: from the first
    on a key counts as having signed, from the second on it is wanted nowhere.
    """

    staged_at: datetime
    published_at: datetime | None = None
    switch_started_at: datetime | None = None
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    removal_started_at: datetime | None = None
    removed_at: datetime | None = None
    revoked_at: datetime | None = None
    disabled_at: datetime | None = None
    destroyed_at: datetime | None = None

    def recorded(self) -> dict[str, datetime]:
        """The moments that have happened, by name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: moment for name, moment in found.items() if moment is not None}


@dataclass(frozen=True, slots=True)
class LocalHandle:
    """A private half in an encrypted PKCS#8 file; the path is absolute or relative to the configuration."""

    kind: ClassVar[str] = "local"
    path: str


KeyHandle = LocalHandle
"""Where a private half lives; grows by one variant per kind of key store."""


def signer_key(handle: KeyHandle) -> Mapping[str, str]:
    """The `key` member of `signing.json` for a private half (contract §3)."""
    return {"kind": handle.kind, "path": handle.path}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of an issuer. `generation` is the number it was asked for under (`accounts/12`).

    `max_token_lifetime` and `max_signer_stop` are watermarks: the largest that any `signing.json` allowed
    while it named this key (design §4).
    """

    jwk: Jwk
    generation: int
    handle: KeyHandle
    moments: Moments
    max_token_lifetime: timedelta = field(default=timedelta())
    max_signer_stop: timedelta = field(default=timedelta())

    @property
    def kid(self) -> str:
        """The kid it is published under."""
        return self.jwk.kid

    @property
    def ever_signed(self) -> bool:
        """Whether tokens of this key may exist."""
        return self.moments.switch_started_at is not None

    @property
    def usable(self) -> bool:
        """Whether its private half may still be asked to sign."""
        moments = self.moments
        return (
            moments.revoked_at is None
            and moments.disabled_at is None
            and moments.destroyed_at is None
        )
