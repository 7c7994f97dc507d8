"""A number stands for one fault, in source and at run time: `AEL203` and `AEC203`."""

from aelint.registry import rules
from pytest_aecheck.catalogue import builtin_checks

ALIKE = {
    "105": "shapes of reconstruction and data",
    "107": "samples of a batch that mix",
    "120": "dropout that is never switched off",
    "203": "a posterior's scale that is not what its head says",
    "301": "a KL term that outweighs the reconstruction",
    "302": "a KL term without effect on the loss",
    "305": "terms that are reduced in different ways",
    "310": "a range that cannot express the data",
    "406": "weights that no gradient reaches",
    "501": "the same batch again",
    "504": "random numbers that repeat",
    "509": "a last batch of one sample",
    "510": "processes that see the same data",
    "601": "a mode that is not restored",
    "623": "a state that does not hold what the output depends on",
    "704": "codes that nothing reaches",
    "705": "where moving averages of a codebook start",
    "717": "padding that no mask hides",
}
"""What both tools look for where their names differ: each sees another side of it."""


def test_a_number_that_both_tools_use_stands_for_one_fault():
    linted = {rule.code.removeprefix("AEL"): rule.name for rule in rules()}
    checks = {entry.check.code.removeprefix("AEC"): entry.check.name for entry in builtin_checks()}
    differing = {number for number in linted.keys() & checks.keys() if linted[number] != checks[number]}
    assert differing == ALIKE.keys()
