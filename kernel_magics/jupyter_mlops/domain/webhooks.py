"""Where word of alerts may be sent, how it is signed, and when it is sent again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from jupyter_mlops.errors import Invalid

PREFIX: Final = "whsec_"
DELAYS: Final = (60.0, 300.0, 1800.0, 7200.0, 21600.0)
"""Seconds after each attempt that failed until the next; after the last nothing is sent any more."""
LONGEST: Final = 2000
PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_RESERVED: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "192.88.99.0/24"))
)
"""Not public either, whatever Python's own tables of this release say."""
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_PATH: Final = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Target:
    """An address that can be posted to, in its parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Return the address as far as it may be shown: what follows may be a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def shown(self) -> str:
        """Return the address without what may be a secret in its path."""
        return self.origin + ("/…" if self.path != "/" else "/")

    @property
    def place(self) -> str:
        """Return host and port, as the owner of a workspace allows them."""
        return f"{self.host}:{self.port}"


def read_url(url: str) -> Target:
    """Return the parts of an address that somebody typed.

    Raises:
        Invalid: it is none, holds credentials, or more than an address.
    """
    if len(url) > LONGEST:
        raise _wrong("it is longer than 2000 characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong("it cannot be read") from None
    if parts.scheme not in PORTS:
        raise _wrong("it has to begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise _wrong("it holds a name or password, which belong into no address")
    host = _ascii(parts.hostname or "")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or port == 0:
        raise _wrong("its host or path cannot be read")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def _ascii(host: str) -> str:
    try:
        return host.encode("ascii" if host.isascii() else "idna").decode()
    except UnicodeError:
        raise _wrong("its host cannot be read") from None


def is_public(address: str) -> bool:
    """Say whether an address belongs to somebody on the internet, and to nobody in here.

    An IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo) counts as itself.

    >>> is_public("93.184.215.14"), is_public("::ffff:127.0.0.1"), is_public("169.254.169.254")
    (True, False, False)
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_global(one) for one in [found, *_inside(found)])


def _is_global(found: Address) -> bool:
    if isinstance(found, ipaddress.IPv6Address) and (found in _NAT64 or found.ipv4_mapped):
        return True  # judged by the address inside
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not found.is_unspecified
        and not any(found in network for network in _RESERVED)
    )


def _inside(found: Address) -> list[ipaddress.IPv4Address]:
    if isinstance(found, ipaddress.IPv4Address):
        return []
    inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in _NAT64 or found in _COMPATIBLE:
        inside.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return [one for one in inside if one is not None]


def new_secret() -> str:
    """Return a new secret in the form of Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(secret: str, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that a message is ours, new and unchanged.

    Source: the Standard Webhooks specification: HMAC-SHA256 of ``id.timestamp.body`` with the secret
    that follows ``whsec_`` in base64.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{message}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }


def delay(attempts: int) -> float | None:
    """Return the seconds until the next attempt after so many that failed; None when that was all.

    >>> delay(1), delay(6)
    (60.0, None)
    """
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None


def _wrong(why: str) -> Invalid:
    return Invalid(
        "This is no address for a webhook: {why}.",
        "`notify https://HOST/PATH` sets one.",
        code="webhook_invalid",
        why=why,
    )
