import pytest

from aelint.rules.latent import logvar_as_std
from aelint.rules.objective import kl_formula as rule
from tests.rules.harness import rows, run

HEAD = "import math\nimport torch\nimport torch.nn.functional as F\n\n\ndef kl_loss(mu, logvar):\n"

RIGHT = {
    "the paper's form": "return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
    "signs turned round": "return 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(dim=1).mean()",
    "an in-place chain": "return mu.pow(2).add_(logvar.exp()).mul_(-1).add_(1).add_(logvar).sum().mul_(-0.5)",
    "negated and subtracted": "kl = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n    return 0 - kl",
    "terms summed one by one": "return 0.5 * (mu.pow(2).sum(1) + logvar.exp().sum(1) - logvar.sum(1) - (1 + 0 * logvar).sum(1))",
    "std and its logarithm": "std = torch.exp(0.5 * logvar)\n    return torch.sum(-torch.log(std) + 0.5 * (std ** 2 + mu ** 2 - 1))",
    "log-std semantics": "return torch.sum(0.5 * (mu ** 2 + torch.exp(2 * logvar)) - logvar - 0.5)",
    "a bound of Python's own": "logvar = torch.tanh(logvar)\n    return -0.5 * torch.sum(1 + logvar - mu ** 2 - torch.exp(min(logvar, 99.0)))",
    "a guarded logarithm": "v = F.softplus(logvar)\n    return 0.5 * torch.sum(mu ** 2 + v - torch.log(v + 1e-8) - 1)",
    "no constant": "return 0.5 * torch.sum(mu ** 2 + logvar.exp() - logvar)",
    "no mean, on a normalised code": "return -0.5 * torch.sum(1 + logvar - logvar.exp())",
    "a weight of its own": "return -0.0005 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())",
    "the energy of the code": "return (mu ** 2 + logvar.exp()).sum()",
    "constant outside of a mean": "return 0.5 * torch.mean(mu ** 2 + logvar.exp() - logvar) - 0.5",
    "a prior with a mean": "return 0.5 * torch.sum((mu - 1) ** 2 + logvar.exp() - logvar - 1)",
    "a learned prior mean": "return -0.5 * torch.sum(1 + logvar - (mu - prior) ** 2 - logvar.exp())",
    "a mean of several": "return -0.5 * torch.sum(1 + logvar - (mu @ mu.T) - logvar.exp())",
    "one value computed twice": "return 0.5 * torch.sum(mu ** 2 + F.softplus(logvar) - torch.log(F.softplus(logvar)) - 1)",
    "a standard deviation that came beside the log-variance": "mu, std, logvar = mu\n"
    "    return -0.5 * (1 + logvar - mu ** 2 - std ** 2).sum(1).mean()",
    "a wider prior": "return torch.sum(0.5 * (mu ** 2 + logvar.exp()) / 4 - 0.5 * logvar + math.log(2) - 0.5)",
    "a narrower prior": "return torch.sum(mu ** 2 + logvar.exp() - 0.5 * logvar - 0.5 * math.log(2) - 0.5)",
    "two scales without means": "return -0.5 * torch.sum(1 + logvar - logvar.exp()) - 0.5 * torch.sum(1 + mu - mu.exp())",
    "log-std, shifted in a chain": "return logvar.mul(2).add(1).sub(mu.pow(2)).sub(logvar.exp().pow(2)).sum().mul(-0.5)",
    "four times the logarithm, and no variance": "return -0.5 * torch.sum(1 + 4 * logvar - mu ** 2)",
    "logarithm and constant of another weight": "return 0.5 * (mu ** 2 + logvar.exp()).sum() + 0.3 * (1 + logvar).sum()",
    "a likelihood beside it, of twice the weight": (
        "fit = torch.distributions.Normal(head, 1.0).log_prob(x).sum(1).mean()\n"
        "    return -fit - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()"
    ),
    "a likelihood beside a penalty of the mean": (
        "fit = torch.distributions.Normal(head, 1.0).log_prob(x).sum(1).mean()\n"
        "    return -fit + 0.5 * (mu.pow(2) - 1).sum(1).mean()"
    ),
    "a penalty of the mean's size beside a divergence without mean": (
        "return 0.5 * (logvar.exp() - logvar - 1).sum() + mu.abs().sum()"
    ),
    "the log-variance of another law taken away": "return -0.5 * torch.sum(1 + logvar - mu ** 2 - 0.3 * logvar)",
    "squares of other weights": "return torch.sum(2 * mu ** 2 + 3 * logvar.exp() - logvar - 1)",
}


