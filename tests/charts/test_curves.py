from charts import fleets
from jupyter_mlops.charts import curves, render


def errors():
    return {"edges": [-2.0, -1.0, 1.0, 4.0], "counts": [3, 6, 1], "below": 2, "above": 0}


def test_each_error_is_a_bar_from_its_least_to_its_most_on_the_ground():
    chart = curves.residuals({"curves": {"residuals": errors()}, "metrics": {}})
    bars = chart.to_dict()["layer"][0]
    assert (bars["mark"]["type"], bars["encoding"]["y"]["stack"]) == ("bar", None)
    assert (bars["encoding"]["x"]["field"], bars["encoding"]["x2"]["field"]) == ("from", "to")
    rows = fleets.drawn(chart, "density")
    assert [(row["from"], row["to"]) for row in rows] == [(-2, -1), (-1, 1), (1, 4)]
    areas = [row["density"] * (row["to"] - row["from"]) for row in rows]
    assert [round(area * 12) for area in areas] == [3, 6, 1]


def test_errors_outside_of_the_holdout_are_said():
    drawn = render.svg(curves.residuals({"curves": {"residuals": errors()}, "metrics": {}}))
    assert "2 cases lie outside of what the holdout showed." in drawn
