"""Findings become alerts, told once; silence is never taken for health."""

from dataclasses import replace

from jupyter_mlops.domain.alerts import Finding, Looked, follow
from jupyter_mlops.domain.monitoring import DEFAULT, read

MOVED = Finding("drift", "feature:age", "warning", "distribution", {"psi": 0.2})
GONE = Finding("quality", "feature:age", "failing", "missing", {"missing": 1.0, "before": 0.0})
KEYS = frozenset({MOVED.key, GONE.key})


class Book:
    """Alerts over windows that follow one another."""

    def __init__(self, watched=DEFAULT):
        self.watched = watched
        self.standing = {}
        self.hour = 0

    def turn(self, *findings, judged=KEYS):
        """Follow one more window and say what it did."""
        looked = Looked(f"{self.hour:04}", f"{self.hour + 1:04}", findings, judged)
        self.hour += 1
        changes = list(follow(self.standing, looked, self.watched))
        self.again = list(follow({c.standing.key: c.standing for c in changes}, looked, DEFAULT))
        for change in changes:
            self.standing[change.standing.key] = change.standing
            if change.does == "resolve":
                del self.standing[change.standing.key]
        return [change.does for change in changes]


def test_the_same_finding_again_makes_no_second_alert():
    book = Book()
    assert [book.turn(MOVED) for _ in range(3)] == [["open"], ["seen"], ["seen"]]
    (standing,) = book.standing.values()
    assert (standing.since, standing.last_seen, standing.windows) == ("0000", "0003", 3)


def test_a_window_that_is_followed_twice_counts_once():
    book = Book()
    book.turn(MOVED)
    assert book.again == []
    book.turn()
    assert book.again == []


def test_it_ends_after_enough_quiet_windows_and_one_finding_begins_them_anew():
    book = Book()
    told = [book.turn(MOVED), book.turn(), book.turn(MOVED), book.turn(), book.turn()]
    assert told == [["open"], ["quiet"], ["seen"], ["quiet"], ["resolve"]]
    assert book.turn(MOVED) == ["open"]


def test_a_window_that_cannot_tell_ends_nothing():
    book = Book()
    book.turn(MOVED)
    for _ in range(5):
        assert book.turn(judged=frozenset()) == []


def test_one_that_grows_worse_opens_again():
    book = Book()
    book.turn(MOVED)
    key = MOVED.key
    book.standing[key] = replace(book.standing[key], state="acknowledged")
    assert book.turn(MOVED) == ["seen"]
    assert book.standing[key].state == "acknowledged"
    assert book.turn(replace(MOVED, status="failing")) == ["worsen"]
    assert (book.standing[key].state, book.standing[key].severity) == ("open", "critical")
    assert book.turn(MOVED) == ["seen"]
    assert book.standing[key].severity == "critical"


def test_features_that_move_at_once_are_one_alert_but_starred_ones_stand_alone():
    names = [f"feature:f{i}" for i in range(4)]
    many = [replace(MOVED, subject=name) for name in names]
    book = Book(read({"star": ["f0"]}))
    book.turn(*many, judged=frozenset(one.key for one in many))
    assert set(book.standing) == {("drift", "inputs"), ("drift", "feature:f0")}
    assert book.standing["drift", "inputs"].figures == {"features": ["f1", "f2", "f3"]}
    told = [book.turn(judged=frozenset({("drift", "feature:f1")})) for _ in range(2)]
    assert told == [["quiet"], ["resolve"]]


def test_one_that_was_open_before_stays_its_own_when_others_join():
    book = Book()
    book.turn(MOVED)
    joined = [replace(MOVED, subject=f"feature:f{i}") for i in range(3)]
    assert book.turn(MOVED, *joined) == ["seen", "open"]


def test_a_part_that_the_rules_silence_is_found_and_not_told():
    book = Book(read({"alerts": {"drift": "none", "quality": {"failing": "info"}}}))
    assert book.turn(MOVED, GONE) == ["open"]
    assert book.standing[GONE.key].severity == "info"
