"""Settings that a program holds as text are read as the libraries read them, or not at all."""

import pytest

from aelint.semantics.domain.values import DictValue, ListValue, Sym
from tests.rules.harness import program


def read(source):
    """What the last name of a program stands for, as plain Python; None where it is not known."""
    return plain(program(source).bindings_of("settings")[-1].value)


def plain(value):
    match value:
        case DictValue(items=items):
            return {key: plain(one) for key, one in items.items()}
        case ListValue(items=items):
            return [plain(one) for one in items]
        case Sym():
            return None
        case _:
            return value


YAML = '''
import yaml
TEXT = """
{text}
"""
settings = yaml.safe_load(TEXT)
'''


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr: 0.003\nsize: 24", {"lr": 0.003, "size": 24}),
        (
            "# a comment\nmodel:\n  name: mlp_autoencoder  # another\n  size: 8\nseed: 1",
            {"model": {"name": "mlp_autoencoder", "size": 8}, "seed": 1},
        ),
        ("stop:\n  metric: val_loss\n  mode: 'max'\n", {"stop": {"metric": "val_loss", "mode": "max"}}),
        ("sizes: [16, 8]\nnames:\n  - enc\n  - dec", {"sizes": [16, 8], "names": ["enc", "dec"]}),
        ("lr: 1.0e-3\nlog: true\npath: ~", {"lr": 0.001, "log": True, "path": None}),
    ],
)
def test_plain_mappings_are_read(text, found):
    assert read(YAML.format(text=text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "lr: 1e-3",
        "log: yes",
        "base: &base\n  lr: 1",
        "text: |\n  lines",
        "- a list\n- of words",
        "code: 010",
        "a: {b: 1}",
        "  a: 1\nb: 2",
        "a: 1\n  b: 2",
    ],
)
def test_what_is_written_in_another_way_stays_unknown(text):
    assert read(YAML.format(text=text)) is None


def test_json_is_read():
    text = '{"lr": 0.1, "sizes": [16, 8], "name": "vae"}'
    assert read(f"import json\nsettings = json.loads({text!r})\n") == {"lr": 0.1, "sizes": [16, 8], "name": "vae"}
    assert read("import json\nsettings = json.loads(open('settings.json').read())\n") is None
    assert read("import json\nsettings = json.loads('{')\n") is None
