"""Word of alerts goes out signed, to nobody inside, at least once, and holds nothing up."""

import base64
import hashlib
import hmac
import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from conftest import absent
from jupyter_mlops.commands.telling import sentence
from jupyter_mlops.domain.webhooks import DELAYS, read_url
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.formats import reaching
from jupyter_mlops.services import deliveries, post
from jupyter_mlops.services.alerts import alerts
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.evaluation import evaluate
from jupyter_mlops.services.notifying import notify
from jupyter_mlops.services.rules import rules
from receivers import Authority, Dripping, Receiver
from traffic import an_hour, people

DOCS = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()


@pytest.fixture
def ws(ws):
    """The deployment, of which nobody heard yet."""
    (ws.home.allowed_file).unlink(missing_ok=True)
    return ws


def allow(ws, *places):
    """Let the owner of the workspace allow places inside."""
    path = ws.home.allowed_file
    path.write_text("# receivers inside\n" + "\n".join(places))
    path.chmod(0o600)


def heard(ws, receiver, **more):
    """Set a receiver on this machine as the webhook."""
    allow(ws, f"127.0.0.1:{receiver.port}")
    return notify(ws, receiver.url, **more)


def something_happens(ws):
    """Open an alert: a feature vanished."""
    an_hour(ws, people(200, 1).assign(income=None))
    evaluate(ws, "shop")


def is_signed(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{digest}"


def test_an_alert_is_heard_of_signed_and_once(ws):
    with Receiver() as receiver:
        told = heard(ws, receiver)
        something_happens(ws)
        assert receiver.got == []
        assert deliveries.deliver(ws) == 1
        assert deliveries.deliver(ws) == 0
        ((path, headers, body),) = receiver.got
    assert path == "/hook"
    assert is_signed(told["secret"], headers, body)
    assert abs(int(headers["webhook-timestamp"]) - ws.clock().timestamp()) < 1
    message = json.loads(body)
    assert message["type"] == "alert.opened"
    assert message["data"]["subject"] == "feature:income"
    assert message["data"]["causes"][0]["because"].startswith("The feature vanished")
    (kept,) = notify(ws)["items"]
    assert (kept["state"], kept["outcome"], kept["attempts"]) == ("delivered", "200", 1)


def test_a_receiver_that_does_as_the_docs_say_knows_our_messages(ws):
    snippet = next(b for b in DOCS.split("```python")[1:] if "def is_ours" in b).partition("```")[0]
    names = {}
    exec(snippet, names)  # noqa: S102  (our own documentation)
    with Receiver() as receiver:
        told = heard(ws, receiver)
        ws.clock.now = datetime.now(UTC)
        notify(ws, test=True)
        ((_, headers, body),) = receiver.got
    assert names["is_ours"](told["secret"], headers, body)
    assert not names["is_ours"](told["secret"], headers, body + b" ")
    old = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}
    assert not names["is_ours"](told["secret"], old, body)


def test_the_secret_is_shown_once_and_the_path_never(ws):
    with Receiver() as receiver:
        told = heard(ws, receiver)
        assert told["secret"].startswith("whsec_")
        shown = notify(ws)
        events = json.dumps(audit(ws, "webhook:")["items"])
    assert "secret" not in shown
    assert shown["url"] == f"http://127.0.0.1:{receiver.port}/…"
    assert told["secret"] not in events
    assert "/hook" not in events


def test_it_hears_only_of_what_it_was_set_to(ws):
    with Receiver() as receiver:
        heard(ws, receiver, severities=("info",))
        something_happens(ws)
        assert deliveries.deliver(ws) == 0
        heard(ws, receiver, name="ops")
        rules(ws, "shop", "monitoring: {webhook: others}")
        an_hour(ws, people(200, 1).assign(income=None, age=None))
        evaluate(ws, "shop")
        assert len(alerts(ws)["items"]) == 2
        assert deliveries.deliver(ws) == 0


