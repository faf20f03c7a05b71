"""Who holds a lease: a process, told apart from every other, and whether it is still there."""

import os
import socket
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STATE_FIELD: Final = 0
_START_FIELD: Final = 19
"""proc(5): `state` and `starttime` are the 3rd and 22nd field, the 1st and 20th after the command's name."""
_ENDED: Final = "ZX"
_STOPPED: Final = "Tt"


class Fate(Enum):
    """What can be known of another process from here."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its machine, the machine's boot, its pid namespace, its pid and when it started (clock ticks).

    Where the system does not say (only Linux says all), a member is empty.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str


def this_process() -> Process:
    """The process that asks."""
    pid = os.getpid()
    return Process(
        host=f"{socket.gethostname()}/{_text(Path('/etc/machine-id'))}",
        boot=_text(_PROC / "sys/kernel/random/boot_id"),
        namespace=_namespace(),
        pid=pid,
        started=started_at(pid) or "",
    )


def fate(other: Process, me: Process, *, by_name: bool = True) -> Fate:
    """Whether `other` still runs, as far as `me` can tell.

    The same boot and pid namespace: its pid answers; nobody knows of one that is stopped whether it will go on. An
    earlier boot of this machine, outside any container (equal namespaces): gone. Anything else might be a machine that
    cannot be seen from here. `by_name` False believes no machine's name, where many machines may be meant: clones of
    one image share it, down to the machine id.
    """
    if other.boot == me.boot and other.namespace == me.namespace:
        known = bool(me.boot) or (by_name and other.host == me.host)
        return _answer(other) if known else Fate.UNKNOWN
    rebooted = by_name and other.host == me.host and other.namespace == me.namespace
    return Fate.GONE if rebooted and other.boot and me.boot else Fate.UNKNOWN


def started_at(pid: int) -> str | None:
    """When the process of that pid started, "" when the system does not say, None when there is none."""
    fields = _status(pid)
    if fields:
        return None if fields[_STATE_FIELD] in _ENDED else fields[_START_FIELD]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def _answer(other: Process) -> Fate:
    started = started_at(other.pid)
    if started is None or started != other.started:
        return Fate.GONE
    fields = _status(other.pid)
    return Fate.UNKNOWN if fields and fields[_STATE_FIELD] in _STOPPED else Fate.ALIVE


def _status(pid: int) -> list[str]:
    """What proc(5) says of a process after its command's name, empty when it says nothing."""
    return _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
