"""The language server: what the editor sends and what it gets, over pygls.

Texts are linted in one thread beside the protocol's, so that the editor never waits for an answer about a
text that has changed meanwhile.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from aelint import registry
from aelint._version import VERSION
from aelint.editor.actions import KINDS, actions
from aelint.editor.documents import Document, document, documents
from aelint.editor.messages import diagnostics, explanation, inlay_hints
from aelint.editor.positions import Text
from aelint.editor.session import Analysis, Session

__all__ = ["Server", "serve"]

PAUSE = 0.3
"""Seconds without a keystroke after which a text is linted."""
STACK = 64 * 1024 * 1024
"""Bytes of stack for the thread that lints; the main thread's default is more than a thread's on some systems."""
CODE = re.compile(r"AEL\d{3}")
Saved = types.DidSaveTextDocumentParams | types.DidSaveNotebookDocumentParams
NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage(language="python")]),
    ],
)


class Server(LanguageServer):
    """One editor's connection."""

    def __init__(self, session: Session) -> None:
        super().__init__("aelint", VERSION, types.TextDocumentSyncKind.Full, NOTEBOOKS)
        self.session = session
        self._known: dict[str, tuple[bytes, Future[Analysis]]] = {}
        """By path: the text that was last given to the thread, and what it says or will say."""
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()
        usual = threading.stack_size(STACK)
        self._thread = ThreadPoolExecutor(1, "aelint")
        self._thread.submit(int)  # starts the thread while the size is in force
        threading.stack_size(usual)

    def find(self, uri: str) -> Document | None:
        """The open file that the address means."""
        return document(self.workspace, uri)

    async def analysis(self, asked: Document) -> Analysis:
        """What the document says, linted now if that is not known."""
        known = self._known.get(asked.path)
        if known is None or known[0] != asked.data:
            texts = {each.path: each.data for each in documents(self.workspace)}
            if known is not None:
                known[1].cancel()
            session = replace(self.session, folder=self.workspace.root_path or "")
            known = asked.data, self._thread.submit(session.analyse, asked.path, texts)
            self._known[asked.path] = known
        return await asyncio.shield(asyncio.wrap_future(known[1]))

    def refresh(self, uri: str, pause: float = 0.0) -> None:
        """Lint the document and show what it says, unless it changes again within the pause."""
        if (waiting := self._waiting.pop(uri, None)) is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.get_running_loop().create_task(self._show(uri, pause))

    def refresh_all(self) -> None:
        """Lint every open document anew: what they import, or the configuration, has changed."""
        self._known.clear()
        for each in documents(self.workspace):
            self.refresh(each.uri)

    def forget(self, uri: str, parts: list[str]) -> None:
        """Take back what was shown of a document that is closed."""
        if (waiting := self._waiting.pop(uri, None)) is not None:
            waiting.cancel()
        for part in parts:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(part, []))

    async def _show(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        asked = self.find(uri)
        if asked is None:
            return
        analysis = await self.analysis(asked)
        current = self.find(uri)
        if current is None or current.data != asked.data:
            return
        for part, shown in diagnostics(current, analysis.diagnostics).items():
            version = current.version if part == current.uri else None
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(part, shown, version))
        self._tell(analysis.problems)
        if _takes_refresh(self.client_capabilities):
            self.workspace_inlay_hint_refresh(None)

    def _tell(self, problems: tuple[str, ...]) -> None:
        """Say each thing that went wrong once, not at every keystroke."""
        for line in problems:
            if line not in self._told:
                self._told.add(line)
                self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"aelint: {line}"))


def serve(session: Session) -> None:
    """Speak with an editor over standard input and output until it says goodbye."""
    _connected(Server(session)).start_io()


def _connected(server: Server) -> Server:
    """The server with its answers to everything that an editor sends."""
    _follow_files(server)
    _follow_notebooks(server)
    _follow_disk(server)
    _answer(server)
    return server


def _follow_files(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.refresh(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.refresh(params.text_document.uri, PAUSE)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri, [params.text_document.uri])


def _follow_notebooks(server: Server) -> None:
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenNotebookDocumentParams) -> None:
        server.refresh(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeNotebookDocumentParams) -> None:
        server.refresh(params.notebook_document.uri, PAUSE)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseNotebookDocumentParams) -> None:
        server.forget(params.notebook_document.uri, [cell.uri for cell in params.cell_text_documents])


def _follow_disk(server: Server) -> None:
    """What is saved or changed elsewhere may be imported, or configure, what is open."""

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def changed(_: Saved | types.DidChangeWatchedFilesParams) -> None:
        server.refresh_all()


def _answer(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=KINDS))
    async def offered(params: types.CodeActionParams) -> list[types.CodeAction]:
        found, part = _place(server, params.text_document.uri)
        if found is None or part is None:
            return []
        return actions(found, part, (await server.analysis(found)).diagnostics, params)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def explained(params: types.HoverParams) -> types.Hover | None:
        found, part = _place(server, params.text_document.uri)
        if found is None or part is None:
            return None
        here = types.Range(params.position, params.position)
        cell = found.cell_of(part.uri)
        analysis = await server.analysis(found)
        rules = [registry.find(d.code) for d in analysis.diagnostics if d.cell == cell and part.holds(d.span, here)]
        rules = rules or _named_on(part.lines[here.start.line : here.start.line + 1])
        if not rules:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, explanation(rules)))

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hinted(params: types.InlayHintParams) -> list[types.InlayHint]:
        found, part = _place(server, params.text_document.uri)
        if found is None or part is None:
            return []
        cell = found.cell_of(part.uri)
        own = [hint for hint in (await server.analysis(found)).hints if hint.cell == cell]
        return list(inlay_hints(part, own, params.range))


def _place(server: Server, uri: str) -> tuple[Document | None, Text | None]:
    found = server.find(uri)
    return found, None if found is None else found.part(found.cell_of(uri))


def _named_on(lines: Sequence[str]) -> list[registry.RuleInfo]:
    """The rules whose codes stand in a comment that silences them."""
    known = {rule.code: rule for rule in registry.rules()}
    return [known[code] for line in lines for code in CODE.findall(line) if code in known]


def _takes_refresh(capabilities: types.ClientCapabilities) -> bool:
    hints = capabilities.workspace and capabilities.workspace.inlay_hint
    return bool(hints and hints.refresh_support)
