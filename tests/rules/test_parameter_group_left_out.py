"""AEL418: loops over parameter groups that reach a single one."""

import pytest

from aelint.rules.optimization import parameter_group_left_out as rule
from tests.rules.harness import rows

TEXT = """
def adjust(optimizer, lr):
    {first}
        {second}
    {third}
"""


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("for g in optimizer.param_groups:", "g['lr'] = lr", "return lr"),
        ("for i in range(len(optimizer.param_groups)):", "optimizer.param_groups[i]['lr'] = lr", "return lr"),
        ("for g in optimizer.param_groups:", "g['lr'] = lr", "g['lr'] = lr * 2"),
        ("for g in optimizer.param_groups:", "lr = g['lr']", "return lr"),
        ("for g in optimizer.param_groups:", "print(g)", "optimizer.param_groups[0]['lr'] = lr"),
        ("for _ in range(3):", "optimizer.param_groups[0]['lr'] *= 0.5", "return lr"),
        ("for name in optimizer.names:", "print(name)", "name['lr'] = lr"),
    ],
    ids=["inside", "by index", "the last one differs", "read only", "the first on purpose", "halved", "no groups"],
)
def test_silent_on(first, second, third):
    assert rows(rule, TEXT.format(first=first, second=second, third=third)) == []


def test_assignment_behind_the_loop():
    text = TEXT.format(first="for g in optimizer.param_groups:", second="old = g['lr']", third="g['lr'] = lr")
    assert rows(rule, text) == [5]


def test_assignment_behind_the_loop_of_an_attribute():
    text = TEXT.format(first="for p in optimizer.optim.param_groups:", second="pass", third="p['lr'] = lr * 0.1")
    assert rows(rule, text) == [5]


@pytest.mark.parametrize("count", ["range(len(optimizer.param_groups))", "range(2, len(optimizer.param_groups))"])
def test_fixed_index(count):
    text = TEXT.format(first=f"for i in {count}:", second="optimizer.param_groups[0]['lr'] = lr", third="return lr")
    assert rows(rule, text) == [4]
