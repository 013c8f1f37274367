"""What may be kept of a text that somebody wrote for themselves: everything but obvious secrets."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

MARK: Final = "[redacted]"

_NAMED: Final = re.compile(
    r"""((?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key(?:_id)?|private_?key
        |account_?key|credentials?|connection_?string)["'\]\)]{0,3}[ \t]{0,8}(?:[:=]|,(?=[ \t]*["']))[ \t]{0,8}[rbfu]{0,2})
        (?:("{3}|'{3})(.{1,4000}?)\2|(["'])((?:\\.|(?!\4)[^\\\n]){1,4000})\4)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_PLAIN: Final = re.compile(
    r"((?:password|passwd|pwd|secret|token|api_?key|access_?key|sig|signature)=)[^\s&'\"]{1,4000}",
    re.IGNORECASE,
)
_IN_ADDRESS: Final = re.compile(r"\b([a-z][a-z0-9+.-]{1,30}://)[^\s/@'\"]{1,400}@", re.IGNORECASE)
_BEARER: Final = re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/-]{12,4000}=*", re.IGNORECASE)
_KNOWN: Final = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,64}"
    r"|sk-[\w-]{20,255}|xox[abprs]-[\w-]{10,255}|hf_\w{20,64}|AIza[\w-]{30,64}|whsec_[\w+/=]{16,128}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{8,2000}\.[\w-]{0,2000})"
)
_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----",
    re.DOTALL,
)


def redacted(text: str) -> str:
    r"""Return the text without what is obviously a secret: passwords, tokens, keys, logins in addresses.

    Nothing can find every secret; what stands where none is expected stays.

    >>> redacted('API_KEY = "abc"; url = "postgresql://ann:pw@host/db"')
    'API_KEY = "[redacted]"; url = "postgresql://[redacted]@host/db"'
    """
    text = _KEY.sub(MARK, text)
    text = _NAMED.sub(_without, text)
    text = _IN_ADDRESS.sub(rf"\1{MARK}@", text)
    text = _PLAIN.sub(rf"\1{MARK}", text)
    text = _BEARER.sub(rf"\1{MARK}", text)
    return _KNOWN.sub(MARK, text)


def without_login(address: str) -> str:
    """Return the address of a repository without name, password and token.

    >>> without_login("https://ann:pw@github.com/a/b.git?token=x")
    'https://github.com/a/b.git'
    """
    if "://" not in address:  # git@host:path, whose name is no secret
        return redacted(address)
    try:
        parts = urlsplit(address)
    except ValueError:
        return MARK
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _without(found: re.Match[str]) -> str:
    quote = found[2] or found[4]
    return f"{found[1]}{quote}{MARK}{quote}"
