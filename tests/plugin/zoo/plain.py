"""Deterministic autoencoders."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn


class MLP(nn.Module):
    def __init__(self, d=20, code=5, act=nn.ReLU):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, 32), act(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), act(), nn.Linear(32, d))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Overcomplete(nn.Module):
    """Sparse: more units than inputs, an L1 penalty on the rectified code."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 64), nn.Linear(64, 20)

    def forward(self, x):
        z = F.relu(self.encoder(x))
        return self.decoder(z), z


class ConvAE(nn.Module):
    def __init__(self, norm=True):
        super().__init__()
        bn = nn.BatchNorm2d if norm else nn.Identity
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1),
            bn(8),
            nn.ReLU(True),
            nn.Conv2d(8, 8, 4, 2, 1),
            bn(8),
            nn.ReLU(True),
            nn.Flatten(),
            nn.Linear(128, 6),
        )
        self.decoder = nn.Sequential(
            nn.Linear(6, 128), nn.ReLU(True), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 8, 4, 2, 1), nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.code = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 4, 3, 2, 1)
        self.block = nn.Sequential(nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1))
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4, 8, 3, 1, 1),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 1, 3, 1, 1),
        )

    def encode(self, x):
        h = self.stem(x)
        return self.code(h + self.block(h))

    def decode(self, z):
        return self.up(z)

    def forward(self, x):
        return {"x_hat": self.decode(self.encode(x))}


class DropoutAE(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(20, 32),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(32, 6),
            nn.BatchNorm1d(6),
            nn.Linear(6, 32),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(32, 20),
        )


class ZeroStart(nn.Sequential):
    """The last layer starts at zero, so that nothing depends on the input in the first step."""

    def __init__(self):
        super().__init__(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5), nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 20))
        nn.init.zeros_(self[-1].weight)
        nn.init.zeros_(self[-1].bias)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(6, 20) / 4), nn.Parameter(torch.zeros(20))

    def forward(self, x):
        return F.linear(torch.sigmoid(F.linear(x, self.weight)), self.weight.t(), self.bias)


class FrozenBackbone(nn.Module):
    """Features of a frozen network, taken out by a hook; what comes after the hook is not used."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 10))
        self.backbone[2].register_forward_hook(self._take)
        self.code, self.decoder = nn.Linear(16, 4), nn.Linear(4, 20)

    def _take(self, module, args, output):
        self.features = output

    def forward(self, x):
        self.backbone(x)
        return self.decoder(self.code(self.features))


class HalfPrecision(MLP):
    def __init__(self):
        super().__init__()
        self.to(torch.bfloat16)


class Unet(nn.Module):
    """Skip connections around the code, on purpose."""

    def __init__(self):
        super().__init__()
        self.down, self.mid, self.up = (
            nn.Conv2d(1, 8, 4, 2, 1),
            nn.Conv2d(8, 8, 3, 1, 1),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
        )

    def forward(self, x):
        d = F.relu(self.down(x))
        return torch.sigmoid(self.up(torch.cat([d, F.relu(self.mid(d))], 1)))


class Deep(nn.Sequential):
    def __init__(self):
        blocks = [m for _ in range(8) for m in (nn.Linear(32, 32), nn.LayerNorm(32), nn.GELU())]
        super().__init__(
            nn.Linear(20, 32), *blocks[:12], nn.Linear(32, 4), nn.Linear(4, 32), *blocks[12:], nn.Linear(32, 20)
        )


class InputDependentSize(nn.Module):
    """Pooled to a fixed size: the decoder upsamples back."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Conv2d(1, 4, 3, 1, 1), nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x):
        z = F.adaptive_avg_pool2d(F.relu(self.enc(x)), 4)
        return self.dec(F.interpolate(z, size=x.shape[-2:], mode="bilinear"))
