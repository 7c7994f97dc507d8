import pytest

from aelint.rules.variants import padding_in_loss as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
import torch.nn.functional as F
embed, head = nn.Embedding(100, 8{padding}), nn.Linear(8, 100)
tokens = torch.randint(0, 100, (32, 20))
logits = head(embed(tokens))
{loss}
"""
PAD = ", padding_idx=0"


@pytest.mark.parametrize(
    ("padding", "loss"),
    [
        ("", "y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())"),
        (PAD, "y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=0)"),
        (PAD, "y = nn.CrossEntropyLoss(ignore_index=0)(logits.flatten(0, 1), tokens.flatten())"),
        (PAD, "y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction='none')"),
        (PAD, "y = F.cross_entropy(logits.flatten(0, 1), labels)"),
    ],
    ids=["no padding", "ignored", "ignored by the layer", "masked later", "other targets"],
)
def test_silent(padding, loss):
    assert rows(rule, PROGRAM.format(padding=padding, loss=loss)) == []


@pytest.mark.parametrize(
    "loss",
    [
        "y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())",
        "y = nn.CrossEntropyLoss()(logits.view(-1, 100), tokens.view(-1))",
        "y = F.nll_loss(F.log_softmax(logits, -1).transpose(1, 2), tokens)",
    ],
)
def test_padding_counts(loss):
    assert rows(rule, PROGRAM.format(padding=PAD, loss=loss)) == [8]


MASK = """
import torch.nn.functional as F
def loss_of(pred, x, lengths):
    mask = x != 0
    error = F.mse_loss(pred, x, reduction="none")
    return {result}
"""


def test_mask_without_use():
    assert rows(rule, MASK.format(result="error.mean()")) == [4]
    assert rows(rule, MASK.format(result="(error * mask).sum() / mask.sum()")) == []
    assert rows(rule, MASK.format(result="error[mask].mean()")) == []
    assert rows(rule, MASK.format(result="(error.mean(), mask)")) == []


def test_tokens_that_are_never_padding():
    source = PROGRAM.format(padding=PAD, loss="y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())")
    assert rows(rule, source.replace("randint(0,", "randint(2,")) == []


MASKED = """
import torch
from torch import nn
import torch.nn.functional as F


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        mask = torch.rand(x.shape[:2]) < 0.5
        soft_mask = torch.sigmoid(self.layer(x))
        return self.layer(torch.where(mask[..., None], torch.zeros(6), x)), mask, soft_mask


def loss_of(model, x):
    {unpacked} = model(x)
    return {loss}


loss_of(Masked(), torch.rand(8, 12, 6))
"""


@pytest.mark.parametrize(
    ("unpacked", "loss"),
    [
        ("pred, mask, _", "F.mse_loss(pred[mask], x[mask])"),
        ("pred, _, _", "F.mse_loss(pred, x)"),
        ("pred, _mask, _", "F.mse_loss(pred, x)"),
        ("pred, mask, _", "F.mse_loss(pred, x), mask"),
        ("pred, _, soft_mask", "F.mse_loss(pred, x)"),
        ("pred, mask, _", "compare(pred, x, mask)"),
    ],
)
def test_silent_on_masks_that_are_read_or_left_out_on_purpose(unpacked, loss):
    assert rows(rule, MASKED.format(unpacked=unpacked, loss=loss)) == []


@pytest.mark.parametrize("unpacked", ["pred, mask, _", "(pred, mask, _)", "pred, patch_mask, _"])
def test_a_mask_of_the_model_that_the_loss_does_not_read(unpacked):
    assert rows(rule, MASKED.format(unpacked=unpacked, loss="F.mse_loss(pred, x)")) == [20]


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(
            "w = torch.ones(100)\nw[0] = 0\ny = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), weight=w)",
            id="no weight",
        ),
        pytest.param(
            "target = tokens.masked_fill(tokens == 0, -100)\ny = F.cross_entropy(logits.flatten(0, 1), target.flatten())",
            id="marked in the target",
        ),
        pytest.param(
            "real = tokens != 0\ny = F.cross_entropy(logits[real], tokens[real])", id="only real tokens are taken"
        ),
    ],
)
def test_padding_is_left_out_in_another_way(loss):
    assert rows(rule, PROGRAM.format(padding=PAD, loss=loss)) == []


def test_tokens_that_never_are_padding():
    source = PROGRAM.replace("randint(0, 100", "randint(1, 100")
    assert (
        rows(rule, source.format(padding=PAD, loss="y = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())")) == []
    )


def test_silent_on_one_label_for_each_sample():
    source = """
