"""AEL318: labels of an adversarial game, for both players."""

from __future__ import annotations

import pytest

from aelint.rules.objective import adversarial_labels as rule
from tests.rules.harness import rows, run

GAME = """
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(9, 3), nn.Linear(3, 9)
critic = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
opt_critic = torch.optim.Adam(critic.parameters())
ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
bce = nn.BCEWithLogitsLoss()

for x in torch.rand(10, 8, 9):
    z = encoder(x)
    real = bce(critic(torch.randn(8, 3)), {real})
    fake = bce(critic({code}), {fake})
    opt_critic.zero_grad()
    (real + fake).backward()
    opt_critic.step()

    opt.zero_grad()
    fool = bce(critic(encoder(x)), {fool})
    ({total}).backward()
    opt.step()
"""


def game(
    real="ones", fake="zeros", fool="ones", code="z.detach()", total="F.mse_loss(decoder(encoder(x)), x) + 0.1 * fool"
):
    return GAME.format(real=real, fake=fake, fool=fool, code=code, total=total)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(game(), id="right"),
        pytest.param(game(real="zeros", fake="ones", fool="zeros"), id="turned-round"),
        pytest.param(game(real="torch.full((8, 1), 0.9)"), id="smoothed"),
        pytest.param(game(fool="zeros", total="F.mse_loss(decoder(encoder(x)), x) - 0.1 * fool"), id="ascent"),
        pytest.param(game(fool="torch.rand(8, 1)"), id="no-constant"),
        pytest.param(game(fool="zeros", total="F.mse_loss(decoder(encoder(x)), x)"), id="not-in-the-loss"),
    ],
)
def test_silent(source: str) -> None:
    assert not rows(rule, source)


@pytest.mark.parametrize(
    ("source", "row"),
    [
        pytest.param(game(fool="zeros"), 22, id="generator-agrees"),
        pytest.param(game(real="zeros", fake="ones", fool="ones"), 22, id="generator-agrees-turned-round"),
        pytest.param(game(fake="ones"), 16, id="critic-with-one-label"),
        pytest.param(
            game(
                fake="ones",
                total="fool + F.mse_loss(decoder(encoder(x)), x) if late() else F.mse_loss(decoder(encoder(x)), x)",
            ),
            16,
            id="critic-with-one-label-whose-generator-starts-late",
        ),
        pytest.param(game(fool="torch.full((8, 1), 0.0)"), 22, id="filled"),
        pytest.param(
            game(fool="zeros").replace("    (real + fake).backward()\n", "    real.backward()\n    fake.backward()\n"),
            23,
            id="generator-agrees-after-two-backward-passes",
        ),
    ],
)
def test_fires(source: str, row: int) -> None:
    assert rows(rule, source) == [row]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            game(fool="zeros", total="F.mse_loss(decoder(encoder(x)), x) - 0.1 * fool"), id="the-minimax-form"
        ),
        pytest.param(game(fool="labels"), id="labels-that-nobody-knows"),
        pytest.param(
            game().replace("    (real + fake).backward()\n", "    real.backward()\n    fake.backward()\n"),
            id="two-backward-passes",
        ),
        pytest.param(
            game().replace("(real + fake)", "(real + fake + bce(critic(torch.randn(8, 3)), ones))"),
            id="two-real-batches",
        ),
        pytest.param(
            game(fool="zeros").replace("*decoder.parameters()", "*chosen()"), id="players-that-are-known-in-part"
        ),
        pytest.param(game(fake="ones", total="F.mse_loss(decoder(encoder(x)), x)"), id="a-critic-without-a-generator"),
        pytest.param(
            game(fool="zeros").replace("*encoder.parameters(), *decoder.parameters()", "*chosen()"),
            id="unknown-players",
        ),
    ],
)
def test_games_that_are_played_right(source: str) -> None:
    assert rows(rule, source) == []


