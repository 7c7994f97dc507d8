import pytest

from aelint.rules.architecture import unused_layer as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
{body}
"""
)


def net(*lines: str) -> str:
    return NET.format(body="\n".join("        " + line for line in lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        ("everything is used", ["h = self.a(x)", "return self.b(h)"]),
        ("a name says that it is not needed", ["_ = self.a(x)", "unused = self.b(x)", "return self.b(self.a(x))"]),
        (
            "read in a loop's next round",
            ["h = x", "for _ in range(3):", "    y = self.a(h) + self.b(h)", "    h = y", "return h"],
        ),
        ("read in one branch only", ["h = self.a(x)", "if self.training:", "    x = x + h", "return self.b(x)"]),
        ("read by a nested function", ["h = self.a(x)", "def f():", "    return h", "return self.b(f())"]),
        ("deleted on purpose", ["h = self.a(x)", "del h", "return self.b(x)"]),
        ("an in-place activation changes its argument", ["h = self.a(self.b(x))", "y = self.act(h)", "return h"]),
        ("an in-place method changes its argument", ["h = self.a(self.b(x))", "y = h.relu_()", "return h"]),
        (
            "a default for an exception",
            ["h = self.a(x)", "try:", "    h = self.b(h)", "except RuntimeError:", "    pass", "return h"],
        ),
        ("a part of an unpacked result", ["h, rest = self.a(self.b(x)).chunk(2)", "return h"]),
        ("logged", ["h = self.a(x)", "print(h.norm())", "return self.b(x)"]),
        ("kept as an attribute", ["self.h = self.a(x)", "return self.b(x)"]),
        ("seen by locals()", ["h = self.a(x)", "print(locals())", "return self.b(x)"]),
    ],
)
def test_silent_when(reason, lines):
    assert rows(rule, net(*lines)) == [], reason


def test_silent_on_layers_that_a_subclass_or_a_name_lookup_uses():
    base = (
        HEAD
        + "class Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(4, 4)\n    def forward(self, x):\n        return x\n"
    )
    assert rows(rule, base + "class Child(Base):\n    def forward(self, x):\n        return self.a(x)\n") == []
    dynamic = base.replace("return x\n", "return getattr(self, 'a' if self.training else 'b')(x)\n")
    assert rows(rule, dynamic) == []


def test_silent_on_layers_in_a_container():
    source = (
        HEAD
        + "class N(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(4, 4)\n        self.net = nn.Sequential(self.a, nn.ReLU())\n    def forward(self, x):\n        return self.net(x)\n"
    )
    assert rows(rule, source) == []


DECODER = (
    HEAD
    + """
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 8)

    def forward(self, z, {name}):
        return self.fc(z)


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.decoder = Decoder()

    def forward(self, x):
        h = self.encoder(x)
        return self.decoder({args})
"""
)


def test_silent_on_an_extra_argument_that_cuts_nothing_off():
    # The decoder could look at more, but the encoder still reaches it by `z`.
    assert rows(rule, DECODER.format(name="features", args="h, h * 2")) == []
    assert rows(rule, DECODER.format(name="mask", args="h, x > 0")) == []
    assert rows(rule, DECODER.format(name="_features", args="x[:, :4], h")) == []


TABLE = (
    HEAD
    + """
class Table(nn.Module):
    def __init__(self):
        super().__init__()
        {parts}
        self.register_buffer("angles", torch.arange(64.0)[:, None] / 100)

    def forward(self, x, places):
        return {waves}.cos()[places]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.queries, self.values, self.table = nn.Linear(8, 8), nn.Linear(8, 8), Table()

    def forward(self, x, places):
        values = self.values(x)
        queries = self.queries(x) * self.table(values, places)
        return {result}
