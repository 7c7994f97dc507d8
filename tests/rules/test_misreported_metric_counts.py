"""AEL607: sums over batches that are divided by the wrong count, or that do not depend on the batches."""

import pytest

from aelint.rules.inference import misreported_metric as rule
from tests.rules.harness import rows

LOADERS = """
import torch
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

model, criterion = nn.Sequential(nn.Linear(20, 4), nn.Linear(4, 20)), nn.MSELoss()
data, held_out = TensorDataset(torch.randn(900, 20)), TensorDataset(torch.randn(100, 20))
train_loader = DataLoader(data, batch_size=50, shuffle=True)
loader = DataLoader(held_out, batch_size=50)
drawn = DataLoader(data, batch_size=50, sampler=SubsetRandomSampler(range(100)))
total, count = 0.0, 0
"""


def summed(over, added, divided):
    return (
        LOADERS
        + f"for i, (x,) in enumerate({over}):\n    loss = criterion(model(x), x)\n    {added}\nresult = {divided}\n"
    )


@pytest.mark.parametrize(
    ("over", "added", "divided"),
    [
        ("loader", "total += loss.item()", "total / len(loader)"),
        ("loader", "total += loss.item() * len(x)", "total / len(loader.dataset)"),
        ("drawn", "total += loss.item() * len(x)", "total / len(drawn.sampler)"),
        ("loader", "total += loss.item(); count += 1", "total / count"),
        ("loader", "total += loss.item(); count += i", "total / (i + 1)"),
        ("unknown", "total += loss.item()", "total / len(loader)"),
    ],
)
def test_silent_on_the_right_count(over, added, divided):
    assert rows(rule, summed(over, added, divided)) == []


@pytest.mark.parametrize(
    ("over", "added", "divided", "row"),
    [
        ("loader", "total += loss.item()", "total / len(train_loader)", 15),
        ("loader", "total += loss.item() * len(x)", "total / len(train_loader.dataset)", 15),
        ("drawn", "total += loss.item() * len(x)", "total / len(drawn.dataset)", 15),
        ("loader", "total += loss.item(); count += i", "total / (count + 1)", 14),
    ],
)
def test_fires_on_the_size_of_something_else(over, added, divided, row):
    assert rows(rule, summed(over, added, divided)) == [row]


DATA_SETS = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

class Signals(Dataset):
    def __init__(self, signals, scale=1.0):
        self.signals, self.scale = signals, scale

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, i):
        return self.signals[i] * self.scale

def load(size):
    return Signals(torch.randn(size, 20))

model, criterion = nn.Sequential(nn.Linear(20, 4), nn.Linear(4, 20)), nn.MSELoss(reduction="sum")
train_set = {first}
held_out = {second}
train_loader, loader = DataLoader(train_set, batch_size=50, shuffle=True), DataLoader(held_out, batch_size=50)
total = 0.0
for x in loader:
    total += criterion(model(x), x).item()
{divided}
"""
SPLIT = {
    "first": "Signals(torch.randn(900, 20))",
    "second": "Signals(torch.randn(100, 20))",
    "divided": "total /= len(train_set)",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"divided": "total /= len(held_out)"}, id="its own data"),
        pytest.param({"second": "Signals(train_set, 0.5)"}, id="the same samples in another form"),
        pytest.param({"second": "train_set"}, id="the same data"),
        pytest.param({"first": "load(900)", "second": "load(900)"}, id="two calls of one function"),
        pytest.param({"divided": "sizes = [900]; total /= len(sizes)"}, id="the length of something else"),
        pytest.param({"second": "unknown(20)"}, id="data that nothing is known of"),
        pytest.param({"divided": "train_set = held_out; total /= len(train_set)"}, id="a name that meant other data"),
    ],
)
def test_silent_on_the_size_of_the_loaders_own_data(parts):
    assert rows(rule, DATA_SETS.format(**{**SPLIT, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="in place"),
        pytest.param({"divided": "mean = total / len(train_set)"}, id="in a new name"),
        pytest.param({"second": "Subset(Signals(torch.randn(300, 20)), range(100))"}, id="a part of other data"),
        pytest.param({"first": "TensorDataset(torch.randn(900, 20))"}, id="data of another kind"),
    ],
)
def test_fires_on_the_size_of_another_data_set(parts):
    assert rows(rule, DATA_SETS.format(**{**SPLIT, **parts})) == [26]


EVALUATED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 20)

    def forward(self, x):
        return self.layer(x)

net = Net()
for (x,) in train_loader:
    out = net(x)
    training_loss = criterion(out, x)
    training_loss.backward()
net.eval()
for (y,) in loader:
    {}
    total += loss.item()
result = total / len(loader)
"""


