"""What the S3 servers of the tests have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key pair."""

    access_key: str
    secret_key: str

    def environment(self) -> dict[str, str]:
        """Return the variables that boto3 in a child process reads."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass(frozen=True, slots=True)
class S3Endpoint:
    """Where an S3 server listens and who may talk to it."""

    url: str
    credentials: Credentials
    region: str = "us-east-1"

    def client(self, credentials: Credentials | None = None) -> S3Client:
        """Make a boto3 client (path style, no retries, short timeouts)."""
        used = credentials or self.credentials
        session = boto3.session.Session(
            aws_access_key_id=used.access_key,
            aws_secret_access_key=used.secret_key,
            region_name=self.region,
        )
        return session.client(
            "s3",
            endpoint_url=self.url,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=3,
                read_timeout=20,
            ),
        )

    def make_bucket(self, name: str) -> str:
        """Create a bucket in the endpoint's region and return its name."""
        if self.region == "us-east-1":
            self.client().create_bucket(Bucket=name)
        else:
            where: Any = {"LocationConstraint": self.region}
            self.client().create_bucket(Bucket=name, CreateBucketConfiguration=where)
        return name