"""
)


def test_silent_on_a_tensor_that_only_shows_its_type():
    plain = TABLE.format(parts="pass", waves="self.angles", result="(queries @ queries.mT).softmax(-1) @ values")
    assert rows(rule, plain) == []


def test_fires_on_a_tensor_that_a_module_with_weights_should_have_read():
    weighted = {"parts": "self.wave = nn.Linear(1, 1)", "waves": "self.wave(self.angles)"}
    assert rows(rule, TABLE.format(**weighted, result="(queries @ queries.mT).softmax(-1) @ values")) == [11]
    assert rows(rule, TABLE.format(parts="pass", waves="self.angles", result="queries")) == [11]


def test_fires_on_an_argument_that_carries_the_code():
    found = run(rule, DECODER.format(name="code", args="x[:, :4], h"))
    assert [f.site.row for f in found] == [10]
    assert "`code` is never read in `forward`" in found[0].message
    assert "self.encoder" in found[0].message or "`encoder`" in found[0].message


def test_fires_on_a_value_that_nothing_reads():
    found = run(rule, net("h = torch.tanh(self.a(x))", "return self.b(x)"))
    assert [f.site.row for f in found] == [13]
    assert "never read afterwards" in found[0].message


def test_fires_on_a_value_that_is_overwritten():
    found = run(rule, net("h = F.relu(self.a(x))", "h = self.b(x)", "return h"))
    assert [f.site.row for f in found] == [13]
    assert "line 14" in found[0].message


def test_fires_in_a_tuple_assignment_and_under_a_condition():
    assert rows(rule, net("m, v = self.a(x), self.b(x)", "return m, m")) == [13]
    branch = ["c = self.a(x)", "y = self.b(x)", "if x.sum() > 0:", "    c = c + x", "return y"]
    assert rows(rule, net(*branch)) == [16]


def test_silent_when_every_layer_reaches_the_result_in_another_way():
    assert rows(rule, net("h = self.a(x)", "y = self.b(h)", "h = h + x", "return y")) == []


def test_fires_on_a_layer_that_is_never_called():
    found = run(rule, net("return F.relu(self.b(x))"))
    assert [f.site.row for f in found] == [8]
    assert "never called" in found[0].message


PARAMETER = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.position = {value}

    def forward(self, x):
        return self.layer(x{plus})

Net()(torch.rand(2, 4))
"""


def test_silent_on_a_parameter_that_is_read_or_not_trained():
    trained = "nn.Parameter(torch.zeros(4))"
    assert rows(rule, PARAMETER.format(value=trained, plus=" + self.position")) == []
    assert rows(rule, PARAMETER.format(value="nn.Parameter(torch.zeros(4), requires_grad=False)", plus="")) == []
    assert rows(rule, PARAMETER.format(value="torch.zeros(4)", plus="")) == []


def test_fires_on_a_parameter_that_is_never_read():
    assert rows(rule, PARAMETER.format(value="nn.Parameter(torch.zeros(4))", plus="")) == [9]


def test_silent_on_a_parameter_of_a_network_whose_loss_is_out_of_sight():
    alone = PARAMETER.format(value="nn.Parameter(torch.zeros(4))", plus="").replace("Net()(torch.rand(2, 4))", "")
    assert rows(rule, alone) == []
    training = "from net import Net\nmodel = Net()\nloss = model(1).mean() / model.position.exp().mean()\n"
    assert rows(rule, {"main.py": training, "net.py": alone}) == []
    assert rows(rule, {"main.py": training.replace("model.position", "loss"), "net.py": alone}) == [9]


TWICE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, {width})

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.first(x)

Net()(torch.rand(2, 4))
"""


def test_points_to_the_second_call_of_a_layer_of_the_same_sizes():
    found = run(rule, TWICE.format(width=4))
    assert [f.site.row for f in found] == [13]
    assert found[0].notes[0].site.row == 9


def test_points_to_the_second_call_in_a_training_loop():
    source = TWICE.format(width=4) + "net = Net()\nfor _ in range(9):\n    net(torch.rand(2, 4))\n"
    assert rows(rule, source.replace("\nNet()(torch.rand(2, 4))\n", "\n")) == [13]


def test_points_to_the_layer_where_no_other_of_its_sizes_is_called_twice():
    assert rows(rule, TWICE.format(width=5)) == [9]


@pytest.mark.parametrize("body", ["return x", "pass", "raise NotImplementedError"])
def test_silent_on_an_exercise_that_is_still_to_be_written(body):
    source = f"""
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(8, 8)

            def forward(self, x):
                \"\"\"To do.\"\"\"
                {body}

        model = Net()
        loss = nn.functional.mse_loss(model(torch.rand(4, 8)), torch.rand(4, 8))
        """
    assert rows(rule, source) == []


LOOP = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)])
        self.kept = []

    def forward(self, x):
        out = x
{body}

Net()(torch.rand(2, 4))
"""
)


def loop(*lines):
    return LOOP.format(body="\n".join("        " + line for line in lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        ("handed on", ["for layer in self.layers:", "    out = layer(out)", "return out"]),
        ("summed", ["for layer in self.layers:", "    out = out + layer(x)", "return out"]),
        ("listed", ["found = []", "for layer in self.layers:", "    found.append(layer(x))", "return sum(found)"]),
        ("kept", ["for layer in self.layers:", "    out = layer(x)", "    self.kept.append(out)", "return out"]),
        ("ended at once", ["for layer in self.layers:", "    out = layer(x)", "    return out"]),
        ("the input moves on", ["for layer in self.layers:", "    out = layer(x)", "    x = x + out", "return out"]),
    ],
)
def test_silent_on_a_loop_whose_rounds_are(reason, lines):
    assert rows(rule, loop(*lines)) == [], reason


