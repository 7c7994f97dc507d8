"""The language server, spoken to over standard input and output by pygls's own client."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pygls")
from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parent.parent.parent
SERVER = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.linter.toys import main; sys.exit(main())"
PATIENCE = 30
"""Seconds until an answer that does not come fails the test."""
EVERYTHING = types.Range(types.Position(0, 0), types.Position(1000, 0))


class Editor(LanguageClient):
    """A client that remembers what the server shows."""

    def __init__(self):
        super().__init__("test", "1")
        self.shown = asyncio.Queue()
        self.said = []

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def show(params):
            self.shown.put_nowait(params)

        @self.feature(types.WINDOW_SHOW_MESSAGE)
        def say(params):
            self.said.append(params.message)

    async def open(self, path, text, language="python"):
        item = types.TextDocumentItem(path.as_uri(), language, 1, text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.next(path.as_uri())

    async def change(self, path, text, version):
        document = types.VersionedTextDocumentIdentifier(version, path.as_uri())
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    async def next(self, uri):
        """The diagnostics that are shown next for a document."""
        while True:
            params = await asyncio.wait_for(self.shown.get(), PATIENCE)
            if params.uri == uri:
                return list(params.diagnostics)

    async def actions(self, uri, where, only=None):
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(uri), where, types.CodeActionContext(diagnostics=[], only=only)
        )
        return {action.title: action for action in await self.text_document_code_action_async(params)}


@contextlib.asynccontextmanager
async def editor(folder, *arguments, encodings=None):
    client = Editor()
    await client.start_io(sys.executable, "-c", SERVER, "server", *arguments, cwd=folder)
    general = types.GeneralClientCapabilities(position_encodings=encodings) if encodings else None
    capabilities = types.ClientCapabilities(general=general)
    await asyncio.wait_for(
        client.initialize_async(types.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri())), PATIENCE
    )
    client.initialized(types.InitializedParams())
    try:
        yield client
    finally:
        await asyncio.wait_for(client.shutdown_async(None), PATIENCE)
        client.exit(None)
        await asyncio.wait_for(client.stop(), PATIENCE)


def rows(diagnostics):
    return [(each.range.start.line, each.range.start.character, each.code) for each in diagnostics]


def applied(text, edits):
    """The text after the editor's edits (ASCII, so that units are characters)."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True):
        start, end = edit.range.start, edit.range.end
        after = lines[end.line][end.character :] if end.line < len(lines) else ""
        lines[start.line : end.line + 1] = [lines[start.line][: start.character] + edit.new_text + after]
    return "\n".join(lines)


def test_findings_follow_the_text_whether_it_is_saved_or_not(here):
    async def story():
        path = here / "a.py"
        async with editor(here) as client:
            assert await client.open(path, "import torch\nquiet()\n") == []
            await client.change(path, "import torch\nloud(1)\n", 2)
            (found,) = await client.next(path.as_uri())
            assert (found.code, found.source, found.severity) == ("AEL190 loud-call", "aelint", 1)
            assert (found.range.start, found.range.end) == (types.Position(1, 0), types.Position(1, 7))
            assert found.related_information[0].message == "the file begins here"
            await client.change(path, "import torch\nx = = 1\n", 3)
            assert rows(await client.next(path.as_uri())) == [(1, 4, "AEL000 unreadable-source")]
            path.write_text("import torch\n")
            await client.change(path, "import torch\n", 4)
            client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(path.as_uri())))
            assert await client.next(path.as_uri()) == []
            await client.change(path, "import torch\nloud(1)\n", 5)
            assert len(await client.next(path.as_uri())) == 1
            closing = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(path.as_uri()))
            client.text_document_did_close(closing)
            assert await client.next(path.as_uri()) == []

    asyncio.run(story())


