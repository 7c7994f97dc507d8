"""Small data sets: n samples from a seed."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it


def vectors(n, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, generator=g) @ torch.randn(6, 20, generator=torch.Generator().manual_seed(99)) / 3


def images(n, seed, channels=1, side=16):
    g = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(n, channels, 4, 4, generator=g), size=(side, side), mode="bilinear")


def signed_images(n, seed):
    return images(n, seed) * 2 - 1


def series(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 6.28, 12).view(1, -1, 1)
    return torch.sin(t * (1 + torch.rand(n, 1, 2, generator=g)) + 6 * torch.rand(n, 1, 2, generator=g))


def tokens(n, seed):
    return torch.randint(2, 15, (n, 7), generator=torch.Generator().manual_seed(seed))


def sentences(n, seed):
    """Tokens of different lengths, filled up with zeros."""
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 13, (n, 1), generator=g)
    lengths[0] = 12
    return torch.randint(2, 15, (n, 12), generator=g) * (torch.arange(12) < lengths)


def patches(n, seed):
    return torch.randn(n, 12, 8, generator=torch.Generator().manual_seed(seed)).cumsum(1) / 3


def binary(n, seed):
    return (vectors(n, seed) > 0).float()


def labelled(n, seed):
    return vectors(n, seed), torch.arange(seed, seed + n) % 3


def half_vectors(n, seed):
    return vectors(n, seed).to(torch.bfloat16)


def series_first(n, seed):
    return series(n, seed).transpose(0, 1).contiguous()


def scaled_images(n, seed):
    """Scaled by the smallest and largest pixel of other images: the odd pixel lies just outside of [0, 1]."""
    return images(n, seed) * 1.16 - 0.08


def counts(n, seed):
    """Molecules of 20 genes, drawn around one of three profiles, at a depth of each cell's own."""
    g = torch.Generator().manual_seed(seed)
    profiles = torch.randn(3, 20, generator=torch.Generator().manual_seed(9)).softmax(1)
    depth = 200 + 600 * torch.rand(n, 1, generator=g)
    return torch.poisson(depth * profiles[torch.randint(0, 3, (n,), generator=g)], generator=g)


def adjacency(n, seed):
    """Node features and a dense graph, with as many features as a graph autoencoder's latent has."""
    g = torch.Generator().manual_seed(seed)
    edges = (torch.rand(n, 10, 10, generator=g) < 0.3).float().triu(1)
    return torch.randn(n, 10, 6, generator=g), edges + edges.transpose(1, 2) + torch.eye(10)
