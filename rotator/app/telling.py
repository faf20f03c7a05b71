"""Telling others what happened once a run is over: it never fails a run, and holds it up for a bounded time only.

Whom nobody could reach is told by the next run; what was told is remembered beside the evidence, for each reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Thread
from time import monotonic
from typing import Final

from rotator.app.notices import REMEMBERED, News, happening, news, remembering
from rotator.app.observing import Observation
from rotator.app.world import World
from rotator.domain.evidence import Evidence
from rotator.errors import NotifyError, RotatorError, StateError
from rotator.ports import Notifier

PATIENCE: Final = timedelta(seconds=20)
"""How long a run that is over waits for all of its readers together."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the notices for one reader: how many it was told and how many not, and why."""

    target: str
    told: int
    failed: int
    why: str = ""


@dataclass(slots=True)
class _Errand:
    """One reader's news, each behind its issuer; `done` grows while a thread of its own works."""

    notifier: Notifier
    loud: list[tuple[str, News]]
    done: list[tuple[str, News]]
    told: int = 0
    why: str = "it took too long"

    def run(self, end: float) -> None:
        """Send everything in order; give up at the first that cannot be sent, and begin no other after `end` (monotonic).

        What is sent after that is remembered by nobody, and would be told twice.
        """
        size = self.notifier.at_once
        for start in range(0, len(self.loud), size):
            if start and monotonic() >= end:
                return
            batch = self.loud[start : start + size]
            try:
                self.notifier.send([one.notice for _, one in batch if one.notice])
            except RotatorError as error:
                self.why = f"{error.message}: {error.detail}" if error.detail else error.message
                return
            except Exception as error:  # noqa: BLE001  (its words may hold the URL, and a thread would print them)
                self.why = f"rotator itself fails at it ({type(error).__name__})"
                return
            self.told += len(batch)
            self.done += batch

    def delivery(self) -> Delivery:
        """How it stands."""
        told = self.told
        failed = len(self.loud) - told
        return Delivery(self.notifier.name, told, failed, self.why if failed else "")


def tell(world: World, seen: Observation, patience: timedelta = PATIENCE) -> tuple[Delivery, ...]:
    """Tell every reader what is new to it, and remember that; whatever goes wrong becomes a warning."""
    try:
        remembered = {name: world.state.load_evidence(name) for name in _kept(world, seen)}
        errands = [_errand(seen, notifier, remembered) for notifier in world.notifiers]
        _run([errand for errand in errands if errand.loud], patience)
        done = {errand.notifier.name: tuple(errand.done) for errand in errands}
        for name in remembered:
            _remember(world, name, done)
    except StateError as error:
        words = f"what others were told could not be read or kept: {error.message}"
        world.reporter.warn(words, code=error.code)
        return ()
    deliveries = tuple(errand.delivery() for errand in errands)
    for one in deliveries:
        if one.failed:
            words = f"{one.target} could not be told {one.failed} of its notices; the next run tries again"
            world.reporter.warn(f"{words}: {one.why}", code=NotifyError.code, target=one.target)
    return deliveries


def _kept(world: World, seen: Observation) -> list[str]:
    """The issuers of which something is stored; a fresh folder is left as it is."""
    return [name for name, state in seen.states.items() if state.serial] if world.notifiers else []


def _errand(seen: Observation, notifier: Notifier, remembered: Mapping[str, Evidence]) -> _Errand:
    found = [
        (one.issuer, item)
        for one in seen.report.issuers
        if one.issuer in remembered
        for item in news(
            remembered[one.issuer].told.get(notifier.name, {}),
            happening(seen, one),
            notifier.topics if one.issuer in seen.looked else notifier.topics & REMEMBERED,
            notifier.repeat,
            seen.report.at,
        )
    ]
    silent = [pair for pair in found if pair[1].notice is None]
    return _Errand(notifier, [pair for pair in found if pair[1].notice], silent)


def _run(errands: Sequence[_Errand], patience: timedelta) -> None:
    """All at once, each in a thread that nobody waits for past the deadline."""
    end = monotonic() + patience.total_seconds()
    threads = [Thread(target=errand.run, args=(end,), daemon=True) for errand in errands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - monotonic()))


def _remember(world: World, issuer: str, done: Mapping[str, tuple[tuple[str, News], ...]]) -> None:
    """Keep what was told of one issuer; of readers that are no longer configured nothing is kept."""
    now = world.state.load_evidence(issuer)
    told = {
        reader: remembering(
            now.told.get(reader, {}), [one for name, one in pairs if name == issuer]
        )
        for reader, pairs in done.items()
    }
    if told != now.told:
        world.state.save_evidence(replace(now, told=told), now)
