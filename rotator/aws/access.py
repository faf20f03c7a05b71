"""One way into an AWS account."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """One way in: where (region, endpoints) and as whom (profile, then a role assumed with it).

    What is None is found as every AWS tool finds it: environment, shared configuration, instance role. `endpoint` is
    S3's. The timeouts bound each wait on the network, so that a write to a region that hangs ends after about their
    sum.
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    session_name: str = "rotator"
    endpoint: str | None = None
    sts_endpoint: str | None = None
    kms_endpoint: str | None = None
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=10)

    @property
    def who(self) -> str:
        """The identity in words, for errors."""
        if self.role_arn:
            return f"role {self.role_arn}"
        return f"profile {self.profile}" if self.profile else "the default credentials"

    @property
    def where(self) -> str:
        """The region in words, for errors."""
        return self.region or "the default region"

    def endpoint_of(self, service: str) -> str | None:
        """The endpoint configured for a service, by botocore's name for it; None for AWS's own."""
        match service:
            case "s3":
                return self.endpoint
            case "kms":
                return self.kms_endpoint
            case "sts":
                return self.sts_endpoint
            case _:
                return None
