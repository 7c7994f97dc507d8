"""AEL514: results in the order of a shuffle beside rows in the order of the table."""

from __future__ import annotations

import pytest

from aelint.rules.data import shuffled_results as rule
from tests.rules.harness import rows, run

SCORED = """
import numpy as np
import torch
from sklearn import metrics
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

X_train, X_test, y_train, y_test = train_test_split(np.load("x.npy"), np.load("y.npy"))
data = TensorDataset(torch.tensor(X_test).float(), torch.tensor(y_test))
train = DataLoader(torch.tensor(X_train), batch_size=32, shuffle=True)
loader = DataLoader(data, batch_size=32, shuffle={shuffle})
model, scores, labels = nn.Linear(8, 8), [], []
for x, y in loader:
    error = ((model(x) - x) ** 2).mean(dim=1)
    {collect}
    labels.append(y.numpy())
print({compared})
"""
APPENDED = "scores.append(error.detach().numpy())"
AUC = "metrics.roc_auc_score(y_test, np.concatenate(scores))"


@pytest.mark.parametrize(
    ("shuffle", "collect", "compared"),
    [
        pytest.param("False", APPENDED, AUC, id="in-order"),
        pytest.param(
            "True", APPENDED, "metrics.roc_auc_score(np.concatenate(labels), np.concatenate(scores))", id="own-labels"
        ),
        pytest.param("True", APPENDED, "metrics.roc_auc_score(y_train, np.concatenate(scores))", id="another-table"),
        pytest.param("True", APPENDED, "metrics.roc_auc_score(y_test, model(torch.tensor(X_test)))", id="all-at-once"),
        pytest.param("True", "scores.append(error.mean().item())", "len(y_test), np.mean(scores)", id="an-average"),
    ],
)
def test_silent(shuffle: str, collect: str, compared: str) -> None:
    assert rows(rule, SCORED.format(shuffle=shuffle, collect=collect, compared=compared)) == []


@pytest.mark.parametrize(
    ("collect", "compared"),
    [
        (APPENDED, AUC),
        ("scores.extend(error.tolist())", "metrics.average_precision_score(y_true=y_test, y_score=scores)"),
        ("scores.append(error.detach())", "metrics.f1_score(y_test, torch.cat(scores) > 0.5)"),
        ("scores += error.cpu().tolist()", "metrics.roc_curve(torch.tensor(y_test), scores)"),
    ],
)
def test_fires(collect: str, compared: str) -> None:
    assert rows(rule, SCORED.format(shuffle="True", collect=collect, compared=compared)) == [12]


OWN_METRIC = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def auc(labels, scores):
    return (scores[labels == 1][:, None] > scores[labels == 0]).float().mean()

def batches(table, shuffle={default}):
    return DataLoader(TensorDataset(table["values"], table["unusual"]), batch_size=32, shuffle=shuffle)

model = nn.Linear(8, 8)
table = {{"values": torch.rand(400, 8), "unusual": torch.rand(400) < 0.1}}
errors = torch.cat([{error} for x, _ in batches(table)])
print(auc(table["unusual"], errors))
"""


def test_a_metric_of_the_project() -> None:
    error = "(model(x) - x).pow(2).mean(1)"
    assert rows(rule, OWN_METRIC.format(default="True", error=error)) == [10]
    assert rows(rule, OWN_METRIC.format(default="False", error=error)) == []
    assert rows(rule, OWN_METRIC.format(default="True", error="(model(x) - x).pow(2).mean().view(1)")) == []


PASSES = """
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

{made}
model, codes, scores, labels, own, losses, later, away = nn.Linear(8, 8), [], [], [], [], [], [], []
for x, y in loader:
    codes.append(model(x).detach())
    labels.append(y)
    losses.append(judge(model(x), x))
first = y
{between}
for x, y in loader:
    error = ((model(x) - x) ** 2).mean(dim=1).detach()
    scores.extend(error.tolist())
    own.append(y)
    away.append((torch.cat(codes)[0] - model(model(model(x)))).norm(dim=1))
    later.append(judge(model(x), x))
