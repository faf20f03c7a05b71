"""How AWS is reached: accounts, sessions, clients, and what its refusals mean; shared by the adapters.

Importing this imports no AWS library; the first call does.
"""

from rotator.aws.access import AwsAccess
from rotator.aws.clients import AwsClients

__all__ = ["AwsAccess", "AwsClients"]
