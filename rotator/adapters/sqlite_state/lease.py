"""The lease's one row: taken, renewed, given back, broken; the fence goes up with every holder and never down.

Urgency is kept in a table of its own, made when it is first needed: the lease of that fence was taken in a hurry, or
is wanted by somebody who is.
"""

import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from rotator.adapters.sqlite_state.database import only_row
from rotator.domain.times import format_moment
from rotator.errors import LeaseLost, StateDamaged
from rotator.ports import Lease
from rotator.process import Process


@dataclass(frozen=True, slots=True)
class Holding:
    """A lease that is held: by whom, in which process, since when, for how long without a renewal."""

    lease: Lease
    process: Process
    since: str
    term: timedelta
    renewals: int


def held(connection: sqlite3.Connection) -> Holding | None:
    """The lease as it is held now, None when it is free."""
    owner, fence, since, term, renewals, *process = only_row(
        connection,
        "SELECT owner, fence, since, term, renewals, host, boot, namespace, pid, started FROM lease",
    )
    if owner is None:
        return None
    try:
        length = timedelta(seconds=term)
    except (TypeError, ValueError, OverflowError):
        raise StateDamaged("the lease cannot be read", hint="rotator state unlock") from None
    return Holding(Lease(owner, fence), Process(*process), since, length, renewals)


def take(
    connection: sqlite3.Connection, owner: str, process: Process, term: timedelta, now: datetime
) -> Lease:
    """The lease from now on, with the next fence."""
    connection.execute(
        "UPDATE lease SET fence = fence + 1, owner = :owner, since = :since, term = :term, renewals = 0,"
        " host = :host, boot = :boot, namespace = :namespace, pid = :pid, started = :started",
        {
            "owner": owner,
            "since": format_moment(now),
            "term": term.total_seconds(),
            **asdict(process),
        },
    )
    (fence,) = only_row(connection, "SELECT fence FROM lease")
    return Lease(owner, fence)


@dataclass(frozen=True, slots=True)
class Urgency:
    """About a lease that is held: who wants it urgently, None where it was taken urgently itself."""

    wanted_by: str | None


def urgency(connection: sqlite3.Connection, lease: Lease) -> Urgency | None:
    """What is urgent about a lease, None when nothing is."""
    table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'urgency'"
    if connection.execute(table).fetchone() is None:
        return None
    query = "SELECT wanted_by FROM urgency WHERE fence = ?"
    row = connection.execute(query, (lease.fence,)).fetchone()
    return None if row is None else Urgency(row[0])


def mark_urgent(connection: sqlite3.Connection, lease: Lease, wanted_by: str | None = None) -> None:
    """Note that a lease was taken urgently, or who wants it so."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS urgency (fence INTEGER PRIMARY KEY, wanted_by TEXT)"
    )
    connection.execute("DELETE FROM urgency WHERE fence < ?", (lease.fence,))
    connection.execute("INSERT OR REPLACE INTO urgency VALUES (?, ?)", (lease.fence, wanted_by))


def check(connection: sqlite3.Connection, lease: Lease) -> None:
    """Raise LeaseLost when the lease is not the one that is held now."""
    holding = held(connection)
    if holding is not None and holding.lease == lease:
        return
    if holding is not None and urgency(connection, holding.lease) == Urgency(None):
        raise LeaseLost.to_a_revoke(holding.lease.owner)
    now = f"{holding.lease.owner} has it" if holding else "nobody has it"
    raise LeaseLost("the lease was taken from this run", detail=now)


def renew(connection: sqlite3.Connection, lease: Lease, term: timedelta) -> None:
    """Tell those who watch that the holder is alive; raises LeaseLost also when somebody wants it urgently."""
    check(connection, lease)
    urgent = urgency(connection, lease)
    if urgent is not None and urgent.wanted_by is not None:
        raise LeaseLost.to_a_revoke(urgent.wanted_by)
    connection.execute(
        "UPDATE lease SET renewals = renewals + 1, term = ?", (term.total_seconds(),)
    )


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Free the lease if it is still the one that is held."""
    connection.execute(
        "UPDATE lease SET owner = NULL WHERE fence = ? AND owner = ?", (lease.fence, lease.owner)
    )


def break_(connection: sqlite3.Connection) -> Lease | None:
    """Free the lease whoever holds it, so that nothing the holder still sends is accepted."""
    owner, fence = only_row(connection, "SELECT owner, fence FROM lease")
    connection.execute("UPDATE lease SET owner = NULL, fence = fence + 1")
    return None if owner is None else Lease(owner, fence)
