"""How the KMS of each AWS region is reached: through the `aws` block of the region that is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rotator.config.model import AwsModel, KmsModel, KmsWrappedModel
from rotator.config.places import Problems, Spot
from rotator.config.reading import Reading
from rotator.config.settings import SESSION_NAME, AwsSpec

NOWHERE: Final[tuple[AwsSpec, tuple[AwsSpec, ...]]] = (AwsSpec(), ())
"""What `Ways` finds where something does not fit."""


def aws_spec(model: AwsModel) -> AwsSpec:
    """The block as it stands, whatever it is needed for."""
    return AwsSpec(
        region=model.region,
        profile=model.profile,
        role_arn=model.role_arn,
        external_id=model.external_id,
        session_name=model.session_name or SESSION_NAME,
        s3_endpoint=model.endpoints.s3,
        kms_endpoint=model.endpoints.kms,
        sts_endpoint=model.endpoints.sts,
    )


def aws_region(reading: Reading, name: str) -> Spot:
    """Where a region says in which AWS region it is."""
    return reading.main.at("regions", name, "aws", "region")


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to KMS for an issuer with regions `own`, its `keys` at `spot`; `known` has every configured region."""

    keys: KmsModel | KmsWrappedModel
    spot: Spot
    own: Sequence[str]
    known: Mapping[str, AwsSpec]
    reading: Reading
    problems: Problems

    def found(self) -> tuple[AwsSpec, tuple[AwsSpec, ...]]:
        """The primary region's, and one for every AWS region that counts, the primary's first."""
        own = {name: self.known[name] for name in self.own}
        for name, aws in own.items():
            if aws.region is None:
                text = f"needed where keys are in KMS: the AWS region whose KMS the signers of {name} use"
                self.problems.add(aws_region(self.reading, name), text)
        home = self._home()
        if home is None:
            return NOWHERE
        self._one_way(own)
        self._one_account({**own, home: self.known[home]})
        there = {aws.region: aws for aws in own.values() if aws.region}
        primary = self.known[home]
        others = (aws for region, aws in there.items() if region != primary.region)
        return primary, (primary, *others)

    def _home(self) -> str | None:
        """The region through which the primary's KMS is reached: one of the issuer's own, else any other."""
        wanted = self.keys.primary_region
        named = [name for name, aws in self.known.items() if aws.region == wanted]
        own = [name for name in named if name in self.own]
        if not named:
            there = ", ".join(dict.fromkeys(a.region for a in self.known.values() if a.region))
            text = f"no region here is in {wanted}, so nothing says how it is reached; "
            text += f"they are in {there}" if there else "none has an aws.region"
            self.problems.add(self.spot.at("primary_region"), text)
            return None
        first = (own or named)[0]
        for other in () if own else named:
            if _kms(self.known[other]) != _kms(self.known[first]):
                text = f"{first} and {other} are both in {wanted}, but their KMS is not reached the same way"
                self.problems.add(self.spot.at("primary_region"), text)
        return first

    def _one_way(self, own: Mapping[str, AwsSpec]) -> None:
        """One alias per AWS region; and where several regions are in one, all of them reach the same KMS."""
        first: dict[str, str] = {}
        for name, aws in own.items():
            if aws.region is None or (before := first.setdefault(aws.region, name)) == name:
                continue
            if isinstance(self.keys, KmsModel):
                text = (
                    f"{before} is in {aws.region} too, and the two would share the alias that their signers follow:"
                    " make one region of them, or use keys: kms-wrapped"
                )
                self.problems.add(aws_region(self.reading, name), text)
            elif _kms(aws) != _kms(own[before]):
                text = f"{before} is in {aws.region} too, but its KMS is not reached the same way"
                self.problems.add(aws_region(self.reading, name), text)

    def _one_account(self, ways: Mapping[str, AwsSpec]) -> None:
        """A multi-region key and its replicas are in one account (KMS developer guide, "Multi-Region keys")."""
        accounts: dict[str, str] = {}
        for name, aws in ways.items():
            if aws.role_arn:
                accounts.setdefault(aws.role_arn.split(":")[4], name)
        if len(accounts) > 1:
            where = ", ".join(f"{account} in {name}" for account, name in accounts.items())
            text = f"a KMS key and its replicas are in one account, but the roles are of several: {where}"
            self.problems.add(self.spot.at("kind"), text)


def _kms(aws: AwsSpec) -> AwsSpec:
    return replace(aws, s3_endpoint=None, session_name=SESSION_NAME)