@pytest.mark.parametrize(
    "loss",
    [
        "loss = criterion(net(y), y)",
        "loss = criterion(predict(net, y), y)",
        "noise = criterion(y + torch.randn(20), y); loss = criterion(net(y), y)",
    ],
)
def test_silent_where_the_model_is_judged_by_the_batch(loss):
    assert rows(rule, LOADERS + EVALUATED.format(loss)) == []


@pytest.mark.parametrize(
    ("loss", "row"),
    [
        ("loss = criterion(y + 0.1 * torch.randn_like(y), y)", 28),
        ("loss = nn.functional.l1_loss(y.clamp(0, 1), target=y)", 28),
        ("loss = training_loss", 29),
        ("loss = criterion(out, x)", 29),
    ],
)
def test_fires_where_it_is_not(loss, row):
    assert row in rows(rule, LOADERS + EVALUATED.format(loss))


RANKED = """
import torch
from torch import nn
from sklearn import metrics

model = nn.Linear(20, 20)
x, labels = torch.randn(60, 20), (torch.rand(60) < 0.2).long()
with torch.no_grad():
    scores = (model(x) - x).pow(2).mean(1)
result = metrics.{call}
"""


@pytest.mark.parametrize(
    "call",
    [
        "roc_auc_score(labels.numpy(), scores.numpy())",
        "roc_auc_score(labels, -scores)",
        "roc_auc_score(scores > 1, judge(x))",
        "accuracy_score(scores > 1, labels)",
    ],
)
def test_silent_where_the_labels_come_first(call):
    assert rows(rule, RANKED.format(call=call)) == []


@pytest.mark.parametrize(
    "call",
    [
        "roc_auc_score(scores.numpy(), labels.numpy())",
        "average_precision_score(scores.tolist(), labels)",
        "roc_curve(scores.cpu(), labels.cpu())",
    ],
)
def test_scores_before_labels(call):
    assert rows(rule, RANKED.format(call=call)) == [10]


STEPS = """
import torch
from torch import nn

encoder, decoder, critic = nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(20, 20)
x = torch.randn(8, 20)
loss = nn.functional.mse_loss(decoder(encoder(x)), x)
loss.backward()
with torch.no_grad():
    code = encoder(x)
    out = decoder(code)
    val = nn.functional.mse_loss({})
"""


@pytest.mark.parametrize("operands", ["out, x", "encoder(out), code", "critic(out), critic(x)", "critic(code), code"])
def test_silent_on_losses_of_outputs(operands):
    assert rows(rule, STEPS.format(operands)) == []


def test_silent_on_the_error_of_a_codebook_in_an_evaluation():
    source = """
import torch
from torch import nn
encoder, codebook, decoder = nn.Linear(20, 4), nn.Embedding(16, 4), nn.Linear(4, 20)
for x in torch.utils.data.DataLoader(torch.rand(99, 20)):
    kept = torch.rand(50, 4)
    loss = nn.functional.mse_loss(codebook(torch.cdist(kept, codebook.weight).argmin(1)), kept)
    loss.backward()
    with torch.no_grad():
        code = encoder(x)
        vectors = codebook(torch.cdist(code, codebook.weight).argmin(1))
        print(nn.functional.mse_loss(vectors.detach(), code))
"""
    assert rows(rule, source) == []