def test_it_is_sent_again_until_it_arrives_under_the_same_number(ws):
    with Receiver(500, 503, 200) as receiver:
        heard(ws, receiver)
        something_happens(ws)
        assert deliveries.deliver(ws) == 0
        assert deliveries.deliver(ws) == 0
        assert len(receiver.got) == 1
        for wait in DELAYS[:2]:
            ws.clock.turn(seconds=wait)
            deliveries.deliver(ws)
        names = {headers["webhook-id"] for _, headers, _ in receiver.got}
    assert len(receiver.got) == 3
    assert len(names) == 1
    assert notify(ws)["items"][0]["state"] == "delivered"


def test_it_is_given_up_in_the_end_and_that_is_in_the_log(ws):
    with Receiver(500) as receiver:
        heard(ws, receiver)
        something_happens(ws)
        for wait in (0, *DELAYS, 10**6):
            ws.clock.turn(seconds=wait)
            deliveries.deliver(ws)
    assert len(receiver.got) == len(DELAYS) + 1
    (kept,) = notify(ws)["items"]
    assert (kept["state"], kept["outcome"]) == ("given up", "500")
    assert audit(ws, "alert:delivery:failed")["items"][0]["after"]["attempts"] == len(DELAYS) + 1


def test_what_a_process_took_up_before_it_died_is_sent_by_another(ws):
    with Receiver() as receiver:
        heard(ws, receiver)
        something_happens(ws)
        assert deliveries._take(ws)
        assert deliveries.deliver(ws) == 0
        ws.clock.turn(minutes=2)
        assert deliveries.deliver(ws) == 1


def test_a_receiver_that_hangs_holds_up_no_evaluation(ws):
    with Receiver(slow=1) as receiver:
        heard(ws, receiver)
        something_happens(ws)
        thread = deliveries.deliver_apart(ws)
        began = time.monotonic()
        evaluate(ws, "shop")
        assert time.monotonic() - began < 0.8
        assert deliveries.deliver_apart(ws) is None
        thread.join()


def test_a_test_says_whether_it_arrived_and_nothing_more(ws):
    with pytest.raises(NotFound):
        notify(ws, test=True)
    with Receiver() as receiver:
        told = heard(ws, receiver, test=True)
    assert (told["delivered"], told["outcome"]) == (True, "200")
    assert notify(ws, test=True)["outcome"] == "unreachable"
    assert json.loads(receiver.got[0][2])["type"] == "test"


@pytest.fixture
def authority(tmp_path):
    """A certificate authority that nobody trusts yet."""
    if not shutil.which("openssl"):
        absent("no openssl on PATH")
    return Authority(tmp_path / "authority")


def test_a_receiver_with_https_is_trusted_by_its_authority_and_hears(ws, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Receiver(tls=authority.tls) as receiver:
        told = heard(ws, receiver, test=True)
        assert (told["delivered"], told["outcome"]) == (True, "200")
        something_happens(ws)
        assert deliveries.deliver(ws) == 1
    (_, _, test), (_, headers, body) = receiver.got
    assert json.loads(test)["type"] == "test"
    assert is_signed(told["secret"], headers, body)


def test_a_certificate_that_nobody_trusts_gets_nothing_and_one_line_says_so(ws, authority):
    with Receiver(tls=authority.tls) as receiver:
        told = heard(ws, receiver, test=True)
        something_happens(ws)
        assert deliveries.deliver(ws) == 0
    assert receiver.got == []
    assert (told["delivered"], told["outcome"]) == (False, "certificate")
    assert notify(ws)["items"][0]["outcome"] == "certificate"
    line = sentence("notify", told)
    assert "the certificate is not trusted; SSL_CERT_FILE may name" in line
    assert "\n" not in line


def test_a_certificate_of_another_name_is_not_trusted_either(ws, authority, tmp_path, monkeypatch):
    other = Authority(tmp_path / "other", "DNS:other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    with Receiver(tls=other.tls) as receiver:
        assert heard(ws, receiver, test=True)["outcome"] == "certificate"
    assert receiver.got == []


def test_one_that_is_removed_hears_nothing_any_more(ws):
    with Receiver() as receiver:
        heard(ws, receiver)
        something_happens(ws)
        assert notify(ws, remove=True)["url"] == ""
        assert deliveries.deliver(ws) == 0
        assert receiver.got == []
    assert notify(ws)["items"][0]["state"] == "given up"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
    ],
)
def test_nobody_inside_can_be_set(ws, url):
    with pytest.raises(Invalid) as refused:
        notify(ws, url)
    assert refused.value.code in ("webhook_inside", "webhook_not_found")
    assert notify(ws)["url"] == ""
    assert audit(ws, "webhook:change:refused")["items"]


