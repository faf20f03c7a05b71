"""The audit log: one object per record, named downwards, so that a listing begins with the newest."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rotator.adapters.s3_state.bucket import Bucket, Instead
from rotator.adapters.s3_state.documents import Head, read_record, record_body
from rotator.domain.audit import AuditEntry, AuditRecord, chained
from rotator.errors import StateConflict, StateDamaged

_FOLDER: Final = "audit/"
_CEILING: Final = 10**12
_NAME: Final = re.compile(r"(\d{12})\.json")
_ROUNDS: Final = 5
_AT_ONCE: Final = 32
_BATCH: Final = 256


class Log:
    """The log of one state. `head` is its end, known while one lease lasts."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._appending = threading.Lock()
        self.head: Head | None = None

    def append(
        self, entries: Sequence[AuditEntry], noted: Head, still_ours: Callable[[], object]
    ) -> None:
        """Write the entries one behind the other; each is there before the next is sent, so that none is ever missing.

        `noted` is the end that the lease object knows of. Where a record is in the way, a holder before this one may
        have had it under way: `still_ours` says whether so, or raises LeaseLost.
        """
        with self._appending:
            for entry in entries:
                self._append(entry, noted, still_ours)

    def records(self, noted: Head) -> Iterator[AuditRecord]:
        """All records in order, unchecked; then StateDamaged when the end that was noted is missing or another."""
        numbers = sorted(self._number(name) for name in self._bucket.names(_FOLDER))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for start in range(0, len(numbers), _BATCH):
                for record in pool.map(self._record, numbers[start : start + _BATCH]):
                    if record.number == noted.number and record.digest != noted.digest:
                        raise StateDamaged(
                            f"entry {record.number} of the audit log is another one than was written"
                        )
                    yield record
        if noted.number > (numbers[-1] if numbers else 0):
            raise StateDamaged(
                "the end of the audit log is missing", detail=f"{noted.number} entries were written"
            )

    def newest(self, noted: Head) -> Iterator[AuditRecord]:
        """All records, newest first, each read when it is asked for; StateDamaged when the end that was noted is missing."""
        last = noted.number
        for name in self._bucket.names(_FOLDER):
            number = self._number(name)
            if number < last:
                break
            last = 0
            yield self._record(number)
        if last:
            raise StateDamaged(
                "the end of the audit log is missing", detail=f"{noted.number} entries were written"
            )

    def _append(self, entry: AuditEntry, noted: Head, still_ours: Callable[[], object]) -> None:
        for _ in range(_ROUNDS):
            head = self.head or self._end(noted)
            self.head = None  # unknown again until the outcome is known
            record = chained(head.number + 1, head.digest, entry)
            outcome = self._bucket.replace(_name(record.number), record_body(record), None)
            if not isinstance(outcome, Instead):
                self.head = Head(record.number, record.digest)
                return
            still_ours()
        raise StateConflict("others write the audit log at the same time")

    def _end(self, noted: Head) -> Head:
        """The newest record; behind one that was lost the gap stays, for all to see."""
        newest = next((self._number(name) for name in self._bucket.names(_FOLDER, 1)), 0)
        if newest <= noted.number:
            return noted
        return Head(newest, self._record(newest).digest)

    def _record(self, number: int) -> AuditRecord:
        stored = self._bucket.read(_name(number))
        if stored is None:
            raise StateDamaged(f"entry {number} of the audit log is gone while it is listed")
        return read_record(number, stored.body)

    def _number(self, name: str) -> int:
        found = _NAME.fullmatch(name)
        if found is None:
            raise StateDamaged(
                f"{self._bucket.location(_FOLDER + name)} is no entry of the audit log",
                hint="move it elsewhere",
            )
        return _CEILING - int(found[1])


def _name(number: int) -> str:
    return f"{_FOLDER}{_CEILING - number:012d}.json"
