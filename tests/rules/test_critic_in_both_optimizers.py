"""AEL428: optimisers that hold their own critic."""

import textwrap

import pytest

from aelint.rules.optimization import critic_in_both_optimizers as rule
from tests.rules.harness import rows, run

GAME = """
import torch
from torch import nn
from torch.nn.functional import mse_loss, softplus

class AAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.critic = nn.Linear(16, 4), nn.Linear(4, 16), nn.Linear(4, 1)

model = AAE()
whole = torch.optim.Adam({whole})
own = torch.optim.Adam({own})
for x in torch.rand(50, 32, 16):
    {encode}
    own.zero_grad()
    {judged}.backward()
    own.step()
    whole.zero_grad()
    {loss}.backward()
    whole.step()
"""
JUDGED = "(softplus(-model.critic(torch.randn_like(z))) + softplus(model.critic(z.detach()))).mean()"
LOSS = "(mse_loss(model.decoder(z), x) + softplus(-model.critic(z)).mean())"
OTHERS = "[*model.encoder.parameters(), *model.decoder.parameters()]"


def game(
    whole="model.parameters()", own="model.critic.parameters()", judged=JUDGED, loss=LOSS, encode="z = model.encoder(x)"
):
    return GAME.format(whole=whole, own=own, judged=judged, loss=loss, encode=encode)


@pytest.mark.parametrize(
    "source",
    [
        game(whole=OTHERS),
        game(loss="mse_loss(model.decoder(z), x)"),  # a probe: nothing goes through it but its own loss
        game(
            own="model.decoder.parameters()", judged="mse_loss(model.decoder(z), x)"
        ),  # no critic: its loss trains the encoder, too
        game(
            own="model.encoder.parameters()", judged="softplus(-model.critic(model.encoder(x))).mean()"
        ),  # the generator of an AAE
        game(judged="softplus(-model.critic(torch.randn(32, 4))).mean()"),  # never sees what the others made
        game(
            judged="(softplus(model.critic(z.detach())).mean() + mse_loss(model.decoder(z), x))"
        ),  # trains the others as well
        game(encode="model.critic.requires_grad_(False); z = model.encoder(x)"),
        game(own="model.parameters()"),
        game(whole='[p for name, p in model.named_parameters() if not name.startswith("critic")]'),
        game(whole='(p for name, p in model.named_parameters() if "critic" not in name)'),
        game(whole="filter(is_no_critic, model.parameters())"),
        game(whole='[{"params": [p for p in model.parameters() if is_no_critic(p)]}]'),
        game(whole="params=[p for p in model.parameters() if is_no_critic(p)]"),
        game(loss="(mse_loss(model.decoder(z), x) + softplus(-model.critic(z).detach()).mean())"),
        game(loss="softplus(-model.critic(torch.randn(32, 4))).mean()"),
    ],
)
def test_silent_where_no_optimizer_moves_the_critic_of_its_loss(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "source",
    [
        game(),
        game(whole="[*model.encoder.parameters(), *model.critic.parameters()]"),
        game(
            encode="with torch.no_grad(): seen = model.encoder(x)",
            judged="(softplus(-model.critic(torch.randn(32, 4))) + softplus(model.critic(seen))).mean()",
            loss="softplus(-model.critic(model.encoder(x))).mean()",
        ),
        game(loss="(mse_loss(model.decoder(z), x) - 0.1 * model.critic(z).sigmoid().log().mean())"),
    ],
)
def test_an_optimizer_of_everything_beside_that_of_the_critic(source):
    (finding,) = run(rule, source)
    assert finding.site.row == 12
    assert [note.site.row for note in finding.notes] == [13, 20]


def test_a_function_that_gives_both():
    source = game().replace("whole = torch", "def optimizers():\n    return torch").replace("\nown = ", ", ")
    source = source.replace("for x in", "whole, own = optimizers()\nfor x in")
    assert rows(rule, source) == [13]


@pytest.mark.parametrize("runs", [0, 3])
def test_silent_where_parts_are_trained_first_and_then_everything(runs):
    source = """
    import torch
    from torch import nn

    first, second = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 16)), nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 16))
    rows = torch.rand(9, 8, 16)
    optimizer = torch.optim.Adam(second.parameters())
    for x in rows:
        with torch.no_grad():
            h = first(x)
        optimizer.zero_grad()
        (second(h) - h).pow(2).mean().backward()
        optimizer.step()
    whole = torch.optim.Adam([*first.parameters(), *second.parameters()])
    for x in rows:
        whole.zero_grad()
        (second(first(x)) - x).pow(2).mean().backward()
        whole.step()
    """
    if runs:  # the whole of it several times
        lines = textwrap.dedent(source).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("optimizer"))
        source = "\n".join([*lines[:start], "for run in range(3):", *("    " + line for line in lines[start:])])
    assert rows(rule, source) == []


def test_a_critic_that_is_stepped_several_times():
    source = (
        game()
        .replace("    own.zero_grad()", "    for _ in range(3):\n        own.zero_grad()")
        .replace(f"    {JUDGED}.backward()\n    own.step()", f"        {JUDGED}.backward()\n        own.step()")
    )
    assert rows(rule, source) == [12]
