"""Metrics for Prometheus, scraped from the daemon or written to a textfile by runs that end.

They are made from the last observation each time they are asked for, so nothing that is gone stays behind.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from rotator import __version__
from rotator.app.observing import Observation
from rotator.app.reports import ApplyReport
from rotator.app.telling import Delivery
from rotator.daemon.families import BY_NAME, FAMILIES, Sample, exposed
from rotator.daemon.samples import samples_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of `Metrics.text`."""


class Metrics:
    """What is counted, what was seen last, and both as text. One thread feeds it while others read."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._lock = Lock()
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._succeeded: dict[str, float] = {}
        self._seen: Observation | None = None
        self._before: tuple[Sample, ...] = ()

    def succeeded(self, command: str, at: datetime) -> None:
        """A run came to its end, and nothing it did failed."""
        with self._lock:
            self._succeeded[command] = at.timestamp()

    def failed(self, codes: Iterable[str]) -> None:
        """There were errors with these codes."""
        with self._lock:
            self._counts.update(("rotator_errors", (code,)) for code in codes)

    def applied(self, report: ApplyReport) -> None:
        """An apply is over; it succeeded unless a step failed."""
        codes = [result.error.code for result in report.failed if result.error]
        self.failed(codes)
        if not codes:
            self.succeeded("apply", report.at)

    def saw(self, seen: Observation) -> None:
        """This is how things stand."""
        with self._lock:
            self._seen = seen

    def told(self, deliveries: Iterable[Delivery]) -> None:
        """Readers were told, or could not be."""
        with self._lock:
            for one in deliveries:
                self._counts["rotator_notices", (one.target, "told")] += one.told
                self._counts["rotator_notices", (one.target, "failed")] += one.failed

    def recall(self, text: str, *, issuers: Collection[str] | None = None) -> None:
        """Go on from what an earlier run wrote: its counts, and figures that this run has nothing to say about.

        Those are of issuers other than `issuers` (None: this run saw all there are), and all of them as long as nothing
        was seen. A text that cannot be read counts for nothing.
        """
        from prometheus_client.parser import text_string_to_metric_families

        try:
            found = [
                Sample(family.name, tuple(s.labels[name] for name in known.labels), s.value)
                for family in text_string_to_metric_families(text)
                if (known := BY_NAME.get(family.name))
                for s in family.samples
                if s.name == exposed(known) and math.isfinite(s.value)
            ]
        except (ValueError, KeyError, IndexError):
            return
        with self._lock:
            self._recall(found, issuers)

    def text(self, now: datetime) -> bytes:
        """All of it in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        with self._lock:
            samples = list(self._samples(now))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(samples))
        return generate_latest(registry)

    def _recall(self, found: Iterable[Sample], issuers: Collection[str] | None) -> None:
        before = []
        for sample in found:
            family = BY_NAME[sample.name]
            if family.counter:
                self._counts[sample.name, sample.labels] += int(sample.value)
            elif family.kept:
                self._succeeded.setdefault(sample.labels[0], sample.value)
            elif self._seen is None:
                before.append(sample)
            elif issuers is not None and family.labels[:1] == ("issuer",):
                before += [sample] if sample.labels[0] not in issuers else []
        self._before = tuple(one for one in before if one.name != "rotator_build_info")

    def _samples(self, now: datetime) -> Iterator[Sample]:
        yield Sample("rotator_build_info", (__version__,), 1)
        for command, at in self._succeeded.items():
            yield Sample("rotator_last_success_timestamp_seconds", (command,), at)
        for (name, labels), number in self._counts.items():
            yield Sample(name, labels, number)
        yield from self._before
        if self._seen is not None:
            yield from samples_of(self._seen, now)


class _Collected:
    """What a registry of prometheus_client asks for its metrics."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples: dict[str, list[Sample]] = {}
        for sample in samples:
            self._samples.setdefault(sample.name, []).append(sample)

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for family in FAMILIES:
            kind = CounterMetricFamily if family.counter else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for sample in self._samples.get(family.name, ()):
                metric.add_metric(sample.labels, sample.value)
            yield metric
