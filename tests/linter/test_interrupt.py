"""Ctrl-C while workers are busy."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLOW = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from aelint.engine import analyse
from tests.linter.toys import main

def slow(self, path, data):
    Path("busy").touch()
    time.sleep(60)

analyse.Analyser.analyse = slow
sys.exit(main())
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
def test_an_interrupt_ends_every_process_at_once_and_without_a_word(here, files):
    files({f"{number}.py": "import torch\n" + "# padding\n" * 4000 for number in range(20)})
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(root=str(ROOT)), "--jobs", "2", "."],
        cwd=here,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        limit = time.monotonic() + 30
        while not (here / "busy").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        assert (here / "busy").exists()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, "", "")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert not list(here.glob(".aelint_cache/*.tmp"))