SCORES = """
import torch
from torch import nn

encoder = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))
critic = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
opt, opt_critic = torch.optim.Adam(encoder.parameters()), torch.optim.Adam(critic.parameters())
one = torch.tensor(1.0)
minus = one * -1
for x in torch.rand(100, 8, 32):
    opt_critic.zero_grad()
    {critic}
    opt_critic.step()
    opt.zero_grad()
    {encoder}
    opt.step()
"""
PLAIN = "(critic(encoder(x).detach()).mean() - critic(torch.randn(8, 4)).mean()).backward()"
IN_PARTS = "critic(torch.randn(8, 4)).mean().backward(minus); critic(encoder(x).detach()).mean().backward(one)"
TURNED = "(critic(torch.randn(8, 4)).mean() - critic(encoder(x).detach()).mean()).backward()"


@pytest.mark.parametrize(
    ("trained", "other"),
    [
        (PLAIN, "(-critic(encoder(x)).mean()).backward()"),
        (PLAIN, "critic(encoder(x)).mean().backward(minus)"),
        (IN_PARTS, "(-1.0 * critic(encoder(x)).mean()).backward()"),
        (TURNED, "critic(encoder(x)).mean().backward()"),
        (PLAIN, "critic(encoder(x)).mean().backward(torch.randn(()))"),
        (PLAIN, "critic(encoder(x)).pow(2).mean().backward()"),
    ],
)
def test_silent_on_scores_that_are_fought_over(trained, other):
    assert rows(rule, SCORES.format(critic=trained, encoder=other)) == []


@pytest.mark.parametrize(
    ("trained", "other"),
    [
        (PLAIN, "critic(encoder(x)).mean().backward()"),
        (IN_PARTS, "critic(encoder(x)).mean().backward(one)"),
        (TURNED, "(-critic(encoder(x)).mean()).backward()"),
    ],
)
def test_scores_that_both_move_alike(trained, other):
    assert rows(rule, SCORES.format(critic=trained, encoder=other)) == [15]


def test_silent_where_the_prior_takes_the_shape_of_the_codes():
    like = "code = encoder(x); (critic(torch.randn_like(code)).mean() - critic(code.detach()).mean()).backward()"
    assert rows(rule, SCORES.format(critic=like, encoder="critic(encoder(x)).mean().backward()")) == []


SEVERAL = """
import torch
from torch import nn

encoder = nn.Linear(9, 8)
style, kind = nn.Linear(4, 1), nn.Linear(4, 1)
opt = torch.optim.Adam(encoder.parameters())
opt_critics = torch.optim.Adam([*style.parameters(), *kind.parameters()])
bce = nn.BCEWithLogitsLoss()

for x in torch.rand(10, 8, 9):
    a, b = encoder(x).detach().chunk(2, 1)
    first = bce(style(torch.randn(8, 4)), torch.ones(8, 1)) + bce(style(a), torch.zeros(8, 1))
    real = bce(kind(torch.randn(8, 4)), torch.{real}(8, 1))
    fake = bce(kind(b), torch.{fake}(8, 1))
    opt_critics.zero_grad()
    (first + real + fake).backward()
    opt_critics.step()
    a, b = encoder(x).chunk(2, 1)
    opt.zero_grad()
    (bce(style(a), torch.ones(8, 1)) + bce(kind(b), torch.{fool}(8, 1))).backward()
    opt.step()
"""


def test_silent_on_two_critics_with_labels_of_their_own() -> None:
    assert rows(rule, SEVERAL.format(real="ones", fake="zeros", fool="ones")) == []
    assert rows(rule, SEVERAL.format(real="zeros", fake="ones", fool="zeros")) == []


def test_one_of_two_critics_learns_one_label() -> None:
    assert rows(rule, SEVERAL.format(real="ones", fake="ones", fool="ones")) == [15]
    assert rows(rule, SEVERAL.format(real="zeros", fake="zeros", fool="ones")) == [15]


