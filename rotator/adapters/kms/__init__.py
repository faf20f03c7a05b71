"""Keys in AWS KMS, or wrapped by it, and the aliases that lead to them.

Importing this imports no AWS library; the first call does.
"""

from rotator.adapters.kms.alias import KmsAlias
from rotator.adapters.kms.keys import KmsKeys
from rotator.adapters.kms.wrapped import WrappedKeys

__all__ = ["KmsAlias", "KmsKeys", "WrappedKeys"]
