"""A CloudFront distribution in front of a region's JWKS, told to drop its copies (CreateInvalidation)."""

import secrets
from dataclasses import dataclass
from typing import ClassVar, Final

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import Attempt, Refusal, explained
from rotator.aws.families import TARGET
from rotator.errors import RotatorError

_ACTION: Final = "cloudfront:CreateInvalidation"
_BUSY: Final = "TooManyInvalidationsInProgress"
_NOT_THERE: Final = "NoSuchDistribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invalidation(Attempt):
    """One order to a distribution. What a refusal means: Amazon CloudFront API Reference, CreateInvalidation."""

    service: ClassVar[str] = "cloudfront"
    speaks: ClassVar[str] = "CloudFront"
    edge: str
    distribution: str

    @property
    def what(self) -> str:
        return f"{self.edge} cannot be told to drop its copies"

    def refused(self, refusal: Refusal) -> RotatorError:
        if refusal.code == _BUSY:
            return self.unreachable(f"too many orders at once ({refusal.said})", sent=False)
        if refusal.code == _NOT_THERE:
            hint = "correct cdn.distribution of the region in the configuration"
            return self.missing(f"there is no such distribution ({refusal.said})", hint)
        if refusal.status in (401, 403):
            on = f"arn:aws:cloudfront::*:distribution/{self.distribution}"
            grant = f"grant {self.action} on {on} to {self.access.who}"
            return self.denied(f"{self.access.who} may not ({refusal.said})", grant)
        return self.failed(f"CloudFront answered {refusal.status} {refusal.said}")


@dataclass(frozen=True, slots=True)
class CloudFrontEdge:
    """Implements `ports.EdgeCache` for the document that a distribution serves as `path`."""

    clients: AwsClients
    access: AwsAccess
    distribution: str
    path: str

    @property
    def location(self) -> str:
        """`CloudFront E1A2B3C /accounts/jwks.json`."""
        return f"CloudFront {self.distribution} {self.path}"

    def purge(self) -> None:
        """One order, sent once; one that was given twice drops the copies twice, which is as good."""
        attempt = _Invalidation(
            action=_ACTION,
            access=self.access,
            family=TARGET,
            changes=True,
            edge=self.location,
            distribution=self.distribution,
        )
        with explained(attempt):
            self.clients.writing("cloudfront", self.access).create_invalidation(
                DistributionId=self.distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": 1, "Items": [self.path]},
                    "CallerReference": f"rotator-{secrets.token_hex(8)}",
                },
            )
