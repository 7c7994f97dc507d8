"""The same idea with several faults. `aelint check examples` reads them; `pytest examples` runs into them."""

import torch
import torch.nn.functional as F
from torch import nn


class FaultyVAE(nn.Module):
    def __init__(self, code=2):
        super().__init__()
        self.fc1 = nn.Linear(784, 64)
        self.fc1.weight.data.fill_(0.001)
        self.fc2 = nn.Linear(64, code)
        self.fc3 = nn.Linear(64, code)
        self.fc4 = nn.Linear(code, 64)
        self.fc5 = nn.Linear(64, 784)

    def forward(self, x):
        hidden = F.relu(self.fc1(x.flatten(1)))
        mean, logvar = F.relu(self.fc2(hidden)), self.fc3(hidden)
        code = mean + torch.exp(logvar) * torch.rand_like(mean)
        reconstruction = torch.sigmoid(self.fc5(F.relu(self.fc4(code))))
        return reconstruction.view_as(x), mean, logvar


def loss(model, x):
    reconstruction, mean, logvar = model(x)
    error = F.binary_cross_entropy_with_logits(reconstruction, x, reduction="sum") / len(x)
    kl = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(dim=1).mean()
    return error + 100 * kl