@pytest.mark.parametrize(
    "lines",
    [
        ["for layer in self.layers:", "    out = layer(x)", "return x + out"],
        ["for i in range(3):", "    out = self.layers[i](x)", "    out = torch.tanh(out)", "return out"],
        ["for i, layer in enumerate(self.layers):", "    h = layer(x)", "    out = F.relu(h)", "return out, x"],
    ],
)
def test_fires_on_a_loop_that_keeps_the_last_layer_alone(lines):
    assert rows(rule, loop(*lines)) == [14]


def test_a_variable_of_the_same_name_does_not_read_a_layer():
    source = net("b = self.a(x)", "return b")
    assert rows(rule, source + "\nNet()(torch.rand(2, 4))\n") == [9]


def test_an_underscore_that_is_read_is_a_name_like_any_other():
    assert rows(rule, net("_ = self.a(x)", "_ = self.b(x)", "return _ + x")) == [13]


def test_silent_on_an_argument_that_an_abstract_method_prescribes():
    source = (
        HEAD
        + """
from abc import abstractmethod

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.size, self.out = nn.Linear(4, 1), nn.Linear(4, 4)
    {decorator}
    def normalize(self, x, size):
        raise NotImplementedError
    def forward(self, x):
        return self.out(self.normalize(x, self.size(x)))

class Plain(Encoder):
    def normalize(self, x, size):
        return x.log1p()

Plain()(torch.rand(2, 4))
"""
    )
    assert rows(rule, source.format(decorator="@abstractmethod")) == []


def test_silent_on_side_heads_that_are_kept_for_a_checkpoint():
    heads = "\n        ".join(f"self.side{i} = nn.Linear(4, 4)" for i in range(4))
    source = NET.format(body="        return self.b(self.a(x))").replace("self.act = nn.ReLU(inplace=True)", "{heads}")
    assert rows(rule, source.replace("{heads}", heads)) == []
    assert rows(rule, source.replace("{heads}", heads.split("\n")[0])) == [10]


def test_one_forgotten_layer_among_many_that_no_visible_call_reaches():
    heads = "\n        ".join(f"self.side{i} = nn.Linear(4, 4)" for i in range(6))
    source = NET.format(body="        return self.b(self.a(x))").replace("self.act = nn.ReLU(inplace=True)", heads)
    source += "\n    def later(self, x):\n        if unknown(x):\n            return x\n" + "".join(
        f"        x = unknown(self.side{i})(x)\n" for i in range(5)
    )
    assert rows(rule, source + "        return x\n") == [15]


def test_silent_on_a_second_name_of_a_parameter_that_is_read():
    source = """
import torch
from torch import nn

class Topics(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = None
        self.beta = nn.Parameter(torch.randn(5, 20))

    def forward(self, x):
        {keep}
        return x @ {read}

Topics()(torch.rand(3, 5))
"""
    assert rows(rule, source.format(keep="self.words = self.beta", read="self.beta")) == []
    assert rows(rule, source.format(keep="pass", read="x.t()")) == [9]


def test_silent_on_a_whole_whose_parts_go_elsewhere():
    source = (
        HEAD
        + """
class Directions(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.kl = nn.Linear(4, 4), torch.tensor([3.0])
    def estimate(self, h):
        mu = self.mean(h)
        return {"mu": mu / mu.norm(dim=1, keepdim=True), "kappa": 50.0}
    def divergence(self, stats, size):
        return self.kl.expand(size)
    def forward(self, h):
        stats = self.estimate(h)
        kl = self.divergence(stats, h.size(0))
        return kl, stats["mu"] + torch.randn(2, 4)
"""
    )
    assert rows(rule, source) == []
    assert rows(rule, source.replace('stats["mu"] + torch.randn(2, 4)', "h")) == [12]


def test_silent_on_heads_of_a_network_that_reads_a_checkpoint_itself():
    source = (
        HEAD
        + """
class Net(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.{load}(torch.load(path), strict=False)
    def forward(self, x):
        return self.body(x)
"""
    )
    assert rows(rule, source.format(load="load_state_dict")) == []
    assert rows(rule, source.format(load="read")) == [8]


