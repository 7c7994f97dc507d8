"""Pictures are normalised twice, with exchanged numbers, or for another number of channels.

## What it does

Reports

- two `Normalize` in one pipeline, and `Normalize` in front of `ToTensor`,
- mean and standard deviation of a well-known data set in each other's place, or a deviation of zero,
- as many means as the pictures have no channels, and means of red, green and blue for what OpenCV reads, blue first,
- a division by 255 of pictures that `ToTensor` has already brought to [0, 1], and statistics that were divided by it,
- a standard deviation that is computed as the mean beside it, or a minimum as the maximum,
- values from which mean and deviation along an axis were taken out already, of which the same are taken again,
- pictures in [-1, 1], the output of a tanh say, that go through `2 * x - 1` once more,
- a logarithm of counts, `log1p(x)`, that a likelihood of counts is taken of, Poisson's or the negative binomial's,
- `(y + mean) * std` in a file that normalises by `(x - mean) / std`: what is to undo it adds before it multiplies,
- an `inverse_transform` that leaves the range or the scale in the data which its `transform` took out, tried with numbers: a lost
  parenthesis, a division where a multiplication belongs,
- `(x + low) / (high - low)`, which adds the very minimum that it subtracts below, `(x + mean) / std` with the mean and the
  deviation of the same data, and what is to undo them and subtracts, `x * (high - low) - low`.

## Why is this bad?

The network gets a range that neither the output activation nor pretrained weights expect: after a second
division by 255 all pixels lie below 0.004, and every reconstruction looks equally good. A wrong number of
channels raises when the first batch is loaded.

## Example

```python
from torchvision import datasets, transforms

pipeline = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])
digits = datasets.MNIST(".", transform=pipeline)
sample = digits[0]
```

```python
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

for x, _ in DataLoader(datasets.CIFAR10(".", transform=transforms.ToTensor()), 32):
    x = x / 255.0
```

## Use instead

```python
from torchvision import datasets, transforms

pipeline = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
digits = datasets.MNIST(".", transform=pipeline)
sample = digits[0]
```

```python
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

for x, _ in DataLoader(datasets.CIFAR10(".", transform=transforms.ToTensor()), 32):
    x = x * 2 - 1
```

## Known limits

Channels are compared only where the data set or the tensor says how many it has. One mean for several
channels is broadcast, and fine. An extreme is known by how it is computed or, where it is given, by its name; mean and
deviation by how they are computed alone.

## References

- https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.channel_orders import blue_first
from aelint.semantics.data.inverses import wrong_inverses
from aelint.semantics.data.logged_counts import logged_counts
from aelint.semantics.data.named_statistics import wrong_statistics
from aelint.semantics.data.renormalised import renormalised
from aelint.semantics.data.signed_twice import signed_twice
from aelint.semantics.data.undone import not_undone
from aelint.semantics.data.wrong_signs import wrong_signs
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.transforms import PREFIX, channel_numbers, parameter, steps_of
from aelint.semantics.operators.api import to_number
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL507",
    name="wrong-normalization",
    summary="data is normalised twice, with exchanged numbers or for another number of channels, or not taken back as it was",
    severity=Severity.WARNING,
    triggers=(
        (
            "norm",
            "mean",
            "255",
            "sub_",
            "div_",
            "std",
            "max",
            "poisson",
            "lgamma",
            "log_prob",
            "tanh",
            "127.5",
            "inverse",
        ),
    ),
)

_TINY = 0.01
"""Means and deviations of pictures between 0 and 1 are far above this, those divided by 255 below."""
_STATISTICS = (
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "ImageNet"),
    ((0.1307,), (0.3081,), "MNIST"),
    ((0.2860,), (0.3530,), "Fashion-MNIST"),
    ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "CIFAR-10"),
    ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), "CIFAR-10"),
    ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761), "CIFAR-100"),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for pipelines, single transforms, applied transforms and divisions."""
    yield from chain(
        _pipelines(program),
        _numbers(program),
        _channels(program),
        _own_steps(program),
        _divided(program),
        _restored(program),
        _repeated(program),
        _wrong_signs(program),
        _renormalised(program),
        _signed_twice(program),
        _logged(program),
        _blue_first(program),
    )


def _blue_first(program: Program) -> Iterator[Finding]:
    for one in blue_first(program):
        mean = channel_numbers(parameter(one.transform, "mean", 0))
        known = next((name for m, _, name in _STATISTICS if mean is not None and len(m) > 1 and tuple(mean) == m), None)
        if known is not None and one.read.site is not None:
            site = one.read.site
            normalised = one.transform.site or one.normalised.site
            message = (
                f"OpenCV reads blue first, and the means of {known} that this picture is normalised with "
                f"({place(normalised, site)}) are those of red, green and blue: turn the channels round, "
                "`cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`"
            )
            yield Finding(site, message, () if normalised is None else (Note(normalised, "red first"),))


