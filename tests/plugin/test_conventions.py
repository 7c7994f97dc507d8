"""Models spelled as well-known libraries spell them are understood without any declaration."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.adapters.outputs import Leaf
from pytest_aecheck.adapters.roles import reconstruction_among
from pytest_aecheck.probes.bench import Bench
from tests.plugin.zoo import MLP, VAE, elbo, images, mse, series, vectors


def checked(model, batch=vectors, **declared):
    report = run_checks(AESpec(model, batch, **declared))
    assert [str(verdict) for verdict in report.failed] == []
    return report


def gaussian_kl(mean, logvar):
    return -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()


class LightningModule(nn.Module):
    """Stands for Lightning's class of this name, which is known by it."""

    automatic_optimization = True


class LitAutoencoder(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = MLP()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return {"loss": F.mse_loss(self(batch), batch)}


class LitDetached(LitAutoencoder):
    def training_step(self, batch, batch_idx):
        return {"loss": F.mse_loss(self.net.decoder(self.net.encoder(batch).detach()), batch)}


class LitManual(LitAutoencoder):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        raise RuntimeError("needs a trainer")


def test_training_step_of_a_lightning_module_is_its_loss():
    report = checked(LitAutoencoder)
    assert report["gradient-does-not-reach"].status == "passed"


def test_fault_inside_a_training_step_is_found():
    assert run_checks(AESpec(LitDetached, vectors))["gradient-does-not-reach"].status == "failed"


def test_manual_optimisation_has_no_loss_to_call():
    report = checked(LitManual)
    assert "no loss" in report["gradient-does-not-reach"].message


class DiagonalGaussian:
    def __init__(self, moments):
        self.mean, self.logvar = moments.chunk(2, dim=1)

    def sample(self):
        return self.mean + torch.exp(0.5 * self.logvar) * torch.randn_like(self.mean)

    def mode(self):
        return self.mean


class BaseOutput(OrderedDict):
    """Like the outputs of diffusers and transformers: a mapping whose items are attributes too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class AutoencoderKL(nn.Module):
    scale = 1.0

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1))
        self.decoder = nn.Sequential(nn.Conv2d(4, 8, 3, 1, 1), nn.SiLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))

    def encode(self, x):
        return BaseOutput(latent_dist=DiagonalGaussian(self.encoder(x)))

    def decode(self, z):
        return BaseOutput(sample=self.decoder(z))

    def forward(self, sample):
        return self.decode(self.encode(sample).latent_dist.mode() * self.scale)


class Rescaled(AutoencoderKL):
    scale = 0.18215


def test_diffusers_latent_distribution_is_understood():
    assert checked(AutoencoderKL, images)["latent-scale"].status == "passed"


def test_scale_that_only_one_route_applies_is_found_behind_a_latent_distribution():
    assert run_checks(AESpec(Rescaled, images))["latent-scale"].status == "failed"


@dataclass
class LossOutput:
    loss: torch.Tensor
    reconstruction_loss: torch.Tensor
    kl_local: torch.Tensor


class SingleCellVAE(nn.Module):
    """inference and generative dicts, and a loss beside them, as in scvi-tools."""

    def __init__(self):
        super().__init__()
        self.body, self.mean, self.logvar = nn.Linear(20, 16), nn.Linear(16, 4), nn.Linear(16, 4)
        self.decoder = nn.Linear(4, 20)

    def inference(self, x):
        hidden = torch.tanh(self.body(x))
        mean, logvar = self.mean(hidden), self.logvar(hidden)
        return {"qz_m": mean, "qz_v": logvar.exp(), "z": mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)}

    def generative(self, z):
        return {"px_rate": self.decoder(z)}

    def loss(self, tensors, inference, generative):
        error = (generative["px_rate"] - tensors["X"]).pow(2).sum(1)
        kl = -0.5 * (1 + inference["qz_v"].log() - inference["qz_m"].pow(2) - inference["qz_v"]).sum(1)
        return LossOutput((error + kl).mean(), error, kl)

    def forward(self, tensors: dict[str, Any], compute_loss: bool = True):
        inference = self.inference(tensors["X"])
        generative = self.generative(inference["z"])
        return inference, generative, self.loss(tensors, inference, generative)


class ForgetsKL(SingleCellVAE):
    def loss(self, tensors, inference, generative):
        error = (generative["px_rate"] - tensors["X"]).pow(2).sum(1)
        return LossOutput(error.mean(), error, error * 0)


def cells(n, seed):
    return {"X": torch.rand(n, 20, generator=torch.Generator().manual_seed(seed)), "batch": torch.zeros(n, 1)}


def test_scvi_loss_beside_inference_and_generative_outputs_is_the_loss():
    report = checked(SingleCellVAE, cells)
    assert report["kl-not-in-loss"].status == "passed"


def test_kl_missing_from_a_returned_loss_is_found():
    assert run_checks(AESpec(ForgetsKL, cells))["kl-not-in-loss"].status == "failed"


class MaskedForPreTraining(nn.Module):
    """Returns loss, logits per patch, and mask, as transformers' ViTMAEForPreTraining does."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(16, 32), nn.Linear(32, 16)
        self.position = nn.Parameter(torch.randn(1, 16, 32) * 0.02)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)

    def forward(self, pixel_values, return_dict=True):
        patches = F.unfold(pixel_values, 4, stride=4).transpose(1, 2)
        order = torch.rand(patches.shape[:2], device=patches.device).argsort(1)
        mask = (order >= 8).to(patches.dtype)
        hidden = self.embed(patches) * (1 - mask)[..., None] + self.position
        logits = self.head(self.block(hidden))
        error = (logits - patches).pow(2).mean(-1)
        return BaseOutput(loss=(error * mask).sum() / mask.sum(), logits=logits, mask=mask)


