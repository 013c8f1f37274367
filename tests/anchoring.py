"""Logs that grow, and what anchors hold of them."""

from jupyter_mlops.domain import checkpoints
from jupyter_mlops.services.audit import audit


def deeds(ws, n):
    """Do so many things."""
    for _ in range(n):
        with ws.act("test:deed", subject="x"):
            pass


def goes_on(ws):
    """Do so much that the next checkpoint is of ten more events, and have it left where it belongs."""
    deeds(ws, 10)
    audit(ws, checkpoint=True, limit=1)


def events(ws, query=""):
    """Return the actions that the log tells of, newest first."""
    return [one["action"] for one in audit(ws, query)["items"]]


def notes(text):
    """Return of how many events each checkpoint in a text is."""
    return [one.size for one in checkpoints.seen(text).notes]


def identity(ws):
    """Return the id that a workspace was given when it was made."""
    (first,) = audit(ws, "workspace:creation")["items"]
    return first["after"]["id"]