scores, labels, own, codes = np.array(scores), torch.cat(labels), torch.cat(own), torch.cat(codes)
result = {compared}
"""
ROWS = "TensorDataset(torch.rand(99, 8), torch.rand(99) < 0.1)"
MADE = f"loader = DataLoader({ROWS}, batch_size=32, shuffle=True)"
OF_BOTH = "metrics.roc_auc_score(labels, scores)"


@pytest.mark.parametrize(
    ("made", "between", "compared"),
    [
        pytest.param(MADE.replace("True", "False"), "", OF_BOTH, id="in-order"),
        pytest.param(MADE, "", "metrics.roc_auc_score(own, scores)", id="one-pass"),
        pytest.param(MADE, "", "scores[own == 1]", id="one-pass-under-a-mask"),
        pytest.param(MADE, "", "labels.float().mean() - scores.mean()", id="means"),
        pytest.param(MADE, "", "metrics.roc_auc_score(own, torch.cat(away))", id="measured-from-the-other-pass"),
        pytest.param(MADE, "", "metrics.f1_score(torch.cat([first]), torch.cat([y]))", id="two-batches"),
        pytest.param(MADE, "", "np.array(losses) - np.array(later)", id="losses-of-batches"),
        pytest.param(MADE, "", "torch.stack(losses) - torch.stack(later)", id="stacked-losses-of-batches"),
        pytest.param(MADE, "", "scores > np.quantile(codes.mean(1), 0.9)", id="a-threshold"),
        pytest.param(MADE, "", "codes[:, None] - torch.tensor(scores)[None]", id="all-pairs"),
        pytest.param(MADE, "", "codes.view(-1, 1) - torch.tensor(scores)", id="all-pairs-by-view"),
        pytest.param(MADE, "", "metrics.pairwise_distances(labels, own)", id="distances-of-all-pairs"),
        pytest.param(MADE, "", "plt.scatter(codes[:, 0], codes[:, 1], c=labels)", id="a-plot-of-one-pass"),
        pytest.param(MADE, "torch.manual_seed(0)", OF_BOTH, id="seeded-again"),
        pytest.param(MADE, "torch.set_rng_state(state)", OF_BOTH, id="the-state-is-set-back"),
        pytest.param(
            MADE,
            "def seed_everything(seed):\n    torch.manual_seed(seed)\n\nseed_everything(0)",
            OF_BOTH,
            id="seeded-by-a-function",
        ),
        pytest.param(MADE, MADE, OF_BOTH, id="the-second-is-another-loader"),
        pytest.param(
            MADE, "", "metrics.roc_auc_score(own if len(own) > 3 else labels, scores)", id="perhaps-of-one-pass"
        ),
        pytest.param(MADE, "", "nn.Bilinear(8, 8, 8).fit(labels, own)", id="a-fit-of-something-else"),
    ],
)
def test_silent_on_passes(made: str, between: str, compared: str) -> None:
    assert rows(rule, PASSES.format(made=made, between=between, compared=compared)) == []


DISTANCES = """
import torch
from sklearn import metrics
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.rand(99, 8), torch.rand(99) < 0.1), batch_size=32, shuffle=True)
model, own, labels, away = nn.Linear(8, 8), [], [], []
for x, y in loader:
    labels.append(y)
anchor = x[0]
for x, y in loader:
    own.append(y)
    away.append((anchor - model(model(x))).norm(dim=1))