def test_only_its_owner_allows_a_place_inside_and_only_that_one(ws):
    with Receiver() as receiver:
        allow(ws, "127.0.0.1:1")
        with pytest.raises(Invalid):
            notify(ws, receiver.url)
        allow(ws, f"127.0.0.1:{receiver.port}")
        (ws.home.allowed_file).chmod(0o666)
        with pytest.raises(Invalid):
            notify(ws, receiver.url)


def test_what_came_to_lie_inside_later_is_blocked_when_it_is_sent(ws):
    with Receiver() as receiver:
        heard(ws, receiver)
        something_happens(ws)
        allow(ws)
        assert deliveries.deliver(ws) == 0
    assert receiver.got == []
    assert notify(ws)["items"][0]["outcome"] == "blocked"


def sent(url, *, allowed=(), resolving=post.resolve, seconds=5.0):
    return post.post(
        read_url(url), b"{}", {}, allowed=allowed, resolving=resolving, seconds=seconds
    ).code


def test_a_redirect_is_not_followed():
    with Receiver() as inside, Receiver(302, location=inside.url) as receiver:
        place = {f"127.0.0.1:{receiver.port}", f"127.0.0.1:{inside.port}"}
        assert sent(receiver.url, allowed=place) == "redirect 302"
        assert inside.got == []


def test_a_name_that_answers_otherwise_a_moment_later_leads_nowhere():
    """Rebinding: the connection goes to the address that was checked, whatever the name says now."""
    with Receiver() as receiver:
        told = iter([["192.0.2.1", "127.0.0.1"], ["127.0.0.1"]])
        url = f"http://rebinding.example:{receiver.port}/"
        assert sent(url, resolving=lambda *_: next(told)) == "blocked"
        assert receiver.got == []
        asked = []

        def once(host, port):
            asked.append(host)
            return ["127.0.0.1"]

        assert sent(url, allowed={f"rebinding.example:{receiver.port}"}, resolving=once) == "200"
        assert asked == ["rebinding.example"]
        assert receiver.got[0][1]["Host"] == f"rebinding.example:{receiver.port}"


def test_no_proxy_is_asked(monkeypatch):
    with Receiver() as receiver, Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert sent(receiver.url, allowed={f"127.0.0.1:{receiver.port}"}) == "200"
        assert proxy.got == []


def test_a_receiver_that_drips_hangs_or_never_ends_costs_its_time_and_no_more():
    dripping = Dripping()
    began = time.monotonic()
    url = f"http://127.0.0.1:{dripping.port}/"
    assert sent(url, allowed={f"127.0.0.1:{dripping.port}"}, seconds=0.5) in ("timeout", "no http")
    dripping.close()
    with Receiver(endless=True) as receiver:
        assert sent(receiver.url, allowed={f"127.0.0.1:{receiver.port}"}) == "200"

    def hangs(*_):
        time.sleep(2)
        return ["127.0.0.1"]

    assert sent("http://hangs.example/", resolving=hangs, seconds=0.3) == "timeout"
    assert time.monotonic() - began < 5


def test_what_is_no_http_or_no_tls_is_said_so():
    dripping = Dripping()
    assert sent("http://nobody.invalid/") in ("not found", "unreachable")
    place = f"127.0.0.1:{dripping.port}"
    assert sent(f"https://{place}/", allowed={place}, seconds=1) in ("tls", "timeout")
    dripping.close()


def test_our_own_address_is_inside_even_where_it_is_public():
    assert reaching.is_own("127.0.0.1")
    assert not reaching.is_own("192.0.2.1")


def test_hostile_names_stay_text_for_a_receiver(ws):
    told = json.loads(post.as_body({"subject": "@channel <!here>\r\n</script>\u202e"}))
    assert told["subject"].startswith("@channel")
    assert post.as_body({"a": "\u202e\n"}) == b'{"a":"\\u202e\\n"}'
    with ws.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM webhook")).scalar() == 0
