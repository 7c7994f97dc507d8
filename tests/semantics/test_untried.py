"""Code that a default passes over is looked at as well, and that look changes nothing else."""

import pytest

from tests.semantics.reading import understood

HEADS = """
class Encoder(nn.Module):
    def __init__(self, width=8, variational=False):
        super().__init__()
        self.variational = variational
        self.hidden = nn.Linear(784, width)
        if variational:
            self.mean = nn.Linear(width, 2)
            self.logvar = nn.Linear(width, 2)

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        if not self.variational:
            return h
        return self.mean(h), torch.exp(self.logvar(h))
"""


def entered(source, operation):
    """In which contexts an operation ran."""
    return [call.context for call in understood(source).calls_to(operation)]


def test_a_contradiction_is_not_reported_since_the_options_may_not_go_together():
    source = """
    def project(x, flat=False, width=8):
        if flat:
            return nn.Linear(16, 2)(torch.zeros(3, width))
        return x

    y = project(torch.zeros(3))
    """
    assert entered(source, "linear")
    assert understood(source).machine.trace.conflicts == []


def test_the_program_has_no_more_networks_and_layers_than_without_options():
    program = understood(HEADS)
    assert [network.cls.name for network in program.networks] == ["Encoder"]
    assert len(program.layers) == 1


def test_the_instance_of_the_first_look_keeps_its_state():
    source = """
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = 3

        def reset(self, hard=False):
            if hard:
                self.steps = 0
    """
    (network,) = understood(source).networks
    assert network.attrs["steps"] == 3


def test_both_sides_of_an_option_that_somebody_passes_ran_already():
    source = """
    def scale(x, double=False):
        if double:
            return torch.exp(x)
        return torch.sin(x)

    a, b = scale(torch.zeros(2)), scale(torch.zeros(2), double=True)
    """
    assert [context.speculative for context in entered(source, "exp")] == [False]
    assert [context.speculative for context in entered(source, "sin")] == [False]


def test_what_every_caller_passes_is_no_option():
    source = """
    def scale(x, double):
        if double:
            return torch.exp(x)
        return torch.sin(x)

    a = scale(torch.zeros(2), False)
    """
    assert entered(source, "exp") == []


def test_code_behind_an_option_of_a_function_runs():
    source = """
    def penalty(mean, reduction="sum"):
        if reduction == "sum":
            return mean.pow(2).sum()
        elif reduction == "mean":
            return torch.exp(mean).mean()
        raise ValueError(reduction)

    loss = penalty(torch.zeros(4, 2))
    """
    (context,) = entered(source, "exp")
    assert context.speculative


def test_code_behind_an_option_that_the_constructor_keeps_runs():
    (context,) = entered(HEADS, "exp")
    assert context.speculative
    (call,) = understood(HEADS).calls_to("exp")
    assert call.args[0].op == "linear"


def test_a_forward_runs_with_the_layers_that_an_option_adds():
    source = """
    class Encoder(nn.Module):
        def __init__(self, squash=False):
            super().__init__()
            self.head = nn.Linear(8, 2)
            if squash:
                self.head = nn.Sequential(nn.Linear(8, 2), nn.Sigmoid())

        def forward(self, x):
            return self.head(x)
    """
    assert entered(source, "sigmoid")


def test_code_behind_a_return_that_a_default_decides_runs():
    source = """
    def reparameterize(mean, logvar, sample=False):
        if not sample:
            return mean
        return mean + torch.exp(logvar) * torch.randn_like(mean)

    z = reparameterize(torch.zeros(4, 2), torch.zeros(4, 2))
    """
    assert entered(source, "exp")


def test_a_static_method_that_nobody_calls_runs_without_an_instance():
    source = """
    class Model(nn.Module):
        @staticmethod
        def penalty(logvar):
            return torch.exp(logvar).mean()
    """
    (call,) = understood(source).calls_to("exp")
    assert call.args[0].name == "logvar"


def test_what_autograd_calls_by_itself_is_left_to_it():
    source = """
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.exp(x)
    """
    assert entered(source, "exp") == []


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param("raise ValueError(type(x))", id="complains"),
        pytest.param("print(type(x))", id="prints"),
        pytest.param("x = by", id="keeps-what-it-is-given"),
        pytest.param("if x is None:\n            raise ValueError(type(x))", id="complains-further-inside"),
    ],
)
def test_an_option_behind_which_nothing_is_computed_is_not_tried(behind):
    source = f"""
    def scale(x, strict=False, by=None):
        x = torch.exp(x)
        if strict:
            {behind.replace("        ", "                ")}
        return x

    y = scale(torch.zeros(2))
    """
    assert len(entered(source, "exp")) == 1


def test_what_one_option_rules_out_stays_ruled_out():
    source = """
    class Posterior:
        def __init__(self, logvar, deterministic=False):
            self.deterministic = deterministic
            self.variance = torch.exp(logvar)
            if deterministic:
                self.variance = torch.zeros_like(logvar)

        def kl(self):
            if self.deterministic:
                return torch.tensor(0.0)
            return torch.log(self.variance)

    posterior = Posterior(torch.zeros(2))
    """
    assert [call.args[0].op for call in understood(source).calls_to("log")] == ["exp"]


def test_the_words_of_a_choice_are_tried_one_by_one():
    source = """
    def penalty(x, kind="l1"):
        if kind == "l1":
            return x.abs().mean()
        elif kind in ("exp", "sin"):
            return {"exp": torch.exp, "sin": torch.sin}[kind](x).mean()

    loss = penalty(torch.zeros(2))
    """
    assert len(entered(source, "exp")) == 1
    assert len(entered(source, "sin")) == 1


def test_every_word_of_a_choice_runs():
    source = """
    def penalty(x, kind="l1"):
        if kind == "l1":
            return x.abs().mean()
        if kind == "exp":
            return torch.exp(x).mean()
        if kind in ("sin", "sine"):
            return torch.sin(x).mean()
        raise ValueError(kind)

    loss = penalty(torch.zeros(2))
    """
    assert entered(source, "exp")
    assert entered(source, "sin")


def test_an_option_that_the_constructor_only_keeps_is_found_by_its_attribute():
    source = """
    class Encoder(nn.Module):
        def __init__(self, variational=False):
            super().__init__()
            self.sampled = variational
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            h = self.head(x)
            if self.sampled:
                h = torch.exp(h)
            return h
    """
    assert entered(source, "exp")


def test_a_second_look_that_runs_out_of_fuel_leaves_the_first_one_complete():
    source = """
    def widen(x, steps):
        for i in range(60):
            for j in range(60):
                x = torch.sin(x) if steps[i] else torch.cos(x)
        return x

    def grown(x, deep=False):
        if deep:
            x = torch.exp(x)
            return [widen(x, [1]), widen(x, [2]), widen(x, [3]), widen(x, [4]), widen(x, [5]), widen(x, [6])]
        return x

    y = grown(torch.zeros(2))
    """
    program = understood(source)
    assert entered(source, "exp")
    assert not program.machine.stopped
    assert program.notes == []
