"""A reconstruction error that is not smallest where the reconstruction is the input.

## What it does

Reports a loss in which the reconstruction and the data are subtracted without a square or absolute value, or in
which only one of them is squared: `(recon - x).mean()`, `0.5 * x - recon ** 2`; a squared error that is subtracted;
a similarity, of cosines or of structure (SSIM), that is added; and the squared error of a reconstruction that is drawn with a
log-variance of the decoder's own.

## Why is this bad?

Errors of both signs cancel, or the loss falls without end as the outputs grow: a perfect reconstruction is no
minimum. Such lines come from a parenthesis that closes too early, or a forgotten `pow(2)`.

## Example

```python
import torch
from torch import nn

net = nn.Sequential(nn.Linear(30, 4), nn.Linear(4, 30))
x = torch.rand(16, 30)
recon = net(x)
loss = torch.sum(0.5 * x - recon ** 2, 1).mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

net = nn.Sequential(nn.Linear(30, 4), nn.Linear(4, 30))
x = torch.rand(16, 30)
recon = net(x)
loss = torch.sum(0.5 * (x - recon) ** 2, 1).mean()
loss.backward()
```

## Known limits

Only losses that `backward` is called on, and data that is compared with what a network made of it.

## References

- Bishop, Pattern Recognition and Machine Learning, 2006, section 3.1.1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import source, through_reshapes
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.comparisons import is_data, is_output
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.rewards import is_reconstruction_of, rewarded_errors, rewarded_unlikeness
from aelint.semantics.objective.sampled_errors import sampled_errors
from aelint.semantics.operators.api import to_number

RULE = Rule(
    code="AEL321",
    name="error-without-minimum",
    summary="a reconstruction error is not smallest where the reconstruction is the input",
    severity=Severity.ERROR,
    triggers=(("backward",),),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Operand:
    """`factor * base ** power`."""

    factor: float
    base: Sym
    power: int


def check(program: Program) -> Iterator[Finding]:
    """Yield each difference of data and reconstruction that has no minimum."""
    for objective in objectives(program):
        for node in _summed(objective) if objective.called else ():
            if node.site is None:
                continue
            what = _slip(node)
            if what is not None:
                message = (
                    f"the reconstruction and the data are {what}, so a perfect reconstruction is no minimum of this loss. "
                    "Square the difference: (recon - x) ** 2"
                )
                yield Finding(node.site, message)
    for one in rewarded_unlikeness(program):
        message = (
            f"{one.measure} of the reconstruction and the data is largest where they are equal, and is added to a loss that is "
            "minimised: training makes them differ. Use 1 minus the similarity"
        )
        yield Finding(one.site, message, severity=Severity.WARNING if one.by_name else Severity.ERROR)
    for one in rewarded_errors(program):
        message = (
            "this error of the reconstruction enters the loss with a minus sign, so that training makes it larger, and no "
            "other term holds the reconstruction to the data. Mind the parentheses of a negated sum"
        )
        yield Finding(one.site, message)
    for sampled in sampled_errors(program):
        message = (
            "the squared error of a reconstruction that is drawn with a spread of its own: what it adds to the error is the variance "
            f"of the draw ({place(sampled.drawn, sampled.compared)}), so that the decoder learns a spread of zero, whatever the noise in the data. "
            "Compare the mean, or take the log-density of the data under mean and spread"
        )
        yield Finding(sampled.compared, message, (Note(sampled.drawn, "drawn here"),), severity=Severity.WARNING)


def _summed(objective: Objective) -> list[Sym]:
    """The differences that enter the loss as they are: nothing but sums, averages and factors lie in between."""
    path = {one.id: one for s in objective.summands for one in s.path}
    # A difference times a difference is a square, or a covariance: its sign is not the one of either.
    multiplied = {
        i.id
        for one in path.values()
        if one.op == "mul" and _are_differences(one)
        for i in one.inputs
        if isinstance(i, Sym)
    }
    return [one for one in path.values() if one.op == "sub" and one.id not in multiplied]


def _are_differences(product: Sym) -> bool:
    return all(isinstance(factor, Sym) and factor.op == "sub" for factor in product.inputs[:2])


def _slip(node: Sym) -> str | None:
    """What is wrong with the difference of a reconstruction and its input; None where it is something else."""
    operands = [_operand(i) for i in node.inputs[:2]]
    first, second = operands if len(operands) == 2 else (None, None)
    if first is None or second is None or first.factor * second.factor <= 0:
        return None
    output, data = (first, second) if is_output(first.base) else (second, first)
    if not is_output(output.base) or not is_data(data.base) or not is_reconstruction_of(output.base, data.base):
        return None
    match output.power, data.power:
        case 1, 1:
            return "subtracted as they are: errors of both signs cancel" if output.factor == data.factor else None
        case 2, 1:
            return "subtracted with only the reconstruction squared"
        case 1, 2:
            return "subtracted with only the data squared"
        case _:
            return None


def _operand(value: Value) -> _Operand | None:
    factor, power = 1.0, 1
    for _ in range(8):
        value = through_reshapes(value)
        match value:
            case Sym(op="mul", inputs=(first, second)) if (number := to_number(first)) or (number := to_number(second)):
                factor, value = factor * number, second if to_number(first) is not None else first
            case Sym(op="truediv", inputs=(inner, divisor)) if number := to_number(divisor):
                factor, value = factor / number, inner
            case Sym(op="pow", attrs={"exponent": 2 | 2.0}) | Sym(op="square") if power == 1:
                power, value = 2, source(value)
            case Sym():
                return _Operand(factor, value, power)
            case _:
                return None
    return None
