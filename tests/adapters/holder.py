"""A process that takes the lease of a state, says its fence, and holds it until it is killed.

The state is a file (one argument), or lies in a bucket (endpoint, bucket, prefix).
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_state import S3State
from rotator.adapters.sqlite_state import SqliteState
from rotator.aws import AwsClients
from rotator.ports import StateStore
from tests.adapters.states import access_to
from tests.servers.ministack import ANYBODY
from tests.servers.s3 import S3Endpoint


def store_at(place: list[str]) -> StateStore:
    match place:
        case [path]:
            return SqliteState(Path(path), SystemClock())
        case [url, bucket, prefix]:
            access = access_to(S3Endpoint(url, ANYBODY))
            return S3State(AwsClients(), access, bucket, prefix, SystemClock())
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    lease = store_at(sys.argv[1:]).acquire("holder", timedelta(hours=1))
    sys.stdout.write(f"{lease.fence}\n")
    sys.stdout.flush()
    time.sleep(60)