@pytest.mark.parametrize("operands", ["code, out", "out, code", "input=decoder(code), target=code"])
def test_a_code_compared_with_its_reconstruction(operands):
    assert rows(rule, STEPS.format(operands)) == [12]


CHOSEN = """
import torch
from torch import nn

def fit(model, data, held_out):
    best = float("inf")
    for epoch in range(9):
        train_loss = (model(data) - data).pow(2).mean().item()
        val_loss = (model(held_out) - held_out).pow(2).mean().item()
        {shown}
        if {decides} < best:
            best = {decides}
            torch.save(model.state_dict(), "best.pt")
"""


@pytest.mark.parametrize(
    ("shown", "decides"),
    [("pass", "val_loss"), ("print(val_loss)", "train_loss"), ("history.append(val_loss)", "train_loss")],
)
def test_silent_where_the_validation_loss_is_read(shown, decides):
    assert rows(rule, CHOSEN.format(shown=shown, decides=decides)) == []


def test_a_best_model_that_the_validation_loss_has_no_part_in():
    assert rows(rule, CHOSEN.format(shown="pass", decides="train_loss")) == [11]
    assert rows(rule, CHOSEN.format(shown="pass", decides="train_loss").replace("val_loss", "validation_mse")) == [11]


SUMMED = """
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

loader = DataLoader(torch.rand(200, 20), batch_size=16)
model = torch.nn.Linear(20, 20)
total = 0.0
for x in loader:
    loss = {loss}
    loss.backward()
    total += {term}
print(total / len(loader.dataset))
"""


@pytest.mark.parametrize(
    ("loss", "term"),
    [
        ("F.mse_loss(model(x), x)", "loss.item() * x.size(0)"),
        ("F.mse_loss(model(x), x, reduction='sum')", "loss.item()"),
        ("F.mse_loss(model(x), x, reduction='sum') / x.size(0)", "loss.item() * x.size(0)"),
        ("(model(x) - x).pow(2).sum(1).mean()", "loss.item() * len(x)"),
    ],
)
def test_silent_on_losses_that_are_counted_once(loss, term):
    assert rows(rule, SUMMED.format(loss=loss, term=term)) == []


@pytest.mark.parametrize(
    ("loss", "term"),
    [
        ("F.mse_loss(model(x), x, reduction='sum')", "loss.item() * x.size(0)"),
        ("(model(x) - x).pow(2).sum()", "x.shape[0] * loss.item()"),
        ("F.mse_loss(model(x), x, reduction='sum') + 0.5 * model(x).pow(2).sum()", "loss.item() / 200 * x.size(0)"),
    ],
)
def test_sums_times_the_number_of_samples(loss, term):
    assert rows(rule, SUMMED.format(loss=loss, term=term)) == [12]


CODED = """
import numpy as np
import torch
from sklearn import metrics
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

encoder = nn.Linear(20, 2)
inputs, labels = torch.randn(900, 20), torch.randint(0, 3, (900,))
others = torch.randint(0, 3, (900,))
data = TensorDataset(inputs, labels)
loader = DataLoader(data, batch_size=50{order})
codes, seen = [], []
with torch.no_grad():
    for x, y in loader:
        codes.append(encoder(x))
        seen.append(y)
loss = 0.0
print(metrics.{score})
"""


