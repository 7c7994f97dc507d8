"""Recurrent, attentive and masked autoencoders."""

import torch
from torch import nn

from tests.plugin.zoo.losses import reparameterize


class Recurrent(nn.Module):
    def __init__(self, kind=nn.GRU):
        super().__init__()
        self.enc, self.dec, self.code = kind(2, 16, batch_first=True), kind(2, 16, batch_first=True), nn.Linear(16, 6)
        self.start, self.out = nn.Linear(3, 16), nn.Linear(16, 2)

    def forward(self, x):
        _, h = self.enc(x)
        h = h[0] if isinstance(h, tuple) else h
        mu, logvar = self.code(h[-1]).chunk(2, 1)
        h0 = self.start(reparameterize(mu, logvar)).unsqueeze(0)
        shifted = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        y, _ = self.dec(shifted, (h0, torch.zeros_like(h0)) if isinstance(self.dec, nn.LSTM) else h0)
        return self.out(y), mu, logvar


class ProjectedState(nn.Module):
    """Reads its values off the hidden state, which a linear map makes: it is not bounded by a tanh."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.LSTM(2, 16, batch_first=True), nn.LSTM(20, 32, proj_size=2, batch_first=True)

    def forward(self, x):
        code = self.enc(x)[0][:, -1:, :8]
        times = torch.eye(x.size(1)).expand(len(x), -1, -1)
        return self.dec(torch.cat([code.expand(-1, x.size(1), -1), times], 2))[0]


class SentenceVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.enc, self.dec = (
            nn.Embedding(15, 8, padding_idx=0),
            nn.GRU(8, 16, batch_first=True),
            nn.GRU(8, 16, batch_first=True),
        )
        self.code, self.start, self.out = nn.Linear(16, 6), nn.Linear(3, 16), nn.Linear(16, 15)

    def read(self, x):
        return self.enc(self.embed(x))[1]

    def forward(self, x):
        mu, logvar = self.code(self.read(x)[-1]).chunk(2, 1)
        shifted = torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1)
        y, _ = self.dec(self.embed(shifted), torch.tanh(self.start(reparameterize(mu, logvar))).unsqueeze(0))
        return self.out(y), mu, logvar


class Packed(SentenceVAE):
    """Reads sentences up to their ends: what a layer computes at once depends on their lengths."""

    def __init__(self):
        super().__init__()
        self.enc, self.code = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 6)

    def read(self, x):
        lengths = (x != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        return self.enc(packed)[1]


class Transformer(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.embed, self.pos = nn.Linear(8, 16), nn.Parameter(0.02 * torch.randn(12, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=dropout, batch_first=True)
        self.code, self.out = nn.Linear(16, 3), nn.Sequential(nn.Linear(3, 32), nn.GELU(), nn.Linear(32, 8))

    def forward(self, x):
        return self.out(self.code(self.block(self.embed(x) + self.pos)))


class Masked(nn.Module):
    """Masked autoencoder: random patches are hidden, the loss counts only those."""

    def __init__(self):
        super().__init__()
        self.embed, self.pos = nn.Linear(8, 16), nn.Parameter(0.02 * torch.randn(1, 12, 16))
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.enc = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.dec = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 8)

    def forward(self, x):
        b, n, _ = x.shape
        order = torch.rand(b, n).argsort(1)
        back, keep = order.argsort(1), n // 4
        h = self.embed(x) + self.pos
        seen = self.enc(torch.gather(h, 1, order[:, :keep, None].expand(-1, -1, 16)))
        full = torch.cat([seen, self.token.expand(b, n - keep, -1)], 1)
        full = torch.gather(full, 1, back[..., None].expand(-1, -1, 16)) + self.pos
        return self.head(self.dec(full)), (back >= keep).float()


class SequenceFirst(nn.Module):
    """Time on the first axis, samples on the second, as torch's recurrent layers have it by default."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.GRU(2, 12), nn.GRU(12, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        _, h = self.enc(x)
        y, _ = self.dec(h[-1].unsqueeze(0).expand(x.shape[0], -1, -1).contiguous())
        return self.out(y)
