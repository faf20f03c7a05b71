"""What `doctor` looks at in AWS: who asks, buckets, KMS keys, permissions, CloudFront; by questions that change nothing."""

from rotator.adapters.aws_doctor.doctor import AwsDoctor
from rotator.adapters.aws_doctor.uses import BucketUse, EdgeUse, KmsUse, Purpose, WrappingUse

__all__ = ["AwsDoctor", "BucketUse", "EdgeUse", "KmsUse", "Purpose", "WrappingUse"]
