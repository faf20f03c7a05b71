"""The state of the host's clock by adjtimex(2), which anybody may read. No I/O but that one call."""

import struct
from datetime import timedelta
from typing import Final

from rotator.ports import KernelClock

_LAYOUTS: Final = {4: struct.Struct("=I i i i i i"), 8: struct.Struct("=I 4x q q q q i")}
"""`struct timex` up to `status`, by the size of `long`: modes, offset, freq, maxerror, esterror, status."""
_ROOM: Final = 512
"""More than the whole of it, 208 bytes, for fields that later kernels may add."""
_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x40


def read_kernel() -> KernelClock | None:
    """Ask the kernel; None where there is no such call (only Linux has it) or it is refused (seccomp, gVisor)."""
    import ctypes

    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError, TypeError):
        return None
    room = ctypes.create_string_buffer(_ROOM)  # zeroes: `modes` 0 sets nothing
    state = int(adjtimex(room))
    return None if state < 0 else read_timex(room.raw, state, ctypes.sizeof(ctypes.c_long))


def read_timex(raw: bytes, state: int, long_size: int) -> KernelClock:
    """What the call filled in and returned. A clock that nothing disciplines is off by at most 16 s, says the kernel.

    That bound is where it stops counting, so `max_error` means something only while `synchronised`.
    """
    _, _, _, max_error, _, status = _LAYOUTS[long_size].unpack_from(raw)
    synchronised = state != _TIME_ERROR and not status & _STA_UNSYNC
    return KernelClock(synchronised, timedelta(microseconds=max_error))
