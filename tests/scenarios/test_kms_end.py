"""The end of a private half in KMS (design T5): disabled after the rollback window, destroyed after T4."""

from datetime import timedelta

import pytest

from rotator.app.hold import hold, release
from rotator.domain.keys import KmsHandle
from rotator.domain.plan import Gate, Reason
from rotator.domain.timing import LATE_WRITE
from tests.fakes.targets import Fault
from tests.scenarios.kms_world import rotated, signs_with
from tests.scenarios.world import ALIAS, DAY, NAMES

US, EU, AP = NAMES
SECOND = timedelta(seconds=1)


class TestTheEndOfAKey:
    """Design T5: disabled after the rollback window, destroyed after T4."""

    def test_it_is_disabled_at_the_very_moment_and_not_before(self):
        world, kms = rotated(days=90)
        retired = world.key(0).moments.retired_at
        wait = world.wait_for("disable")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.TIME,
            Reason.ROLLBACK_POSSIBLE,
            False,
        )
        assert retired
        assert wait.until
        assert timedelta() <= wait.until - (retired + DAY + 7 * DAY + LATE_WRITE) < 5 * SECOND
        world.clock.set(wait.until - SECOND)
        world.apply()
        assert kms.states()[0] == {"Enabled"}
        world.clock.set(wait.until)
        world.apply()
        assert kms.states()[0] == {"Disabled"}
        assert [len(key.states) for key in kms.keys.values()] == [3, 3, 3]
        assert world.phases()[0] == "retired"
        assert world.key(0).kid in world.document(EU).kids()
        assert not world.apply().results

    def test_it_is_destroyed_only_when_its_last_token_is_dead(self):
        world, kms = rotated(days=121)
        wait = world.wait_for("remove")
        assert wait.until
        world.clock.set(wait.until - SECOND)
        world.apply()
        assert kms.states()[0] == {"Disabled"}
        world.clock.set(wait.until)
        world.apply()
        assert world.phases() == ["removed", "active", "published"]
        assert kms.states() == [{"PendingDeletion"}, {"Enabled"}, {"Enabled"}]
        assert world.key(0).moments.destroyed_at

    @pytest.mark.parametrize(("days", "state"), [(90, "Enabled"), (110, "Disabled")])
    def test_a_hold_stops_both(self, days, state):
        world, kms = rotated(days)
        hold(world.world(), "accounts", "release freeze", owner="ann", until=None)
        world.clock.advance(60 * DAY)
        report = world.apply()
        assert kms.states()[0] == {state}
        assert not report.left.blocked
        held = {w.kind for w in report.left.issuers[0].waiting if w.gate is Gate.HOLD}
        assert held >= ({"disable", "remove"} if state == "Enabled" else {"remove"})

    def test_a_hold_stops_a_removal_that_is_half_done(self):
        world, kms = rotated(days=121)
        world.until(world.wait_for("remove"))
        world.jwks[EU].next_writes = [Fault.DENIED]
        assert world.apply().failed
        hold(world.world(), "accounts", "release freeze", owner="ann", until=None)
        world.clock.advance(DAY)
        assert not world.apply().failed
        assert world.wait_for("remove").gate is Gate.HOLD
        assert world.key(0).kid in world.document(EU).kids()
        assert kms.states()[0] == {"Disabled"}
        release(world.world(), "accounts", owner="ann")
        world.apply()
        assert kms.states()[0] == {"PendingDeletion"}

    def test_a_deletion_that_a_region_misses_is_tried_again(self):
        """Every document is without the key by then; the private half waits for the region."""
        world, kms = rotated(days=121)
        world.until(world.wait_for("remove"))
        kms.deletes = False
        assert [r.step.kind for r in world.apply().failed] == ["destroy"]
        assert (world.phases()[0], kms.states()[0]) == ("removed", {"Disabled"})
        kms.deletes = True
        hold(world.world(), "accounts", "release freeze", owner="ann", until=None)
        assert not world.apply().results
        release(world.world(), "accounts", owner="ann")
        world.apply()
        assert kms.states()[0] == {"PendingDeletion"}

    def test_an_alias_that_cannot_be_read_may_point_at_it_still(self):
        world, kms = rotated(days=121)
        world.until(world.wait_for("remove"))
        kms.down = {EU}
        wait = world.wait_for("remove")
        assert (wait.reason_code, wait.region, wait.blocked) == (
            Reason.REGION_UNREACHABLE,
            EU,
            True,
        )
        world.apply()
        assert kms.states()[0] == {"Disabled"}

    def test_an_alias_that_was_moved_back_starts_every_wait_again(self):
        """`signing.json` names the new key all the time; signers that go through the alias used the old one."""
        world, kms = rotated(days=95)
        before = world.wait_for("disable").until
        old = world.key(0)
        assert isinstance(old.handle, KmsHandle)
        kms.aliases[EU, ALIAS] = old.handle.arns[EU]
        world.clock.advance(DAY)
        world.apply()
        after = world.wait_for("disable").until
        assert before
        assert after
        assert after - before > 5 * DAY
        assert all(signs_with(world, world.key(1)).values())

    @pytest.mark.parametrize("what", ["its KMS", "its documents"])
    def test_a_region_that_nobody_could_look_at_may_need_it_still(self, what):
        world, kms = rotated(days=90)
        world.until(world.wait_for("disable"))
        if what == "its KMS":
            kms.down = {EU}
        else:
            world.down(EU)
        wait = world.wait_for("disable")
        assert (wait.reason_code, wait.region, wait.blocked) == (
            Reason.REGION_UNREACHABLE,
            EU,
            True,
        )
        world.apply()
        assert kms.states()[0] == {"Enabled"}
        kms.down = set()
        world.up(EU)
        world.apply()
        assert kms.states()[0] == {"Disabled"}
