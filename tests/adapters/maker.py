"""A process that makes keys in a folder and prints their public halves."""

import sys
from pathlib import Path

from rotator.adapters.local_keys import LocalKeyStore
from rotator.domain.jwk import Algorithm, thumbprint
from tests.fakes.keys import named

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    store = LocalKeyStore(folder, folder, None)
    for generation in range(1, 21):
        made = store.generate(named("accounts", generation), Algorithm.ES256, 2048)
        sys.stdout.write(f"{generation} {thumbprint(made.public)}\n")
