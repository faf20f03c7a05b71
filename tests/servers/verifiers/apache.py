"""Apache with mod_auth_openidc as a resource server: keeps the keys for a time, and fetches them for an unknown kid.

It takes an https: JWKS URL only, and gives up root's rights, so its files lie where its user can read them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.servers.binaries import APACHE_MODULES, apache_binary, required
from tests.servers.process import ServerProcess, free_port
from tests.servers.verifiers import Verifier, answers


@contextlib.contextmanager
def apache(log: Path, jwks_url: str, trusts: Path) -> Iterator[Verifier]:
    """An Apache whose one page is for good tokens; `trusts` is the certificate behind the https `jwks_url`.

    It looks at no `iss`: as a resource server the module has no setting for it.
    """
    binary = required(apache_binary(), "Apache with mod_auth_openidc")
    with tempfile.TemporaryDirectory(prefix="rotator-apache-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        shutil.copy(trusts, directory / "trusted.pem")
        (directory / "page").write_text("accepted\n")
        port = free_port()
        file = directory / "apache.conf"
        file.write_text(
            _CONFIG.format(
                folder=directory,
                modules=APACHE_MODULES,
                port=port,
                user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
                jwks_url=jwks_url,
            )
        )
        process = ServerProcess([binary, "-D", "FOREGROUND", "-f", file], log=log)

        def start() -> None:
            process.kill()
            process.start(lambda: answers(port, "/page"))

        start()
        try:
            yield Verifier("mod_auth_openidc", port, "/page", process, restart=start)
        finally:
            process.kill()


_CONFIG: Final = """\
ServerRoot "{folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{folder}/pid"
ErrorLog /dev/stderr
LogLevel warn
Mutex "file:{folder}" default
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot "{folder}"
OIDCOAuthVerifyJwksUri {jwks_url}
OIDCOAuthRemoteUserClaim sub
OIDCCABundlePath "{folder}/trusted.pem"
OIDCCryptoPassphrase tests
<Directory />
  Require all denied
</Directory>
<Location /page>
  AuthType oauth20
  Require valid-user
</Location>
"""
