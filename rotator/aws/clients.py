"""Sessions and clients, made once and shared by all threads.

Each access has two clients per service. Reads are tried three times. What changes something is sent once: a retry by
the SDK would hide whether the first one took effect (design I6).
"""

import threading
from typing import TYPE_CHECKING, Any, Final, cast

from rotator.aws.access import AwsAccess
from rotator.aws.sessions import SessionKey, new_session, session_key, settings
from rotator.aws.transport import (
    Authorities,
    authorities,
    authorities_file,
    connections,
    send_through,
    shares,
)

if TYPE_CHECKING:
    from botocore.httpsession import URLLib3Session
    from botocore.loaders import Loader
    from botocore.session import Session
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_READ_ATTEMPTS: Final = 3


class AwsClients:
    """Makes clients when they are first asked for and keeps them; safe to share between threads.

    One session per profile and role, so that all who use it share one set of credentials and one refresh.
    """

    def __init__(self) -> None:
        # botocore's clients may be shared between threads, its sessions may not.
        self._lock = threading.Lock()
        self._sessions: dict[SessionKey, Session] = {}
        self._models: Loader | None = None
        self._made: dict[tuple[str, AwsAccess, int], Any] = {}
        self._connections: dict[tuple[str, AwsAccess], URLLib3Session] = {}
        self._trusted: dict[str, Authorities] = {}

    def s3_for_reading(self, access: AwsAccess) -> "S3Client":
        """The client that tries again, twice, with short pauses."""
        return cast("S3Client", self.reading("s3", access))

    def s3_for_writing(self, access: AwsAccess) -> "S3Client":
        """The client that sends everything at most once."""
        return cast("S3Client", self.writing("s3", access))

    def kms_for_reading(self, access: AwsAccess) -> "KMSClient":
        """The client that tries again, twice, with short pauses."""
        return cast("KMSClient", self.reading("kms", access))

    def kms_for_writing(self, access: AwsAccess) -> "KMSClient":
        """The client that sends everything at most once."""
        return cast("KMSClient", self.writing("kms", access))

    def reading(self, service: str, access: AwsAccess) -> Any:
        """The client of a service (`sts`, `iam`, `cloudfront` …) that tries again, twice, with short pauses."""
        return self._client(service, access, _READ_ATTEMPTS)

    def writing(self, service: str, access: AwsAccess) -> Any:
        """The client of a service that sends everything at most once."""
        return self._client(service, access, 1)

    def _client(self, service: str, access: AwsAccess, attempts: int) -> Any:
        wanted = service, access, attempts
        with self._lock:
            if wanted not in self._made:
                self._made[wanted] = self._new_client(service, access, attempts)
            return self._made[wanted]

    def _new_client(self, service: str, access: AwsAccess, attempts: int) -> Any:
        client: Any = self._session(access).create_client(
            cast("Any", service),
            region_name=access.region,
            endpoint_url=access.endpoint_of(service),
            config=settings(service, access, attempts),
        )
        client.meta.events.register_last(f"before-call.{service}", _send_plainly)
        if shares(client):
            send_through(client, self._kept(service, access))
        return client

    def _kept(self, service: str, access: AwsAccess) -> "URLLib3Session":
        wanted = service, access
        if wanted not in self._connections:
            file = authorities_file(self._session(access).get_config_variable("ca_bundle"))
            if file not in self._trusted:
                self._trusted[file] = authorities(file)
            self._connections[wanted] = connections(access, self._trusted[file])
        return self._connections[wanted]

    def _session(self, access: AwsAccess) -> "Session":
        from botocore.loaders import create_loader

        key = session_key(access)
        if key not in self._sessions:
            # The description of S3 alone takes a tenth of a second to read: once is enough.
            self._models = self._models or create_loader()
            self._sessions[key] = new_session(access, _READ_ATTEMPTS, self._models)
        return self._sessions[key]


def _send_plainly(params: dict[str, Any], **_: object) -> None:
    """Switch off two habits of botocore.

    It would quietly follow a bucket to another region and send a write there once more, instead of reporting it; and
    it would wait for `100 Continue` before it sends a body of a few hundred bytes.
    """
    params.get("context", {}).setdefault("s3_redirect", {})["redirected"] = True
    params.get("headers", {}).pop("Expect", None)