print(metrics.roc_auc_score(torch.cat({labels}), torch.cat(away)))
"""


def test_silent_on_distances_to_one_sample_of_another_pass() -> None:
    assert rows(rule, DISTANCES.format(labels="own")) == []
    assert rows(rule, DISTANCES.replace("anchor -", "x -").format(labels="labels")) == [7]


@pytest.mark.parametrize(
    "compared",
    [
        OF_BOTH,
        "metrics.f1_score(labels, scores > 0.5)",
        "scores[labels == 1].mean()",
        "codes[own.bool()]",
        "(labels == own).float().mean()",
        "codes.norm(dim=1) - torch.tensor(scores)",
        "plt.scatter(codes[:, 0], codes[:, 1], c=own, s=4)",
        "LogisticRegression().fit(codes, own)",
        "TensorDataset(codes, own)",
        "abs(torch.from_numpy(scores)) * ~labels",
    ],
)
def test_two_passes(compared: str) -> None:
    assert rows(rule, PASSES.format(made=MADE, between="", compared=compared)) == [10]


def test_rows_that_a_list_chooses() -> None:
    source = PASSES.replace("own.append(y)", "own.extend(y.tolist())").replace(
        "labels, own, codes = np.array(scores), torch.cat(labels), torch.cat(own)",
        "labels, codes = np.array(scores), torch.cat(labels)",
    )
    assert rows(rule, source.format(made=MADE, between="", compared="torch.cat(away)[own]")) == []
    assert rows(rule, source.format(made=MADE, between="", compared="codes[own]")) == [10]


def test_two_passes_in_functions_of_the_project() -> None:
    source = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Data:
        def __init__(self):
            self.x, self.y = torch.rand(99, 8), torch.rand(99) < 0.1

        def loader(self):
            return DataLoader(TensorDataset(self.x, self.y), batch_size=32, shuffle=True)

    def codes(model, loader):
        pairs = [(model(x), y) for x, y in loader]
        return torch.cat([c for c, _ in pairs]), torch.cat([y for _, y in pairs])

    def scores(model, loader):
        return torch.cat([(model(x) - x).pow(2).mean(1) for x, _ in loader])

    def evaluate(model, loader):
        z, y = codes(model, loader)
        return {expression}

    evaluate(nn.Linear(8, 8), Data().loader())
    """
    assert rows(rule, source.replace("{expression}", "scores(model, loader)[y == 1].mean()")) == [11]
    assert rows(rule, source.replace("{expression}", "z[y == 1].mean()")) == []


PACKED = """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

class Sentences(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 36)

    def encode(self, x, lengths):
        {order}
        packed = pack_padded_sequence({given}, batch_first=True{more})
        _, hidden = self.encoder(packed)
        return {code}

    def forward(self, x, lengths):
        {before}
        x_hat = self.decoder(self.encode(x, lengths)).view(-1, 9, 4)
        return nn.functional.mse_loss(x_hat, {target})

Sentences()(torch.rand(8, 9, 4), torch.randint(1, 9, (8,))).backward()
"""
SORTED = {
    "order": "order = lengths.argsort(descending=True)",
    "given": "x[order], lengths[order]",
    "more": "",
    "code": "hidden[-1]",
    "before": "pass",
    "target": "x",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"code": "hidden[-1][order.argsort()]"}, id="put back"),
        pytest.param({"code": "hidden[-1].index_select(0, torch.sort(order)[1])"}, id="put back by another sorting"),
        pytest.param(
            {
                "order": "order = lengths.argsort(descending=True); back = torch.empty(8).long(); back[order] = torch.arange(8)",
                "code": "hidden[-1][back]",
            },
            id="put back by what was written at the order",
        ),
        pytest.param({"given": "x, lengths", "more": ", enforce_sorted=False"}, id="not sorted"),
        pytest.param(
            {
                "order": "pass",
                "given": "x, lengths",
                "before": SORTED["order"] + "; x, lengths = x[order], lengths[order]",
            },
            id="sorted before, the target too",
        ),
        pytest.param({"target": "x[lengths.argsort(descending=True)]"}, id="the target is sorted for itself"),
        pytest.param(
            {"order": "order = torch.arange(8)", "more": ", enforce_sorted=False"}, id="rows that are chosen otherwise"
        ),
    ],
)
def test_silent_on_sorted_rows_that_meet_their_own(parts):
    assert rows(rule, PACKED.format(**{**SORTED, **parts})) == []


@pytest.mark.parametrize(
    "order",
    [
        "order = lengths.argsort(descending=True)",
        "_, order = lengths.sort(0, descending=True)",
        "order = torch.sort(lengths, descending=True)[1]",
    ],
)
@pytest.mark.parametrize("given", ["x[order], lengths[order]", "x.index_select(0, order), lengths[order]"])
def test_sorted_rows_that_are_never_put_back(order, given):
    assert rows(rule, PACKED.format(**{**SORTED, "order": order, "given": given})) == [15]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"code": "hidden[-1][torch.arange(8)]"}, id="chosen by something else in the end"),
        pytest.param({"target": "x[torch.arange(8)]"}, id="a target that is chosen by something else"),
        pytest.param({"given": "lengths=lengths[order], input=x[order]"}, id="by name"),
    ],
)
def test_other_choices_of_rows_put_nothing_back(parts):
    assert rows(rule, PACKED.format(**{**SORTED, **parts})) == [15]


