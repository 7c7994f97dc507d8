"""Which sizes can never be equal."""

from aelint.semantics.domain import dims
from aelint.semantics.operators.api import fresh
from aelint.semantics.operators.axes import differ


def test_one_and_more_than_one_differ():
    assert differ(1, dims.add(1, fresh("frames")))
    assert differ(dims.mul(2, fresh("frames")), 7)


def test_what_a_slice_leaves_may_be_nothing():
    rest = fresh("slice", may_be_zero=True)
    assert not differ(1, dims.add(1, rest))
    assert not differ(1, dims.add(1, dims.mul(rest, fresh("patch"))))
    assert differ(dims.mul(2, rest), 7)
