"""What really happened finds its case or its prediction, wherever the log keeps it."""

import time

import pytest

from jupyter_mlops.services import segments
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import logtables
from jupyter_mlops.store.segments import frames
from serving.payloads import ACTUALS, ARROW, PREDICT, arrow_body

NAMED = {"id": "id", "value": "value"}


def sealed(folder):
    """Have the segment end and be sealed."""
    ws = open_local(folder)
    ws.telemetry.ask_for_turn()
    until = time.monotonic() + 10
    while not ws.telemetry.finished() and time.monotonic() < until:
        time.sleep(0.1)
    segments.seal(ws)


def test_names_are_read_from_an_open_segment_as_whole_rows_have_them(client, place, rows):
    client.post(PREDICT, json={"rows": rows[:2], "ids": ["a", "b"]})
    client.post(PREDICT, json={"rows": [{}]})
    client.post(PREDICT, content=arrow_body(rows[:3]), headers={"Content-Type": ARROW})
    (segment,) = (place / "spool" / "clinic").glob("*.log")
    whole = logtables.predictions(frames(segment))
    assert whole.num_rows == 5
    names = logtables.names(frames(segment))
    assert names.to_pylist() == whole.select(list(logtables.NAMES)).to_pylist()


@pytest.mark.parametrize("is_sealed", [False, True])
def test_actuals_are_matched_by_case_and_by_prediction(client, place, rows, is_sealed):
    asked = client.post(PREDICT, json={"rows": rows[:2], "ids": ["7", "b"]}).json()["predictions"]
    if is_sealed:
        sealed(place)
    told = [
        {"id": 7.0, "value": 1},
        {"id": "of no case", "prediction_id": asked[1]["prediction_id"], "value": 0},
        {"id": asked[0]["prediction_id"], "value": 1},
        {"id": "b", "prediction_id": "of none", "value": 1},
        {"id": "nobody", "value": 1},
    ]
    found = client.post(ACTUALS, json={"rows": told, **NAMED}).json()
    assert (found["received"], found["matched"], found["unmatched"]) == (5, 3, 2)
