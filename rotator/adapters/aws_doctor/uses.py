"""What of AWS a configuration uses, as `doctor` needs to know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rotator.aws import AwsAccess
from rotator.domain.jwk import Algorithm


class Purpose(StrEnum):
    """What a bucket is for."""

    JWKS = "jwks"
    SIGNING = "signing"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class BucketUse:
    """A bucket that objects are kept in, `key` one of them (for the state: any under its prefix).

    `region` is the configuration's name for where it is, None for the state. `wrapped`: private keys that KMS wrapped
    lie in it, so old versions still decrypt.
    """

    purpose: Purpose
    access: AwsAccess
    bucket: str
    key: str
    region: str | None = None
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class KmsUse:
    """An issuer whose keys KMS keeps: made in the AWS region `primary`, used in each of `accesses` (by AWS region)."""

    issuer: str
    primary: str
    accesses: Mapping[str, AwsAccess]
    alias: str


@dataclass(frozen=True, slots=True)
class WrappingUse:
    """An issuer whose private keys are wrapped by the KMS key `wrapping_key` (ARN or alias), in each of `accesses`."""

    issuer: str
    primary: str
    accesses: Mapping[str, AwsAccess]
    wrapping_key: str
    algorithm: Algorithm
    rsa_bits: int


@dataclass(frozen=True, slots=True)
class EdgeUse:
    """A CloudFront distribution that serves `path` of an issuer's region; a new key leads by `publish_lead`."""

    issuer: str
    region: str
    access: AwsAccess
    distribution: str
    path: str
    publish_lead: timedelta
