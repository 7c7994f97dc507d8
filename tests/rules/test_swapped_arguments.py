"""Variables that arrive at each other's parameters, results that are taken under each other's names."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import swapped_arguments as rule
from tests.rules.harness import rows, run

HEAD = """import torch
import torch.nn as nn
import torch.nn.functional as F

mu, logvar = torch.rand(4, 2), torch.rand(4, 2)

def draw(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

def gap(a, b):
    return a - 2 * b

def stats(x):
    prior, post = x + 1, x + 2
    return prior, post

class Part:
    def __init__(self, width, depth):
        self.width, self.depth = width, depth

class Net(nn.Module):
    def forward(self, feats, mask):
        return feats * mask
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("draw(mu, logvar)", id="in-order"),
        pytest.param("draw(logvar=logvar, mu=mu)", id="by-name"),
        pytest.param("draw(mu + 1, logvar)", id="no-variable"),
        pytest.param("a, b = mu, logvar; gap(b, a)", id="single-letters"),
        pytest.param("prior, post = stats(mu)", id="results-in-order"),
        pytest.param("first, second = stats(mu)", id="other-names"),
        pytest.param(
            "def both(mu, logvar):\n    return draw(mu, logvar) + draw(logvar, mu)\nboth(mu, logvar)", id="both-orders"
        ),
        pytest.param("def swap(mu, logvar):\n    return draw(logvar, mu)\nswap(mu, logvar)", id="says-so"),
        pytest.param("def near(mu1, mu2):\n    return mu1 - mu2\nmu1, mu2 = mu, mu\nnear(mu2, mu1)", id="numbered"),
        pytest.param(
            "def to(source, target):\n    return source\nsource, target = mu, mu\nto(target, source)", id="two-sides"
        ),
        pytest.param("def kl(p_mu, q_mu):\n    return p_mu - q_mu\np_mu, q_mu = mu, mu\nkl(q_mu, p_mu)", id="lettered"),
        pytest.param(
            "def kl(post, width, prior, scale):\n    return post\npost = width = prior = scale = mu\nkl(prior, scale, post, width)",
            id="named-anew",
        ),
        pytest.param("groups, dilation = 1, 1\nF.conv2d(mu, mu, None, 1, 0, dilation, groups)", id="torch-in-order"),
        pytest.param("args = (logvar, mu)\ndraw(*args)", id="spliced"),
        pytest.param("mean, log_var = mu, logvar; draw(mean, log_var)", id="other spellings in their places"),
        pytest.param("mean, std = mu, logvar; draw(std, mean)", id="another head"),
        pytest.param("mean, mu2 = mu, logvar; draw(mu2, mean)", id="two means"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("draw(logvar, mu)", id="function"),
        pytest.param("z_mean, log_var = mu, logvar; draw(log_var, z_mean)", id="other spellings of the same"),
        pytest.param("mask = mu; feats = logvar; Net()(mask, feats)", id="network"),
        pytest.param("post, prior = stats(mu)", id="results"),
        pytest.param("width, depth = 8, 2; Part(depth, width)", id="constructor"),
        pytest.param("groups, dilation = 1, 2; F.conv2d(mu, mu, None, 1, 0, groups, dilation)", id="torch"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [24]


def test_fires_in_a_method_and_across_files() -> None:
    files = {
        "main.py": "import torch\nfrom model import VAE\nVAE()(torch.rand(4, 8))\n",
        "model.py": "import torch.nn as nn\nfrom draws import draw\n",
        "draws.py": "import torch\n",
    }
    files["main.py"] = (
        "import torch\nimport torch.nn as nn\nfrom draws import draw\n\nclass VAE(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.head = nn.Linear(8, 4)\n    def sample(self, mu, logvar):\n        return draw(mu, logvar)\n"
        "    def forward(self, x):\n        mu, logvar = self.head(x).chunk(2, -1)\n        return self.sample(logvar, mu)\n\nVAE()(torch.rand(4, 8))\n"
    )
    files["draws.py"] = "import torch\n\ndef draw(mu, logvar):\n    return mu + logvar.exp() * torch.randn_like(mu)\n"
    found = run(rule, files)
    assert [f.site.row for f in found] == [13]
    assert found[0].notes[0].site.row == 9


def test_silent_on_the_way_back_through_a_list():
    source = """
def block(given, asked):
    return given - asked

sizes = [(3, 8), (8, 16)]
blocks = []
def build():
    for given, asked in {order}:
        blocks.append(block(asked, given))
build()
"""
    assert rows(rule, source.format(order="reversed(sizes)")) == []
    assert rows(rule, source.format(order="sizes")) == [9]


def test_silent_on_two_sets_of_one_kind_in_a_comparison():
    source = """
def {name}(drawn_sets, real_sets):
    return drawn_sets - real_sets

def score(drawn_sets, real_sets):
    return {name}(real_sets, drawn_sets)
score(1, 2)
"""
    assert rows(rule, source.format(name="pairwise_distance")) == []
    assert rows(rule, source.format(name="improvement")) == [6]


def test_silent_on_a_layer_up_beside_the_layer_down():
    source = """
from torch import nn

class Down(nn.Module):
    def __init__(self, dim, dim_out):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim_out, 3)

class Up(nn.Module):
    def __init__(self, dim, dim_out):
        super().__init__()
        self.conv = nn.ConvTranspose2d(dim, dim_out, 3)

def build(dim, dim_out):
    return {first}, Up(dim_out, dim)

build(3, 8)
"""
    assert rows(rule, source.format(first="Down(dim, dim_out)")) == []
    assert rows(rule, source.format(first="Down(dim, 8)")) == [15]


@pytest.mark.parametrize("opening", ["def build(args, in_channels, width):", "if True:"], ids=["function", "module"])
@pytest.mark.parametrize("prefix", ["", "i"])
def test_silent_on_a_decoder_beside_its_encoder_with_a_width_between(opening, prefix):
    source = """
from torch import nn

class {prefix}Encoder(nn.Module):
    def __init__(self, in_channels, hidden, out_channels):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(in_channels, hidden), nn.Linear(hidden, out_channels))

class {prefix}Decoder({prefix}Encoder): ...

from options import args, in_channels, width

{opening}
    encoder = {prefix}Encoder({first})
    decoder = {prefix}Decoder(args.out_channels, width, in_channels)
"""
    mirrored = "in_channels, width, args.out_channels"
    assert rows(rule, source.format(opening=opening, prefix=prefix, first=mirrored)) == []
    assert rows(rule, source.format(opening=opening, prefix=prefix, first="in_channels, width, 8")) == [15]


def test_silent_on_a_layer_back_from_the_sizes_of_another_layer():
    source = """
from torch import nn

def pretrain(layer, in_features, out_features):
    return nn.Linear({out}out_features, {into}in_features)

pretrain(nn.Linear(3, 8), 3, 8)
"""
    assert rows(rule, source.format(out="layer.", into="layer.")) == []
    assert rows(rule, source.format(out="", into="")) == [5]


def test_silent_on_the_way_back_to_the_sizes_that_a_block_came_in_with():
    source = """
from torch import nn

class Conv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, 3)

class Block(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.filter = {first}
        self.back = nn.Conv1d(out_channels, in_channels, 1)

Block(3, 8)
"""
    assert rows(rule, source.format(first="Conv(in_channels, out_channels)")) == []
    assert rows(rule, source.format(first="nn.Linear(in_channels, out_channels)")) == []
    assert rows(rule, source.format(first="Conv(in_channels, 8)")) == [13]


TWICE = """import torch
import torch.nn as nn

class Model(nn.Module):
    def forward(self, x):
        codes, vectors = x + 1, x + 2
        return codes, vectors

    def distance(self, codes, vectors):
        return (codes.detach() - vectors).pow(2).mean()

    def step(self, x):
        vectors, codes = self(x)
        return self.distance({given})

Model().step(torch.rand(3))
"""


def test_silent_where_a_wrong_name_is_passed_to_the_right_place() -> None:
    assert rows(rule, TWICE.format(given="vectors, codes")) == []


def test_fires_where_results_are_taken_under_names_that_are_then_believed() -> None:
    assert rows(rule, TWICE.format(given="codes, vectors")) == [13]


def test_silent_on_a_part_that_the_object_was_given_elsewhere() -> None:
    source = """import torch.nn as nn
from elsewhere import Base

class Encoder(Base):
    def __init__(self, kind):
        super().__init__()
        self.build(kind)

    def forward(self, x):
        memory, final = self.{part}(x)
        return final, memory
"""
    assert rows(rule, source.format(part="rnn")) == []


DOUBLED = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Loss:
    def __call__(self, data, reconstructed, mu, logvar):
        return F.mse_loss(reconstructed, data) - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()

def attend(query, keys, value):
    return (query @ keys.t()).softmax(-1) @ value

def denoise(noisy_image, target_image):
    return F.mse_loss(noisy_image, target_image)

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.loss = nn.Linear(8, 4), nn.Linear(2, 8), Loss()

    def forward(self, x, keys, clean_image, noisy_image):
        mu, logvar = self.encoder(x).chunk(2, 1)
        reconstruction = self.decoder(mu)
        return {call}, reconstruction, logvar
"""


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("self.loss(x, reconstruction, mu, logvar)", id="each-its-own"),
        pytest.param("self.loss(x, x, mu, logvar)", id="no-words"),
        pytest.param("self.loss(x, reconstruction, mu, mu + logvar)", id="the-other-is-read-beside-it"),
        pytest.param("self.loss(mu, reconstruction, mu, logvar)", id="nothing-by-that-name"),
        pytest.param("attend(x, keys, keys)", id="values-are-keys"),
        pytest.param("denoise(noisy_image, noisy_image)", id="a-word-in-common"),
    ],
)
def test_silent_on_a_variable_that_stands_for_two(call):
    assert rows(rule, DOUBLED.format(call=call)) == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("self.loss(x, reconstruction, mu, mu)", id="by-place"),
        pytest.param("self.loss(data=x, reconstructed=reconstruction, mu=mu, logvar=mu)", id="by-name"),
        pytest.param("self.loss(x, reconstruction, logvar=logvar, mu=logvar)", id="the-other-one"),
    ],
)
def test_an_argument_that_is_written_twice(call):
    assert rows(rule, DOUBLED.format(call=call)) == [24]


def test_a_penalty_on_codes_that_is_given_what_was_decoded():
    source = DOUBLED.replace("mu, logvar):", "latent_code):").replace(
        "- 0.5 * (1 + logvar - mu**2 - logvar.exp())", "+ (latent_code**2)"
    )
    source = source.replace("mu, logvar = self.encoder(x).chunk(2, 1)", "latent, logvar = self.encoder(x).chunk(2, 1)")
    source = source.replace("self.decoder(mu)", "self.decoder(latent)").replace("reconstruction", "reconstructed")
    assert rows(rule, source.format(call="self.loss(x, reconstructed, reconstructed)")) == [24]
    assert rows(rule, source.format(call="self.loss(x, reconstructed, latent)")) == []


@pytest.mark.parametrize("eps", ["1e-6", "eps"])
def test_a_small_number_beside_an_argument_keeps_its_name(eps: str) -> None:
    source = HEAD + "eps = 1e-8\ndraw({})\n"
    assert rows(rule, source.format(f"mu, logvar + {eps}")) == []
    assert rows(rule, source.format(f"logvar + {eps}, mu")) == [25]
    assert rows(rule, source.format("logvar + 1.0, mu")) == []


ROLLOUT = """import torch
import torch.nn as nn

class Rollout(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def run(self, embed, state):
        priors, posteriors = [], []
        for step in embed:
            prior, state = self.cell(step, state)
            priors.append(prior)
            posteriors.append(state)
        return {results}

class Agent:
    def __init__(self, cell):
        self.rollout = Rollout(cell)

    def loss(self, embed, state):
        {taken} = self.rollout.run(embed, state)
        return embed

Agent(nn.GRUCell(4, 4)).loss(torch.rand(3, 2, 4), torch.zeros(2, 4))
"""


@pytest.mark.parametrize(
    ("results", "taken"),
    [
        pytest.param("torch.stack(priors), torch.stack(posteriors)", "prior, post", id="in-order"),
        pytest.param("torch.stack(priors), torch.stack(posteriors)", "p, q", id="other-names"),
        pytest.param("torch.stack(priors), torch.stack(posteriors)", "post_b, prior_a", id="names-of-something-else"),
        pytest.param("distance(priors, posteriors), state", "post, prior", id="computed-of-both"),
        pytest.param("torch.stack(priors), torch.stack(posteriors)", "pos, pri", id="too-short-to-tell"),
    ],
)
def test_silent_on_results_in_another_form_that_are_taken_in_order(results: str, taken: str) -> None:
    assert rows(rule, ROLLOUT.format(results=results, taken=taken)) == []


@pytest.mark.parametrize(
    ("results", "taken"),
    [
        pytest.param("torch.stack(priors), torch.stack(posteriors)", "post, prior", id="stacked"),
        pytest.param("torch.cat(priors, dim=0), tuple(posteriors)", "posteriors, priors", id="joined"),
        pytest.param("priors, posteriors", "posterior, prior", id="as-they-are"),
    ],
)
def test_fires_on_results_that_are_taken_under_each_others_short_names(results: str, taken: str) -> None:
    assert rows(rule, ROLLOUT.format(results=results, taken=taken)) == [22]
