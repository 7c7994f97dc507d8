"""`--add-ignores`: a project begins where it stands."""

import json

import pytest

TORCH = "import torch\n"
COMMENT = "  # aelint: ignore[AEL190] later"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loud(1)", f"loud(1){COMMENT}"),
        ("loud(1)  # why\n", f"loud(1)  # why{COMMENT}\n"),
        ("x = [\n  loud(1),\n  loud(2),\n]\n", f"x = [\n  loud(1),\n  loud(2),\n]{COMMENT}\n"),
        ("loud(doubtful())\n", "loud(doubtful())  # aelint: ignore[AEL190, AEL291] later\n"),
        ("x = loud('''\n''')\n", f"x = loud('''\n'''){COMMENT}\n"),
        ("x = 1 + \\\n    loud(1)\n", f"x = 1 + \\\n    loud(1){COMMENT}\n"),
        ("if loud(1):\n    pass\n", f"if loud(1):{COMMENT}\n    pass\n"),
    ],
)
def test_a_comment_at_the_end_of_each_logical_line(aelint, files, here, before, after):
    files({"a.py": TORCH + before})
    assert aelint("check", "--add-ignores=later").code == 0
    assert (here / "a.py").read_text() == TORCH + after
    assert aelint("check").code == 0


def test_without_a_reason_and_in_articles_and_notebooks(aelint, files, here):
    cell = {"cell_type": "code", "source": ["import torch\n", "loud(1)"]}
    files({"a.md": "- ```python\n  loud(1)\n  ```\n", "b.ipynb": json.dumps({"cells": [cell]})})
    assert aelint("check", "--add-ignores").code == 0
    assert (here / "a.md").read_text() == "- ```python\n  loud(1)  # aelint: ignore[AEL190]\n  ```\n"
    assert json.loads((here / "b.ipynb").read_text())["cells"][0]["source"][1] == "loud(1)  # aelint: ignore[AEL190]"


def test_what_no_comment_silences_stays(aelint, files, here):
    files({"a.py": TORCH + "x = = 1\n", "b.py": "y = 1  # aelint: ignore[AEL190]\n"})
    assert aelint("check", "--add-ignores").code == 1
    assert (here / "b.py").read_text() == "y = 1  # aelint: ignore[AEL190]\n"
