"""Sums that every round overwrites."""

from __future__ import annotations

import pytest

from aelint.rules.objective import overwritten_sum as rule
from tests.rules.harness import rows

BODY = """import torch.nn.functional as F

def total(codes, loader):
    loss, count = 0.0, 0
{body}
"""


def body(*lines: str) -> str:
    return BODY.format(body="\n".join("    " + line for line in lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        (
            "added",
            ["for c in codes:", "    loss = loss + F.mse_loss(codes[0], c)", "    count += 1", "return loss / count"],
        ),
        ("added in place", ["for c in codes:", "    loss += c.mean()", "return loss / len(codes)"]),
        ("read in the loop", ["for c in codes:", "    loss = c.mean()", "    print(loss)", "return loss / len(codes)"]),
        ("another divisor", ["for c in codes:", "    loss = c.mean()", "return loss / 10"]),
        ("not divided", ["for c in codes:", "    loss = c.mean()", "return loss"]),
        ("the first that fits", ["for c in codes:", "    loss = c.mean()", "    break", "return loss / len(codes)"]),
        (
            "set anew behind the loop",
            ["for c in codes:", "    loss = c.mean()", "loss = sum(codes)", "return loss / len(codes)"],
        ),
        ("added under no_grad", ["with no_grad():", "    for c in codes:", "        loss += c", "loss /= len(codes)"]),
        ("in place by another number", ["for c in codes:", "    loss = c.mean()", "loss /= 10"]),
        ("another length", ["n = len(loader)", "for c in codes:", "    loss = c.mean()", "return loss / n"]),
        ("set in a branch", ["for c in codes:", "    if c:", "        loss = c.mean()", "return loss / len(codes)"]),
    ],
)
def test_silent_when(reason: str, lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [], reason


@pytest.mark.parametrize(
    "lines",
    [
        ["for c in codes[1:]:", "    loss = F.mse_loss(codes[0], c)", "    count += 1", "return loss / count"],
        ["for c in codes:", "    loss = c.mean()", "return 0.5 * loss / len(codes)"],
        ["for i in range(len(codes)):", "    loss = codes[i].mean()", "out = (loss * 2) / len(codes)", "return out"],
        ["for i, (x, _) in enumerate(loader):", "    loss = F.mse_loss(x, x)", "print(loss / len(loader))"],
        ["for x in loader:", "    loss = x.mean().item()", "loss /= len(loader)", "return loss"],
        ["for x in loader:", "    loss = x.mean().item()", "return loss / len(loader.dataset)"],
        ["for c in codes:", "    loss = c.mean(); count += 1", "return loss / max(float(count), 1)"],
        ["for c in codes:", "    loss = c.mean()", "n = len(codes)", "return loss / n"],
    ],
)
def test_fires(lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [6]


@pytest.mark.parametrize("divided", ["loss /= len(loader)", "    loss /= len(loader)"], ids=["behind it", "within"])
def test_fires_on_a_loop_without_gradients(divided: str) -> None:
    lines = ["with no_grad():", "    for x in loader:", "        loss = x.mean().item()", divided, "return loss"]
    assert rows(rule, body(*lines)) == [7]


LOADED = """import torch
from torch.utils.data import DataLoader

def evaluate(model, {taken}):
    loader{made}
    loss = 0.0
    with torch.no_grad():
        for x in loader:
            {summed} model(x).item()
    {divided}
    return loss
"""
BUILT = {
    "taken": "data, other",
    "made": " = DataLoader(data, batch_size=8)",
    "summed": "loss =",
    "divided": "loss /= len(data)",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"summed": "loss +="}, id="added"),
        pytest.param({"divided": "loss /= len(other)"}, id="the length of other data"),
        pytest.param({"divided": "loss /= 10"}, id="a number"),
        pytest.param({"made": " = other(data)"}, id="a loader of another kind"),
        pytest.param({"made": "s = DataLoader(data)", "taken": "data, loader"}, id="another loader"),
        pytest.param({"made": ", unused = DataLoader(other), DataLoader(data)"}, id="another loader of the same row"),
    ],
)
def test_silent_where_the_length_of_the_data_is_not_that_of_the_rounds(parts: dict[str, str]) -> None:
    assert rows(rule, LOADED.format(**{**BUILT, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="in place"),
        pytest.param({"divided": "loss = 2 * loss / len(data)"}, id="at length"),
        pytest.param({"made": " = torch.utils.data.DataLoader(batch_size=8, dataset=data)"}, id="by its keyword"),
        pytest.param({"made": ", unused = DataLoader(data), DataLoader(other)"}, id="two loaders in a row"),
        pytest.param({"divided": "n = len(data); loss = loss / n"}, id="a length with a name"),
    ],
)
def test_fires_on_the_length_of_the_data_that_the_loader_is_built_from(parts: dict[str, str]) -> None:
    assert rows(rule, LOADED.format(**{**BUILT, **parts})) == [9]


