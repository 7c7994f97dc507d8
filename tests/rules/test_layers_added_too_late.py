"""Layers that are appended to a list which was already used."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import layers_added_too_late as rule
from tests.rules.harness import rows

HEAD = "from torch import nn\n\ndef build(sizes, deep=False):\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("a = []; a.append(nn.Linear(2, 3)); return nn.Sequential(*a)", id="before"),
        pytest.param(
            "a = []; e = nn.Sequential(*a); a.append(nn.ReLU()); return e, nn.Sequential(*a)", id="used-again"
        ),
        pytest.param("a = []; e = nn.Sequential(*a); a.append(nn.ReLU()); return e, a", id="returned"),
        pytest.param("a = []; e = nn.ModuleList(a); a.append(nn.ReLU()); keep(a)", id="passed-on"),
        pytest.param("a = []; e = nn.Sequential(*a); a = []; a.append(nn.ReLU()); return e", id="a-new-list"),
        pytest.param("a = []; e = nn.Sequential(*a); a.append(3); return e", id="no-layer"),
        pytest.param("a = []; e = nn.Sequential(*a); b += [nn.ReLU()]; return e", id="another-list"),
        pytest.param("a = []; e = wrap(*a); a.append(nn.ReLU()); return e", id="given-to-a-function"),
        pytest.param("a = []; e = wrap(a); a.append(nn.ReLU()); return e", id="a-list-given-to-a-function"),
        pytest.param("a = some(); e = nn.Sequential(*a); a.append(nn.ReLU()); return e", id="a-list-from-elsewhere"),
        pytest.param("a = []; e = nn.Sequential(*a); a.index(nn.ReLU()); return e", id="looked-for"),
        pytest.param(
            "a = []; more = lambda: nn.Sequential(*a); a.append(nn.ReLU()); return more", id="taken-when-it-is-called"
        ),
        pytest.param("e = nn.Sequential(); e.append(nn.ReLU()); return e", id="the-container-itself"),
        pytest.param("a = []; e = nn.ModuleList(a); e.append(nn.ReLU()); return e", id="the-container-of-it"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + "    " + body.replace("; ", "\n    ") + "\n") == []


def test_silent_where_a_loop_comes_back() -> None:
    body = "    made = []\n    a = []\n    for n in sizes:\n        made.append(nn.Sequential(*a))\n        a.append(nn.Linear(n, n))\n    return made\n"
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("a, b = None, None; a = []; e = nn.Sequential(*a)", id="bound-twice"),
    ],
)
def test_silent_where_the_name_is_bound_twice(body: str) -> None:
    late = "\n    a.append(nn.ReLU())\n    return e\n"
    assert rows(rule, HEAD + "    " + body.replace("; ", "\n    ") + late) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("a = []; e = nn.Sequential(*a); a.append(nn.ReLU()); return e", id="sequential"),
        pytest.param("a = [nn.Linear(2, 3)]; e = nn.ModuleList(a); a += [nn.Linear(3, 2)]; return e", id="module-list"),
        pytest.param("a = []; e = nn.Sequential(*a); a.extend([nn.ReLU(), nn.Linear(2, 3)]); return e", id="extend"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + "    " + body.replace("; ", "\n    ") + "\n") == [6]


def test_in_the_loop_that_builds_another_list() -> None:
    body = "    a, b = 1, 2\n    enc, dec = [], []\n    enc = []\n"
    assert rows(rule, HEAD + body) == []
    body = """    enc = []
    for n in sizes:
        enc.append(nn.Linear(n, n))
    encoder = nn.Sequential(*enc)
    dec = []
    for n in sizes:
        dec.append(nn.Linear(n, n))
        if deep:
            enc.append(nn.Sigmoid())
    return encoder, nn.Sequential(*dec)
"""
    assert rows(rule, HEAD + body) == [12]
