"""An input and its target are cropped or flipped at random, each with a draw of its own.

## What it does

Follows torchvision's transforms, and functions and classes of the program that flip or turn by a draw, through
`__getitem__`. Reports a transform that moves pixels at random (a crop, a flip, a rotation) and is applied to one part of a sample and again to another, where a loss compares the network's output for the
one with the other, pixel by pixel.

## Why is this bad?

Half of the pairs are a picture and the mirror image of its target. The network is asked for both at once and learns
their mean: blurred, symmetric outputs.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pairs(Dataset):
    def __init__(self, noisy, clean):
        self.noisy, self.clean = noisy, clean
        self.flip = transforms.RandomHorizontalFlip()

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        return self.flip(self.noisy[i]), self.flip(self.clean[i])


net = nn.Conv2d(3, 3, 3, padding=1)
for noisy, clean in DataLoader(Pairs(torch.rand(64, 3, 32, 32), torch.rand(64, 3, 32, 32)), batch_size=8, shuffle=True):
    nn.functional.mse_loss(net(noisy), clean).backward()
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pairs(Dataset):
    def __init__(self, noisy, clean):
        self.noisy, self.clean = noisy, clean
        self.flip = transforms.RandomHorizontalFlip()

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, i):
        both = self.flip(torch.stack([self.noisy[i], self.clean[i]]))
        return both[0], both[1]


net = nn.Conv2d(3, 3, 3, padding=1)
for noisy, clean in DataLoader(Pairs(torch.rand(64, 3, 32, 32), torch.rand(64, 3, 32, 32)), batch_size=8, shuffle=True):
    nn.functional.mse_loss(net(noisy), clean).backward()
```

## Known limits

Two views of one picture are meant to differ, and are left alone, as are unpaired pictures, which no loss compares.

## References

- https://docs.pytorch.org/vision/stable/auto_examples/transforms/plot_transforms_getting_started.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.pairs import unaligned_pairs
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL513",
    name="unaligned-pair",
    summary="an input and its target are cropped or flipped at random, each with a draw of its own",
    severity=Severity.WARNING,
    triggers=(("rand", "choice", "bernoulli"), ("__getitem__",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the second application of each random transform to a pair."""
    for pair in unaligned_pairs(program):
        message = (
            f"`{pair.kind}` is drawn anew here, after the other part of the sample ({place(pair.first.site, pair.second.site)}): input and target no "
            "longer lie on each other. Transform both with one draw"
        )
        notes = [Note(pair.first.site, "the other part")]
        notes += [Note(pair.loss.site, "they are compared here")] if pair.loss.site is not None else []
        yield Finding(pair.second.site, message, tuple(notes))
