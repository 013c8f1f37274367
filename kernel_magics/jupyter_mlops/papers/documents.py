"""The verbs that write documents: a compliance document, and a model card."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, Literal

from jupyter_mlops.domain.answers import BlankRow, Document
from jupyter_mlops.domain.arguments import Here, Names, Prepared, Ref, Text, deed
from jupyter_mlops.domain.documents import Template
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import current_language, language
from jupyter_mlops.papers import drafting, forms, pages
from jupyter_mlops.papers.known import gather
from jupyter_mlops.papers.paper import Paper
from jupyter_mlops.services import documents
from jupyter_mlops.services.documents import Subject
from jupyter_mlops.services.workspace import Workspace

Language = Literal["reader", "en", "ja"]
LARGEST: Final = 1_000_000
"""Bytes of a file with a template or answers."""
READ: Final = (".yaml", ".yml")


@deed(prepare="papers.documents:prepare_document", finish="papers.documents:finish")
def document(
    ws: Workspace,
    subject: Ref,
    text: Text = "",
    *,
    template: str = "annex-iv",
    to: str = "",
    against: Ref = "",
    confirm: Names = (),
    lang: Language = "reader",
) -> Document:
    """Write a compliance document: every figure computed, what a person must write marked and counted.

    The templates are `annex-iv` (EU AI Act), `model-risk` (SR 26-2 with its SR 11-7 cross-walk, and the
    principles of Japan's FSA), `data-protection` (GDPR, CCPA), `deployment-report` (about a deployment),
    or a `.yaml` file of your own. `to` ends in `.html`, `.docx`, `.pdf` or `.md`; without it, the answer
    only says how complete the document is and which questions are open.

    `%%mlops document churn:2 --template annex-iv` keeps the answers that stand below it as YAML, one
    `question: answer` each; they are carried over to later versions until somebody confirms them
    (`--confirm QUESTION,QUESTION` or `--confirm all`). With `against`, an earlier version, the document
    says what changed since, block by block.
    """
    with language(lang) if lang != "reader" else nullcontext():
        asked = drafting.template(template)
        about = documents.subject_of(ws, subject, asked)
        form = forms.form_of(to) if to else None
        kept = documents.fill(ws, about, asked, text) if text.strip() else []
        kept += documents.confirm(ws, about, asked, confirm) if confirm else []
        paper = drafting.drafted(asked, gather(ws, about))
        shown, other = _against(ws, asked, about, paper, against)
        answer = _answer(asked, about, paper, kept, other)
        return _written(ws, about, shown, answer, form, to) if form else answer


@deed(finish="papers.documents:finish")
def card(ws: Workspace, ref: Ref, *, to: str, lang: Language = "reader") -> Document:
    """Write the model card of a version: Hugging Face's and skops' metadata keys, figures, limits, how to ask it.

    `to` ends in `.md` (with the metadata as its front matter), `.html`, `.docx` or `.pdf`. What a person
    has to say is answered with `document REF --template card`.
    """
    with language(lang) if lang != "reader" else nullcontext():
        form = forms.form_of(to)
        asked = drafting.ours(drafting.CARD)
        about = documents.subject_of(ws, ref, asked)
        paper = drafting.drafted(asked, gather(ws, about))
        return _written(ws, about, paper, _answer(asked, about, paper, [], ""), form, to)


def prepare_document(_here: Here, *, template: str = "", text: str = "", **_: Any) -> Prepared:
    """Read the files that a template and answers are named by, where the person is."""
    told: dict[str, Any] = {}
    if template.endswith(READ) and "\n" not in template:
        told["template"] = _read(template) + "\n"
    if text.strip().endswith(READ) and "\n" not in text.strip():
        told["text"] = _read(text.strip())
    return Prepared(told)


def finish(answer: Document, *, to: str = "", **_: object) -> Document:
    """Write the files where the person is, each whole or not at all, and say where."""
    if not answer.get("files"):
        return answer
    target = forms.target(to, answer["subject"], answer["template"])
    try:
        for name, told in answer["files"].items():
            path = target if not name else target.parent / forms.folder_of(target) / Path(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            pages.replace(path, base64.b64decode(told))
    except OSError as error:
        raise Invalid(
            "The document cannot be written to {to}: {reason}.",
            "Name a file in a folder that is yours: --to annex-iv.html",
            code="document_not_writable",
            to=to,
            reason=error.strerror or error,
        ) from error
    return {**answer, "url": target.as_uri(), "written": str(target), "files": {}}


def _against(
    ws: Workspace, asked: Template, about: Subject, paper: Paper, against: str
) -> tuple[Paper, str]:
    """Return what is to be written: the paper, or how it differs from that of another version."""
    if not against:
        return paper, ""
    from jupyter_mlops.papers import differing

    before = documents.before(ws, about, against)
    earlier = drafting.drafted(asked, gather(ws, before))
    return differing.differences(earlier, paper, before.ref, about.ref), before.ref


def _answer(
    asked: Template, about: Subject, paper: Paper, kept: Sequence[str], against: str
) -> Document:
    gaps = paper.gaps
    states = [gap.state for gap in gaps]
    return Document(
        subject=about.shown,
        template=asked.name,
        title=paper.title,
        language=current_language(),
        against=against,
        blanks=len(gaps),
        answered=states.count("answered"),
        carried=states.count("carried"),
        complete=all(state == "answered" for state in states),
        items=[
            BlankRow(
                id=gap.id,
                asks=gap.asks,
                state=gap.state,
                answer=gap.answer,
                ref=gap.ref,
                by=gap.by,
                at=gap.at,
            )
            for gap in gaps
        ],
        kept=list(kept),
        digest="",
        url="",
        written="",
        files={},
    )


def _written(
    ws: Workspace, about: Subject, paper: Paper, answer: Document, form: str, to: str
) -> Document:
    files = forms.written(paper, form, forms.folder_of(Path(to)))
    after = {
        "template": answer["template"],
        "version": about.ref,
        "language": answer["language"],
        "form": form,
        "answered": answer["answered"],
        "blanks": answer["blanks"],
    }
    if answer["against"]:
        after["against"] = answer["against"]
    digest = documents.keep_document(ws, about, files[""], after)
    told = {name: base64.b64encode(data).decode() for name, data in files.items()}
    return {**answer, "digest": digest, "files": told}


def _read(name: str) -> str:
    path = Path(name).expanduser()
    try:
        if path.stat().st_size > LARGEST:
            raise _unreadable(name, "it is larger than a megabyte")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, getattr(error, "strerror", "") or error) from None


def _unreadable(name: str, reason: object) -> Invalid:
    return Invalid(
        "{name} cannot be read: {reason}.",
        "name a file of YAML that is there.",
        code="yaml_not_readable",
        name=name,
        reason=reason,
    )