@pytest.mark.parametrize("body", RIGHT.values(), ids=RIGHT.keys())
def test_right_formula(body):
    assert not rows(rule, HEAD + "    " + body + "\n")


WRONG = {
    "squared log-variance": ("return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.pow(2))", "squared"),
    "sign of the mean": ("return -0.5 * torch.sum(1 + logvar + mu.pow(2) - logvar.exp())", "opposite sign"),
    "sign of the variance": ("return -0.5 * torch.sum(1 + logvar - mu ** 2 + torch.exp(logvar))", "the variance"),
    "log-std beside a variance": ("return -0.5 * torch.sum(1 + 2 * logvar - mu ** 2 - logvar.exp())", "2 times"),
    "half of one term": ("return torch.sum(-0.5 * (1 + logvar - mu ** 2) + torch.exp(logvar))", "2 times"),
    "parenthesis": ("return (-0.5 * torch.sum(1 + logvar - mu ** 2) + 0.5 * logvar.exp()).mean()", "outside"),
    "the mean's absolute value": (
        "return -0.5 * torch.sum(1 + logvar - mu.abs() - logvar.exp())",
        "its absolute value",
    ),
    "no exponential": ("return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar)", "taken away again"),
    "no exponential, other signs": (
        "return 0.5 * (mu * mu + logvar - 1 - logvar).sum(1).mean()",
        "taken away again",
    ),
    "no variance": ("return -0.5 * (1 + logvar - mu ** 2).sum(1).mean()", "missing"),
    "no variance, on log-deviations": ("return -0.5 * torch.sum(1 + 2 * logvar - mu.pow(2))", "variance is missing"),
    "no variance, in a chain": (
        "return (logvar.mul(2).add(1) - mu.pow(2)).mul(-0.5).sum()",
        "variance is missing",
    ),
    "log-deviation squared instead of its exponential": (
        "return -0.5 * torch.sum(1 + 2 * logvar - mu.pow(2) - logvar.pow(2))",
        "squared",
    ),
    "sign of logarithm and constant": ("return 0.5 * (mu ** 2 + logvar.exp() + logvar + 1).sum()", "with the sign of"),
    "sign before a chain": (
        "return -0.5 * (-logvar.mul(2).add(1) - mu.pow(2) - logvar.exp().pow(2)).sum()",
        "with the sign of",
    ),
    "no logarithm": ("return 0.5 * (mu ** 2 + logvar.exp() - 1).sum(1).mean()", "missing"),
    "exponential of the mean": (
        "return -0.5 * torch.sum(1 + logvar - mu.exp() - logvar.exp())",
        "its exponential, not squared",
    ),
    "mean not squared": ("return -0.5 * torch.sum(1 + logvar - mu - logvar.exp())", "not squared"),
    "half before two terms, with the deviation": (
        "std = torch.exp(0.5 * logvar)\n    return (mu ** 2 + std ** 2 - torch.log(std) - 1 / 2).sum(1).mean()",
        "mean^2 and the variance have 2 times",
    ),
    "half before the squares alone": ("return torch.sum(0.5 * (mu ** 2 + logvar.exp()) - logvar - 1)", "0.5 times"),
    "half before two terms, on log-deviations": (
        "return torch.mean(mu ** 2 + torch.exp(2 * logvar) - logvar - 0.5)",
        "mean^2 and the variance have 2 times",
    ),
    "sign of the constant": ("return 0.5 * (mu ** 2 + logvar.exp() - logvar + 1).sum(1).mean()", "constant"),
}