def _logged(program: Program) -> Iterator[Finding]:
    for one in logged_counts(program):
        message = (
            f"these counts are put under a logarithm, and a likelihood of counts is taken of the result ({place(one.likelihood, one.site)}): "
            "it is a law of whole numbers. Give the likelihood the counts, and the logarithm to the encoder alone"
        )
        yield Finding(one.site, message, (Note(one.likelihood, "the likelihood"),))


def _signed_twice(program: Program) -> Iterator[Finding]:
    for one in signed_twice(program):
        message = (
            f"the pictures lie in [-1, 1] already ({place(one.before, one.site)}), and this map from [0, 1] to [-1, 1] takes them to "
            "[-3, 1]: leave it out"
        )
        yield Finding(one.site, message, (Note(one.before, "in [-1, 1] since here"),))


def _renormalised(program: Program) -> Iterator[Finding]:
    for one in renormalised(program):
        message = (
            f"what is standardised here has been standardised along the same axis before ({place(one.first, one.site)}): mean and "
            "deviation are 0 and 1 now, and undo nothing. Leave one of both out"
        )
        yield Finding(one.site, message, (Note(one.first, "the first time"),))


def _is(step: Value, *names: str) -> bool:
    return isinstance(step, Object) and step.name.startswith(PREFIX) and step.class_name in names


def _pipelines(program: Program) -> Iterator[Finding]:
    for composed in program.machine.objects:
        steps = steps_of(composed) if _is(composed, "Compose") else None
        normalized = [s for s in steps or () if _is(s, "Normalize")]
        if len(normalized) > 1 and normalized[1].site is not None and not all(_is_half(s) for s in normalized[:2]):
            first, second = normalized[:2]
            notes = (Note(first.site, "the first one"),) if first.site is not None else ()
            yield Finding(second.site, "the pipeline normalises a second time", notes)
        for position, step in enumerate(steps or ()):
            if (
                _is(step, "Normalize")
                and any(_is(s, "ToTensor") for s in (steps or ())[:position])
                and _is_scaled_again(step)
            ):
                message = "mean and standard deviation are divided by 255, and so were the pictures, by `ToTensor`: values become hundreds of times too large"
                yield Finding(step.site or composed.site or program.site(program.entry, program.tree), message)
            later = [s for s in (steps or ())[position:] if _is(s, "ToTensor", "ToPILImage")][:1]
            earlier = [
                s for s in (steps or ())[:position] if not _is(s, "Resize", "CenterCrop", "Grayscale", "RandomCrop")
            ]
            # In front of `ToPILImage` stands a pipeline of tensors.
            before = bool(later) and _is(later[0], "ToTensor")
            if _is(step, "Normalize") and before and not earlier and step.site is not None:
                message = "`Normalize` takes tensors and stands in front of `ToTensor`: it raises on the first picture"
                yield Finding(step.site, message, severity=Severity.ERROR)


def _is_scaled_again(step: Object) -> bool:
    mean, std = channel_numbers(parameter(step, "mean", 0)), channel_numbers(parameter(step, "std", 1))
    return bool(mean and std) and all(0 < n < _TINY for n in (*(mean or ()), *(std or ())))


def _is_half(step: Object) -> bool:
    """Whether the step only scales or only shifts: two of them take a normalisation back."""
    return _all_are(parameter(step, "mean", 0), 0.0, "zeros") or _all_are(parameter(step, "std", 1), 1.0, "ones")


def _all_are(value: Value, number: float, operation: str) -> bool:
    if isinstance(value, Sym) and value.op in {operation, f"{operation}_like"}:
        return True
    numbers = channel_numbers(value)
    return bool(numbers) and set(numbers or ()) == {number}


def _numbers(program: Program) -> Iterator[Finding]:
    for step in program.machine.objects:
        if not _is(step, "Normalize") or step.site is None:
            continue
        mean, std = channel_numbers(parameter(step, "mean", 0)), channel_numbers(parameter(step, "std", 1))
        if mean is None or std is None:
            continue
        known = next((name for m, s, name in _STATISTICS if _near(mean, s) and _near(std, m)), None)
        if known is not None:
            yield Finding(step.site, f"mean and standard deviation of {known} are exchanged: the mean comes first")
        elif 0.0 in std:
            yield Finding(
                step.site, "a standard deviation of zero: the pictures become infinite", severity=Severity.ERROR
            )