def test_typing_is_answered_once(here):
    async def story():
        path = here / "a.py"
        async with editor(here) as client:
            await client.open(path, "import torch\n")
            for version in range(2, 22):
                await client.change(path, "import torch\n" + "loud(1)\n" * version, version)
            assert len(await client.next(path.as_uri())) == 21
            await asyncio.sleep(0.6)
            assert client.shown.empty()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("encodings", "column"), [(None, 7), (["utf-32"], 6), (["utf-8"], 9)], ids=["utf-16", "utf-32", "utf-8"]
)
def test_columns_are_counted_as_the_editor_asks(here, encodings, column):
    async def story():
        async with editor(here, encodings=encodings) as client:
            found = await client.open(here / "a.py", "import torch\n'\N{GRINNING FACE}x'; loud(1)\n")
            assert rows(found) == [(1, column, "AEL190 loud-call")]

    asyncio.run(story())


def test_a_fix_a_comment_and_all_fixes_are_offered(here):
    text = "import torch\nloud(1)\nloud(2)\n"

    async def story():
        path = here / "a.py"
        uri = path.as_uri()
        async with editor(here) as client:
            first, _ = await client.open(path, text)
            offered = await client.actions(uri, first.range)
            assert list(offered) == [
                "Call `quiet`",
                "Silence AEL190 loud-call on this line",
                "Apply all safe fixes of aelint",
            ]
            assert [action.is_preferred for action in offered.values()] == [True, None, None]
            changed = {title: applied(text, action.edit.changes[uri]) for title, action in offered.items()}
            assert changed == {
                "Call `quiet`": "import torch\nquiet(1)\nloud(2)\n",
                "Silence AEL190 loud-call on this line": "import torch\nloud(1)  # aelint: ignore[AEL190]\nloud(2)\n",
                "Apply all safe fixes of aelint": "import torch\nquiet(1)\nquiet(2)\n",
            }
            elsewhere = types.Range(types.Position(0, 0), types.Position(0, 0))
            assert list(await client.actions(uri, elsewhere, [types.CodeActionKind.QuickFix])) == []
            assert len(await client.actions(uri, elsewhere, [types.CodeActionKind.SourceFixAll])) == 1

    asyncio.run(story())


def test_the_page_of_a_rule_is_shown_at_its_finding_and_at_its_code(here):
    async def story():
        uri = (here / "a.py").as_uri()
        async with editor(here) as client:
            await client.open(here / "a.py", "import torch\nloud(1)\nx = 1  # aelint: ignore[AEL290]\n")

            async def hover(row, column):
                params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(row, column))
                answer = await client.text_document_hover_async(params)
                return answer and answer.contents.value

            assert "# loud-call (AEL190)" in await hover(1, 2)
            assert "Reports every call of a function named `loud`." in await hover(1, 2)
            assert "# advised-call (AEL290)" in await hover(2, 0)
            assert await hover(0, 2) is None

    asyncio.run(story())


MODEL = """import torch
from torch import nn


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(784, 20)

    def forward(self, x):
        code = torch.sigmoid(self.inner(x.view(-1, 784)))
        count = 3
        return code


images = torch.rand(32, 1, 28, 28)
codes = Coder()(images)
"""


def test_shapes_and_ranges_stand_beside_names(here):
    async def story():
        uri = (here / "a.py").as_uri()
        async with editor(here) as client:
            await client.open(here / "a.py", MODEL)

            async def hints(where):
                params = types.InlayHintParams(types.TextDocumentIdentifier(uri), where)
                found = await client.text_document_inlay_hint_async(params)
                return [(hint.position.line, hint.position.character, hint.label) for hint in found]

            assert await hints(EVERYTHING) == [
                (10, 12, ": (32, 20) in [0, 1]"),
                (15, 6, ": (32, 1, 28, 28) in [0, 1]"),
                (16, 5, ": (32, 20) in [0, 1]"),
            ]
            assert len(await hints(types.Range(types.Position(15, 0), types.Position(15, 9)))) == 1

    asyncio.run(story())