@pytest.mark.parametrize(("body", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_formula(body, said):
    found = run(rule, HEAD + "    " + body + "\n")
    assert [f.site.row for f in found] == [7 + body.count("\n")]
    assert said in found[0].message


def test_constant_outside_of_the_sum_over_known_dimensions():
    source = """
    import torch
    from torch import nn

    fc = nn.Linear(16, 20)

    def loss(x):
        mu, logvar = fc(x).chunk(2, 1)
        return (0.5 * torch.sum(mu ** 2 + logvar.exp() - logvar, 1) - {}).mean()

    loss(torch.rand(4, 16))
    """
    assert rows(rule, source.format("0.5")) == [9]
    assert not rows(rule, source.format("5.0"))


def test_posteriors_that_share_a_scale():
    body = "m = F.relu(mu)\n    return 0.5 * torch.sum(mu ** 2 + logvar.exp() - logvar - 1) + 0.5 * torch.sum(m ** 2 + logvar.exp() - logvar - 1)"
    assert not rows(rule, HEAD + "    " + body + "\n")


CATEGORICAL = """
import math
import torch
import torch.nn.functional as F
from torch import nn

fc = nn.Linear(16, 10)


def kl_loss(x):
    q = F.softmax(fc(x), dim=-1)
    log_q = torch.log(q + 1e-20)
    return torch.sum(q * (log_q {}))


kl_loss(torch.rand(4, 16))
"""


@pytest.mark.parametrize("prior", ["- math.log(1.0 / 10)", "+ math.log(10)", "", "- torch.log(torch.tensor(1.0 / 10))"])
def test_categorical_formula(prior):
    assert not rows(rule, CATEGORICAL.format(prior))


@pytest.mark.parametrize(
    ("prior", "said"), [("- 1.0 / 10", "logarithm"), ("- math.log(10)", "sign"), ("+ 10", "itself")]
)
def test_wrong_categorical_prior(prior, said):
    found = run(rule, CATEGORICAL.format(prior))
    assert [f.site.row for f in found] == [13]
    assert said in found[0].message


EXCHANGED = """
import torch
from torch import nn

fc = nn.Linear(16, 20)


def kl(mean, logvar):
    return -0.5 * torch.sum(1 + logvar - mean ** 2 - logvar.exp())


def loss(x):
    mu, logvar = fc(x).chunk(2, 1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    return kl({}) + z.sum()


loss(torch.rand(4, 16))
"""


def test_arguments_of_the_divergence():
    assert not rows(rule, EXCHANGED.format("mu, logvar"))
    assert rows(rule, EXCHANGED.format("logvar, mu")) == [9]


def test_silent_on_two_terms_of_which_one_has_a_prior_with_a_scale_of_its_own():
    source = """
    import torch
    from torch import nn


    class Ladder(nn.Module):
        def __init__(self):
            super().__init__()
            self.low, self.high, self.prior = nn.Linear(9, 4), nn.Linear(9, 4), nn.Linear(2, 4)
            self.out = nn.Linear(2, 9)

        def forward(self, x):
            shift_1, log_1 = torch.chunk(self.low(x), 2, dim=1)
            shift_2, log_2 = torch.chunk(self.high(x), 2, dim=1)
            z_2 = shift_2 + torch.exp(0.5 * log_2) * torch.randn_like(log_2)
            mean, log_prior = torch.chunk(self.prior(z_2), 2, dim=1)
            z_1 = mean + shift_1 + torch.exp(0.5 * (log_prior + log_1)) * torch.randn_like(log_1)
            recon = ((self.out(z_1) - x) ** 2).sum(-1)
            kl_2 = 0.5 * (shift_2**2 + torch.exp(log_2) - log_2 - 1).sum(-1)
            kl_1 = 0.5 * (shift_1**2 / torch.exp(log_prior) + torch.exp(log_1) - log_1 - 1).sum(-1)
            return (recon + kl_1 + kl_2).mean()
    """
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("constant", "found"),
    [("3.0", []), ("0.5 * 6", []), ("2.0", [12]), ("0.5 * 4", [12]), ("0.3", [])],
    ids=["right", "right as a product", "another number", "the number of steps", "a margin"],
)
def test_constant_beside_a_sum_of_six_dimensions(constant, found):
    source = f"""
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.log_sigma = nn.Linear(30, 6), nn.Linear(30, 6)

        def kl_loss(self, x):
            mu, log_sigma = self.mean(x), self.log_sigma(x)
            kl = 0.5 * torch.sum(mu ** 2 + torch.exp(2 * log_sigma) - 2 * log_sigma, 1) - {constant}
            return kl.mean()

    Encoder().kl_loss(torch.rand(16, 30)).backward()
    """
    assert rows(rule, source) == found


def test_silent_on_a_weight_that_is_a_sum_with_something_unknown():
    source = """
import math
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 8), nn.Linear(4, 20)

def step(x, i):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    kl = (-0.5 * torch.sum({formula}, 1)).mean()
    loss = ((decoder(z) - x) ** 2).sum() + (math.tanh((i - 3500) / 1000) + 1) / 2 * kl
    loss.backward()
"""
    assert rows(rule, source.format(formula="1 + logvar - mu.pow(2) - logvar.exp()")) == []
    assert rows(rule, source.format(formula="logvar - mu.pow(2) - logvar.exp() * 2 + 1")) == [11]


def test_heads_written_out_with_weights_and_biases() -> None:
    source = """
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.W_m, self.b_m = nn.Parameter(torch.randn(30, 4)), nn.Parameter(torch.zeros(4))
            self.W_s, self.b_s = nn.Parameter(torch.randn(30, 4)), nn.Parameter(torch.zeros(4))
            self.W_x = nn.Parameter(torch.randn(4, 30))

        def forward(self, x):
            m = torch.tanh(x @ self.W_m + self.b_m)
            s = x @ self.W_s + self.b_s
            z = m + torch.exp(0.5 * s) * torch.randn_like(m)
            return z @ self.W_x, m, s

    x = torch.rand(8, 30)
    out, m, s = Model()(x)
    loss = ((out - x) ** 2).sum() - 0.5 * (1 + s - m**2 - s.exp()).sum()
    loss.backward()
    """
    assert rows(rule, source) == []


def test_heads_that_two_layers_make_together() -> None:
    source = """
    import torch
    from torch import nn

    class GraphLayer(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.own, self.neighbours = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out, bias=False)

        def forward(self, h, adjacency):
            return self.own(h) + self.neighbours(adjacency @ h)

    mean, log_std, decoder = GraphLayer(30, 4), GraphLayer(30, 4), nn.Linear(4, 30)
    x, adjacency = torch.rand(8, 30), torch.eye(8)
    m, s = mean(x, adjacency), log_std(x, adjacency).clamp(max=10)
    out = decoder(m + torch.exp(s) * torch.randn_like(m))
    loss = ((out - x) ** 2).sum() - 0.5 * ({}).sum()
    loss.backward()
    """
    assert rows(rule, source.format("1 + 2 * s - m**2 - s.exp() ** 2")) == []
    assert rows(rule, source.format("1 + 2 * s - m**2 - s.exp()")) == [17]
    assert rows(logvar_as_std, source.format("1 + s - m**2 - s.exp()")) == [16]
    assert rows(logvar_as_std, source.format("1 + 2 * s - m**2 - s.exp() ** 2")) == []


def test_silent_on_codes_that_are_taken_from_lists_by_the_same_index():
    source = """
        import torch, torch.nn as nn
        enc = nn.Linear(10, 8)
        mus, logvars = [], []
        for k in range(args.k):
            h = enc(x * k)
            mus.append(h[:, :4])
            logvars.append(h[:, 4:])
        loss = 0
        for i in range(args.k):
            loss = loss - 0.5 * torch.sum(1 + logvars[i] - mus[i].pow(2) - logvars[i].exp(), dim=1).mean()
    """
    assert rows(rule, source) == []
    assert rows(rule, source.replace(" - logvars[i].exp()", "")) == [11]


def test_silent_on_codes_of_one_of_two_models_that_are_taken_by_the_same_index():
    source = """
        import torch
        if args.large:
            model = load("large")
        else:
            model = make("small")
        recon, mu, logvar = model(x)
        for i in range(model.k):
            loss = -0.5 * torch.sum(1 + logvar[i] - mu[i].pow(2) - logvar[i].exp(), dim=1).mean()
    """
    assert rows(rule, source) == []
    assert rows(rule, source.replace(" - logvar[i].exp()", "")) == [9]


BETWEEN = "import torch\n\n\ndef kl_loss(m1, a, m2, b):\n    {body}\n"

RIGHT_BETWEEN = {
    "log-variances": "return 0.5 * torch.sum(b - a + (a.exp() + (m1 - m2) ** 2) / b.exp() - 1)",
    "of a ratio": "r = a - b\n    return 0.5 * (r.exp() + (m1 - m2) ** 2 / b.exp() - 1.0 - r).sum(-1).mean()",
    "standard deviations": "return (torch.log(b) - torch.log(a) + (a ** 2 + (m1 - m2) ** 2) / (2 * b ** 2) - 0.5).sum()",
    "log standard deviations": "return torch.sum(b - a + (torch.exp(2 * a) + (m1 - m2).pow(2)) / (2 * torch.exp(2 * b)) - 0.5)",
    "inverse": "return -0.5 * torch.sum(1 + a - b - (m1 - m2).pow(2) * torch.exp(-b) - torch.exp(a - b))",
    "symmetric": "p, q, d = a.exp(), b.exp(), (m1 - m2) ** 2\n    return 0.25 * (p / q + q / p + d / p + d / q - 2).sum()",
    "unweighed distance next to it": "return (m1 - m2).pow(2).mean() + 0.5 * (b - a + torch.exp(a - b) - 1).sum(1).mean()",
    "cross-entropy": "return 0.5 * (b + (a.exp() + (m1 - m2) ** 2) / b.exp()).sum()",
}


@pytest.mark.parametrize("body", RIGHT_BETWEEN.values(), ids=RIGHT_BETWEEN.keys())
def test_right_formula_between_two_laws(body):
    assert not rows(rule, BETWEEN.format(body=body))


WRONG_BETWEEN = {
    "parenthesis": (
        "return 0.5 * torch.sum((torch.exp(a - b) + (m1 - m2) ** 2) / b.exp() - 1 - (a - b))",
        "first law is to",
    ),
    "logarithms exchanged": (
        "return 0.5 * (a - b + (a.exp() + (m1 - m2) ** 2) / b.exp() - 1).sum(1).mean()",
        "logarithm",
    ),
    "distance over the own variance": (
        "return -0.5 * torch.sum(1 + a - b - (m1 - m2).pow(2) * torch.exp(-a) - torch.exp(a - b))",
        "squared distance",
    ),
    "distance as it is": ("return 0.5 * torch.sum(b - a + a.exp() / b.exp() + (m1 - m2) ** 2 - 1)", "squared distance"),
    "ratio upside down": (
        "return 0.5 * torch.sum(b - a + b.exp() / a.exp() + (m1 - m2) ** 2 / b.exp() - 1)",
        "first law is to",
    ),
    "standard deviations not squared": (
        "return (torch.log(b) - torch.log(a) + (a + (m1 - m2) ** 2) / (2 * b ** 2) - 0.5).sum()",
        "first law is to",
    ),
    "constant added": ("return 0.5 * torch.sum(b - a + (a.exp() + (m1 - m2) ** 2) / b.exp() + 1)", "constant"),
}


@pytest.mark.parametrize(("body", "said"), WRONG_BETWEEN.values(), ids=WRONG_BETWEEN.keys())
def test_wrong_formula_between_two_laws(body, said):
    found = run(rule, BETWEEN.format(body=body))
    assert [f.site.row for f in found] == [5]
    assert said in found[0].message


DENSITY = "import torch\n\ndef log_density(x, mean, logvar, shift, part, weight=1.0):\n    return {}\n"


@pytest.mark.parametrize(
    "density",
    [
        pytest.param("-0.5 * (logvar + (x - mean) ** 2 / torch.exp(logvar))", id="the formula"),
        pytest.param("-0.5 * (logvar + (x - mean) ** 2 * torch.exp(-logvar))", id="times the precision"),
        pytest.param("-0.5 * logvar - 0.5 * (x - mean).pow(2) / logvar.exp()", id="term by term"),
        pytest.param("(x - mean) / torch.exp(logvar)", id="a score"),
        pytest.param("(logvar + x) / torch.exp(logvar)", id="no square"),
        pytest.param("(weight + (x - mean) ** 2) / torch.exp(logvar)", id="a number beside the square"),
        pytest.param("(shift + (x - mean) ** 2) / torch.exp(logvar)", id="another tensor beside the square"),
        pytest.param("(logvar ** 2 + (x - mean) ** 2) / torch.exp(logvar)", id="the squared logarithm"),
        pytest.param("(0.1 * logvar + (x - mean) ** 2) / torch.exp(logvar)", id="a tenth of the logarithm"),
        pytest.param("(part * logvar + (x - mean) ** 2) / torch.exp(logvar)", id="a part of the logarithm"),
        pytest.param("(logvar + torch.log(part)) / torch.exp(logvar)", id="two logarithms"),
        pytest.param("logvar * torch.exp(-logvar) + (x - mean) ** 2", id="only the logarithm is divided"),
        pytest.param("(logvar + (x - mean) ** 2) * torch.exp(logvar)", id="times the variance"),
    ],
)
def test_silent_on_densities(density):
    assert rows(rule, DENSITY.format(density)) == []


@pytest.mark.parametrize(
    "density",
    [
        pytest.param("-0.5 * (logvar + (x - mean) ** 2) / torch.exp(logvar)", id="a quotient"),
        pytest.param("-0.5 * (logvar + (x - mean).pow(2)) * torch.exp(-logvar)", id="a product"),
        pytest.param("-(0.5 * logvar + 0.5 * torch.square(x - mean)) / logvar.exp()", id="weights inside"),
        pytest.param("-0.5 * logvar * torch.exp(-logvar) - 0.5 * (x - mean) ** 2 * torch.exp(-logvar)", id="by terms"),
    ],
)
def test_a_density_that_divides_its_logarithm(density):
    assert rows(rule, DENSITY.format(density)) == [4]


@pytest.mark.parametrize(("head", "said"), [("logvar", "`logvar`"), ("x.chunk(2)[1]", "the log-variance")])
def test_the_divided_logarithm_is_named(head, said):
    (finding,) = run(rule, DENSITY.format(f"-0.5 * ({head} + (x - mean) ** 2) / torch.exp({head})"))
    assert f"divides {said} by the variance" in finding.message


SAMPLED = """
import torch

def log_density(mean, logvar, other):
    z = mean + torch.exp(0.5 * logvar) * {noise}
    return {density}
"""
AT_ITSELF = "-0.5 * (logvar + (z - mean) ** 2) / logvar.exp()"


@pytest.mark.parametrize(
    ("noise", "density"),
    [
        ("torch.randn_like(mean)", "-0.5 * (logvar + (z - mean) ** 2 / logvar.exp())"),
        ("torch.randn_like(mean)", "-0.5 * (logvar / logvar.exp() + 0.1 * (z - mean) ** 2 / logvar.exp())"),
        ("other", AT_ITSELF),
    ],
    ids=["the formula", "another weight", "not of noise"],
)
def test_silent_on_the_density_of_a_sample_at_itself(noise, density):
    assert rows(rule, SAMPLED.format(noise=noise, density=density)) == []


def test_fires_on_the_density_of_a_sample_at_itself():
    assert rows(rule, SAMPLED.format(noise="torch.randn_like(mean)", density=AT_ITSELF)) == [6]


@pytest.mark.parametrize(
    "density",
    [
        pytest.param("0.5 * (logvar + (x - mean) ** 2 * torch.exp(-logvar))", id="the negative"),
        pytest.param("-logvar - 0.5 * (x - mean) ** 2 * torch.exp(-2 * logvar)", id="of a log-deviation"),
        pytest.param("0.5 * logvar - 0.5 * (x - mean) ** 2 * torch.exp(logvar)", id="of a logarithm of the precision"),
        pytest.param("-torch.log(part) - 0.5 * (x - mean) ** 2 / part ** 2", id="of a deviation"),
        pytest.param("0.3 * logvar - 0.5 * (x - mean) ** 2 * torch.exp(-logvar)", id="another weight"),
        pytest.param("logvar - (x - mean) * torch.exp(-logvar)", id="no square"),
        pytest.param("logvar - shift * (x - mean) ** 2 * torch.exp(-logvar)", id="a weight in between"),
        pytest.param("0.5 * (shift - logvar + (logvar.exp() + (x - mean) ** 2) / shift.exp() - 1)", id="two laws"),
    ],
)
def test_silent_on_logarithms_with_the_sign_of_the_square(density):
    assert rows(rule, DENSITY.format(density)) == []


@pytest.mark.parametrize(
    ("density", "said"),
    [
        pytest.param("0.5 * logvar - 0.5 * (x - mean) ** 2 * torch.exp(-logvar)", "`logvar`", id="times the precision"),
        pytest.param("0.5 * ((x - mean) ** 2 / torch.exp(logvar) - logvar)", "`logvar`", id="a quotient"),
        pytest.param(
            "0.5 * (1.8 + logvar) - 0.5 * ((x - mean).pow(2) / logvar.exp())", "`logvar`", id="with the constant"
        ),
        pytest.param("shift - 0.5 * (x - mean) ** 2 * torch.exp(-2 * shift)", "`shift`", id="of a log-deviation"),
        pytest.param("torch.log(part) - 0.5 * (x - mean) ** 2 / part ** 2", "`part`", id="of a deviation"),
    ],
)
def test_a_density_whose_logarithm_is_turned_round(density, said):
    (finding,) = run(rule, DENSITY.format(density))
    assert f"{said} has the opposite sign" in finding.message