def test_rows_that_a_script_sorts_are_told_where_they_are_packed():
    source = """
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    encoder, decoder = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 36)
    x, lengths = torch.rand(8, 9, 4), torch.randint(1, 9, (8,))
    order = lengths.argsort(descending=True)
    packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
    x_hat = decoder(encoder(packed)[1][-1]).view(8, 9, 4)
    nn.functional.mse_loss(x_hat, x).backward()
    """
    assert rows(rule, source) == [9]


COUNTED = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data, labels = torch.rand(500, 8), torch.randint(0, 4, (500,))
known, weights, noise = torch.zeros(20, dtype=torch.bool), torch.linspace(0, 1, 20), torch.randn(500, 4)
known[:4] = True
net = nn.Linear(8, 4)
optimizer = torch.optim.Adam(net.parameters())
loader = DataLoader(TensorDataset(data), batch_size=25, shuffle={shuffle})

for epoch in range(3):
    {before}
    for i, (x,) in enumerate(loader):
        optimizer.zero_grad()
        {body}
        loss.backward()
        optimizer.step()
"""
ROWS = "loss = nn.functional.cross_entropy(net(x), labels[i * 25:(i + 1) * 25])"
MARK = "loss = net(x).pow(2).mean() if known[i] else net(x).abs().mean()"


@pytest.mark.parametrize(
    ("body", "shuffle", "before"),
    [
        (ROWS, "False", "pass"),  # batches come as the rows lie
        (MARK, "False", "pass"),
        ("loss = net(x).pow(2).mean() * weights[i]", "True", "pass"),  # a schedule over the steps
        ("loss = (net(x) - noise[i * 25:(i + 1) * 25]).pow(2).mean()", "True", "pass"),  # belongs to no sample
        ("loss = net(x[i * 5:(i + 1) * 5]).mean()", "True", "pass"),  # of the batch itself
        (
            "noise[i * 25:(i + 1) * 25] = net(x).detach(); loss = (net(x) - noise[i * 25:(i + 1) * 25]).mean()",
            "True",
            "pass",
        ),
        ("found.append(net(x).mean()); loss = found[i]", "True", "found = []"),
        (
            "codes[i * 25:(i + 1) * 25] = 1; loss = net(x).mean() * codes[i * 25:(i + 1) * 25]",
            "True",
            "codes = torch.zeros(500)",
        ),
        ("loss = net(x).mean() + labels[epoch * 5:(epoch + 1) * 5].float().mean()", "True", "pass"),
        ("loss = net(x).mean() + labels[epoch * 5:(i + 1) * 5].float().mean()", "True", "pass"),
        ("loss = net(x).mean() + labels[i * 5:(epoch + 1) * 5].float().mean()", "True", "pass"),
        ("loss = net(x).mean() * float(known[epoch])", "True", "pass"),
        ("loss = net(x).mean() * optimizer.marks[i]", "True", "pass"),
        ("loss = net(x).mean() * nobody_knows[i]", "True", "pass"),
        ("loss = net(x).mean() + labels[i:].float().mean()", "True", "pass"),
    ],
)
def test_silent_on_batches_in_order_and_on_what_belongs_to_a_step(body, shuffle, before):
    assert rows(rule, COUNTED.format(body=body, shuffle=shuffle, before=before)) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (ROWS, "these rows"),
        (ROWS.replace("labels[i * 25:(i + 1) * 25]", "labels[25 * i : min(500, 25 * (i + 1))]"), "these rows"),
        ("y = labels[i * len(x):(i + 1) * len(x)]; loss = nn.functional.cross_entropy(net(x), y)", "these rows"),
        (ROWS.replace("(i + 1) * 25]", "(i + 1) * 25, None]"), "these rows"),
        (MARK, "this mark"),
        (
            "mark = known[i].expand(len(x)); loss = torch.where(mark, net(x).mean(1), net(x).pow(2).mean(1)).mean()",
            "this mark",
        ),
    ],
)
def test_a_table_read_by_the_number_of_a_shuffled_batch(body, said):
    (finding,) = run(rule, COUNTED.format(body=body, shuffle="True", before="pass"))
    assert said in finding.message
    assert finding.site.row == 17
