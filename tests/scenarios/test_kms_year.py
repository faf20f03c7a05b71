"""Random months with KMS: regions and their KMS are away for days, answers of CreateKey are lost, aliases lag.

Signers go through their region's alias. No living token is refused, every key that may be asked to sign can, and at the
end no key is enabled that should not be, none is left over.
"""

from datetime import timedelta

import pytest

from rotator.domain.keys import KmsHandle
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.policy import Policy
from tests.fakes.kms import Answer, MemoryKms
from tests.scenarios.test_hostile_years import HOUR, JUST_IN_TIME, WITH_STANDBY, Months
from tests.scenarios.test_kms_crashes import nothing_is_left_over
from tests.scenarios.world import ALIAS, DAY, NAMES, SIGNING, Regions

ROLLBACK = timedelta(days=2)


class KmsMonths(Months):
    """Some random months of a world with its keys in KMS."""

    def __init__(self, seed: int, policy: Policy) -> None:
        super().__init__(seed, policy)
        self.kms = MemoryKms()
        self.world = Regions(policy=policy, kms=self.kms, rollback_window=ROLLBACK)
        self.lost = 0

    def mischief(self) -> None:
        super().mischief()
        chance = self.random.random
        if chance() < 0.02:
            self.kms.down.add(self.random.choice(NAMES))
        elif chance() < 0.03:
            self.kms.down.clear()
        if chance() < 0.05 and not self.kms.answers:
            self.kms.answers.append(self.random.choice(list(Answer)))
            self.lost += 1
        for alias in self.world.aliases.values():
            alias.lag = self.random.choice((0, 0, 1, 10, 31, 40))

    def sign(self) -> None:
        """Each region's signer asks its alias and takes the kid of the key that answers, or names the key itself."""
        end = self.world.at() + self.world.policy.token_lifetime
        for name, region in self.world.regions.items():
            if SIGNING not in region.documents or region.fault or name in self.kms.down:
                continue
            named = str(self.world.signing(name).active.key["key_id"])
            for arn in {named, self.kms.aliases.get((name, ALIAS), named)}:
                key = self.world.remembered().key_of_arn(arn)
                state = self.kms.keys[arn.rpartition("/")[2]].states[name]
                if key is None or state != "Enabled":
                    self.failures.append(f"{self.world.at()}: {name} cannot sign with {arn}")
                else:
                    self.tokens.append((name, key.kid, end))

    def calm(self) -> None:
        """Everything answers again; a few runs more."""
        self.kms.down.clear()
        self.kms.answers.clear()
        for name in NAMES:
            self.world.up(name)
        for alias in self.world.aliases.values():
            alias.lag = 0
        self.world.runs(days=2, every=12 * HOUR)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "policy"), [(10, WITH_STANDBY), (11, JUST_IN_TIME)], ids=["standby", "just in time"]
)
def test_no_living_token_is_refused_and_no_key_is_left_over(seed, policy):
    months = KmsMonths(seed, policy)
    months.live(days=45)
    assert not months.failures[:3]
    assert months.checked > 50_000
    assert months.lost > 3
    months.calm()
    assert not months.failures
    world, kms = months.world, months.kms
    nothing_is_left_over(world, kms, seed)
    keys = world.remembered().keys
    assert len(keys) > 4
    for key in keys:
        assert isinstance(key.handle, KmsHandle)
        states = set(kms.keys[key.handle.arns["us-east-1"].rpartition("/")[2]].states.values())
        assert states == {expected_state(world, key)}, phase(key)


def expected_state(world: Regions, key) -> str:
    """What KMS must say of a key by its life alone (design T5)."""
    if phase(key) is Phase.REMOVED:
        return "PendingDeletion"
    retired = key.moments.retired_at
    over = retired and retired + ROLLBACK + world.policy.signer_stop + DAY < world.at()
    recent = retired and retired + ROLLBACK + world.policy.signer_stop > world.at()
    if phase(key) is Phase.RETIRED and over:
        return "Disabled"
    assert phase(key) is not Phase.RETIRED or recent, "too close to tell"
    return "Enabled"
