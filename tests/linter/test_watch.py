"""`--watch` in a process of its own."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAM = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.linter.toys import main; sys.exit(main())"
PATIENCE = 20


@pytest.fixture
def watching(here):
    """Start `aelint --watch` in the folder `here`."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-c", PROGRAM, "--watch", "--output-format", "concise", *arguments]
        process = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        timer = threading.Timer(PATIENCE, process.kill)
        timer.daemon = True
        timer.start()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def report(process):
    """What is printed until the process waits."""
    lines = []
    for line in process.stdout:
        if line.startswith("Waiting for changes"):
            return lines
        lines.append(line)
    raise AssertionError("".join(lines))


def test_every_change_is_answered(here, files, watching):
    files({"a.py": "import torch\nloud(1)\n"})
    process = watching(".")
    assert report(process)[0].startswith("a.py:2:1: error AEL190")
    files({"a.py": "import torch\n"})
    assert report(process) == ["No faults found in 1 file.\n"]
    files({"new/b.py": "import torch\nloud(1)\n"})
    assert report(process)[0].startswith("new/b.py:2:1")
    files({"aelint.toml": 'ignroe = ["AEL190"]\n'})
    assert "did you mean `ignore`" in report(process)[0]
    files({"aelint.toml": 'ignore = ["AEL190"]\n'})
    assert report(process) == ["No faults found in 2 files.\n"]


def test_fixing_ends_in_waiting_and_an_interrupt_ends_it_quietly(here, files, watching):
    files({"a.py": "import torch\nloud(1)\n"})
    process = watching("--fix", ".")
    assert report(process) == ["No faults found in 1 file (1 fixed).\n"]
    assert "quiet(1)" in (here / "a.py").read_text()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    assert process.stdout.read() == "", "its own writing is no change"


def test_what_cannot_be_watched_is_said(aelint, files):
    files({"a.py": ""})
    for arguments in (["-"], ["--diff", "."], ["--add-ignores", "."]):
        assert aelint("--watch", *arguments).err.startswith("aelint: error: --watch goes with files and folders")
