"""A process that takes the lease of a state file, says so, and holds it until it is killed."""

import sys
import time
from datetime import timedelta
from pathlib import Path

from rotator.adapters.clock import SystemClock
from rotator.adapters.sqlite_state import SqliteState

if __name__ == "__main__":
    lease = SqliteState(Path(sys.argv[1]), SystemClock()).acquire("holder", timedelta(hours=1))
    sys.stdout.write(f"{lease.fence}\n")
    sys.stdout.flush()
    time.sleep(60)
