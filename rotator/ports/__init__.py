"""What the use cases need from outside, one Protocol each; adapters and the tests' fakes implement them.

Implementations raise only `rotator.errors`. Moments are aware UTC.
"""

from rotator.domain.audit import AuditEntry, AuditRecord, Fact
from rotator.ports.clocks import Clock, KernelClock, NtpAnswer, TimeSource
from rotator.ports.documents import AliasTarget, Catalogue, DocumentTarget, EdgeCache, Stored
from rotator.ports.examining import Doctor, Examination
from rotator.ports.keys import (
    ExistingHalf,
    Generated,
    Held,
    KeyControl,
    KeyName,
    KeyStore,
    KmsArn,
    Notary,
    PlainHalf,
)
from rotator.ports.looking import HttpAnswer, NoAnswer, Probe
from rotator.ports.state import Lease, StateStore
from rotator.ports.telling import Notifier, Reporter

__all__ = [
    "AliasTarget",
    "AuditEntry",
    "AuditRecord",
    "Catalogue",
    "Clock",
    "Doctor",
    "DocumentTarget",
    "EdgeCache",
    "Examination",
    "ExistingHalf",
    "Fact",
    "Generated",
    "Held",
    "HttpAnswer",
    "KernelClock",
    "KeyControl",
    "KeyName",
    "KeyStore",
    "KmsArn",
    "Lease",
    "NoAnswer",
    "Notary",
    "Notifier",
    "NtpAnswer",
    "PlainHalf",
    "Probe",
    "Reporter",
    "StateStore",
    "Stored",
    "TimeSource",
]
