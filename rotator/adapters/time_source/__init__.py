"""Clocks that are not this program's: NTP servers, and what the kernel knows of the host's own.

The client is written here. `ntplib` 0.4.0 (2021, its last; untyped) takes whatever packet comes from the server's
address: it checks neither that the answer is to its own question (the origin timestamp), nor that it is a server's, nor
leap indicator, stratum and kiss codes, and it reads moments after February 2036 as moments before 1968. Each of those is
a lie that must not move a key, and what is left of the library is one `struct.unpack`.
"""

from rotator.adapters.time_source.source import SystemTime

__all__ = ["SystemTime"]