import torch
from torch import nn

embedding, head = nn.Embedding(5, 8, padding_idx=0), nn.Linear(8, 5)
criterion = nn.CrossEntropyLoss()

def loss(z, labels):
    return embedding(labels).sum() + criterion(head(z), labels)
"""
    assert rows(rule, source) == []
    assert rows(rule, source.replace("head(z), labels", "head(z).transpose(1, 2), labels")) == [9]


REPLACED = """
import torch
import torch.nn.functional as F

def loss(model, x, drawn, token):
    corrupted = x.clone()
    mask = (drawn * 2) == True
    {use}
    return F.mse_loss(model(corrupted), x)
"""


def test_silent_on_a_mask_that_says_what_is_overwritten():
    assert rows(rule, REPLACED.replace("{use}", "corrupted[mask] = token")) == []
    assert rows(rule, REPLACED.replace("{use}", "pass")) == [7]


RATED = """
import torch
from torch import nn
import torch.nn.functional as F

class AutoRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(40, 40)

    def forward(self, x):
        return self.net(x)

    def rating_loss(self, pred, target, mask, weight=1.0):
        {error}
        return error.sum() + weight * self.net.weight.norm()

model = AutoRec()
for x in torch.rand(9, 8, 40):
    seen = (torch.rand(8, 40) > 0.5).float()
    {call}
"""

APPLIED = {
    "multiplied": ("error = mask * (pred - target) ** 2", "model.rating_loss(model(x), x, seen).backward()"),
    "indexed": ("error = (pred[mask > 0] - target[mask > 0]) ** 2", "model.rating_loss(model(x), x, seen).backward()"),
    "no mask is given": ("error = (pred - target) ** 2", "model.rating_loss(model(x), x, None).backward()"),
    "masked before": ("error = (pred - target) ** 2", "model.rating_loss(seen * model(x), seen * x, seen).backward()"),
    "the network was told": ("error = (pred - target) ** 2", "model.rating_loss(model(x * seen), x, seen).backward()"),
    "nothing is compared": ("error = pred ** 2", "model.rating_loss(model(x), x, seen).backward()"),
    "nobody calls it": ("error = (pred - target) ** 2", "pass"),
}


@pytest.mark.parametrize(("error", "call"), APPLIED.values(), ids=APPLIED.keys())
def test_silent_on_losses_that_need_no_mask(error, call):
    assert rows(rule, RATED.format(error=error, call=call)) == []


def test_silent_where_several_losses_share_a_signature():
    source = RATED.format(error="error = (pred - target) ** 2", call="model.rating_loss(model(x), x, seen).backward()")
    assert rows(rule, source) == [15]
    assert rows(rule, source + "def rating_loss(pred, target, mask): return (mask * (pred - target)).sum()\n") == []
    assert (
        rows(
            rule,
            source.replace("AutoRec(nn.Module)", "AutoRec(Base)").replace(
                "class", "class Base(nn.Module): pass\nclass"
            ),
        )
        == []
    )


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("error = F.mse_loss(pred, target, reduction='none')", "model.rating_loss(model(x), x, seen).backward()"),
        ("error = (target - pred).abs()", "model.rating_loss(model(x), target=x, mask=seen).backward()"),
        ("error = torch.square(pred - target)", "model.rating_loss(model(x), x, seen, 0.1).backward()"),
    ],
)
def test_a_loss_that_never_reads_its_mask(error, call):
    assert rows(rule, RATED.format(error=error, call=call)) == [15]


def test_silent_on_one_label_for_each_sequence_in_a_loop_of_training():
    source = """
