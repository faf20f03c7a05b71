"""What follows a run of the daemon that is over: metrics take it in, and others are told what is new."""

from rotator.app.observing import observed
from rotator.app.telling import tell
from rotator.daemon.metrics import Metrics
from rotator.daemon.work import Done


class Observer:
    """Is handed each run in turn. The metrics outlive a configuration that is read again."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.metrics = Metrics()

    def __call__(self, done: Done) -> None:
        """Take in a run; telling others takes a bounded time. Raises StateError."""
        if done.error and not done.busy:
            self.metrics.failed([done.error.code])
        if done.applied:
            self.metrics.applied(done.applied)
        if done.looked:
            self.metrics.succeeded(done.kind, done.world.clock.now())
            seen = observed(done.world, done.looked.status)
            self.metrics.saw(seen)
            self.metrics.told(tell(done.world, seen))
