import pytest

from aelint.rules.variants import missing_straight_through as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class VQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 4, 2, 1))
        self.codebook, self.refine = nn.Embedding(32, 16), nn.Linear(16, 16)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))

    def forward(self, x):
        z = self.encoder(x).permute(0, 2, 3, 1)
        flat = z.reshape(-1, 16)
        d = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ self.codebook.weight.t() + self.codebook.weight.pow(2).sum(1)
        q = self.codebook(d.argmin(1)).view(z.shape)
        {use}
"""

SILENT = {
    "what the quantiser refined is handed on": "q = (self.refine(q).detach() - z.detach()).add_(z)\n"
    "        return self.decoder(q.permute(0, 3, 1, 2))",
    "raw vectors beside what is refined, by its numbers alone": "s = (self.refine(q).data - z.detach()).add_(z)\n"
    "        return self.decoder(s.permute(0, 3, 1, 2)), self.decoder(q.permute(0, 3, 1, 2))",
    "straight through": "q = z + (q - z).detach()\n        return self.decoder(q.permute(0, 3, 1, 2))",
    "the other way round": "q = z - (z - q).detach()\n        return self.decoder(q.permute(0, 3, 1, 2))",
    "gradient for both": "q = q + z - z.detach()\n        return self.decoder(q.permute(0, 3, 1, 2))",
    "only decoded without gradients": "with torch.no_grad():\n            return self.decoder(q.permute(0, 3, 1, 2))",
    "a residual for the next stage": "return self.decoder((z - q.detach()).permute(0, 3, 1, 2))",
    "unknown estimator": "return self.decoder(rotate(q, z).permute(0, 3, 1, 2))",
    "raw vectors beside a straight-through path": "s = z + (q - z).detach()\n"
    "        return self.decoder(s.permute(0, 3, 1, 2)), self.decoder(q.permute(0, 3, 1, 2))",
    "by branch": "if self.training:\n            q = z + (q - z).detach()\n        return self.decoder(q.permute(0, 3, 1, 2))",
}
LOUD = {
    "refined and cut off": ("return self.decoder(self.refine(q).permute(0, 3, 1, 2))", 17),
    "raw": ("return self.decoder(q.permute(0, 3, 1, 2))", 17),
    "gradients cancel": ("q = z + (q - z)\n        return self.decoder(q.permute(0, 3, 1, 2))", 18),
    "detached on the wrong side": ("q = q + (z - q).detach()\n        return self.decoder(q.permute(0, 3, 1, 2))", 18),
    "the difference the wrong way round": (
        "q = z - (q - z).detach()\n        return self.decoder(q.permute(0, 3, 1, 2))",
        18,
    ),
    "the wrong way round, written first": (
        "q = (z - q).detach() + z\n        return self.decoder(q.permute(0, 3, 1, 2))",
        18,
    ),
    "latent detached": ("q = z.detach() + (q - z)\n        return self.decoder(q.permute(0, 3, 1, 2))", 18),
}


@pytest.mark.parametrize("use", SILENT.values(), ids=SILENT)
def test_silent(use):
    assert rows(rule, MODEL.replace("{use}", use)) == []


@pytest.mark.parametrize(("use", "row"), LOUD.values(), ids=LOUD)
def test_encoder_is_cut_off(use, row):
    assert rows(rule, MODEL.replace("{use}", use)) == [row]


def test_one_hot_and_functional():
    source = MODEL.replace("self.codebook(d.argmin(1))", "(F.one_hot(d.argmin(1), 32).float() @ self.codebook.weight)")
    assert rows(rule, source.replace("{use}", LOUD["raw"][0])) == [17]
    assert rows(rule, source.replace("{use}", SILENT["straight through"])) == []


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (SILENT["straight through"], []),
        (SILENT["gradient for both"], []),
        (SILENT["what the quantiser refined is handed on"], []),
        (LOUD["raw"][0], [17]),
        (LOUD["the difference the wrong way round"][0], [18]),
    ],
)
def test_latents_that_einops_lays_out(use, found):
    source = MODEL.replace("z.reshape(-1, 16)", "einops.rearrange(z, 'b h w c -> (b h w) c')").replace("{use}", use)
    assert rows(rule, source.replace("import torch\n", "import einops, torch\n", 1)) == found


def test_codebook_in_another_file():
    files = {
        "train.py": """
        import torch
        from torch import nn
        from quantizer import Quantizer
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.enc, self.dec, self.quantizer = nn.Linear(9, 4), nn.Linear(4, 9), Quantizer()
            def forward(self, x):
                return self.dec(self.quantizer(self.enc(x)))
        """,
        "quantizer.py": """
        import torch
        from torch import nn
        class Quantizer(nn.Module):
            def __init__(self):
                super().__init__()
                self.book = nn.Parameter(torch.randn(32, 4))
            def forward(self, z):
                return self.book[torch.cdist(z, self.book).argmin(-1)]
        """,
    }
    assert rows(rule, files) == [9]


def test_round_around_the_estimator():
    source = """
    import torch
    from torch import nn
    def quantize(z):
        hard, soft = torch.sign(z), torch.tanh(z)
        return torch.round({})
    """
    assert rows(rule, source.format("(hard - soft).detach() + soft")) == [6]
    assert rows(rule, source.format("soft")) == []
    assert rows(rule, "import torch\ndef q(z):\n    return z + (torch.round(z) - z).detach()") == []


RAW = "return self.decoder(q.permute(0, 3, 1, 2))"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "self.encoder(x).permute", "self.encoder(x).detach().permute", id="a decoder for an encoder that is done"
        ),
        pytest.param(
            "z = self.encoder(x)", "with torch.no_grad():\n            z = self.encoder(x)", id="no gradient is wanted"
        ),
        pytest.param("z = self.encoder(x).permute", "z = x.permute", id="pixels are looked up"),
    ],
)
def test_silent_where_no_encoder_waits_for_a_gradient(old, new):
    source = MODEL.replace("{use}", RAW)
    assert rows(rule, source) == [17]
    assert rows(rule, source.replace(old, new)) == []


RESIDUAL = """
        rest, total = z, 0
        for _ in range(2):
            nearest = torch.cdist(rest.reshape(-1, 16), self.codebook.weight).argmin(1)
            level = self.refine(self.codebook(nearest)).view(z.shape)
            rest, total = rest - level, total + level
        return self.decoder(total.permute(0, 3, 1, 2))"""


def test_what_a_residual_quantiser_refines_is_no_encoder():
    source = MODEL.replace("{use}", RESIDUAL)
    assert rows(rule, source) == [22]
    assert rows(rule, source.replace("self.encoder(x)", "self.encoder(x).detach()")) == []


@pytest.mark.parametrize(
    "line",
    [
        "y = z + (torch.round(z) - z).detach()",
        "y = torch.round(z)",
        "y = torch.round(z + 0.5)",
        "y = torch.round(z - z.detach())",
    ],
)
def test_silent_on_rounding_inside_of_an_estimator(line):
    source = f"import torch\nfrom torch import nn\nz = nn.Linear(4, 4)(torch.rand(2, 4))\n{line}\n"
    expected = [4] if "z - z.detach()" in line else []
    assert rows(rule, source) == expected


KEPT_BY_AVERAGES = """
import torch
from torch import nn
import torch.nn.functional as F

