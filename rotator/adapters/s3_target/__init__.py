"""Documents in S3 objects. Importing this imports no AWS library; the first call does."""

from rotator.adapters.s3_target.target import S3Target
from rotator.aws import AwsAccess, AwsClients

__all__ = ["AwsAccess", "AwsClients", "S3Target"]
