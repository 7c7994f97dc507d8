"""AEL514: results in the order of a shuffle beside rows in the order of the table."""

from __future__ import annotations

import pytest

from aelint.rules.data import shuffled_results as rule
from tests.rules.harness import rows

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
