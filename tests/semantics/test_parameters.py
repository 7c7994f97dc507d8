"""What an optimiser holds, found in time however many ways lead to it."""

from aelint.semantics.domain.values import ListValue, Object, Sym
from aelint.semantics.optimization.parameters import held_by


def layer() -> Object:
    return Object("torch.nn.Linear", (4, 4), {})


def test_what_many_branches_hold_is_found_once():
    first, second = layer(), layer()
    value = ListValue([first, second])
    for _ in range(18):
        # Each of both ways leads to both ways before: 2^18 of them from the top.
        value = ListValue([Sym("phi", (value, value)), Sym("phi", (value, value))])
    assert {id(first), id(second)} <= held_by(value).owners


def test_a_list_that_holds_itself_is_not_known():
    one = layer()
    value = ListValue([one])
    value.items.append(value)
    held = held_by(value)
    assert id(one) in held.owners
    assert not held.known