NAMED_AND_LISTED = """
import torch.nn as nn
class Decoder(nn.Module):
    def __init__(self, count=1):
        super().__init__()
        self.layers = []
        for i in range(count):
            stack = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
            self.add_module('stack%d' % i, stack)
            self.layers.append(stack)
        self.out = nn.Linear(4, 4)
    def forward(self, inputs):
        return [self.out(stack(x)) for stack, x in zip({read}, inputs)]
Decoder()([])
"""


def test_silent_on_layers_that_are_called_through_a_plain_list():
    assert rows(rule, NAMED_AND_LISTED.replace("{read}", "self.layers")) == []


def test_fires_where_nothing_reads_the_list_either():
    assert rows(rule, NAMED_AND_LISTED.replace("{read}", "[lambda x: x]")) == [8]


OFFERED = """
import torch
import torch.nn as nn
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        {base}
class Plain(Base):
    def __init__(self):
        super().__init__()
        {own}
    def forward(self, x):
        return x + 1
Plain()
"""


def test_silent_on_what_a_base_class_offers_to_all_its_subclasses():
    assert (
        rows(rule, OFFERED.replace("{base}", "self.bias = nn.Parameter(torch.zeros(8))").replace("{own}", "pass")) == []
    )
    assert rows(
        rule, OFFERED.replace("{own}", "self.bias = nn.Parameter(torch.zeros(8))").replace("{base}", "pass")
    ) == [11]


BLOCKS = """
import torch
from torch import nn

class Conv(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, n))

    def forward(self, x, adj):
        return adj @ x @ self.weight

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = Conv(6), nn.LayerNorm(6)
        self.conv2, self.norm2 = Conv(6), nn.LayerNorm(6)
        self.fc = nn.Linear(64, 4)

    def forward(self, batch):
        {unpacked} = batch
        {hidden}
        return self.fc(adj.flatten(1)), {result}

Net()((torch.rand(2, 8, 6), torch.rand(2, 8, 8)))
"""
BOTH = "h = self.norm2(self.conv2(self.norm1(self.conv1(x, adj)), adj))"


@pytest.mark.parametrize(
    ("unpacked", "hidden", "result", "found"),
    [
        pytest.param("x, adj", BOTH, "h", [], id="all are called"),
        pytest.param("x, adj", "h = 0", "x", [], id="several that a checkpoint may need"),
        pytest.param("_, adj", "h = 0", "h", [], id="left out on purpose"),
        pytest.param(
            "x, adj", "h = self.norm2(self.norm1(self.conv1(x, adj)))", "h", [17], id="a block of the project"
        ),
        pytest.param("x, adj", "h = 0", "h", [21], id="an input is dropped, and all that it was for"),
    ],
)
def test_blocks_of_the_project_that_are_never_called(unpacked, hidden, result, found):
    source = BLOCKS.format(unpacked=unpacked, hidden=hidden, result=result)
    assert sorted({f.site.row for f in run(rule, source)}) == found


def test_silent_on_a_part_that_the_caller_built():
    handed = BLOCKS.replace("def __init__(self):", "def __init__(self, conv=Conv(6)):").replace(
        "Conv(6), nn.LayerNorm(6)\n        self.conv2", "conv, nn.LayerNorm(6)\n        self.conv2"
    )
    hidden = "h = self.norm2(self.conv2(self.norm1(x), adj))"
    source = handed.format(unpacked="x, adj", hidden=hidden, result="h")
    assert rows(rule, source.replace("\nNet()", "\nNet(Conv(6))")) == []
    assert rows(rule, BLOCKS.format(unpacked="x, adj", hidden=hidden, result="h")) == [16]


def test_silent_on_a_block_that_a_file_out_of_sight_may_call():
    hidden = "h = self.norm2(self.norm1(self.conv1(x, adj)))"
    library = BLOCKS.replace("\nNet()((torch.rand(2, 8, 6), torch.rand(2, 8, 8)))\n", "\n")
    assert rows(rule, library.format(unpacked="x, adj", hidden=hidden, result="h")) == []


SCALE = """
import torch
from torch import nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.log_scale = nn.Parameter(torch.zeros(4))

    def forward(self, z):
        return self.layer(z)

Decoder()(torch.rand(2, 4))
"""