@pytest.mark.parametrize(
    ("order", "score", "found"),
    [
        ("", "silhouette_score(torch.cat(codes), labels)", []),
        (", shuffle=False", "silhouette_score(torch.cat(codes), labels)", []),
        (", shuffle=unknown", "silhouette_score(torch.cat(codes), labels)", []),
        (", shuffle=True", "silhouette_score(torch.cat(codes), torch.cat(seen))", []),
        (", shuffle=True", "silhouette_score(torch.cat(codes), others)", []),
        (", shuffle=True", "silhouette_score(inputs, labels)", []),
        (", shuffle=True", "silhouette_score(torch.cat(codes), labels)", [19]),
        (", shuffle=True", "silhouette_score(torch.cat(codes).cpu().numpy(), labels.numpy())", [19]),
        (", shuffle=True", "adjusted_rand_score(labels, torch.cat(codes).argmax(1))", [19]),
    ],
)
def test_fires_on_codes_in_the_order_of_a_shuffling_loader_beside_ordered_labels(order, score, found):
    assert rows(rule, CODED.format(order=order, score=score)) == found


SCATTER = """
import torch

def ratio(features, labels, loader):
    features = torch.as_tensor(features)
    between = 0.0
    for {name} in {over}:
        own = features[labels == {name}]
        between += own.shape[0] * float((own.mean(0) - features.mean(0)).square().sum())
    return between
"""


def test_silent_on_the_scatter_between_classes():
    assert rows(rule, SCATTER.replace("{name}", "label").replace("{over}", "range(10)")) == []


LATENT_PRIOR = """
import torch
from torch import nn

encoder, decoder, denoiser = nn.Linear(20, 4), nn.Linear(4, 20), nn.Linear(4, 4)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), *denoiser.parameters()])

def prior_loss(code):
    noisy = code + torch.randn_like(code)
    return nn.functional.mse_loss(denoiser(noisy), code)

for x in torch.rand(10, 32, 20):
    code = encoder(x)
    loss = nn.functional.mse_loss(decoder(code), x) + prior_loss(torch.rand(32, 4))
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

with torch.no_grad():
    print({measured})
"""


def test_silent_on_the_loss_of_a_prior_over_codes_that_training_computes_too():
    assert rows(rule, LATENT_PRIOR.format(measured="prior_loss(encoder(x))")) == []
    measured = "nn.functional.mse_loss(decoder(code)[:, :4], code)"
    assert rows(rule, LATENT_PRIOR.format(measured=measured)) == [20]


EVALUATED_BY_A_FUNCTION = """
def total_of(batches):
    return sum(criterion(model(x), x).item() * len(x) for (x,) in batches) / len(batches.dataset)


def train():
    batches = DataLoader(data, batch_size=50, shuffle=True)
    for (x,) in batches:
        criterion(model(x), x).backward()
    return total_of(loader)


result = train()
"""


LOADERS_OF_ITS_OWN = """
class Trainer:
    def __init__(self):
        self.training, self.testing = DataLoader(data, batch_size=50), DataLoader(held_out, batch_size=50)

    def evaluate(self):
        total = 0.0
        for (x,) in self.testing:
            total += criterion(model(x), x).item() * len(x)
        average = total / len(self.{counted}.dataset)
        return average


Trainer().evaluate()
"""
IN_ONE_FUNCTION = """
def evaluate():
    batches, others = DataLoader(held_out, batch_size=50), DataLoader(data, batch_size=50)
    total = 0.0
    for (x,) in batches:
        total += criterion(model(x), x).item() * len(x)
    average = total / len({counted}.dataset)
    return average


evaluate()
"""


@pytest.mark.parametrize(
    ("source", "counted", "found"),
    [
        pytest.param(LOADERS_OF_ITS_OWN, "testing", [], id="its own attribute"),
        pytest.param(LOADERS_OF_ITS_OWN, "training", [21], id="another attribute"),
        pytest.param(IN_ONE_FUNCTION, "batches", [], id="its own variable"),
        pytest.param(IN_ONE_FUNCTION, "others", [18], id="another variable"),
    ],
)
def test_the_loader_whose_samples_are_counted_may_be_built_anywhere(source, counted, found):
    assert rows(rule, LOADERS + source.format(counted=counted)) == found


def test_silent_where_another_function_has_a_loader_of_that_name():
    assert rows(rule, LOADERS + EVALUATED_BY_A_FUNCTION) == []
