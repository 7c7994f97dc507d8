"""The optimiser of an encoder or generator also holds the critic, and moves it to be fooled.

## What it does

Reports an optimiser that holds all parameters of a critic and others besides, where the critic has an optimiser of its own, whose
loss is cut off from those others, and where the loss of the first goes through the critic.

## Why is this bad?

The loss of the generator is small where the critic takes generated samples, or codes, for real. With the critic's parameters in
its optimiser, the shortest way there is to spoil the critic: each step undoes what the critic's own step has taught it, and
nothing holds the codes to the prior.

## Example

```python
import torch
from torch import nn


class AAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.critic = nn.Linear(16, 4), nn.Linear(4, 16), nn.Linear(4, 1)


model, judge = AAE(), nn.functional.softplus
optimizer = torch.optim.Adam(model.parameters())
critic_optimizer = torch.optim.Adam(model.critic.parameters())
for x in torch.rand(50, 32, 16):
    z = model.encoder(x)
    critic_optimizer.zero_grad()
    (judge(-model.critic(torch.randn_like(z))) + judge(model.critic(z.detach()))).mean().backward()
    critic_optimizer.step()
    optimizer.zero_grad()
    ((model.decoder(z) - x).pow(2).mean() + judge(-model.critic(z)).mean()).backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn


class AAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.critic = nn.Linear(16, 4), nn.Linear(4, 16), nn.Linear(4, 1)


model, judge = AAE(), nn.functional.softplus
optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()])
critic_optimizer = torch.optim.Adam(model.critic.parameters())
for x in torch.rand(50, 32, 16):
    z = model.encoder(x)
    critic_optimizer.zero_grad()
    (judge(-model.critic(torch.randn_like(z))) + judge(model.critic(z.detach()))).mean().backward()
    critic_optimizer.step()
    optimizer.zero_grad()
    ((model.decoder(z) - x).pow(2).mean() + judge(-model.critic(z)).mean()).backward()
    optimizer.step()
```

## Known limits

Programs that take parameters out of training with `requires_grad` are not judged. An estimator that both losses want to
be good, of mutual information say, may be in both optimisers.

## References

- Goodfellow et al., "Generative Adversarial Networks", 2014: https://arxiv.org/abs/1406.2661
- Makhzani et al., "Adversarial Autoencoders", 2015: https://arxiv.org/abs/1511.05644
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.moved_critics import moved_critics

RULE = Rule(
    code="AEL428",
    name="critic-in-both-optimizers",
    summary="the optimiser of an encoder or generator also holds the critic that its loss goes through",
    severity=Severity.WARNING,
    triggers=(("backward",), ("step",), ("optim",), ("detach", "no_grad")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each optimiser that moves the critic of its own loss."""
    for one in moved_critics(program):
        message = (
            f"this optimiser also holds the layers of the optimiser of {place(one.critic, one.optimizer)}, and its loss goes through them "
            f"({place(one.backward, one.optimizer)}): its steps move the critic to be fooled, against the critic's own. Give it the other layers only"
        )
        notes = (
            Note(one.critic, "the critic's own optimiser"),
            Note(one.backward, "this loss goes through the critic"),
        )
        yield Finding(one.optimizer, message, notes)
