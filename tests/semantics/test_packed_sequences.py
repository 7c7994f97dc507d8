"""What is said of packed sequences is what torch gives."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.rules.harness import program

SOURCE = """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

packed = pack_padded_sequence(torch.rand(5, 7, 4), torch.tensor({lengths}), batch_first={packs}, enforce_sorted=False)
outputs, states = nn.{kind}(4, 6, num_layers=2, batch_first={layer})(packed)
padded, found = pad_packed_sequence(outputs, batch_first={pads}, total_length={total})
"""


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize(("packs", "layer", "pads"), [(True, True, True), (False, True, False), (True, False, False)])
@pytest.mark.parametrize("total", [None, 9])
def test_shapes_of_states_and_padded_outputs(kind, packs, layer, pads, total):
    count, longest = (5, 7) if packs else (7, 5)
    lengths = [longest - 1, *[1] * (count - 1)]
    source = SOURCE.format(lengths=lengths, packs=packs, layer=layer, pads=pads, kind=kind, total=total)
    known = {b.name: b.value for b in program(source).bindings}
    given = pack_padded_sequence(torch.rand(5, 7, 4), torch.tensor(lengths), batch_first=packs, enforce_sorted=False)
    outputs, states = getattr(nn, kind)(4, 6, num_layers=2, batch_first=layer)(given)
    padded, counts = pad_packed_sequence(outputs, batch_first=pads, total_length=total)
    pairs = zip(known["states"], states, strict=True) if kind == "LSTM" else [(known["states"], states)]
    assert all(said.shape == tuple(real.shape) for said, real in pairs)
    assert known["found"].shape == tuple(counts.shape)
    said = known["padded"].shape
    assert len(said) == 3
    assert all(a == b for a, b in zip(said, padded.shape, strict=True) if isinstance(a, int))
    assert said[0 if pads else 1] == count
    assert said[2] == 6
    assert (said[1 if pads else 0] == 9) is (total == 9)
