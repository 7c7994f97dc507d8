import pytest

from aelint.rules.architecture import undefined_attribute as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        {init}

    def forward(self, x):
        return {result}
{rest}
"""
)


def net(result: str, init: str = "pass", rest: str = "") -> str:
    return NET.format(result=result, init=init, rest=rest)


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("the module's own members", net("self.fc(x) if self.training else self.extra_repr()")),
        ("set by register_buffer", net("self.fc(x) + self.shift", "self.register_buffer('shift', torch.zeros(4))")),
        (
            "a buffer with a computed name",
            net("self.t_0[x]", "[self.register_buffer(f't_{i}', torch.zeros(n)) for i, n in enumerate(sizes)]"),
        ),
        ("set from outside", net("self.fc(x) * self.scale", rest="net = Net()\nnet.scale = 2\n")),
        (
            "set by setattr with a computed name",
            net("self.layer0(x)", "[setattr(self, f'layer{i}', self.fc) for i in range(2)]"),
        ),
        ("a framework's hook", net("self._hidden(x)")),
        (
            "defined by a subclass",
            net("self.head(x)", rest="class Child(Net):\n    def head(self, x):\n        return x\n"),
        ),
        ("asked for first", net("self.head(x) if hasattr(self, 'head') else x")),
        (
            "looked up by __getattr__",
            net("self.head(x)", rest="    def __getattr__(self, name):\n        return print\n"),
        ),
        (
            "a class attribute",
            HEAD + "class N(nn.Module):\n    scale = 2\n    def forward(self, x):\n        return x * self.scale\n",
        ),
    ],
)
def test_silent_on(reason, source):
    assert rows(rule, source) == [], reason


def test_silent_on_a_class_that_leaves_a_method_to_its_subclasses():
    left = '    def solve(self, x):\n        """Solve."""\n        raise NotImplementedError\n'
    assert rows(rule, net("self.solve(self.backend.check(x))", rest=left)) == []
    assert rows(
        rule, net("self.solve(self.backend.check(x))", rest=left.replace("raise NotImplementedError", "return x"))
    ) == [11]


def test_silent_when_an_ancestor_is_unknown():
    source = "import torch.nn as nn\nfrom lib import Mixin\nclass N(Mixin, nn.Module):\n    def forward(self, x):\n        return self.head(x)\n"
    assert rows(rule, source) == []


def test_fires_on_a_layer_that_was_never_built():
    found = run(rule, net("torch.relu(self.fc2(x))"))
    assert [f.site.row for f in found] == [11]
    assert "did you mean `fc`?" in found[0].message


def test_fires_on_a_plain_attribute_and_on_a_method():
    assert rows(rule, net("self.fc(x) * self.beta")) == [11]
    assert rows(rule, net("self.decode(self.fc(x))")) == [11]


def test_fires_when_the_ancestor_is_in_another_file():
    files = {
        "main.py": "from base import Root\nclass N(Root):\n    def forward(self, x):\n        return self.head(self.body(x))\n",
        "base.py": HEAD
        + "class Root(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.body = nn.Linear(2, 2)\n",
    }
    assert rows(rule, files) == [4]


def test_silent_on_a_skeleton_whose_constructor_calls_what_subclasses_of_other_files_write() -> None:
    source = """
    from torch import nn


    class Part(nn.Module):
        def __init__(self, settings):
            super().__init__()
            self.settings = settings
            self.construct()
    """
    assert rows(rule, source) == []


def test_silent_on_parts_that_the_class_announces_by_their_type():
    source = (
        HEAD
        + """
class Model(nn.Module):
    encode_image: nn.Module
    decode_image: nn.Module

    def forward(self, x):
        return self.decode_image(self.encode_image(x))
