"""What an editor offers at a finding: its fix, a comment that silences it, and all safe fixes at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types

from aelint.diagnostics import Applicability, Diagnostic, Edit
from aelint.editor.documents import Document
from aelint.editor.positions import Text
from aelint.engine.ignoring import with_comments
from aelint.fixes.compose import fixable, fixed
from aelint.sources.decode import UnreadableError
from aelint.sources.load import load

__all__ = ["FIX_ALL", "KINDS", "actions"]

FIX_ALL = f"{types.CodeActionKind.SourceFixAll.value}.aelint"
KINDS = [types.CodeActionKind.QuickFix, FIX_ALL]


def actions(
    document: Document, part: Text, found: Sequence[Diagnostic], params: types.CodeActionParams
) -> list[types.CodeAction]:
    """The actions for the editor's selection in one part of the document."""
    cell = document.cell_of(part.uri)
    chosen = [each for each in found if each.cell == cell and part.holds(each.span, params.range)]
    offered: list[types.CodeAction] = []
    if _is_wanted(types.CodeActionKind.QuickFix.value, params.context):
        for each in chosen:
            offered += _quick(document, part, each, params.context.diagnostics)
    if _is_wanted(FIX_ALL, params.context):
        offered += _all(document, found)
    return offered


def _is_wanted(kind: str, context: types.CodeActionContext) -> bool:
    """Whether the editor asks for a kind: it names none, the kind itself, or a family of it."""
    wanted = [str(getattr(only, "value", only)) for only in context.only or ()]
    return not wanted or any(kind == only or kind.startswith(f"{only}.") for only in wanted)


def _quick(
    document: Document, part: Text, found: Diagnostic, shown: Iterable[types.Diagnostic]
) -> Iterator[types.CodeAction]:
    told = [each for each in shown if each.source == "aelint" and str(each.code).startswith(found.code)]
    about = [each for each in told if each.range == part.range(found.span)]
    if fixable([found], unsafe=True) and (change := _change(document, [found])) is not None:
        assert found.fix is not None
        certain = found.fix.applicability is Applicability.SAFE
        doubt = "" if certain else " (please check)"
        yield types.CodeAction(
            title=f"{found.fix.message[:1].upper()}{found.fix.message[1:]}{doubt}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=about,
            is_preferred=certain,
            edit=change,
        )
    if (change := _silencing(document, found)) is not None:
        yield types.CodeAction(
            title=f"Silence {found.code} {found.name} on this line",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=about,
            edit=change,
        )


def _all(document: Document, found: Sequence[Diagnostic]) -> Iterator[types.CodeAction]:
    change = _change(document, fixable(found, unsafe=False))
    if change is not None:
        yield types.CodeAction(title="Apply all safe fixes of aelint", kind=FIX_ALL, edit=change)


def _change(document: Document, found: Sequence[Diagnostic]) -> types.WorkspaceEdit | None:
    """The edits of those fixes after which the text is still Python; None if there are none."""
    if not found:
        return None
    try:
        _, done = fixed(document.path, document.data, found)
    except UnreadableError:
        return None
    return _workspace_edit(document, [edit for each in done if each.fix for edit in each.fix.edits])


def _silencing(document: Document, found: Diagnostic) -> types.WorkspaceEdit | None:
    try:
        source = load(document.path, document.data)
    except UnreadableError:
        return None
    commented = with_comments(source, [found], "")
    return _workspace_edit(document, [edit for each in commented if each.fix for edit in each.fix.edits])


def _workspace_edit(document: Document, edits: Sequence[Edit]) -> types.WorkspaceEdit | None:
    changes: dict[str, list[types.TextEdit]] = defaultdict(list)
    for edit in edits:
        if (part := document.part(edit.cell)) is not None:
            changes[part.uri].append(part.edit(edit))
    return types.WorkspaceEdit(changes=dict(changes)) if changes else None
