"""Everything that can go wrong, as one tree: a code, what, why, what to do, and the runbook to read.

Codes are a closed list (`docs/errors.md`); exit codes are those of the contract. This module imports nothing
of rotator, so that every layer can raise from it.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """One error as people and programs read it: code, what, why, what to do, where to read on."""

    code: str
    message: str
    detail: str
    hint: str
    runbook: str


class RotatorError(Exception):
    """The root: `code`, `exit_code`, `runbook` and a default `hint` are set by each class."""

    code: ClassVar[str] = "E_INTERNAL"
    exit_code: ClassVar[int] = 1
    runbook: ClassVar[str] = "runbooks/gate-stays-closed.md"
    default_hint: ClassVar[str] = "run it again with --verbose and report what it prints"

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        """`message` says what, `detail` why, `hint` what to do (the class's own when empty)."""
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint or self.default_hint

    def diagnostics(self) -> Diagnostics:
        """The error as a value, ready to print or to serialise."""
        return Diagnostics(self.code, self.message, self.detail, self.hint, self.runbook)


class InternalError(RotatorError):
    """A bug in rotator: something that its own invariants exclude."""


class UsageError(RotatorError):
    """The command line cannot be understood."""

    code = "E_USAGE"
    exit_code = 64
    runbook = "README.md"
    default_hint = "see rotator --help"


class ConfigError(RotatorError):
    """The configuration cannot be read or is refused."""

    code = "E_CONFIG"
    exit_code = 78
    runbook = "runbooks/planned-rotation.md"
    default_hint = "mend the lines named above, then run: rotator config check"


class PolicyInfeasible(ConfigError):
    """The policy's own numbers contradict each other (design T7, T8)."""

    code = "E_POLICY"


class StateError(RotatorError):
    """The state cannot be used."""

    code = "E_STATE"
    runbook = "runbooks/state-lost.md"
    default_hint = "read the runbook before anything is written"


class StateDamaged(StateError):
    """The stored state, evidence or audit log is not what was written."""

    code = "E_STATE_DAMAGED"
    default_hint = "restore the last export: rotator state import FILE"


class StateUnreachable(StateError):
    """The store that keeps the state gave no usable answer."""

    code = "E_STATE_UNREACHABLE"
    default_hint = "run it again when the store answers; nothing was changed meanwhile"


class StateDenied(StateError):
    """The store that keeps the state refused: no permission, expired or missing credentials, no such bucket."""

    code = "E_STATE_DENIED"
    runbook = "runbooks/access-denied.md"
    default_hint = "grant the action named above to whoever runs rotator"


class StateConflict(StateError):
    """The state moved since it was read: another run saved first."""

    code = "E_STATE_CONFLICT"
    exit_code = 75
    default_hint = "run the command again"


class StateBehind(StateError):
    """The regions show a later generation than the state: a restored backup (design I8)."""

    code = "E_STATE_BEHIND"
    exit_code = 3


class LeaseHeld(RotatorError):
    """Another run holds the lease."""

    code = "E_LEASE_HELD"
    exit_code = 75
    runbook = "runbooks/state-lost.md"
    default_hint = "wait for it to finish; if it died on another host: rotator state unlock"


class LeaseLost(RotatorError):
    """This run's lease was taken over; it stopped before the next effect."""

    code = "E_LEASE_LOST"
    exit_code = 75
    runbook = "runbooks/state-lost.md"
    default_hint = "run the command again: it goes on where the other run stopped"

    @classmethod
    def to_a_revoke(cls, owner: str) -> "LeaseLost":
        """The error of a run that has to make way for a compromise, or for a hold."""
        return cls(
            "a revoke or a hold took this run's lease over",
            detail=f"{owner} was in a hurry; what this run had done is kept",
            hint="wait until it is through, then run the command again",
        )


class StalePlan(RotatorError):
    """A saved plan no longer fits the state, the configuration or the regions."""

    code = "E_STALE_PLAN"
    exit_code = 4
    runbook = "runbooks/planned-rotation.md"
    default_hint = "plan again: rotator plan --out new.plan"


class PlanDamaged(RotatorError):
    """A saved plan is truncated, altered or not a plan."""

    code = "E_PLAN_DAMAGED"
    runbook = "runbooks/planned-rotation.md"
    default_hint = "plan again: rotator plan --out new.plan"


class UnsafePlan(RotatorError):
    """The safety checker refuses a plan (design §5)."""

    code = "E_UNSAFE_PLAN"
    exit_code = 3
    default_hint = "look at what stands in the way: rotator plan"


class TargetError(RotatorError):
    """A region's document could not be read or written."""

    code = "E_TARGET"
    exit_code = 3
    runbook = "runbooks/region-down.md"
    default_hint = "the next run tries again; nothing was lost"


class TargetUnreachable(TargetError):
    """No usable answer: refused, timed out, 5xx, throttled."""

    code = "E_TARGET_UNREACHABLE"


class TargetDenied(TargetError):
    """The target refused: no permission, expired or missing credentials, wrong account."""

    code = "E_TARGET_DENIED"
    default_hint = "grant the action named above to the role or profile of this region"


class TargetMissing(TargetError):
    """The bucket, or the place the document lives in, does not exist or is elsewhere."""

    code = "E_TARGET_MISSING"
    default_hint = (
        "create the bucket in this region, or correct its name and region in the configuration"
    )


class TargetConflict(TargetError):
    """Somebody else wrote first: the ETag is not the one that was read (design I6)."""

    code = "E_TARGET_CONFLICT"
    default_hint = "run the command again: it reads the document anew and plans from there"


class TargetUnsafe(TargetError):
    """The store ignores conditional writes, so two writers would undo each other (design I6)."""

    code = "E_TARGET_UNSAFE"
    default_hint = "use a store that honours If-Match and If-None-Match"


class KeyStoreError(RotatorError):
    """The key store cannot make, find or use a private key."""

    code = "E_KEY_STORE"
    runbook = "runbooks/state-lost.md"
    default_hint = "check the path, its permissions and the passphrase"


class KeyStoreUnreachable(KeyStoreError):
    """KMS gave no usable answer: no connection, timed out, 5xx, throttled."""

    code = "E_KEY_STORE_UNREACHABLE"
    exit_code = 3
    runbook = "runbooks/region-down.md"
    default_hint = "the next run tries again; nothing was lost"


class KeyStoreUnsure(KeyStoreUnreachable):
    """The answer to a request for a key was lost: nobody knows whether it was made."""

    code = "E_KEY_STORE_UNSURE"
    default_hint = "run it again: it looks for the key before it asks for another"


class KeyStoreDenied(KeyStoreError):
    """KMS refused: no permission, expired or missing credentials, wrong account, a policy that forbids it."""

    code = "E_KEY_STORE_DENIED"
    exit_code = 3
    runbook = "runbooks/access-denied.md"
    default_hint = "grant the action named above to the role or profile of this region"


class KeyLocked(KeyStoreError):
    """The passphrase does not open the private key."""

    code = "E_KEY_LOCKED"
    default_hint = "set ROTATOR_KEY_PASSPHRASE or ROTATOR_KEY_PASSPHRASE_FILE to the passphrase the key was written with"


class NoSuchKey(RotatorError):
    """No key answers to that kid."""

    code = "E_NO_SUCH_KEY"
    runbook = "runbooks/planned-rotation.md"
    default_hint = "rotator history lists every key there ever was"


class DecisionRefused(RotatorError):
    """What an operator decides about a key cannot be carried out as things are (design I7)."""

    code = "E_DECISION"
    runbook = "runbooks/foreign-key.md"
    default_hint = "rotator plan names every key that waits for a decision"


class ImportRefused(RotatorError):
    """A key set cannot be taken over as things are: nothing was changed."""

    code = "E_IMPORT"
    runbook = "docs/takeover/README.md"
    default_hint = "mend what is named above and run it again; nothing was changed"


class RequestRefused(RotatorError):
    """What an operator asks for (`rotate`, `rollback`, `region forget`) cannot be done as things are."""

    code = "E_REQUEST"
    runbook = "runbooks/planned-rotation.md"
    default_hint = "rotator status shows how things are"


class NothingToSignWith(RotatorError):
    """The region's signing target names no key yet."""

    code = "E_NO_ACTIVE_KEY"
    runbook = "runbooks/planned-rotation.md"
    default_hint = "rotator apply, then rotator status"


class RevokeRefused(RotatorError):
    """A key cannot be revoked as things are: it is gone already, or nothing warm could sign instead."""

    code = "E_REVOKE"
    runbook = "runbooks/compromise-of-a-key.md"
    default_hint = "rotator history shows every key, rotator status what signs now"


class TokenRefused(RotatorError):
    """A token was asked for that rotator must not sign (design T9)."""

    code = "E_TOKEN"
    exit_code = 64
    runbook = "runbooks/planned-rotation.md"


class NotifyError(RotatorError):
    """Somebody who wants to be told could not be; it never stops a run."""

    code = "E_NOTIFY"
    runbook = "docs/notices.md"
    default_hint = "the next run tries again"


class Declined(RotatorError):
    """The operator did not confirm."""

    code = "E_DECLINED"
    runbook = "runbooks/planned-rotation.md"
    default_hint = "nothing was changed"


class Interrupted(Declined):
    """Ctrl-C, where a question waited for its answer."""

    exit_code = 130


class IllegalTransition(RotatorError):
    """A key cannot take this step from the phase it is in."""

    code = "E_ILLEGAL_TRANSITION"


def all_codes() -> dict[str, type[RotatorError]]:
    """Every error code with its class, for the documentation and its test."""
    found: dict[str, type[RotatorError]] = {}
    pending: list[type[RotatorError]] = [RotatorError]
    while pending:
        cls = pending.pop()
        found.setdefault(cls.code, cls)
        pending.extend(cls.__subclasses__())
    return found
