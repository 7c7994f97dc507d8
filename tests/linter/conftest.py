"""A catalogue of toy rules in place of the real one, and a run in an empty folder."""

import json
import signal
from dataclasses import dataclass

import pytest

from aelint import _catalogue, registry
from aelint.cli import main
from tests.linter import toys


@pytest.fixture(autouse=True)
def toy_rules(monkeypatch):
    """The rules of `toys`, and no others."""
    monkeypatch.setattr(_catalogue, "CATALOGUE", toys.catalogue())
    registry.rules.cache_clear()
    yield
    registry.rules.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def interrupts_arrive():
    """A shell starts what runs in its background with interrupts ignored, and every child inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Ran:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def found(self):
        """(file, row, code) of each finding of a JSON report."""
        return [(i["filename"], i["location"]["row"], i["code"]) for i in json.loads(self.out)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "AELINT_RAISE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def aelint(here, capsys):
    """Run a command line in the folder `here`."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as error:
            code = error.code
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def found(aelint):
    """(file, row, code) of each finding of `aelint check` with the given arguments."""
    return lambda *arguments: aelint("check", "--output-format", "json", *arguments).found


@pytest.fixture
def files(here):
    """Write files, by path, into the folder `here`."""

    def write(contents):
        for name, content in contents.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write
