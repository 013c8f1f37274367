"""Where word may be sent, and how a receiver knows whose word it is."""

import base64
import hashlib
import hmac

import pytest

from jupyter_mlops.domain.webhooks import DELAYS, delay, is_public, new_secret, read_url, signed
from jupyter_mlops.errors import Invalid

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1:0:0:0:0",
    "2001:db8::1",
    "fec0::1",
    "localhost",
    "2130706433",
    "0x7f.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_outside_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org",
        "example.org/hook",
        "https://user:secret@example.org/",
        "https://user@example.org/",
        "https:///path",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX-Evil: 1",
        "https://example.org/é",
        "https://[::1/",
        "https://example.org/" + "x" * 2000,
        "",
    ],
)
def test_what_is_no_address_is_said_so(url):
    with pytest.raises(Invalid) as refused:
        read_url(url)
    assert refused.value.code == "webhook_invalid"
    assert "secret" not in str(refused.value)


def test_an_address_is_shown_without_what_may_be_a_secret():
    found = read_url("https://hooks.example.org:8443/services/T0/B0/token?key=1")
    assert found.shown == "https://hooks.example.org:8443/…"
    assert found.path == "/services/T0/B0/token?key=1"
    assert read_url("http://[2606:4700::1111]").origin == "http://[2606:4700::1111]"
    assert read_url("https://例え.jp/").host == "xn--r8jz45g.jp"


def test_the_signature_is_that_of_standard_webhooks():
    """The published example of the specification, and its own arithmetic done again."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    told = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert told["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    key = base64.b64decode(new_secret().removeprefix("whsec_"))
    assert len(key) == hmac.new(key, b"", hashlib.sha256).digest_size


def test_it_is_tried_again_ever_later_and_then_no_more():
    assert [delay(n) for n in range(1, 7)] == [*DELAYS, None]
    assert list(DELAYS) == sorted(DELAYS)