"""
    )
    assert rows(rule, source) == []
    assert rows(rule, source.replace("    decode_image: nn.Module\n", "")) == [8]


def test_silent_where_the_constructor_stores_all_of_its_names():
    assert rows(rule, net("self.scale * self.fc(x)", "scale = 2; self.__dict__.update(locals())")) == []
    assert rows(rule, net("self.scale * self.fc(x)", "vars(self).update(scale_of(self))")) == []


def test_silent_where_the_documentation_speaks_of_subclasses():
    documented = "    def tune(self):\n        '''Override in subclasses.'''\n"
    assert rows(rule, net("self.head(x)", rest=documented)) == []
    assert rows(rule, net("self.head(x)", rest=documented.replace("Override in subclasses", "Tune the net"))) != []


@pytest.mark.parametrize(
    ("init", "found"),
    [
        pytest.param("self_head = nn.Linear(4, 2)", 8, id="underscore-for-the-dot"),
        pytest.param("head = nn.Linear(4, 2)", 8, id="self-forgotten"),
        pytest.param("head: nn.Module = nn.Linear(4, 2)", 8, id="annotated"),
        pytest.param("head = nn.Linear(4, 2); self.body = nn.Sequential(self.fc, head)", 11, id="the-local-is-used"),
    ],
)
def test_a_local_name_of_the_attribute_is_where_it_was_forgotten(init, found):
    assert rows(rule, net("self.head(self.fc(x))", init)) == [found]
    assert "local name" in run(rule, net("self.head(x)", "head = nn.Linear(4, 2)"))[0].message


COMPLETED = {
    "base.py": """
        from torch import nn
        class MultiVAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.Linear(4, 4)
            def forward(self, x):
                return self.encoder(x) * self.scaling + self.bound(x)
    """,
    "mnist.py": """
        from base import MultiVAE
        class Mnist({base}):
            def __init__(self):
                super().__init__()
                self.scaling = 2.0
            def bound(self, x):
                return x
    """,
}


def test_silent_on_a_class_that_a_file_beside_it_completes():
    files = {name: text.replace("{base}", "MultiVAE") for name, text in COMPLETED.items()}
    assert rows(rule, files) == []
    assert rows(rule, files | {"mnist.py": files["mnist.py"] + "class MultiVAE: ...\n"}) == [8]
    assert rows(rule, {name: text.replace("{base}", "object") for name, text in COMPLETED.items()}) == [8]


OUTSIDE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x):
        return self.dec(self.enc(x))

model = Net()
{use}
"""


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("torch.optim.Adam(model.enc.parameters())", id="it is there"),
        pytest.param("model.encoder = model.enc; model.encoder(torch.rand(2, 8))", id="it is set from outside"),
        pytest.param("if wrapped: model.module.eval()", id="under a condition"),
        pytest.param(
            "from tracing import LanguageModel\nlm = LanguageModel()\nlm.layers[0].net = model\nwith lm.trace():\n    seen = lm.layers[0].net.output.save()",
            id="a library wraps what it is given",
        ),
        pytest.param("if compiled: model.recompile()", id="a method under a condition"),
        pytest.param("try:\n    model.encoder.eval()\nexcept AttributeError:\n    pass", id="tried"),
        pytest.param("def use(net):\n    return net.encoder.weight", id="a function that gets some network"),
        pytest.param("getattr(model, 'encoder', None); model.encoder.eval()", id="a string names it"),
        pytest.param(
            "def weights(model, x):\n    model(x)\n    return model.encoder.weight",
            id="a function that nobody calls, for models like this one",
        ),
        pytest.param(
            "def old(net): return net.encoder\ndef new(net): return net.enc\n(old if args.old else new)(model)",
            id="a function that an option chooses",
        ),
        pytest.param(
            "def embed(self, x):\n    return self.enc(x)\n\nNet.encode = embed\nmodel.encode(torch.rand(2, 8))",
            id="a function that the class is given under another name",
        ),
    ],
)
def test_silent_on_attributes_read_from_outside(use):
    assert rows(rule, OUTSIDE.format(use=use)) == []


def test_silent_on_code_of_another_file_that_may_serve_other_models():
    helper = "def weights(net):\n    return net.encoder.weight\n"
    use = "from helper import weights\nweights(model)"
    assert rows(rule, {"main.py": OUTSIDE.format(use=use), "helper.py": helper}) == []


@pytest.mark.parametrize(
    ("use", "row"),
    [
        pytest.param("torch.optim.Adam(model.encoder.parameters())", 14, id="an attribute"),
        pytest.param("model.encode(torch.rand(2, 8))", 14, id="a method"),
        pytest.param(
            "def use(net):\n    return net.encoder.weight\n\nuse(model)", 15, id="in a function that the program calls"
        ),
        pytest.param("try:\n    model.encoder.eval()\nfinally:\n    log.close()", 15, id="tried, and not caught"),
        pytest.param(
            "try:\n    import wandb\nexcept ImportError:\n    wandb = None\nmodel.encoder.eval()",
            18,
            id="behind something else that is tried",
        ),
    ],
)
def test_an_attribute_that_the_model_of_the_program_lacks(use, row):
    assert rows(rule, OUTSIDE.format(use=use)) == [row]


WRAPPED = """
import torch
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, x):
        return {own}.body(x).mean()


def main(device):
    critic = {made}
    critic = {wrap}(critic.to(device))
    torch.nn.utils.clip_grad_norm_(critic.module.parameters(), 1.0)


main("cuda")
"""


@pytest.mark.parametrize("wrap", ["DDP", "nn.DataParallel", "accelerate"])
@pytest.mark.parametrize("made", ["Critic()", "nn.Sequential(Critic())"])
def test_silent_on_the_network_in_a_wrapper_for_several_devices(wrap: str, made: str) -> None:
    assert rows(rule, WRAPPED.format(wrap=wrap, own="self", made=made)) == []


def test_fires_on_a_network_that_takes_itself_out_of_a_wrapper_that_it_does_not_know_of() -> None:
    assert rows(rule, WRAPPED.format(wrap="DDP", own="self.module", made="Critic()")) == [13]