EMPTIED = """def train(loader, model, log):
    running = 0.0
    for i, x in enumerate(loader):
        running += model(x).item()
        if i % 10 == 9:
            print({shown})
            {reset}
    {behind}
"""


@pytest.mark.parametrize(
    ("reason", "shown", "reset", "behind"),
    [
        ("never emptied", "running / (i + 1)", "pass", "return running / len(loader)"),
        ("only shown in the loop", "running / 10", "running = 0.0", "return model"),
        ("a sum of its own", "running / 10", "running = 0.0", "running = sum(log); return running / len(loader)"),
        ("divided by what is left", "running / 10", "running = 0.0", "return running / (len(loader) % 10)"),
    ],
)
def test_silent_where_a_shown_sum_starts_again(reason: str, shown: str, reset: str, behind: str) -> None:
    assert rows(rule, EMPTIED.format(shown=shown, reset=reset, behind=behind)) == [], reason


@pytest.mark.parametrize(
    ("shown", "behind"),
    [
        ("running / 10", "return running / len(loader)"),
        ("running / (i + 1)", "print(f'{running / len(loader):.3f}')"),
        ("running", "mean = running / len(loader); log.append(mean)"),
    ],
)
def test_fires_on_an_emptied_sum(shown: str, behind: str) -> None:
    assert rows(rule, EMPTIED.format(shown=shown, reset="running = 0.0", behind=behind)) == [7]


TERMS = """def total(rec, kl, w, stage, self):
    loss = 0.0
    loss += rec
    {between}
    if {test}:
        {term}
    return loss
"""


@pytest.mark.parametrize(
    ("reason", "between", "test", "term"),
    [
        ("added", "pass", "w > 0", "loss += w * kl"),
        ("added at length", "pass", "w > 0", "loss = loss + w * kl"),
        ("weighed with what is there", "pass", "w > 0", "loss = w * (loss + kl)"),
        ("another objective is chosen", "pass", "stage > 0", "loss = w * kl"),
        ("used before", "loss.backward()", "w > 0", "loss = w * kl"),
        ("started anew", "loss = 0.0", "w > 0", "loss = w * kl"),
        ("used in the branch", "pass", "w > 0", "print(loss); loss = w * kl"),
    ],
)
def test_silent_where_a_term(reason: str, between: str, test: str, term: str) -> None:
    assert rows(rule, TERMS.format(between=between, test=test, term=term)) == [], reason


@pytest.mark.parametrize(
    ("between", "test", "term"),
    [
        ("pass", "w > 0", "loss = w * kl"),
        ("pass", "self.w != 0", "loss = kl * self.w"),
        ("kept = float(rec)", "w > 0.0", "loss = w * kl.mean()"),
        ("if stage: loss += kl", "w > 0", "loss = kl * w"),
    ],
)
def test_fires_on_a_replaced_total(between: str, test: str, term: str) -> None:
    assert rows(rule, TERMS.format(between=between, test=test, term=term)) == [6]


TABLE = """
def total(loader, model):
    sums = {{}}
    for x in loader:
        for name, value in model(x).items():
            {branch}
    return sums
"""


@pytest.mark.parametrize(
    ("reason", "branch"),
    [
        ("begun with the term", "if name in sums: sums[name] += value\n            else: sums[name] = value"),
        ("begun and added", "if name not in sums: sums[name] = 0.0\n            sums[name] += value"),
        ("a count of what came before", "if name in sums: sums[name] += 1\n            else: sums[name] = 0"),
        ("another entry", "if name in sums: sums[name] += value\n            else: sums['first'] = 0.0"),
        ("another table", "if name in sums: sums[name] += value\n            else: seen[name] = 0.0"),
        ("begun with one", "if name in sums: sums[name] += value\n            else: sums[name] = 1.0"),
        ("a product", "if name in sums: sums[name] *= value\n            else: sums[name] = 0.0"),
        ("another question", "if name == sums: sums[name] += value\n            else: sums[name] = 0.0"),
    ],
)
def test_silent_where_an_entry_is(reason: str, branch: str) -> None:
    assert rows(rule, TABLE.format(branch=branch)) == [], reason


@pytest.mark.parametrize(
    ("branch", "row"),
    [
        (
            "if name in sums:\n                sums[name] += value\n            else:\n                sums[name] = 0.0",
            9,
        ),
        (
            "if name not in sums:\n                sums[name] = 0\n            else:\n                sums[name] += float(value)",
            7,
        ),
    ],
)
def test_fires_on_a_first_term_that_is_lost(branch: str, row: int) -> None:
    assert rows(rule, TABLE.format(branch=branch)) == [row]
