"""What a status page may do in a browser: be styled by its own sheet and run its own script, and nothing else.

Both stand in the page and are named by their hashes, so that nothing that gets in beside them would run (CSP level 3).
"""

import base64
import hashlib
from importlib.resources import files

STYLE = files(__package__).joinpath("page.css").read_text("utf-8")
SCRIPT = files(__package__).joinpath("page.js").read_text("utf-8")


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


IN_PAGE = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The policy for a `meta` element, which cannot say who may frame the page."""

CSP = f"{IN_PAGE}; frame-ancestors 'none'"
"""The value of a `Content-Security-Policy` header."""
