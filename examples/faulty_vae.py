"""The same autoencoder with faults that people have reported: each trains without an error and learns badly."""

import torch
import torch.nn.functional as F
from torch import nn


class FaultyVAE(nn.Module):
    def __init__(self, hidden=128, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, code)
        self.logvar = nn.Linear(hidden, code)
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, 28 * 28), nn.Sigmoid())
        for layer in (self.decoder[0], self.decoder[2]):
            layer.weight.data.fill_(0.001)

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.logvar(h)

    def reparameterize(self, mean, logvar):
        return mean + torch.randn_like(mean) * torch.exp(logvar)

    def decode(self, z):
        return self.decoder(z).view(-1, 1, 28, 28)

    def forward(self, x):
        mean, logvar = self.encode(x)
        return self.decode(self.reparameterize(mean, logvar)), mean, logvar


def loss_function(model, x):
    reconstruction, mean, logvar = model(x)
    likelihood = F.binary_cross_entropy_with_logits(reconstruction, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return (likelihood + 100 * kl) / x.shape[0]


def train(loader, epochs=10):
    model = FaultyVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x, _ in loader:
            optimizer.zero_grad()
            loss = loss_function(model, x)
            loss.backward()
            optimizer.step()
    return model
