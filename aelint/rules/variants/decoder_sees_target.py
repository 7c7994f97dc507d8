"""The decoder of a sequence reads the step that it is to predict.

## What it does

Follows the target of a loss over sequences, and what the decoder gets as its input steps, to the sequence both
come from. Reports a recurrent decoder, started from a code, or a causally masked transformer whose input
at a step is the target of this step, and a bidirectional recurrent decoder whose input is one step late but whose
backward direction reads the rest of the sequence, also where a data set gives inputs and targets as two columns. In a loop over the steps, reports teacher forcing that gives the decoder the
target of this step in place of its own prediction of the step before, and an evaluation that leaves the share of forced steps
at the default that is meant for training.

## Why is this bad?

The decoder copies its input. The loss falls to nothing, the code carries nothing, and samples from the code are
noise. An evaluation that tosses coins gives another score each time, and a better one than the decoder earns by itself.

## Example

```python
import torch
from torch import nn

embed, encoder, decoder = nn.Embedding(50, 16), nn.GRU(16, 32, batch_first=True), nn.GRU(16, 32, batch_first=True)
to_logits = nn.Linear(32, 50)


def loss(tokens):
    words = embed(tokens)
    _, code = encoder(words)
    steps, _ = decoder(words, code)
    return nn.functional.cross_entropy(to_logits(steps).transpose(1, 2), tokens)


loss(torch.randint(0, 50, (8, 12)))
```

## Use instead

```python
import torch
from torch import nn

embed, encoder, decoder = nn.Embedding(50, 16), nn.GRU(16, 32, batch_first=True), nn.GRU(16, 32, batch_first=True)
to_logits = nn.Linear(32, 50)


def loss(tokens):
    words = embed(tokens)
    _, code = encoder(words)
    steps, _ = decoder(words[:, :-1], code)
    return nn.functional.cross_entropy(to_logits(steps).transpose(1, 2), tokens[:, 1:])


loss(torch.randint(0, 50, (8, 12)))
```

## Known limits

A loop over steps without a choice between the target and the last prediction, masks that are made by other functions,
and steps that are dropped or exchanged at random are not followed.

## References

- Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks", 1989
- Bowman et al., "Generating Sentences from a Continuous Space", 2016: https://arxiv.org/abs/1511.06349
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.coin_forcing import forced_evaluations
from aelint.semantics.variants.forcing import leaks
from aelint.semantics.variants.step_forcing import forced_steps
from aelint.semantics.variants.two_way_decoders import two_way_decoders

RULE = Rule(
    code="AEL712",
    name="decoder-sees-target",
    summary="the decoder of a sequence reads the step that it is to predict",
    severity=Severity.ERROR,
    triggers=(("lstm", "gru", "rnn", "transformer", "multiheadattention"), ("loss", "entropy")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the loss that compares a step with what the decoder was just shown."""
    proven = list(leaks(program))
    for leak in (*proven, *two_way_decoders(program)):
        site = leak.decoder.site if leak.backwards else leak.loss.site
        if leak.backwards:
            message = (
                "this decoder is bidirectional: its backward direction reads the steps that are to be predicted; let it run "
                "forwards only"
            )
            note = Note(leak.loss.site, "the loss over the same sequence")
            layer = getattr(leak.decoder.receiver, "site", None)
            site = layer if layer is not None else site
        else:
            message = (
                f"the target of each step is what the decoder ({place(leak.decoder.site, site)}) reads at this step: it copies its input; give it the "
                "steps before, `[:, :-1]`, and predict `[:, 1:]`"
            )
            note = Note(leak.decoder.site, "the decoder reads the same sequence here")
        yield Finding(site, message, (note,), severity=None if leak in proven else Severity.WARNING)
    for forced in forced_steps(program):
        yield Finding(
            forced.read,
            f"with teacher forcing the decoder reads the step here that it is to predict ({place(forced.loss, forced.read)}), and without it the "
            "prediction of the step before: give it the target of the step before",
            (Note(forced.loss, "the loss over the same sequence"),),
        )
    for one in forced_evaluations(program):
        yield Finding(
            one.call,
            f"`{one.parameter}` is {one.share:g} unless told, so in this evaluation, too, a coin decides for each step whether the decoder is "
            f"shown the target ({place(one.read, one.call)}): the score is random and too good; pass `{one.parameter}=0`",
            (Note(one.read, "a step of the target is read"),),
            severity=Severity.WARNING,
        )