def test_masked_model_that_returns_its_loss_is_understood():
    report = checked(MaskedForPreTraining, images)
    assert report["loss-on-visible-patches"].status == "passed"


class CommitmentOnly(nn.Module):
    """Returns one term under the name of a loss; the rest is put together elsewhere."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        z = self.encoder(x)
        return {"recon": self.decoder(z), "loss": (z - z.round().detach()).pow(2).mean()}


def test_one_term_called_loss_is_not_taken_for_the_loss():
    report = checked(CommitmentOnly)
    assert "no loss" in report["gradient-does-not-reach"].message


class TwoHalves(nn.Module):
    """No forward: a user puts the halves together."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(20, 4), nn.Linear(4, 20)


def test_declared_encode_and_decode_stand_for_a_missing_forward():
    report = checked(
        TwoHalves,
        encode=lambda model, x: torch.tanh(model.down(x)),
        decode=lambda model, code: model.up(code),
        loss=lambda model, x: F.mse_loss(model.up(torch.tanh(model.down(x))), x),
    )
    assert report["output-ignores-input"].status == "passed"
    assert report["samples-mix"].status == "passed"


def test_fault_in_declared_halves_is_found():
    spec = AESpec(
        TwoHalves,
        vectors,
        encode=lambda model, x: torch.softmax(model.down(x), dim=0),
        decode=lambda model, code: model.up(code),
    )
    assert run_checks(spec)["samples-mix"].status == "failed"


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda m: torch.compile(m, backend="eager")], ids=["dp", "compile"])
def test_wrapped_model_is_unwrapped(wrap):
    torch.manual_seed(0)
    model = VAE()
    assert type(Bench(AESpec(wrap(model), vectors, loss=elbo)).model) is VAE
    checked(wrap(model), loss=elbo)


def test_model_compiled_in_place_is_watched_as_written():
    model = MLP()
    model.compile(backend="eager")
    checked(model, loss=mse)
    assert model._compiled_call_impl is not None


def test_factory_that_starts_one_instance_anew_is_no_second_instance():
    shared = MLP()

    def build():
        for module in shared.modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()
        return shared

    report = checked(build, loss=mse)
    assert "same instance" in report["state-does-not-round-trip"].message