@pytest.mark.parametrize(
    ("other", "found"),
    [
        pytest.param(
            "def nll(model, x):\n    return model.decoder.log_scale.exp()\n", [], id="the loss of another file"
        ),
        pytest.param("def nll(model, x):\n    return model.decoder.log_scales\n", [9], id="another name"),
        pytest.param(
            "class Decoder:\n    def nll(self):\n        return self.log_scale\n", [9], id="a class of its own"
        ),
        pytest.param(
            "class Other:\n    def nll(self):\n        return self.log_scale\n",
            [9],
            id="what another class has of that name",
        ),
        pytest.param(
            "import decoder\nclass Child(decoder.Decoder):\n    def nll(self):\n        return self.log_scale\n",
            [],
            id="a child",
        ),
    ],
)
def test_a_parameter_may_be_read_by_a_file_that_imports_its_network(other, found):
    assert rows(rule, {"decoder.py": SCALE, "objective.py": other}) == found


SEQUENTIAL = """
import torch
from torch import nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        modules = [nn.Linear(4, 4), nn.ReLU()]
        self.body = nn.Sequential(*modules)
        self.head = nn.Linear(4, 4)

    def forward(self, x):
        {forward}

{rest}
Net()(torch.rand(2, 4))
"""
BODY_ALONE = {"imports": "", "forward": "return self.body(x)", "rest": ""}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"forward": "return self.head(self.body(x))"}, id="its own method"),
        pytest.param({"forward": "return [m for m in self.modules()][-1](self.body(x))"}, id="all modules by turns"),
        pytest.param(
            {"rest": "class Child(Net):\n    def both(self, x):\n        return self.head(x)\n"}, id="a child"
        ),
        pytest.param({"rest": "def last(net, x):\n    return net.head(x)\n"}, id="a function"),
        pytest.param(
            {"rest": "NAMES = ['head']\ndef last(net, x, i):\n    return getattr(net, NAMES[i])(x)\n"}, id="a name"
        ),
    ],
)
def test_silent_on_a_head_that_is_called_by(parts):
    assert rows(rule, SEQUENTIAL.format(**{**BODY_ALONE, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="nobody"),
        pytest.param(
            {"rest": "class Other:\n    def last(self, x):\n        return self.head(x)\n"}, id="a class of its own"
        ),
        pytest.param({"forward": '"""Run the body, then the head."""\n        return self.body(x)'}, id="a docstring"),
        pytest.param({"rest": "model = Net()\nmodel.eval()\n"}, id="a mode"),
    ],
)
def test_fires_on_a_head_that_is_only_named_by(parts):
    assert rows(rule, SEQUENTIAL.format(**{**BODY_ALONE, **parts})) == [11]


def test_a_look_up_by_name_in_a_file_of_other_networks_reads_no_layer_of_this_one():
    other = "def freeze(model):\n    for part in model.modules():\n        part.requires_grad_(False)\n"
    parts = {"imports": "from other import freeze"}
    assert rows(rule, {"main.py": SEQUENTIAL.format(**{**BODY_ALONE, **parts}), "other.py": other}) == [11]
    assert rows(rule, SEQUENTIAL.format(**{**BODY_ALONE, "rest": other})) == []


WITH_SAMPLE = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head, self.project, self.decoder = (nn.Linear(8, 8) for _ in range(4))

    def code(self, x):
        return self.head(self.encoder(x))

    def forward(self, x):
        h = self.encoder(x)
        {code}
        p = self.project(z)
        {rest}

    def sample(self, n):
        p = self.project(torch.randn(n, 8))
        return self.decoder(p)
"""


@pytest.mark.parametrize(
    ("code", "rest"),
    [
        ("z = self.head(h)", "return self.decoder(p), z"),
        ("z = self.code(x); self.kept = h", "return self.decoder(p)"),
        ("z = self.head(h)", "self.log(p)\n        return self.decoder(z)"),
        ("z = self.code(x)", "return self.decoder(p)"),
    ],
    ids=["all are read", "kept", "handed to the unknown", "computed a second time"],
)
def test_silent_on_a_pass_that_uses_all_it_computes(code, rest):
    assert rows(rule, WITH_SAMPLE.format(code=code, rest=rest)) == []


@pytest.mark.parametrize(
    ("code", "rest", "row"),
    [
        ("z = self.head(x)", "return self.decoder(p)", 14),
        ("z = self.head(h)", "return self.decoder(z)", 16),
        ("z = self.head(h)", "y = self.decoder(p)\n        return p, z", 17),
    ],
    ids=["the encoder", "the projection", "the decoder"],
)
def test_fires_on_what_a_pass_loses_although_another_method_runs_the_layer(code, rest, row):
    assert rows(rule, WITH_SAMPLE.format(code=code, rest=rest)) == [row]
