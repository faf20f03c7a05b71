"""What the server behind forked test processes reads beforehand, so that each of them starts in milliseconds."""

import boto3
import botocore.auth
import botocore.client

import rotator.adapters.file_target
import rotator.adapters.kms
import rotator.adapters.local_keys
import rotator.adapters.s3_state
import rotator.adapters.s3_target
import rotator.adapters.sqlite_state
import rotator.app.apply
import rotator.bootstrap
import rotator.cli.apply
import rotator.config.load

__all__ = ["boto3", "botocore", "rotator"]