def test_the_generator_agrees_with_one_of_two_critics() -> None:
    assert rows(rule, SEVERAL.format(real="ones", fake="zeros", fool="zeros")) == [21]


LIKELIHOODS = """
import torch
from torch import nn; import torch.nn.functional as F

encoder, decoder = nn.Linear(9, 4), nn.Linear(4, 9)
critic = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
opt_critic = torch.optim.Adam(critic.parameters(){options})


def likelihood(real, fake, eps=1e-8):
    return (torch.log(real + eps) + torch.log(1 - fake + eps)).mean()


for x in torch.rand(10, 8, 9):
    y = decoder(encoder(x))
    critic_loss = {critic}
    opt_critic.zero_grad()
    critic_loss.backward()
    opt_critic.step()
    loss = {other}
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
MINIMAX = "nn.functional.mse_loss(y, x) + torch.log(1 - critic(y) + 1e-8).mean()"


@pytest.mark.parametrize(
    ("critic", "other", "options"),
    [
        pytest.param("-likelihood(critic(x), critic(y.detach()))", MINIMAX, "", id="the negative"),
        pytest.param("likelihood(critic(x), critic(y.detach()))", MINIMAX, ", maximize=True", id="uphill"),
        pytest.param(
            "-torch.log(critic(x)).mean() - torch.log(1 - critic(y.detach())).mean()", MINIMAX, "", id="written out"
        ),
        pytest.param(
            "-likelihood(critic(x), critic(y.detach()))", "likelihood(critic(x), critic(y))", "", id="the other player"
        ),
        pytest.param(
            "-(F.logsigmoid(critic[:3](x)) + F.logsigmoid(-critic[:3](y.detach()))).mean()",
            "-F.logsigmoid(critic[:3](y)).mean()",
            "",
            id="the negative, of scores",
        ),
    ],
)
def test_silent_on_likelihoods_that_critics_raise(critic, other, options):
    assert rows(rule, LIKELIHOODS.format(critic=critic, other=other, options=options)) == []


@pytest.mark.parametrize(
    "critic",
    [
        "likelihood(critic(x), critic(y.detach()))",
        "torch.log(critic(x)).mean() + torch.log(1 - critic(y.detach())).mean()",
        "(F.logsigmoid(critic[:3](x)) + F.logsigmoid(-critic[:3](y.detach()))).mean()",
        "0.5 * (likelihood(real=critic(x), fake=critic(decoder(torch.randn(8, 4)).detach())))",
    ],
)
def test_a_likelihood_that_a_critic_lowers(critic):
    assert rows(rule, LIKELIHOODS.format(critic=critic, other=MINIMAX, options="")) == [17]


def test_a_likelihood_that_a_function_gives_as_a_loss():
    source = LIKELIHOODS.replace("likelihood", "critic_loss_of")
    source = source.format(critic="critic_loss_of(critic(x), critic(y.detach()))", other=MINIMAX, options="")
    assert rows(rule, source) == [12]


def test_the_call_of_a_helper_is_told_that_is_given_the_label():
    source = """
    import torch
    from torch import nn
    import torch.nn.functional as F

    generator, critic = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    opt_g, opt_d = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())

    def bce(logits, target):
        return F.binary_cross_entropy_with_logits(logits, target)

    for real in torch.rand(20, 16, 8):
        fake = generator(torch.randn(16, 4))
        opt_d.zero_grad()
        on_real = bce(critic(real), torch.ones(16, 1))
        on_fake = bce(critic(fake.detach()), torch.ones(16, 1))
        (on_real + on_fake).backward()
        opt_d.step()
        opt_g.zero_grad()
        bce(critic(fake), torch.ones(16, 1)).backward()
        opt_g.step()
    """
    (finding,) = run(rule, source)
    assert finding.site.row == 16
    assert [note.site.row for note in finding.notes] == [15]