import torch.nn as nn
import torch.nn.functional as F
embed, gru = nn.Embedding(100, 8, padding_idx=0), nn.GRU(8, 8, batch_first=True)
for batch in loader:
    after = batch["next"]
    state = gru(embed(batch["items"]))[0][:, -1]
    score = (state * embed(after)).sum(-1)
    loss = F.cross_entropy(state @ embed.weight.T, after)
"""
    assert rows(rule, source) == []


WRITTEN = """
import torch
from torch import nn
import torch.nn.functional as F

class Coder(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.cell, self.head = words, nn.GRUCell(8, 8), nn.Linear(8, words)

    def forward(self, target, h):
        steps = target.shape[1]
        outputs = torch.zeros({shape})
        {start}
        for t in range({first}, steps):
            h = self.cell(h, h)
            outputs[{index}] = self.head(h)
        return outputs

def fit(net, loader, h):
    for target in loader:
        out = net(target, h)
        {loss}
        loss.backward()
"""
BATCH_FIRST = {"shape": "target.shape[0], steps, self.words", "index": ":, t", "first": "1", "start": "pass"}
TIME_FIRST = {"shape": "steps, target.shape[0], self.words", "index": "t", "first": "1", "start": "pass"}
ALL_STEPS = "loss = F.cross_entropy(out.view(-1, net.words), target.view(-1))"


@pytest.mark.parametrize(
    ("layout", "loss"),
    [
        pytest.param(
            BATCH_FIRST,
            "loss = F.cross_entropy(out[:, 1:].reshape(-1, net.words), target[:, 1:].reshape(-1))",
            id="first-step-left-out",
        ),
        pytest.param({**BATCH_FIRST, "first": "0"}, ALL_STEPS, id="written-from-the-first-on"),
        pytest.param({**BATCH_FIRST, "start": "outputs[:, 0] = self.head(h)"}, ALL_STEPS, id="first-step-set-before"),
        pytest.param({**BATCH_FIRST, "index": ":, t - 1"}, ALL_STEPS, id="one-step-before"),
        pytest.param(
            {**BATCH_FIRST, "index": ":, t, :", "start": "outputs = outputs + self.head(h).unsqueeze(1)"},
            ALL_STEPS,
            id="no-zeros",
        ),
        pytest.param(
            BATCH_FIRST,
            "loss = F.cross_entropy(out.view(-1, 9), target.view(-1), reduction='none')[9:].mean()",
            id="chosen-afterwards",
        ),
        pytest.param(
            {**TIME_FIRST, "index": "t] = outputs[t - 1] + self.cell(h, h)[0]; outputs[t"},
            ALL_STEPS,
            id="zero-is-the-start",
        ),
    ],
)
def test_silent_on_steps_that_are_predicted_or_left_out(layout, loss):
    assert rows(rule, WRITTEN.format(**layout, loss=loss)) == []


@pytest.mark.parametrize(
    ("layout", "loss"),
    [
        pytest.param(BATCH_FIRST, ALL_STEPS, id="batch-first"),
        pytest.param(
            TIME_FIRST,
            "loss = nn.CrossEntropyLoss(ignore_index=0)(out.flatten(0, 1), target.t().flatten())",
            id="time-first",
        ),
        pytest.param({**BATCH_FIRST, "index": ":, t, :"}, "loss = F.mse_loss(out, target)", id="values"),
    ],
)
def test_zeros_that_stand_for_the_prediction_of_the_first_step(layout, loss):
    assert rows(rule, WRITTEN.format(**layout, loss=loss)) == [23]
