"""The list of models as it is searched: one row per model, written with what it tells of.

Whoever changes a model or a version, in whatever deed, changes this row in the same transaction:
sessions that write are followed from the moment they open (see `store.engine`).

Both databases index every three letters that follow one another, SQLite by FTS5's trigrams, PostgreSQL
by a `tsvector` of the same threes. FTS5 knows their order, so that it finds a word; PostgreSQL finds the
rows that may hold it, whose text is then looked at. Each finds exactly the same, and nothing in a word
is syntax.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Integer
from sqlmodel import Session, col, delete, select

from jupyter_mlops.domain.searched import SHORTEST, grams, normal, whole
from jupyter_mlops.store.tables import Archived, Listing, Model, Version

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_TOUCHED: Final = "models_touched"
_ODD: Final = frozenset("\ufffd\ufffe\uffff")
"""Letters that FTS5 takes for one another."""


class within(GenericFunction[int]):  # noqa: N801 - it reads as the SQL function that it is
    """Where a text holds a word, counted from 1; 0 where it does not. Letters, whatever the locale."""

    type = Integer()
    inherit_cache = True


@compiles(within)
def _instr(element: within, compiler: Any, **how: Any) -> str:
    return f"instr({compiler.process(element.clauses, **how)})"


@compiles(within, "postgresql")
def _strpos(element: within, compiler: Any, **how: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **how)})"


def holding(words: Sequence[str], *, sqlite: bool) -> list[ColumnElement[bool]]:
    """Return the conditions that the text of a model holds each of these words.

    Words are as `domain.searched` brings them into one form; one of two letters or less has no three
    to look up, and is looked for in every text.
    """
    long = [word for word in words if len(word) >= SHORTEST]
    seen = [word for word in words if not sqlite or word not in long or _ODD.intersection(word)]
    found: list[ColumnElement[bool]] = [within(col(Listing.text), word) > 0 for word in seen]
    if long:
        found.append(_by_trigram(long) if sqlite else _by_lexeme(long))
    return found


def _by_trigram(words: Sequence[str]) -> ColumnElement[bool]:
    phrases = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
    found = text("SELECT rowid FROM listing_grams WHERE listing_grams MATCH :phrases")
    return col(Listing.model_id).in_(found.bindparams(phrases=phrases).columns(rowid=Integer))


def _by_lexeme(words: Sequence[str]) -> ColumnElement[bool]:
    wanted = sorted({gram for word in words for gram in grams(word)})
    quoted = ("'" + gram.replace("\\", "\\\\").replace("'", "''") + "'" for gram in wanted)
    return col(Listing.model_id).in_(
        text("SELECT model_id FROM listing WHERE grams @@ CAST(:lexemes AS tsquery)")
        .bindparams(lexemes=" & ".join(quoted))
        .columns(model_id=Integer)
    )


def follow(session: Session) -> None:
    """Have a session that writes keep the list: what it changes is written when it commits."""
    event.listen(session, "after_flush", _note)
    event.listen(session, "before_commit", _write)


def _note(session: Session, _context: Any) -> None:
    touched = session.info.setdefault(_TOUCHED, set())
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Model):
            touched.add(row.id)
        elif isinstance(row, Version):
            touched.add(row.model_id)
        elif isinstance(row, Archived):
            touched.add(session.get_one(Version, row.version_id).model_id)


def _write(session: Session) -> None:
    session.flush()
    for model in sorted(session.info.pop(_TOUCHED, ())):
        refresh(session, model)


def refresh(session: Session, model: int) -> None:
    """Write the row of a model anew: the newest version that is not archived stands for it.

    When all are, the newest does. A model that has none is in no list.
    """
    archived = select(Archived.version_id)
    kept = ~col(Version.id).in_(archived)
    newest = select(Version.id, kept.label("kept"), Version.at, Version.number).where(
        Version.model_id == model
    )
    found = session.exec(newest.order_by(kept.desc(), col(Version.number).desc())).all()
    session.exec(delete(Listing).where(col(Listing.model_id) == model))
    if found:
        id, listed, at, _ = found[0]
        row = Listing(
            model_id=model,
            version_id=id,
            versions=len(found),
            archived=not listed,
            at=at,
            **_texts(session, id),
        )
        session.add(row)
        session.flush()


def _texts(session: Session, version: int) -> dict[str, str]:
    """Return what a version and its model can be found by."""
    columns: list[Any] = [
        Model.name, Model.owner, Model.unit, Model.purpose, Model.description,
        Version.description, Version.tags, Version.manifest, Version.lineage,
    ]  # fmt: skip
    told = session.execute(
        select(*columns).where(Version.id == version, Version.model_id == Model.id)
    ).one()
    name, owner, unit, purpose, about, description, tags, manifest, lineage = told
    features = [feature["name"] for feature in json.loads(manifest).get("features", ())]
    data = lineage.get("data", {})
    parts = {
        "name": name,
        "owner": owner,
        "unit": unit,
        "purpose": purpose,
        "description": f"{about} {description}",
        "tags": " ".join(tags),
        "features": " ".join(features),
        "notebook": f"{lineage.get('notebook') or ''} {lineage.get('source') or ''}",
    }
    return {
        "name": normal(name),
        "owner": normal(owner),
        "unit": normal(unit),
        "data": " ".join(data[part]["digest"] for part in ("train", "holdout") if part in data),
        "features": json.dumps(features, ensure_ascii=False),
        "text": whole(parts),
    }
