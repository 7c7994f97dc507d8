"""Whatever the bytes are: no traceback, and --fix loses no file."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aelint.config import ConfigError, Settings, read_config
from aelint.diagnostics import Severity
from aelint.engine.fixing import fix
from aelint.engine.run import Run
from aelint.fixes.write import replace_file
from aelint.reporters import FORMATS, Presentation, reporter

SEEDS = [
    b"import torch\n\n# aelint: ignore[AEL190] why\nclass A:\n    def f(self, x=loud(1)):  # noqa\n        return '''\n'''\n",
    b"---\ntitle: x\n---\n- ```{code-cell} python\n  :tag: x\n  >>> loud(1)\n  1\n  ```\n~~~py\n%time loud(2)\nloud(\n~~~\n",
    b'{"cells": [{"cell_type": "code", "source": ["import torch\\n", "loud(1)"]}, {"cell_type": "code", "source": "%%sh\\n!x"}]}',
]
PIECES = [
    b"loud(1)",
    b"torch",
    b"```python",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b'"',
    b"'",
    b"(",
    b")",
]
PIECES += [
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\\",
    b"#",
    b"# aelint: ignore[",
    b"# noqa: AEL190",
    b"\xe2\x80\xa8",
    b"\x0c",
    b"@",
]
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw):
    """A small file with a few pieces put in, cut out or doubled."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(data[start : start + length]))
        data = data[:start] + piece + data[start + draw(st.sampled_from([0, 0, length])) :]
    return data


@QUICK
@given(mutated(), st.sampled_from(["a.py", "a.md", "a.ipynb", "a"]))
def test_any_bytes_can_be_linted_fixed_and_reported(data, name):
    path = os.path.abspath(name)  # noqa: PTH100
    run = Run([], Settings(severity=Severity.ADVICE), jobs=1, stdin=name)
    fixed = fix(run, {path: data}, unsafe=True)
    assert fixed.outcome.failures == ()
    presentation = Presentation(texts={path: data})
    for each in FORMATS:
        lines = reporter(each)(run.lint({path: data}).diagnostics, presentation)
        assert all(isinstance(line, str) for line in lines)
    if fixed.after:
        again = fix(run, {path: fixed.after[name]}, unsafe=True)
        assert not again.after, "fixing twice is fixing once"


@QUICK
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_configuration_is_settings_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("config") / "aelint.toml"
    path.write_bytes(data)
    said = ""
    try:
        read_config(path)
    except ConfigError as error:
        said = str(error)
    assert not said or said.startswith(f"{path}: ")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_kill_in_the_middle_of_fixing_leaves_old_or_new_files(here):
    old, new = b"import torch\n" + b"loud(1)\n" * 2000, b"import torch\n" + b"quiet(1)\n" * 2000
    names = [f"f{number}.py" for number in range(30)]
    for _ in range(20):
        for name in names:
            Path(name).write_bytes(old)
        child = os.fork()
        if child == 0:
            for name in names:
                replace_file(name, old, new)
            os._exit(0)
        time.sleep(random.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert {Path(name).read_bytes() for name in names} <= {old, new}