def test_cells_of_a_notebook_are_one_program(here):
    texts = ["import torch\n", "%matplotlib inline\nx = torch.rand(4, 3)\nloud(1)"]

    async def story():
        notebook = (here / "a.ipynb").as_uri()
        uris = [f"{notebook}#cell{number}" for number in range(3)]
        kinds = [types.NotebookCellKind.Code, types.NotebookCellKind.Markup, types.NotebookCellKind.Code]
        cells = [types.NotebookCell(kind, uri) for kind, uri in zip(kinds, uris, strict=True)]
        items = [types.TextDocumentItem(uris[0], "python", 1, texts[0])]
        items += [types.TextDocumentItem(uris[2], "python", 1, texts[1])]
        async with editor(here) as client:
            document = types.NotebookDocument(notebook, "jupyter-notebook", 1, cells)
            client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(document, items))
            assert rows(await client.next(uris[2])) == [(2, 0, "AEL190 loud-call")]
            where = types.Range(types.Position(2, 0), types.Position(2, 1))
            offered = await client.actions(uris[2], where)
            edits = offered["Call `quiet`"].edit.changes[uris[2]]
            assert applied(texts[1], edits).endswith("\nquiet(1)")
            params = types.InlayHintParams(types.TextDocumentIdentifier(uris[2]), EVERYTHING)
            (hint,) = await client.text_document_inlay_hint_async(params)
            assert (hint.position.line, hint.label) == (1, ": (4, 3) in [0, 1]")
            change = types.NotebookDocumentChangeEvent(
                cells=types.NotebookDocumentCellChanges(
                    text_content=[
                        types.NotebookDocumentCellContentChanges(
                            types.VersionedTextDocumentIdentifier(2, uris[2]),
                            [types.TextDocumentContentChangeWholeDocument("quiet(1)")],
                        )
                    ]
                )
            )
            own = types.VersionedNotebookDocumentIdentifier(2, notebook)
            client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(own, change))
            assert await client.next(uris[2]) == []

    asyncio.run(story())


def test_an_article_is_linted_and_text_that_was_never_saved(here):
    async def story():
        async with editor(here) as client:
            found = await client.open(here / "a.md", "# x\n\n```python\nloud(1)\n```\n", "markdown")
            assert rows(found) == [(3, 0, "AEL190 loud-call")]
            item = types.TextDocumentItem("untitled:Untitled-1", "python", 1, "import torch\nloud(1)\n")
            client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            assert len(await client.next("untitled:Untitled-1")) == 1

    asyncio.run(story())


def test_configuration_counts_and_a_bad_one_is_told_once(here):
    async def story():
        path = here / "a.py"
        (here / "aelint.toml").write_text('ignore = ["AEL190"]\n')
        async with editor(here) as client:
            assert await client.open(path, "import torch\nloud(1)\n") == []
            (here / "aelint.toml").write_text('ignroe = ["AEL190"]\n')
            for _ in range(2):
                client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([]))
                assert len(await client.next(path.as_uri())) == 1
            assert len(client.said) == 1
            assert "did you mean `ignore`" in client.said[0]

    asyncio.run(story())


def test_what_is_excluded_and_what_a_library_installed_is_left_alone(here):
    (here / "project").mkdir()

    async def story():
        async with editor(here / "project") as client:
            for place in ("project/build/a.py", "environment/site-packages/torch/a.py"):
                assert await client.open(here / place, "import torch\nloud(1)\n") == []
            assert len(await client.open(here / "elsewhere/a.py", "import torch\nloud(1)\n")) == 1

    asyncio.run(story())


def test_without_pygls_one_line_says_what_to_install(here):
    program = f"import sys; sys.modules['pygls'] = sys.modules['lsprotocol'] = None\n{SERVER}"
    done = subprocess.run([sys.executable, "-c", program, "server"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "aelint: error: the editor server needs pygls; install it with `pip install 'aelint[lsp]'`\n"
    )


def test_nothing_but_the_protocol_stands_on_standard_output(here):
    done = subprocess.run(
        [sys.executable, "-c", SERVER, "server"],
        cwd=here,
        input=b"",
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.stdout == b""
    assert "Traceback" not in done.stderr.decode()
