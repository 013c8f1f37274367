"""Why only the record of a version came along, in the reader's language."""

from __future__ import annotations

from jupyter_mlops.locale import tell


def because(why: str, detail: str = "") -> str:
    """Return the sentence for a reason; nothing where the model came along."""
    again = tell("register it again from the process that trained it")
    said = {
        "pickle": tell("its artifact is a pickle, which is not opened"),
        "kind": tell("its artifact is of a kind that is not opened here ({detail})", detail=detail),
        "absent": tell("its files are not here ({detail})", detail=detail or "—"),
        "away": tell("its files are elsewhere ({detail})", detail=detail),
        "unreadable": tell("its description cannot be read: {detail}", detail=detail),
        "foreign": tell("its files are those of another run"),
        "refused": tell("its artifact is refused: {detail}", detail=detail.rstrip(".")),
        "features": tell("nothing names its features"),
        "same": tell("{ref} has the very same model", ref=detail),
    }
    if why not in said:
        return ""
    return said[why] if why == "same" else f"{said[why]}: {again}"
