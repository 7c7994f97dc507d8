"""Options of encoder and decoder that stand in each other's place (unused-setting)."""

from __future__ import annotations

import pytest

from aelint.rules.optimization import unused_setting as rule
from tests.rules.harness import rows

SOURCE = """import argparse
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--enc_layers", type=int, default=2)
parser.add_argument("--dec-layers", type=int, default=1)

class {name}(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.rnn = nn.GRU(8, 16, num_layers={first})

class TextDecoder(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.rnn = nn.GRU(8, 16, num_layers={second})

opt = parser.parse_args()
{name}(opt), TextDecoder(opt)
"""


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("TextEncoder", "opt.enc_layers", "opt.dec_layers"),
        ("EncoderDecoder", "opt.dec_layers", "opt.dec_layers"),
        ("Reader", "opt.dec_layers", "opt.dec_layers"),
        ("TextEncoder", "max(opt.enc_layers, opt.dec_layers)", "opt.dec_layers"),
    ],
    ids=["each-its-own", "both-sides", "no-side", "both-are-read"],
)
def test_silent(name: str, first: str, second: str) -> None:
    assert rows(rule, SOURCE.format(name=name, first=first, second=second)) == []


def test_fires_where_the_encoder_reads_the_decoders_option() -> None:
    assert rows(rule, SOURCE.format(name="TextEncoder", first="opt.dec_layers", second="opt.dec_layers")) == [11]
    source = SOURCE.replace("enc_layers", "layers_encoder").replace("dec-layers", "layers_decoder")
    assert rows(rule, source.format(name="Encoder", first="opt.layers_decoder", second="opt.layers_decoder")) == [11]


def test_fires_across_files() -> None:
    files = {
        "main.py": "import torch.nn as nn\nfrom options import opt\n\nclass Encoder(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.rnn = nn.GRU(8, opt.dec_width)\n\nEncoder()\n",
        "options.py": "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--enc_width', type=int)\n"
        "parser.add_argument('--dec_width', type=int)\nopt = parser.parse_args()\n",
    }
    assert rows(rule, files) == [7]
