"""A process that may not write a state file, tries to, and reads it all the same."""

import os
import sys
from pathlib import Path

from rotator.adapters.clock import SystemClock
from rotator.adapters.sqlite_state import SqliteState
from rotator.domain.evidence import Evidence
from rotator.errors import StateError

NOBODY = 65534

if __name__ == "__main__":
    if os.geteuid() == 0:  # whom no permission stops
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    store = SqliteState(Path(sys.argv[1]), SystemClock())
    try:
        store.save_evidence(Evidence(issuer="accounts"))
    except StateError as error:
        sys.stdout.write(f"{error.detail}\n")
    state = store.load("accounts")
    serial, entries = state.serial if state else None, len(list(store.audit()))
    sys.stdout.write(f"serial {serial}, {entries} entries, held by {store.holder()}\n")
