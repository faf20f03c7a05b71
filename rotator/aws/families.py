"""Which errors a port promises, so that one description of AWS's answers serves them all."""

from dataclasses import dataclass
from typing import Final

from rotator.errors import (
    KeyStoreDenied,
    KeyStoreError,
    KeyStoreUnreachable,
    KeyStoreUnsure,
    RotatorError,
    StateConflict,
    StateDenied,
    StateError,
    StateUnreachable,
    TargetConflict,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
    TargetUnsafe,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One error per kind of trouble; `unsure` where an answer was lost that may have followed an effect."""

    unreachable: type[RotatorError]
    unsure: type[RotatorError]
    denied: type[RotatorError]
    missing: type[RotatorError]
    conflict: type[RotatorError]
    unsafe: type[RotatorError]
    failed: type[RotatorError]


TARGET: Final = Family(
    unreachable=TargetUnreachable,
    unsure=TargetUnreachable,
    denied=TargetDenied,
    missing=TargetMissing,
    conflict=TargetConflict,
    unsafe=TargetUnsafe,
    failed=TargetError,
)
STATE: Final = Family(
    unreachable=StateUnreachable,
    unsure=StateUnreachable,
    denied=StateDenied,
    missing=StateDenied,
    conflict=StateConflict,
    unsafe=StateError,
    failed=StateError,
)
KEY_STORE: Final = Family(
    unreachable=KeyStoreUnreachable,
    unsure=KeyStoreUnreachable,
    denied=KeyStoreDenied,
    missing=KeyStoreError,
    conflict=KeyStoreError,
    unsafe=KeyStoreError,
    failed=KeyStoreError,
)
NEW_KEY: Final = Family(
    unreachable=KeyStoreUnreachable,
    unsure=KeyStoreUnsure,
    denied=KeyStoreDenied,
    missing=KeyStoreError,
    conflict=KeyStoreError,
    unsafe=KeyStoreError,
    failed=KeyStoreError,
)
