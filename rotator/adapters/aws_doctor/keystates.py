"""What a KMS key's state in a region means, held against what rotator remembers of the key (KMS, "Key states")."""

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.diagnosis import Health
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.times import format_moment

_PENDING = ("PendingDeletion", "PendingReplicaDeletion")
_UNFINISHED = ("Creating", "Updating")


@dataclass(frozen=True, slots=True)
class KeyInKms:
    """A key as a region's KMS describes it; `state` None where it knows none, `ends_at` when it will be deleted."""

    arn: str
    region: str
    state: str | None
    ends_at: datetime | None = None


Judgement = tuple[Health, str, str, str]
"""Health, what, why, what to do."""


def judge_key(key: Key, seen: KeyInKms) -> Judgement:
    """Whether the key is in the state that it should be in."""
    name = f"{key.kid[:8]} ({_role(key)}) in {seen.region}"
    if seen.state in _PENDING:
        return _pending(key, seen, name)
    if key.moments.destroyed_at:
        return _destroyed(seen, name)
    if seen.state in _UNFINISHED:
        what = f"{name} is still {seen.state}"
        return Health.WARNING, what, "", "look again in a minute; the next apply goes on"
    if not key.usable:
        return _disabled(seen, name)
    if not wanted(key):
        return Health.OK, f"{name} is {seen.state or 'gone'}", "", ""
    return _in_use(key, seen, name)


def _pending(key: Key, seen: KeyInKms, name: str) -> Judgement:
    when = f" on {format_moment(seen.ends_at)}" if seen.ends_at else ""
    what = f"{name} is pending deletion{when}"
    if not wanted(key):
        return Health.OK, what, "", ""
    why = "once it is deleted nothing brings it back"
    if key.ever_signed:
        why = f"its tokens still live, and {why}"
    save = _command("cancel-key-deletion", seen)
    if key.usable:  # a key whose deletion is cancelled comes back disabled
        save = f"{save} && {_command('enable-key', seen)}"
    return Health.ERROR, what, why, save


def _destroyed(seen: KeyInKms, name: str) -> Judgement:
    if seen.state is None:
        return Health.OK, f"{name} is gone", "", ""
    why = "rotator scheduled its deletion, and somebody cancelled that"
    again = _command("schedule-key-deletion", seen)
    return Health.WARNING, f"{name} is {seen.state}", why, f"if that was not meant: {again}"


def _disabled(seen: KeyInKms, name: str) -> Judgement:
    if seen.state != "Enabled":
        return Health.OK, f"{name} is {seen.state or 'gone'}", "", ""
    why = "rotator disabled it, and somebody enabled it again"
    return Health.WARNING, f"{name} is enabled", why, _command("disable-key", seen)


def _in_use(key: Key, seen: KeyInKms, name: str) -> Judgement:
    signs = phase(key) is not Phase.RETIRED
    match seen.state:
        case "Enabled":
            return Health.OK, f"{name} is enabled", "", ""
        case "Disabled" if signs:
            why = (
                "the region's signers are refused"
                if key.ever_signed
                else "it cannot be switched to"
            )
            return Health.ERROR, f"{name} is disabled", why, _command("enable-key", seen)
        case "Disabled":
            why = "it could not be rolled back to"
            return Health.WARNING, f"{name} is disabled", why, _command("enable-key", seen)
        case None if not signs:
            return Health.WARNING, f"{name} is gone", "it cannot be rolled back to", _ROTATE
        case None:
            return Health.ERROR, f"{name} is gone", f"nothing is known there of {seen.arn}", _ROTATE
        case _:
            mend = "see what the KMS console says of it · runbooks/region-down.md"
            return Health.ERROR, f"{name} is {seen.state}", "it cannot sign in this state", mend


_ROTATE = "rotator plan says what is due; rotator rotate ISSUER brings in another key"


def _role(key: Key) -> str:
    match phase(key):
        case Phase.ACTIVE:
            return "signs"
        case Phase.RETIRED:
            return "retired"
        case Phase.STAGED | Phase.PUBLISHED:
            return "being switched to" if key.ever_signed else "stands by"
        case gone:
            return gone.value


def _command(verb: str, seen: KeyInKms) -> str:
    return f"aws kms {verb} --key-id {seen.arn} --region {seen.region}"