def _near(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return len(left) == len(right) and all(abs(a - b) < 6e-3 for a, b in zip(left, right, strict=True))


def _channels(program: Program) -> Iterator[Finding]:
    for node in nodes(program):
        step = node.attrs.get("transform") if node.op == "normalize_channels" else None
        if not isinstance(step, Object) or node.shape is None or len(node.shape) != 3 or step.site is None:
            continue
        mean, std = channel_numbers(parameter(step, "mean", 0)), channel_numbers(parameter(step, "std", 1))
        count = max(len(mean or ()), len(std or ()))
        if isinstance(node.shape[0], int) and count not in {0, 1, node.shape[0]}:
            message = (
                f"numbers for {count} channels, but the pictures have {node.shape[0]}: this raises on the first picture"
            )
            yield Finding(step.site, message, severity=Severity.ERROR)


_IN_PLACE = frozenset({"sub_", "add_", "mul_", "div_"})


def _own_steps(program: Program) -> Iterator[Finding]:
    """A transform of the project whose numbers do not fit in place: `tensor.sub_(mean)` cannot grow."""
    for call in program.calls:
        if call.method not in _IN_PLACE or not isinstance(call.receiver, Sym) or not call.args:
            continue
        step = next((a.receiver for a in reversed(call.context.stack) if isinstance(a.receiver, Instance)), None)
        channels = _misfit(call)
        if step is None or step.site is None or step.symbolic or channels is None:
            continue
        message = (
            f"numbers for {channels[1]} channels are applied in place to a picture with {channels[0]}: this raises"
        )
        yield Finding(step.site, message, (Note(call.site, "they are applied here"),), severity=Severity.ERROR)


def _misfit(call: Call) -> tuple[int, int] | None:
    match call.receiver.shape, getattr(call.args[0], "shape", None):
        case (int() as have, *_, _, _), (int() as given, 1, 1) if (
            have != given and len(call.receiver.shape) == 3 and given != 1
        ):
            return have, given
        case _:
            return None


def _divided(program: Program) -> Iterator[Finding]:
    for node in nodes(program):
        whole = node.attrs.get("input")
        if (
            node.op not in {"truediv", "mul"}
            or not isinstance(whole, Sym)
            or node.site is None
            or not whole.range.bounded
            or whole.op.startswith("rand")  # noise of one grey level is no picture
        ):
            continue
        factor = to_number(node.attrs.get("other"))
        by_bytes = factor is not None and factor > 0 and 254 <= (factor if node.op == "truediv" else 1 / factor) <= 256
        if by_bytes and max(abs(whole.range.low), whole.range.high) <= 1:
            made = next((a for a in ancestors(whole) if a.op == "to_tensor"), None)
            step = made.attrs.get("transform") if made is not None else None
            if isinstance(step, Object) and step.site is not None:
                note = Note(step.site, "this already divides by 255")
                yield Finding(node.site, f"the pictures lie in {whole.range} and are divided by 255 once more", (note,))


def _restored(program: Program) -> Iterator[Finding]:
    told: list[ast.AST] = []
    for wrong in wrong_inverses(program):
        told.append(wrong.site.node)
        message = (
            f"`{wrong.site.text}` does not undo `{wrong.normalized.text}` ({place(wrong.normalized, wrong.site)}): first multiply by "
            f"`{wrong.std}`, then add `{wrong.mean}`"
        )
        yield Finding(wrong.site, message, (Note(wrong.normalized, "normalised here"),))
    for one in not_undone(program):
        if not any(holds(one.site.node, node) for node in told):
            message = (
                f"`{one.inverse}` does not undo `{one.forward}`, `{one.scaled.text}` ({place(one.scaled, one.site)}): put together, the two "
                "give another value for other settings. Look at the order of the operations and at the parentheses"
            )
            yield Finding(one.site, message, (Note(one.scaled, f"what `{one.forward}` gives"),))


def _repeated(program: Program) -> Iterator[Finding]:
    for wrong in wrong_statistics(program):
        message = f"`{wrong.name}` is computed like `{wrong.other}` ({place(wrong.counterpart, wrong.site)}): take the {wrong.wanted} here"
        yield Finding(wrong.site, message, (Note(wrong.counterpart, f"`{wrong.other}`"),))


def _wrong_signs(program: Program) -> Iterator[Finding]:
    for wrong in wrong_signs(program):
        done, wanted = ("added", "subtract") if wrong.subtract else ("subtracted", "add")
        reason = "the values miss their range"
        if wrong.other is not None:
            reason = f"it moves further what was standardised with it ({place(wrong.other, wrong.site)})"
        notes = (Note(wrong.other, "standardised here"),) if wrong.other is not None else ()
        yield Finding(wrong.site, f"the {wrong.shift} is {done} here, so that {reason}: {wanted} it", notes)
