"""Nothing in these worlds waits for anybody, so threads would only cost time."""

from collections.abc import Iterator

import pytest

from rotator.app.parallel import at_most


@pytest.fixture(autouse=True)
def one_after_another() -> Iterator[None]:
    with at_most(1):
        yield
