"""Autoencoders that others wrote and released: tiny random configurations, nothing downloaded.

Each group is skipped where its library is not installed: `pip install diffusers transformers pythae`. The slow ones of
pythae (samplers within the loss) run with AECHECK_SLOW=1.
"""

import importlib
import warnings

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.observations import PROBE_BROKE


def images(n, seed, channels=3, side=16):
    g = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(n, channels, 4, 4, generator=g), size=(side, side), mode="bilinear")


def left_alone(spec, known=()):
    report = run_checks(spec, without=known)
    broke = [str(verdict) for verdict in report.skipped if verdict.message.startswith(PROBE_BROKE)]
    assert [str(verdict) for verdict in report.failed] + broke == []
    return report


# --- diffusers ----------------------------------------------------------------------------------------

BLOCKS = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1}
WAYS = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}


def kl(diffusers):
    return diffusers.AutoencoderKL(3, 3, latent_channels=2, sample_size=16, **BLOCKS, **WAYS)


def vq(diffusers):
    return diffusers.VQModel(3, 3, latent_channels=3, num_vq_embeddings=16, **BLOCKS, **WAYS)


def tiny(diffusers):
    widths = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    return diffusers.AutoencoderTiny(num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), latent_channels=2, **widths)


def asymmetric(diffusers):
    return diffusers.AsymmetricAutoencoderKL(
        3, 3, latent_channels=2, norm_num_groups=4, sample_size=16, down_block_out_channels=(8, 16),
        up_block_out_channels=(8, 16), **WAYS,
    )  # fmt: skip


def deep_compression(diffusers):
    blocks = ("ResBlock", "EfficientViTBlock")
    return diffusers.AutoencoderDC(
        latent_channels=4, attention_head_dim=2, encoder_block_types=blocks, decoder_block_types=blocks,
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)), encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
        downsample_block_type="conv", upsample_block_type="interpolate",
    )  # fmt: skip


def squared(model, x):
    return F.mse_loss(model(x).sample, x)


def with_kl(model, x):
    posterior = model.encode(x).latent_dist
    return F.mse_loss(model.decode(posterior.sample()).sample, x) + 1e-6 * posterior.kl().mean()


def with_commitment(model, x):
    output = model(x)
    return F.mse_loss(output.sample, x) + output.commit_loss.mean()


@pytest.mark.parametrize(
    ("model", "loss", "known"),
    [
        (kl, with_kl, ()),
        (kl, squared, ()),
        # Its quantiser weighs the other of the two terms, "legacy=True", as its source says itself.
        (vq, with_commitment, ("AEC703",)),
        (asymmetric, squared, ()),
        (deep_compression, squared, ()),
    ],
)
def test_autoencoders_of_diffusers_are_left_alone(model, loss, known):
    diffusers = pytest.importorskip("diffusers")
    left_alone(AESpec(lambda: model(diffusers), lambda n, s: images(n, s) * 2 - 1, loss=loss, batch_size=4), known)


def test_rounding_in_the_tiny_autoencoder_is_seen_and_absent_where_it_is_trained():
    """Its forward turns the code into bytes, for storage; who trains it calls the parts."""
    diffusers = pytest.importorskip("diffusers")
    spec = AESpec(lambda: tiny(diffusers), images, batch_size=4)
    assert {v.code for v in run_checks(spec.but(loss=squared)).failed} == {"AEC200", "AEC406"}

    def by_parts(model, x):
        return model.decode(model.encode(x).latents).sample

    left_alone(spec.but(loss=lambda m, x: F.mse_loss(by_parts(m, x), x), reconstruct=by_parts))


# --- transformers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalised", [False, True])
def test_masked_autoencoder_of_transformers_is_left_alone(normalised):
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTMAEConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=16, patch_size=4,
        decoder_num_attention_heads=2, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_intermediate_size=32,
        mask_ratio=0.5, norm_pix_loss=normalised,
    )  # fmt: skip
    left_alone(AESpec(lambda: transformers.ViTMAEForPreTraining(config), images, batch_size=4))


# --- pythae -------------------------------------------------------------------------------------------

QUICK = (
    "AE", "Adversarial_AE", "BetaTCVAE", "BetaVAE", "CIWAE", "DisentangledBetaVAE", "INFOVAE_MMD", "IWAE", "MIWAE", "PIWAE",
    "PoincareVAE", "RAE_GP", "RAE_L2", "SVAE", "VAE", "VAEGAN", "VAE_IAF", "VAE_LinNF", "VAMP", "VQVAE", "WAE_MMD",
)  # fmt: skip
SAMPLERS = ("FactorVAE", "HVAE", "MSSSIM_VAE", "RHVAE")


def of_pythae(name):
    pytest.importorskip("pythae")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = importlib.import_module("pythae.models")
    config = getattr(models, f"{name}Config", None) or getattr(models, f"{name}_Config")

    def build():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(models, name)(config(input_dim=(1, 8, 8), latent_dim=3))

    return AESpec(build, lambda n, s: {"data": images(n, s, 1, 8)}, batch_size=6, name=name)


@pytest.mark.parametrize("name", QUICK)
def test_models_of_pythae_are_left_alone(name):
    left_alone(of_pythae(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_models_of_pythae_with_samplers_are_left_alone(name):
    left_alone(of_pythae(name))