class Codebook(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(32, 16))

    def nearest(self, z):
        return F.embedding(torch.cdist(z, self.codes).argmin(-1), self.codes)

    def encode(self, z):
        return self.nearest(z)

    def forward(self, z):
        q = self.nearest(z)
        if self.training:
            self.codes = 0.99 * self.codes + 0.01 * z.mean(0)
        return {given}

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.codebook, self.head = nn.Linear(8, 16), Codebook(), nn.Linear(16, 8)

    def encode(self, x):
        return self.head(self.codebook.encode(self.encoder(x)))

    def forward(self, x):
        return self.head(self.codebook(self.encoder(x)))
"""


def test_silent_on_a_method_for_inference_beside_a_codebook_that_updates_replace():
    assert rows(rule, KEPT_BY_AVERAGES.replace("{given}", "z + (q - z).detach()")) == []


def test_a_codebook_that_updates_replace_is_followed():
    assert rows(rule, KEPT_BY_AVERAGES.replace("{given}", "q")) == [12]


EITHER_LAYOUT = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = nn.Parameter(torch.randn(32, 16))

    def look_up(self, index):
        q = F.embedding(index, self.codes)
        if len(q.shape) == 4:
            q = q.permute(0, 3, 1, 2).contiguous()
        return q

    def forward(self, z):
        last = z
        if len(z.shape) == 4:
            last = z.permute(0, 2, 3, 1).contiguous()
        dots = torch.matmul(last, self.codes.t()[..., None])[..., 0]
        d = self.codes.pow(2).sum(-1) - 2 * dots + last.pow(2).sum(-1)[..., None]
        q = self.look_up(d.argmin(-1))
        return {given}

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.quantizer, self.decoder = nn.Linear(3, 16), Quantizer(), nn.Linear(16, 3)

    def decode(self, index):
        return self.decoder(self.quantizer.look_up(index))

    def forward(self, x):
        return self.decoder(self.quantizer(self.encoder(x)))
"""