class GatedByDrawnWeights(nn.Module):
    """Draws weights from parameters, so that the draw is no code of the input."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 6))
        self.mean, self.logvar, self.gate = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(4, 20)
        self.down, self.up = nn.Linear(20, 5), nn.Linear(5, 20)

    def forward(self, x):
        mean, logvar = self.mean(self.start), self.logvar(self.start)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return self.up(torch.relu(self.down(x * torch.tanh(self.gate(z)))))


def test_weights_that_are_drawn_are_no_code():
    report = checked(GatedByDrawnWeights)
    assert "not made from the input" in report["latent-bypass"].message


class NeedsCondition(nn.Module):
    """The batch holds data alone; the loss brings the condition."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(24, 5), nn.Linear(9, 20)

    def forward(self, x, c):
        return self.decoder(torch.cat([torch.tanh(self.encoder(torch.cat([x, c], 1))), c], 1))


def conditioned(model, x):
    return F.mse_loss(model(x, torch.eye(4)[torch.arange(len(x)) % 4]), x)


def test_a_model_that_needs_more_than_the_batch_is_called_as_the_loss_calls_it():
    report = run_checks(AESpec(NeedsCondition, vectors, loss=conditioned))
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC107"].status == report["AEC200"].status == report["AEC109"].status == "passed"


class CutOff(NeedsCondition):
    def forward(self, x, c):
        return super().forward(x.detach() * 0, c)


def test_faults_of_a_model_that_is_called_by_the_loss_are_found():
    assert run_checks(AESpec(CutOff, vectors, loss=conditioned))["AEC200"].status == "failed"


class OfTwoSources(nn.Module):
    """Is given the samples of one source and its name at a time."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"mouse": nn.Linear(20, 4), "man": nn.Linear(20, 4)})
        self.decoder = nn.ModuleDict({"mouse": nn.Linear(4, 20), "man": nn.Linear(4, 20)})

    def forward(self, x, source):
        return self.decoder[source](torch.tanh(self.encoder[source](x)))


def by_source(n, seed):
    return {"mouse": vectors(n, seed), "man": vectors(n, seed + 100)}


def test_a_mapping_that_the_loss_takes_apart_is_given_to_the_loss():
    def loss(model, batch):
        return sum((model(x, source) - x).pow(2).mean() for source, x in batch.items())

    report = run_checks(AESpec(OfTwoSources, by_source, loss=loss))
    assert report["AEC100"].status == "passed"
    assert not report.failed, str(report.failed)


def test_without_a_loss_the_missing_argument_is_named():
    found = run_checks(AESpec(NeedsCondition, vectors))["AEC100"]
    assert found.status == "warned"
    assert "forward wants c beside the batch: declare reconstruct" in found.message


class ManyDraws(nn.Module):
    """Gives three reconstructions of each image, and the image itself, as models with importance weights do."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 8))
        self.decoder = nn.Linear(4, 256)

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, 1)
        z = mu[:, None] + torch.randn(len(x), 3, 4) * torch.exp(0.5 * logvar)[:, None]
        return [self.decoder(z).view(len(x), 3, 1, 16, 16), x, mu, logvar]


def test_several_reconstructions_of_each_sample_are_not_mixed_up_with_the_input():
    report = checked(ManyDraws, images)
    assert report["AEC151"].status == "skipped"
    assert "declare reconstruct=" in report["AEC151"].message


class Masked(nn.Module):
    """Takes data and a mask, in the order and the packing that a subclass says."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(40, 5), nn.Linear(5, 20)

    def forward(self, x, mask):
        return self.decoder(torch.tanh(self.encoder(torch.cat([x * mask, mask], 1))))


class Packed(Masked):
    def forward(self, inputs):
        x, mask = inputs
        return super().forward(x, mask)


class Counted(Masked):
    """Fails on a target in the mask's place, as lengths or indices do."""

    def forward(self, x, mask):
        assert bool(((mask == 0) | (mask == 1)).all()), "not a mask"
        return super().forward(x, mask)


