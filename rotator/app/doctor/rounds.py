"""Carries out looks side by side; whatever a look ends with becomes findings, and none is waited for without end."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from itertools import chain
from threading import Thread

from rotator.app.parallel import side_by_side
from rotator.domain.diagnosis import Diagnosis, Health, of_error
from rotator.domain.times import say
from rotator.errors import RotatorError
from rotator.ports import Examination


def carried_out(
    examinations: Sequence[Examination], *, patience: timedelta | None = None
) -> list[Diagnosis]:
    """The findings of all examinations, in their order; `patience` replaces their own where it is given."""
    found = side_by_side(lambda one: _within(one, patience or one.patience), examinations)
    return list(chain.from_iterable(found))


def _within(examination: Examination, patience: timedelta) -> Iterable[Diagnosis]:
    """The findings of one look. It runs in a thread of its own: no library keeps every deadline."""
    outcome: Future[list[Diagnosis]] = Future()
    Thread(target=_look, args=(examination, outcome), name="doctor", daemon=True).start()
    try:
        return outcome.result(patience.total_seconds())
    except TimeoutError:
        return [
            _unknown(
                examination,
                f"it took longer than {say(patience)}",
                "see what is slow or hangs there, then run doctor again",
            )
        ]


def _look(examination: Examination, outcome: Future[list[Diagnosis]]) -> None:
    found: list[Diagnosis] = []
    try:
        found.extend(examination.look())  # what was found before an error stays found
    except RotatorError as error:
        found.append(of_error(examination.area, examination.place, error))
    except Exception as bug:  # noqa: BLE001  (one broken look must not hide what the others see)
        why = f"rotator failed in a way it should not: {type(bug).__name__}: {bug}"
        found.append(_unknown(examination, why, "report it with this line"))
    outcome.set_result(found)


def _unknown(examination: Examination, why: str, what_to_do: str) -> Diagnosis:
    return Diagnosis(
        examination.area,
        examination.place,
        Health.UNKNOWN,
        f"{examination.what} could not be looked at",
        why,
        what_to_do,
    )
