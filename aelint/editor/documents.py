"""The editor's documents as files: a notebook is many documents in the protocol and one file here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import Workspace

from aelint.editor.positions import Text
from aelint.sources.decode import encode_python

__all__ = ["Document", "document", "documents"]


@dataclass(frozen=True)
class Document:
    """A file that is open.

    `parts` is the file's one text, or the notebook's code cells in their order.
    """

    uri: str
    path: str
    data: bytes
    parts: tuple[Text, ...]
    version: int | None = None

    def part(self, cell: int | None) -> Text | None:
        """The text that a diagnostic with this `cell` is about."""
        index = 0 if cell is None else cell - 1
        return self.parts[index] if index < len(self.parts) else None

    def cell_of(self, uri: str) -> int | None:
        """The number among the code cells of the document with this address; None in a file."""
        if len(self.parts) == 1 and self.parts[0].uri == self.uri:
            return None
        return next((number for number, part in enumerate(self.parts, 1) if part.uri == uri), None)


def document(workspace: Workspace, uri: str) -> Document | None:
    """The file that the editor's document `uri` is, or is a cell of; None if it is not open."""
    notebook = workspace.get_notebook_document(notebook_uri=uri) or workspace.get_notebook_document(cell_uri=uri)
    if notebook is not None:
        return _notebook(workspace, notebook)
    if uri not in workspace.text_documents:
        return None
    text = workspace.get_text_document(uri)
    part = Text(uri, _lines(text.source), workspace.position_codec)
    return Document(uri, _path(workspace, uri), encode_python(text.source), (part,), text.version)


def documents(workspace: Workspace) -> Iterator[Document]:
    """Every file that is open."""
    cells = {cell.document for notebook in workspace.notebook_documents.values() for cell in notebook.cells}
    for uri in [*workspace.notebook_documents, *(uri for uri in workspace.text_documents if uri not in cells)]:
        if (found := document(workspace, uri)) is not None:
            yield found


def _notebook(workspace: Workspace, notebook: types.NotebookDocument) -> Document:
    code = [cell.document for cell in notebook.cells if cell.kind == types.NotebookCellKind.Code]
    sources = [workspace.get_text_document(uri).source for uri in code]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    data = json.dumps({"cells": cells}).encode()
    parts = [Text(uri, _lines(source), workspace.position_codec) for uri, source in zip(code, sources, strict=True)]
    return Document(notebook.uri, _path(workspace, notebook.uri, ".ipynb"), data, tuple(parts), notebook.version)


def _path(workspace: Workspace, uri: str, suffix: str = ".py") -> str:
    """The file's absolute path; text that was never saved lies in the workspace's folder."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    if path is None:
        name = "".join(char if char.isalnum() else "-" for char in uri) + suffix
        path = os.path.join(workspace.root_path or os.getcwd(), name)  # noqa: PTH109, PTH118
    return os.path.abspath(path)  # noqa: PTH100 - as the engine spells it


def _lines(source: str) -> list[str]:
    """The rows as the protocol and the linter count them; a form feed ends none."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