def observed(n, seed):
    x = vectors(n, seed)
    return x, x.clone(), (torch.rand(n, 20, generator=torch.Generator().manual_seed(seed)) > 0.3).float()


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        pytest.param(Counted, lambda x, mask: (x, mask), id="the target stands between them in the batch"),
        pytest.param(Packed, lambda x, mask: ((x, mask),), id="they are handed on as one"),
    ],
)
def test_the_loss_tells_which_parts_of_the_batch_the_model_takes(model, arguments):
    def loss(model, batch):
        x, target, mask = batch
        return F.mse_loss(model(*arguments(x, mask)), target)

    report = run_checks(AESpec(model, observed, loss=loss))
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC107"].status == report["AEC200"].status == "passed"


def test_what_the_loss_does_to_the_data_first_is_not_asked_for():
    def denoising(model, batch):
        x, target, mask = batch
        return F.mse_loss(model(x + 0.1 * torch.randn_like(x), mask), target)

    found = run_checks(AESpec(Counted, observed, loss=denoising))["AEC100"]
    assert "not a mask" in found.message


def test_a_loss_that_fails_before_it_calls_the_model_is_told_as_such():
    def broken(model, batch):
        raise ValueError("no such thing")

    report = run_checks(AESpec(MLP, lambda n, seed: (vectors(n, seed), 1), loss=broken))
    assert "no such thing" in report["AEC100"].message


class Parts(nn.Module):
    """No forward: the loss calls the parts."""

    def __init__(self, *between):
        super().__init__()
        self.narrow = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), *between, nn.Linear(16, 8))
        self.widen = nn.Sequential(nn.BatchNorm1d(8), *between, nn.Linear(8, 20))


def of_parts(model, x):
    return F.mse_loss(model.widen(model.narrow(x)), x)


@pytest.mark.parametrize(("between", "status"), [((nn.Tanh(),), "passed"), ((), "failed")])
def test_a_model_whose_parts_only_the_loss_calls_is_watched_there(between, status):
    report = run_checks(AESpec(lambda: Parts(*between), vectors, loss=of_parts))
    assert report["AEC113"].status == status
    assert [v.code for v in report.failed] == (["AEC113"] if between == () else [])


class Flat(MLP):
    """Takes images as vectors; what makes vectors of them stands in the loss."""

    def __init__(self):
        super().__init__(256)


def flattened(model, x):
    x = x.flatten(1)
    return F.mse_loss(model(x + 0.01 * torch.randn_like(x)), x)


def test_images_that_the_loss_flattens_are_no_fault_of_the_model():
    report = run_checks(AESpec(Flat, images, loss=flattened))
    assert [str(verdict) for verdict in report.failed] == []


class CountsCalls(Flat):
    """Takes images in either form, and counts how often it was called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        self.calls += 1
        return super().forward(x.flatten(1))


def test_finding_out_what_a_model_takes_leaves_it_as_it_was():
    assert Bench(AESpec(CountsCalls, images, loss=flattened)).model.calls == 0


class Predicting(nn.Module):
    """Any length of sequence will do."""

    def __init__(self):
        super().__init__()
        self.steps = nn.GRU(2, 2, batch_first=True)

    def forward(self, x):
        return self.steps(x)[0]


def test_a_model_that_takes_the_whole_batch_is_called_with_it():
    bench = Bench(AESpec(Predicting, series, loss=lambda model, x: F.mse_loss(model(x[:, :-1]), x[:, 1:])))
    assert bench.call(bench.model, bench.batch(3, 0)).shape == bench.batch(3, 0).shape


class TakesPicture(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 6), nn.Linear(6, 20)

    def forward(self, picture):
        return self.decoder(self.encoder(picture).tanh())


def test_a_batch_may_hold_more_than_the_model_takes_by_name():
    def batch(n, seed):
        rows = vectors(n, seed)
        return {"original": rows.clone(), "picture": rows, "index": torch.arange(n)}

    def loss(model, given):
        return F.mse_loss(model(given["picture"]), given["original"])

    report = run_checks(AESpec(TakesPicture, batch, loss=loss))
    assert [str(verdict) for verdict in report.failed] == []
    assert report["AEC200"].status == "passed", "the input is what the model takes, not what stands first"
    unnamed = run_checks(AESpec(TakesPicture, lambda n, seed: {"rows": vectors(n, seed)}), only=["AEC100"])
    assert unnamed["AEC100"].status == "failed"


class BesideADraw(nn.Module):
    """A plain autoencoder that draws something else beside its reconstruction."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.start = nn.Linear(20, 4), nn.Linear(4, 20), nn.Linear(4, 3)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(torch.zeros_like(z)), self.start(z) * torch.randn(len(x), 3)


