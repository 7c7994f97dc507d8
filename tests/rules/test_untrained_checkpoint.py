"""Which of two models is saved."""

import pytest

from aelint.rules.inference import untrained_checkpoint as rule
from tests.rules.harness import rows

PROGRAM = """
import copy
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))

def train(data, model=None):
    model = model or AE()
    optimizer = torch.optim.Adam(model.parameters())
    for x in data:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()
    return model

data = torch.randn(100, 8, 20)
{body}
"""

SILENT = {
    "the trained model": "model = train(data); torch.save(model.state_dict(), 'm.pt')",
    "the model that is handed over": "model = AE(); train(data, model); torch.save(model.state_dict(), 'm.pt')",
    "weights are loaded": "model = AE(); t = train(data); model.load_state_dict(t.state_dict()); torch.save(model, 'm.pt')",
    "weights are copied": "model = AE(); t = train(data)\n"
    "for p, q in zip(model.parameters(), t.parameters()): p.data.copy_(q)\ntorch.save(model.state_dict(), 'm.pt')",
    "a part is loaded": "model = AE(); t = train(data); model.encoder.load_state_dict(t.encoder.state_dict()); "
    "torch.save(model.state_dict(), 'm.pt')",
    "a part is replaced": "model = AE(); t = train(data); model.encoder = t.encoder; torch.save(model.state_dict(), 'm.pt')",
    "the start is saved before training": "model = AE(); torch.save(model.state_dict(), 'start.pt'); train(data)",
    "it is looked at": "model = AE(); t = train(data); print(model(data[0])); torch.save(model.state_dict(), 'm.pt')",
    "nothing is trained": "model = AE(); torch.save(model.state_dict(), 'm.pt')",
    "another function gets it": "model = AE(); t = train(data); mix(model, t); torch.save(model.state_dict(), 'm.pt')",
    "it is kept in an attribute": "box.model = model = AE(); t = train(data); torch.save(model.state_dict(), 'm.pt')",
    "an attribute is set": "model = AE(); model.note = 1; t = train(data); torch.save(model.state_dict(), 'm.pt')",
    "a method changes it": "model = AE(); model.apply(start); t = train(data); torch.save(model.state_dict(), 'm.pt')",
    "a model of another class is trained": "class Other(AE): pass; model = AE(); train(data, Other()); torch.save(model, 'm.pt')",
    "nothing is trained, one is run": "model = AE(); print(AE()(data[0])); torch.save(model.state_dict(), 'm.pt')",
    "its twin is looked at without gradients": "class Other(AE): pass; model = AE(); twin = AE()\n"
    "with torch.no_grad(): twin(data[0])\ntrain(data, Other()); torch.save(model, 'm.pt')",
    "it is kept": "box = nn.ModuleList(); model = AE(); box.append(model); t = train(data, None); torch.save(model, 'm.pt')",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, PROGRAM.format(body=body.replace("; ", "\n"))) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("model = AE(); trained = train(data); trained.eval(); torch.save(model.state_dict(), 'm.pt')", 28),
        ("model = AE(); train(data); model.eval(); torch.save(model, 'm.pt')", 28),
        ("train(data); torch.save(AE().state_dict(), 'm.pt')", 26),
        ("model = AE().to('cpu'); train(data); state = model.state_dict(); torch.save(state, 'm.pt')", 28),
    ],
)
def test_a_model_that_was_only_built(body, row):
    assert rows(rule, PROGRAM.format(body=body.replace("; ", "\n"))) == [row]


def test_silent_on_two_functions_that_nobody_in_sight_calls():
    apart = "def test_training(): train(data)\ndef test_file(): torch.save(AE().state_dict(), 'm.pt')"
    together = "def test_both():\n    train(data)\n    torch.save(AE().state_dict(), 'm.pt')"
    assert rows(rule, PROGRAM.format(body=apart)) == []
    assert rows(rule, PROGRAM.format(body=together)) == [27]
