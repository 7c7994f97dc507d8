"""Lengths of tuples of indices."""

import pytest

from aelint.rules.inference import counted_axes as rule
from tests.rules.harness import rows

SOURCE = """
import numpy as np
import torch
from numpy import where

def count(errors, scores):
    {body}
"""

SILENT = {
    "the first array of the tuple": "return len(np.where(errors > 1)[0])",
    "unpacked by axis": "rows, columns = np.where(errors > 1); return len(rows)",
    "unpacked from one axis": "(hits,) = np.where(errors > 1); return len(hits)",
    "a choice between two arrays": "return len(np.where(errors > 1, errors, 0))",
    "one row per match": "return len(torch.nonzero(scores > 1))",
    "rows of a tensor": "return len((scores > 1).nonzero())",
    "taken apart before": "hits = np.where(errors > 1); hits = hits[0]; return len(hits)",
    "rows of a frame": "return len(errors.where(errors > 1))",
    "a table of another library": "import tensorflow as tf; return len(tf.where(errors > 1))",
    "not counted": "hits = np.where(errors > 1); return errors[hits]",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, SOURCE.format(body=body.replace("; ", "\n    "))) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("return len(np.where(errors > 1))", 7),
        ("return len(torch.where(scores > 1))", 7),
        ("return len(where(errors > 1))", 7),
        ("return 1 / len(np.nonzero(errors > 1))", 7),
        ("hits = np.where(errors > 1); return len(hits)", 8),
    ],
)
def test_the_axes_are_counted(body, row):
    assert rows(rule, SOURCE.format(body=body.replace("; ", "\n    "))) == [row]


def test_reported_once_in_a_loop_of_a_program_that_runs():
    body = "for e in errors:\n        n = len(np.where(e > 1))\n    return n"
    assert rows(rule, SOURCE.format(body=body) + "\ncount(np.ones((3, 4, 4)), None)\n") == [8]
