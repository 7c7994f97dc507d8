"""Layers, shapes, samples that mix."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import Changed, mutant
from tests.plugin.zoo import MLP, mse


@mutant("AEC100")
class WrongFeatures(MLP):
    def __init__(self):
        super().__init__()
        self.decoder[0] = nn.Linear(6, 32)


@mutant("AEC100")
class BatchSizeBakedIn(Changed):
    def on_code(self, z):
        return z.view(8, 5)


@mutant("AEC105")
class OutputInAnotherType(Changed):
    def after(self, y, x):
        return y.double()


@mutant("AEC107")
class AddsBatchMean(Changed):
    def after(self, y, x):
        return y + 1e-4 * y.mean(0, keepdim=True)


@mutant("AEC107")
class SoftmaxOverBatch(Changed):
    def on_code(self, z):
        return z.softmax(0)


@mutant("AEC107")
class NormalisesOverBatch(Changed):
    def on_code(self, z):
        return (z - z.mean(0)) / (z.std(0) + 1e-3)


@mutant("AEC107")
class LeaksDetached(Changed):
    def after(self, y, x):
        return y + 0.1 * y.detach().mean(0, keepdim=True)


@mutant("AEC107")
class TransposedView(Changed):
    def after(self, y, x):
        return y.t().contiguous().view(y.shape)


@mutant("AEC107")
class GlobalMinMax(Changed):
    def after(self, y, x):
        return (y - y.min()) / (y.max() - y.min())


@mutant("AEC107", batch=zoo.sentences, loss=zoo.padded_token_loss)
class PackedStatesViewedAcrossSentences(zoo.Packed):
    def __init__(self):
        super().__init__()
        self.enc, self.code = nn.GRU(8, 16, batch_first=True, bidirectional=True), nn.Linear(32, 6)

    def read(self, x):
        return super().read(x).view(1, len(x), 32)


@mutant("AEC107", batch=zoo.series, loss=mse)
class BatchAsTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(2, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


@mutant("AEC107", batch=zoo.patches)
class AttentionOverBatch(zoo.Transformer):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)


@mutant("AEC113")
class OnlyNormalised(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(20, 16),
            nn.ReLU(),
            nn.Linear(16, 5),
            nn.Linear(5, 16),
            nn.BatchNorm1d(16),
            nn.Linear(16, 24),
            nn.BatchNorm1d(24),
            nn.Linear(24, 20),
        )


@mutant("AEC114")
class LayersInList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.out = [nn.Linear(20, 8), nn.ReLU()], nn.Linear(8, 20)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.out(x)


@mutant("AEC114")
class LayersInDict(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.out = {"a": nn.Linear(20, 8)}, nn.Linear(8, 20)

    def forward(self, x):
        return self.out(F.relu(self.layers["a"](x)))


@mutant("AEC117")
class DropoutOnOutput(MLP):
    def __init__(self):
        super().__init__()
        self.decoder.append(nn.Dropout(0.2))


@mutant("AEC118")
class ClampAsStatement(Changed):
    def after(self, y, x):
        y.clamp(0, 1)
        return y


@mutant("AEC118", batch=zoo.patches)
class MaskAsStatement(zoo.Transformer):
    def forward(self, x):
        h = self.embed(x)
        h.masked_fill(x[..., :1] > 0, 0.0)
        return self.out(self.code(self.block(h + self.pos)))


@mutant("AEC120")
class FunctionalDropout(Changed):
    def on_code(self, z):
        return F.dropout(z, 0.3)


@mutant("AEC151")
class ReturnsInput(Changed):
    def after(self, y, x):
        return x + 0 * y


@mutant("AEC136")
class SlopeOfAFlag(Changed):
    def on_code(self, z):
        return F.leaky_relu(z - 0.1, True)


@mutant("AEC136")
class RateOfAFlag(Changed):
    def on_code(self, z):
        return z + F.dropout(z, self.training)


@mutant("AEC152", batch=zoo.patches)
class PositionAlongBatch(zoo.Transformer):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.randn(64, 1, 16))

    def forward(self, x):
        return self.out(self.code(self.block(self.embed(x) + self.table[: x.size(0)])))


@mutant("AEC118")
class DropoutAsStatement(Changed):
    def on_code(self, z):
        F.dropout(z, 0.3, self.training)
        return z


@mutant("AEC118")
class InputDropoutAsStatement(MLP):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        self.drop(x)
        return super().forward(x)


@mutant("AEC117", batch=zoo.images)
class NormalisedAfterSigmoid(zoo.ConvAE):
    def __init__(self):
        super().__init__()
        self.decoder.append(nn.BatchNorm2d(1))


@mutant("AEC109")
class InputAddedToOutput(Changed):
    def after(self, y, x):
        return y + x