def test_a_draw_beside_the_reconstruction_leaves_no_doubt_which_it_is():
    found = run_checks(AESpec(BesideADraw, vectors), only=["AEC200"])["AEC200"]
    assert found.status == "failed", str(found)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        pytest.param(["scale"], "scale", id="the only one, whatever it is called"),
        pytest.param(["mean"], "mean", id="the only mean"),
        pytest.param(["theta", "rate"], "rate", id="not a dispersion"),
        pytest.param(["mu", "theta"], "mu", id="the mean of a likelihood"),
        pytest.param(["scale", "mean", "decoded"], "decoded", id="what is called decoded"),
        pytest.param(["first", "second"], "first", id="the first of equals"),
    ],
)
def test_which_of_several_outputs_is_the_reconstruction(names, chosen):
    found = [Leaf(f"output['{name}']", torch.rand(8, 20)) for name in names]
    assert reconstruction_among(found, (8, 20), floating=True).path == f"output['{chosen}']"


class Pairs(nn.Module):
    """A graph autoencoder without a forward: only its loss knows how its parts belong together."""

    def __init__(self, width=6):
        super().__init__()
        self.first, self.second = nn.Linear(width, 8), nn.Linear(8, 4)

    def encode(self, x, adjacency):
        return adjacency @ self.second(torch.relu(adjacency @ self.first(x)))


class DecodedPairs(Pairs):
    def decode(self, z):
        return z @ self.first.weight[:4]


def pairs(n, seed):
    generator = torch.Generator().manual_seed(seed)
    edges = (torch.rand(n, 5, 5, generator=generator) < 0.4).float()
    return torch.rand(n, 5, 6, generator=generator), (edges + edges.transpose(1, 2) + torch.eye(5)).clamp(max=1) / 5


def edge_loss(model, batch):
    z = model.encode(*batch)
    return nn.functional.binary_cross_entropy_with_logits(z @ z.transpose(1, 2), (batch[1] > 0).float())


class AnyPairs(Pairs):
    """Hands on whatever it is given, as a wrapper of an encoder does."""

    def encode(self, *args):
        return super().encode(*args)


@pytest.mark.parametrize("model", [Pairs, DecodedPairs, AnyPairs])
def test_an_encoder_of_a_graph_is_given_its_edges(model):
    found = run_checks(AESpec(model, pairs, loss=edge_loss), only=["AEC100"])["AEC100"]
    assert found.status == "passed"


def test_an_encoder_that_raises_is_told():
    class Broken(DecodedPairs):
        def encode(self, x, adjacency):
            raise ValueError("no such edge")

    found = run_checks(AESpec(Broken, pairs), only=["AEC100"])["AEC100"]
    assert found.status == "failed"
    assert "no such edge" in found.message


class ScoredPairs(Pairs):
    """The decoder is asked for single edges, and the encoder takes of a mapping what the loss names."""

    def decode(self, z, edges):
        return (z[:, edges[0]] * z[:, edges[1]]).sum(-1)


def graph(n, seed):
    x, adjacency = pairs(n, seed)
    return {"features": x, "adjacency": adjacency}


def scored_loss(model, batch):
    z = model.encode(batch["features"], batch["adjacency"])
    scores = model.decode(z, torch.tensor([[0, 1, 2], [1, 2, 3]]))
    return nn.functional.softplus(-scores).mean()


def test_parts_that_take_more_than_a_batch_or_a_code_are_called_by_the_loss():
    report = run_checks(AESpec(ScoredPairs, graph, loss=scored_loss))
    assert report["AEC100"].status == "passed"
    assert not report.failed
    alone = run_checks(AESpec(ScoredPairs, graph), only=["AEC100"])["AEC100"]
    assert alone.status == "skipped"
    assert "declare" in alone.message
