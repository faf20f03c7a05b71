"""Documents in S3 objects. Importing this imports no AWS library; the first call does."""

from rotator.adapters.s3_target.access import AwsAccess, AwsClients
from rotator.adapters.s3_target.target import S3Target

__all__ = ["AwsAccess", "AwsClients", "S3Target"]