def test_silent_where_the_layout_depends_on_the_number_of_axes():
    assert rows(rule, EITHER_LAYOUT.replace("{given}", "q.detach() + (z - z.detach())")) == []


def test_raw_vectors_in_either_layout():
    assert rows(rule, EITHER_LAYOUT.replace("{given}", "q")) == [12]


GUMBEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Codebook(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_logits, self.codebook = nn.Linear(8, 32), nn.Embedding(32, 16)
        self.table = nn.Parameter(torch.randn(32, 16))

    def forward(self, h):
        logits = self.to_logits(h)
        soft = F.gumbel_softmax(logits, tau=0.9, dim=-1)
        index = logits.argmax(dim=-1)
        hard = F.one_hot(index, 32).to(soft.dtype)
        code = hard + soft - soft.detach()
        return {use}

Codebook()(torch.randn(4, 8)).sum().backward()
"""


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("code @ self.codebook.weight", id="the whole code"),
        pytest.param("self.codebook(index) * soft.gather(-1, index.unsqueeze(-1))", id="a gate, smaller than 1"),
        pytest.param("self.codebook(index) * hard.gather(-1, index.unsqueeze(-1))", id="no gradient is asked for"),
        pytest.param("self.codebook(logits.argmin(-1)) * code.gather(-1, index.unsqueeze(-1))", id="another index"),
    ],
)
def test_silent_on_weights_that_are_no_straight_through_ones(use):
    assert rows(rule, GUMBEL.format(use=use)) == []


@pytest.mark.parametrize(
    "use",
    [
        "self.codebook(index) * code.gather(-1, index.unsqueeze(-1))",
        "torch.gather(code, 1, index[:, None]) * self.table[index]",
        "F.embedding(index, self.table) * code.gather(1, index.view(-1, 1))",
    ],
)
def test_fires_where_only_the_chosen_entry_is_multiplied(use):
    assert rows(rule, GUMBEL.format(use=use)) == [18]


ALONE = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(32, 16)

    def forward(self, z):
        flat = z.reshape(-1, 16)
        q = self.codebook(torch.cdist(flat, self.codebook.weight).argmin(1)).view(z.shape)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(q.detach(), z)
        {use}
"""


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("return z + (q - z).detach(), loss", id="straight through"),
        pytest.param("return z - (z - q).detach(), loss", id="the other way round"),
        pytest.param("return q, loss", id="the vectors as they were taken"),
        pytest.param("return q + z - z.detach(), loss", id="a gradient for both"),
        pytest.param("return z + (q - q.detach()), loss", id="a gradient for both, with the value of the latent"),
        pytest.param("return z - q.detach(), q, loss", id="a residual"),
    ],
)
def test_silent_on_a_quantiser_alone(use):
    assert rows(rule, ALONE.replace("{use}", use)) == []


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("return q + (z - q).detach(), loss", id="returned"),
        pytest.param("return (z - q).detach() + q, loss", id="written first"),
        pytest.param("return q - (q - z).detach(), loss", id="subtracted"),
        pytest.param("return (q + (z - q).data).permute(0, 3, 1, 2), loss", id="data, reshaped"),
    ],
)
def test_vectors_and_latent_exchanged_in_a_quantiser_alone(use):
    assert rows(rule, ALONE.replace("{use}", use)) == [15]
