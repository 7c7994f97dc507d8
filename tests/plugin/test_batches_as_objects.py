"""Batches that are objects or mappings which every layer adds to, and graphs whose rows are nodes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo.data import vectors


class Graph:
    """Nodes and the edges between them, as a plain object."""

    def __init__(self, x, edges):
        self.x, self.edges = x, edges


@dataclasses.dataclass(frozen=True)
class FrozenGraph:
    x: torch.Tensor
    edges: torch.Tensor


class GraphAE(nn.Module):
    """Each node sees its neighbours."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, 16), nn.Linear(16, 3)

    def forward(self, graph):
        source, target = graph.edges
        near = torch.zeros_like(graph.x).index_add(0, target, graph.x[source])
        return self.decoder(torch.tanh(self.encoder(graph.x + 0.5 * near)))


class CutOff(GraphAE):
    def forward(self, graph):
        return super().forward(type(graph)(graph.x.detach(), graph.edges))


def rings(kind):
    def batch(n, seed):
        x = torch.randn(6 * n, 3, generator=torch.Generator().manual_seed(seed))
        nodes = torch.arange(6 * n)
        return kind(x, torch.stack([nodes, nodes - nodes % 6 + (nodes + 1) % 6]))

    return batch


def graph_loss(model, graph):
    return F.mse_loss(model(graph), graph.x)


@pytest.mark.parametrize("kind", [Graph, FrozenGraph])
def test_nodes_that_see_their_neighbours_are_no_fault(kind):
    report = run_checks(AESpec(GraphAE, rings(kind), loss=graph_loss))
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC200"].status == "passed"
    assert "a row is no sample" in str(report["AEC107"])


@pytest.mark.parametrize("kind", [Graph, FrozenGraph])
def test_a_path_that_is_cut_is_found_behind_an_object(kind):
    assert run_checks(AESpec(CutOff, rings(kind), loss=graph_loss))["AEC200"].status == "failed"


class AddsToTheBatch(nn.Module):
    """Conditioned on what comes first in the batch; reconstructs what comes second."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(10, 4), nn.Linear(7, 7)

    def forward(self, batch):
        code = torch.tanh(self.encoder(torch.cat([batch["sound"], batch["motion"]], 1)))
        made = self.decoder(torch.cat([code, batch["sound"]], 1))
        batch["motion_again"] = made
        return batch


def heard(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return {"sound": torch.randn(n, 3, generator=generator), "motion": torch.randn(n, 7, generator=generator)}


def motion_loss(model, batch):
    return F.mse_loss(model(batch)["motion_again"], batch["motion"])


def test_an_input_that_stays_in_the_batch_is_not_taken_for_the_reconstruction():
    report = run_checks(AESpec(AddsToTheBatch, heard, loss=motion_loss))
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC151"].status == "skipped"


class ReturnsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 5)

    def forward(self, x):
        return {"x_hat": x, "code": torch.tanh(self.layer(x))}


def test_an_input_that_is_returned_as_the_reconstruction_is_one():
    assert run_checks(AESpec(ReturnsInput, vectors))["AEC151"].status == "failed"


class OneEntry(nn.Module):
    """Takes a tensor; its loss takes that out of a mapping, under a name that is not the parameter's."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 8), nn.Linear(8, 20)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))


def entries(n, seed):
    x = vectors(n, seed)
    return {"image": x * (x > -1), "label": x}


def entry_loss(model, batch):
    return F.mse_loss(model(batch["image"]), batch["label"])


def test_the_entry_that_the_loss_hands_over_is_what_the_model_takes():
    report = run_checks(AESpec(OneEntry, entries, loss=entry_loss))
    assert [str(verdict) for verdict in report.failed] == []
    assert {v.code for v in report.verdicts if v.status.value == "passed"} >= {"AEC100", "AEC200"}


def test_a_model_that_raises_on_that_entry_is_told():
    class Narrow(OneEntry):
        def forward(self, x):
            return super().forward(x[:, :10])

    (verdict,) = (v for v in run_checks(AESpec(Narrow, entries, loss=entry_loss)).failed if v.code == "AEC100")
    assert "forward raised" in verdict.message
