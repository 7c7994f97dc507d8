"""What is said of a program that takes more steps to read than allowed."""

import textwrap

from aelint.engine.checkers import checker
from aelint.engine.project import Project
from aelint.registry import RuleInfo
from aelint.rules.architecture import feature_mismatch, unused_layer
from aelint.semantics import understand
from aelint.semantics.interpreter.machine import Limits
from aelint.sources.unit import SourceUnit

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.spare = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x)

net = Net()
wrong = nn.Linear(5, 2)(net(torch.rand(2, 4)))
print(sum(a * b + a - b for a, b in zip(range(30), range(30))))
"""


def found(module, limits):
    rule = module.RULE
    info = RuleInfo(rule.code, rule.name, module.__name__, rule.summary, rule.severity, rule.confidence)
    program = understand(SourceUnit("main.py", textwrap.dedent(NET)), limits=limits)
    return program.machine.stopped, [f.site.row for f in checker(info)(program, {})]


def test_silent_about_what_is_nowhere_in_the_part_that_was_read():
    assert found(unused_layer, Limits()) == (False, [8])
    assert found(unused_layer, Limits(steps_per_root=110)) == (True, [])


def test_says_what_was_seen_in_the_part_that_was_read():
    assert found(feature_mismatch, Limits(steps_per_root=110)) == (True, [14])


def test_a_short_script_may_run_all_of_the_long_file_that_it_imports(tmp_path):
    layers = "\n".join(f"        self.part{i} = nn.Linear(4, 4)" for i in range(400))
    calls = "\n".join(f"        x = torch.relu(self.part{i}(x)) + x - 0.5 * x * x" for i in range(400))
    model = f"import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{layers}\n\n    def forward(self, x):\n{calls}\n        return x\n"
    (tmp_path / "model.py").write_text(model, encoding="utf-8")
    script = "import torch\nfrom model import Net\n\nnet = Net()\nfor _ in range(3):\n    net(torch.rand(2, 4))\n"
    program = understand(SourceUnit(str(tmp_path / "train.py"), script), Project())
    assert not program.machine.stopped
