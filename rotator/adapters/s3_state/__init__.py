"""State, evidence, audit log and lease in the objects of an S3 bucket, for a team."""

from rotator.adapters.s3_state.store import S3State

__all__ = ["S3State"]
