import pytest

from aelint.rules.objective import wrong_target as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nmodel = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 4))\n"

HEALTHY = {
    "a clean target": "def step(x):\n    noisy = x + 0.3 * torch.randn_like(x)\n    return F.mse_loss(model(noisy), x)\n",
    "dequantised data": "def step(x):\n    noisy = x + torch.rand_like(x) / 256\n    return F.mse_loss(model(noisy), noisy)\n",
    "noise that nobody calls so": "def step(x):\n    x = x + 0.3 * torch.randn_like(x)\n    return F.mse_loss(model(x), x)\n",
    "noise that belongs to the data": "def make_noisy(n):\n    t = torch.linspace(0, 1, 4)\n    return t + 0.1 * torch.randn(n, 4)\nx = make_noisy(8)\nF.mse_loss(model(x), x)\n",
    "both targets on purpose": "def step(x):\n    noisy = x + 0.3 * torch.randn_like(x)\n    y = model(noisy)\n    return F.mse_loss(y, x) + 0.1 * F.mse_loss(y, noisy)\n",
    "the noise itself is predicted": "def step(x):\n    noise = torch.randn_like(x)\n    return F.mse_loss(model(x + noise), noise)\n",
    "commitment to a detached tensor": "def step(x):\n    z = model(x)\n    return F.mse_loss(z, z.detach())\n",
    "pairs of different views": "for views in loader:\n    z = [model(v) for v in views]\n    for a in z:\n        for b in z:\n            if a is not b:\n                loss = F.mse_loss(a, b)\n",
    "pairs of views, each but itself": "for views in loader:\n    z = [model(v) for v in views]\n    for i, a in enumerate(z):\n        for j, b in enumerate(z):\n            if i == j:\n                continue\n            loss = ((a - b) ** 2).mean()\n",
    "places that a subclass fills": "class Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.encoder, self.decoder = nn.Sequential(), nn.Sequential()\n    def forward(self, x):\n        return F.mse_loss(self.decoder(self.encoder(x)), x)\n",
    "noise under a name, beside the clean data": "def step(x):\n    noise = 0.3 * torch.randn_like(x)\n    y = x + noise\n    return F.mse_loss(model(y), x)\n",
    "noise that makes the data": "def make(x):\n    noise = 0.3 * torch.randn_like(x)\n    x = x + noise\n    return x\ndef step(x):\n    x = make(x)\n    return F.mse_loss(model(x), x)\n",
    "noise as small as a bin": "def step(x):\n    noise = torch.rand_like(x)\n    x = x + noise / 256\n    return F.mse_loss(model(x), x)\n",
    "a copy is masked": "def step(x):\n    mask = torch.rand(8, 4) < 0.5\n    masked = x.clone()\n    masked[mask] = 0.0\n    return F.mse_loss(model(masked)[mask], x[mask])\n",
    "kept before it is masked": "def step(x):\n    mask = torch.rand(8, 4) < 0.5\n    wanted = x[mask]\n    x[mask] = 0.0\n    return F.mse_loss(model(x)[mask], wanted)\n",
    "what is missing is filled": "def step(x):\n    mask = torch.isnan(x)\n    x[mask] = 0.0\n    return F.mse_loss(model(x)[~mask], x[~mask])\n",
    "the code is masked": "def step(x):\n    mask = torch.rand(8, 4) < 0.5\n    h = model(x)\n    h[mask] = 0.0\n    return F.mse_loss(model(h)[mask], x[mask])\n",
    "a token is added to what was masked": "token = nn.Parameter(torch.zeros(1, 4))\ndef step(x):\n    places = torch.randperm(8)[:4]\n    masked = x.clone()\n    masked[places] = 0.0\n    masked[places] += token\n    return F.mse_loss(model(masked)[places], x[places])\nstep(torch.rand(8, 4))\n",
    "data is written": "def step(x, other):\n    mask = torch.rand(8, 4) < 0.5\n    x[mask] = other[mask]\n    return F.mse_loss(model(x), x)\n",
    "an entropy with a setting that nothing reads": "def entropy(p, eps=1e-6):\n    return F.binary_cross_entropy(p, p)\n",
    "an entropy beside an error": "def loss(p, x):\n    return F.binary_cross_entropy(p, p) + F.mse_loss(p, x)\n",
    "an entropy in each step": "def loss(p, step):\n    return F.binary_cross_entropy(p, p)\n",
    "an entropy in a script": "p = model(torch.rand(8, 4)).sigmoid()\nentropy = F.binary_cross_entropy(p, p)\n",
    "a label beside the target": "def loss(y, x, label):\n    return F.binary_cross_entropy(y, x)\n",
    "an entropy": "def step(x):\n    p = model(x).sigmoid()\n    return F.binary_cross_entropy(p, p)\n",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_a_target_that_teaches(body):
    assert not rows(rule, HEAD + body)


def test_compared_with_itself():
    assert rows(rule, HEAD + "def step(x):\n    y = model(x)\n    x = y\n    return F.mse_loss(y, x)\n") == [8]


def test_cross_entropy_with_itself_where_the_target_is_not_read():
    assert rows(rule, HEAD + "def loss(y, x):\n    return F.binary_cross_entropy(y, y)\n") == [6]


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        pytest.param("F.mse_loss(y, y)", "`mse_loss` compares `y` with itself: it is zero", id="an error"),
        pytest.param("F.mse_loss(*[model(y)] * 2)", "`mse_loss` compares a tensor with itself", id="without a name"),
        pytest.param(
            "F.binary_cross_entropy(y, y)",
            "`binary_cross_entropy` compares `y` with itself, and nothing reads `x`",
            id="a cross-entropy",
        ),
    ],
)
def test_the_message_names_what_is_compared_with_itself(compared, said):
    (finding,) = run(rule, HEAD + f"def loss(y, x):\n    return {compared}\n")
    assert said in finding.message


def test_noisy_input_as_target():
    assert rows(
        rule,
        HEAD + "def step(x):\n    noisy = x + 0.3 * torch.randn_like(x)\n    return F.mse_loss(model(noisy), noisy)\n",
    ) == [6]


def test_name_of_the_clean_data_bound_anew():
    step = "def step(x):\n    noise = torch.randn(x.shape)\n    x = x + 0.3 * noise\n    y = model(x)\n    return ((y - x) ** 2).mean()\n"
    assert rows(rule, HEAD + step) == [7]
    assert rows(
        rule, HEAD + step.replace("x = x +", "x = torch.clamp(x +").replace("noise\n    y", "noise, 0, 1)\n    y")
    ) == [7]


IN_PLACE = {
    "a second name": "masked = x\n    masked[mask] = 0.0\n    return F.mse_loss(model(masked), x)",
    "the same name": "x[mask] = 0.0\n    return F.mse_loss(model(x)[mask], x[mask])",
    "a method in place": "masked = x.masked_fill_(mask, 0.0)\n    return F.mse_loss(model(masked)[mask], x[mask])",
    "a view": "masked = x.view(8, 4)\n    masked[mask] = -1\n    return ((model(masked) - x) ** 2).mean()",
    "noise": "masked = x.detach()\n    masked[mask] = torch.randn(8, 4)\n    return F.l1_loss(model(masked), x)",
}


@pytest.mark.parametrize("body", IN_PLACE.values(), ids=IN_PLACE)
def test_masked_in_the_memory_of_the_target(body):
    source = HEAD + f"def step(x):\n    mask = torch.rand(8, 4) < 0.5\n    {body}\nstep(torch.rand(8, 4))\n"
    assert len(rows(rule, source)) == 1


def test_masked_in_a_copy_of_the_dictionary_that_shares_its_tensors():
    source = """
    import torch
    from torch import nn

    model, token = nn.Linear(4, 4), nn.Parameter(torch.zeros(1, 4))

    def step(data):
        hidden = dict(data)
        places = torch.randperm(8)[:4]
        hidden["x"]{clone}[places] = token
        output, wanted = model(hidden["x"])[places], data["x"][places]
        return 1 - torch.cosine_similarity(output, wanted).mean()

    step({{"x": torch.rand(8, 4)}})
    """
    assert rows(rule, source.format(clone="")) == [10]
    assert rows(rule, source.format(clone=".clone()")) == []


def test_masked_input_as_target_in_a_loop():
    source = "for x in torch.utils.data.DataLoader(torch.rand(64, 4), 8):\n    mask = torch.rand_like(x) > 0.3\n    x_masked = x * mask.float()\n    loss = ((model(x_masked) - x_masked) ** 2).mean()\n"
    assert rows(rule, HEAD + source) == [7]


def test_name_bound_anew_by_a_corruption_in_another_file():
    files = {
        "train.py": HEAD
        + "from noise import add_noise\ndef step(x):\n    x = add_noise(x)\n    return F.mse_loss(model(x), x)\n",
        "noise.py": "import torch\ndef add_noise(x, scale=0.5):\n    return x + scale * torch.randn_like(x)\n",
    }
    assert rows(rule, files) == [7]


def test_features_of_the_same_image_twice():
    net = "net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())\ndef loss(x, y):\n    a = net(x)\n    b = net({})\n    return F.mse_loss(a, b)\n"
    head = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
    assert rows(rule, head + net.format("x")) == [7]
    assert not rows(rule, head + net.format("y"))
    assert not rows(rule, head + net.format("x").replace("nn.ReLU()", "nn.Dropout(0.1)"))


def test_one_tensor_for_both_parameters():
    source = """
    import torch.nn.functional as F

    def loss(recon, x):
        return F.mse_loss(recon, x)

    def step(model, x):
        return loss({}, x)
    """
    assert rows(rule, source.format("x")) == [8]
    assert not rows(rule, source.format("model(x)"))


def test_noisy_input_that_was_clamped():
    source = """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    def add_noise(x):
        return (x + 0.3 * torch.randn_like(x)).clamp(0, 1)

    net = nn.Linear(9, 9)
    for x in torch.rand(10, 4, 9):
        noisy = add_noise(x)
        loss = F.mse_loss(net(noisy), {})
    """
    assert rows(rule, source.format("noisy"))
    assert not rows(rule, source.format("x"))


def test_silent_on_an_exercise_that_hands_its_input_on():
    source = """
    import torch
    from torch import nn

    class Autoencoder(nn.Module):
        def forward(self, x):
            return x  # to do

    model, criterion = Autoencoder(), nn.MSELoss()
    for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
        criterion(model(x), x).backward()
    """
    assert rows(rule, source) == []


MEANT = {
    "codes that are made noisy": "def step(x):\n    z = model(x)\n    noisy = z + 0.3 * torch.randn_like(z)\n    return F.mse_loss(model(noisy), noisy)\n",
    "noisy data that is not the input": "def step(x, y):\n    noisy = x + 0.3 * torch.randn_like(x)\n    return F.mse_loss(model(y), noisy)\n",
    "the noisy input is only measured": "def step(x):\n    noisy = x + 0.3 * torch.randn_like(x)\n    level = F.mse_loss(x, noisy)\n    return F.mse_loss(model(noisy), x), level\n",
    "two passes that agree": "def step(x):\n    return F.mse_loss(model(x), model(x + 0.1 * torch.randn_like(x)).detach())\n",
}


@pytest.mark.parametrize("body", MEANT.values(), ids=MEANT.keys())
def test_noise_that_is_meant(body):
    assert not rows(rule, HEAD + body)


ARRAYS = """
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = np.load("data.npy").astype("float32")
train, test = data[:600], data[600:]
train_noisy = train + (0.5 * np.random.normal(size=train.shape)).astype("float32")
test_noisy = test + (0.5 * np.random.normal(size=test.shape)).astype("float32")
net = nn.Sequential(nn.Linear(29, 6), nn.ReLU(), nn.Linear(6, 29))

def score(x, y):
    return nn.functional.mse_loss(net(torch.from_numpy(x)), torch.from_numpy(y)).item()

def fit(x, y, check=None):
    for i in range(0, len(x), 32):
        loss = nn.functional.mse_loss(net(torch.from_numpy(x[i:i + 32])), torch.from_numpy(y[i:i + 32]))
        loss.backward()

{use}
"""


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("fit(train_noisy, train); score(test_noisy, test)", id="clean-target"),
        pytest.param("fit(train, train); score(test_noisy, test)", id="trained-on-clean-data"),
        pytest.param("fit(train_noisy, train_noisy); score(test_noisy, test_noisy)", id="noise-belongs-to-the-data"),
    ],
)
def test_silent_on_arrays_with_noise(use):
    assert rows(rule, ARRAYS.format(use=use)) == []


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("fit(train_noisy, train_noisy); score(test_noisy, test)", id="two-arguments"),
        pytest.param("fit(x=train_noisy, y=train_noisy, check=(test_noisy, test))", id="by-name"),
    ],
)
def test_noisy_array_for_input_and_target(use):
    assert rows(rule, ARRAYS.format(use=use)) == [21]


def test_noisy_array_twice_in_a_data_set():
    use = """
pairs = TensorDataset(torch.from_numpy(train_noisy), torch.from_numpy({}))
for x, y in DataLoader(pairs, batch_size=8):
    nn.functional.mse_loss(net(x), y).backward()
score(test_noisy, test)
"""
    assert rows(rule, ARRAYS.format(use=use.format("train"))) == []
    assert rows(rule, ARRAYS.format(use=use.format("train_noisy"))) == [22]


PAIRS = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

class Pairs(Dataset):
    def __init__(self):
        self.high = torch.rand(64, 1, 16, 16)
        self.low = {made}

    def __len__(self):
        return len(self.high)

    def __getitem__(self, i):
        return self.low[i], self.high[i]

net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
for {names} in DataLoader({data}, 16):
    loss = F.l1_loss(net(first), {wanted})
    loss.backward()
"""
SMALLER = "F.interpolate(F.avg_pool2d(self.high, 2), scale_factor=2)"


def pairs(made=SMALLER, names="first, second", wanted="first", data="Pairs()"):
    return PAIRS.format(made=made, names=names, wanted=wanted, data=data)


def test_silent_on_pairs_of_data():
    assert rows(rule, pairs(wanted="second")) == []
    assert rows(rule, pairs(names="first, _second")) == []
    assert rows(rule, pairs(made="(self.high - self.high.mean()) / self.high.std()")) == []
    assert rows(rule, pairs(made="torch.rand(64, 1, 16, 16)")) == []
    other = pairs().replace("net(first)", "net(torch.rand(16, 1, 16, 16))")
    assert rows(rule, other) == [], "the prediction was not made from the worse one"
    assert rows(rule, pairs(wanted="first) + F.l1_loss(net(second), second")) == []


def test_the_worse_one_of_a_pair_as_the_target():
    assert rows(rule, pairs()) == [20]
    assert rows(rule, pairs(made="self.high + 0.2 * torch.randn(64, 1, 16, 16)")) == [20]
    both = "high = torch.rand(64, 1, 16, 16)\nlow = F.max_pool2d(high, 3, 1, 1)\nfor first"
    assert rows(rule, pairs(data="TensorDataset(low, high)").replace("for first", both)) == [22]


BATCH = """
import torch
from torch import nn
model, optimizer = nn.Linear(8, 8), None

def corrupt(batch):
    {body}
    return batch

for _ in range(5):
    batch = {{"x": torch.rand(4, 8), "y": torch.rand(4, 8), 0: torch.rand(4, 8)}}
    {use}
    loss.backward()
"""
CORRUPTED = 'batch["x"] = batch["x"] + 0.3 * torch.randn_like(batch["x"])'
USED = 'noisy = corrupt(batch); loss = nn.functional.mse_loss(model(noisy["x"]), batch["x"])'


@pytest.mark.parametrize(
    ("body", "use"),
    [
        pytest.param(f"batch = dict(batch); {CORRUPTED}", USED, id="a copy is written into"),
        pytest.param('batch["x"] = batch["x"].float() * 2', USED, id="nothing is drawn"),
        pytest.param(CORRUPTED, USED.replace('batch["x"]', 'batch["y"]'), id="another entry is the target"),
        pytest.param(CORRUPTED, 'x = batch["x"]; ' + USED.replace(', batch["x"]', ", x"), id="it was read before"),
        pytest.param(CORRUPTED, USED.replace("noisy", "batch"), id="one name: the noise belongs to the data"),
    ],
)
def test_silent_where_the_batch_of_the_caller_stays_clean(body, use):
    assert rows(rule, BATCH.format(body=body, use=use)) == []


@pytest.mark.parametrize(
    ("body", "use"),
    [
        pytest.param(CORRUPTED, USED, id="noise is added"),
        pytest.param('batch["x"] = nn.functional.dropout(batch["x"], 0.5)', USED, id="dropout"),
        pytest.param('x = batch["x"].clone(); x[torch.rand_like(x) < 0.5] = 0; batch["x"] = x', USED, id="masked"),
        pytest.param(
            "batch[0] = torch.bernoulli(batch[0])",
            "noisy = corrupt(batch); x = batch[0]; loss = (model(noisy[0]) - x).pow(2).mean()",
            id="read under a name of its own",
        ),
    ],
)
def test_fires_where_a_function_corrupts_the_batch_that_the_caller_takes_for_clean(body, use):
    assert rows(rule, BATCH.format(body=body, use=use)) == [7]


IN_PLACE = """
import torch
from torch import nn
model = nn.Linear(8, 8)

def corrupt(data):
    {body}
    return data

def train(x):
    {use}
    loss = nn.functional.mse_loss(model(noisy), x)
    loss.backward()
"""


@pytest.mark.parametrize(
    ("body", "use"),
    [
        pytest.param("data = data + 0.3 * torch.randn_like(data)", "noisy = corrupt(x)", id="a new tensor"),
        pytest.param("data = data.clone(); data += 0.3 * torch.randn_like(data)", "noisy = corrupt(x)", id="a copy"),
        pytest.param("data += 0.3 * torch.randn_like(data)", "noisy = corrupt(x.clone())", id="a copy is handed over"),
        pytest.param("data *= 2", "noisy = corrupt(x)", id="nothing is drawn"),
        pytest.param("data += torch.rand_like(data) / 256", "noisy = corrupt(x)", id="dequantisation"),
        pytest.param("pass", "x.add_(torch.randn_like(x)); noisy, x = x, x[:4]", id="a part of what was made"),
    ],
)
def test_silent_where_the_target_keeps_its_memory(body, use):
    assert rows(rule, IN_PLACE.format(body=body, use=use)) == []


@pytest.mark.parametrize(
    ("body", "use", "row"),
    [
        pytest.param("data += 0.3 * torch.randn_like(data)", "noisy = corrupt(x)", 7, id="in a function"),
        pytest.param("data.add_(torch.randn_like(data), alpha=0.3)", "noisy = corrupt(x)", 7, id="add_"),
        pytest.param("data.mul_(torch.rand_like(data) > 0.5)", "noisy = corrupt(x)", 7, id="mul_"),
        pytest.param("pass", "noisy = x; noisy += 0.3 * torch.randn_like(x)", 11, id="under a second name"),
        pytest.param("pass", "noisy = x.view(-1, 8); noisy += torch.randn_like(x)", 11, id="through a view"),
    ],
)
def test_fires_where_the_target_is_corrupted_in_its_own_memory(body, use, row):
    assert rows(rule, IN_PLACE.format(body=body, use=use)) == [row]


REST = """
import torch
from torch import nn

class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.spare = nn.Linear(16, 32), nn.Linear(16, 32)
        self.decoder, self.second, self.unbiased = nn.Linear(32, 16), nn.Linear(32, 16), nn.Linear(32, 16, bias=False)
        self.weight, self.bias = nn.Parameter(torch.randn(32, 16)), nn.Parameter(torch.zeros(16))
        self.positive, self.widened = nn.Softplus(), nn.ConvTranspose1d(32, 16, 1)

    def decode(self, code):
        return code @ self.weight + self.bias

    def forward(self, x):
        code, spare = torch.relu(self.encoder(x)), torch.relu(self.spare(x))
        {body}

Coder()(torch.rand(8, 16))
"""
BOTH = "((x_hat - x) ** 2).mean() + ((rest_hat - rest) ** 2).mean()"
DECODED_RESTS = {
    "without the bias": f"x_hat = self.decode(code); rest = (x - x_hat).detach(); rest_hat = spare @ self.weight; return {BOTH}",
    "by a decoder of its own": f"x_hat = self.decode(code); rest = x - x_hat; rest_hat = self.second(spare); return {BOTH}",
    "no bias at all": f"x_hat = self.unbiased(code); rest = x - x_hat; rest_hat = self.unbiased(spare); return {BOTH}",
    "the sum of both is what is wanted": "return ((self.decode(code) + self.decode(spare) - x) ** 2).mean()",
    "two reconstructions of the same": "return ((self.decode(code) - x) ** 2).mean() + ((self.decode(spare) - x) ** 2).mean()",
    "two parts that are to agree, and a third": "a, b = self.decoder(code), self.decoder(spare); rest = x - a - b; return ((a - b) ** 2).mean() + ((self.decoder(code * spare) - rest) ** 2).mean()",
    "the bias is in the rest alone": f"part = code @ self.weight; x_hat = part; rest = x - part - self.bias; rest_hat = self.decode(spare); return {BOTH}",
    "the sum of both is wanted of another sample": "other = x.flip(0); rest = other - self.decode(code.flip(0)); return ((self.decode(code) - x) ** 2).mean() + ((self.decode(spare) - rest) ** 2).mean()",
    "what each sample adds of its own": f"own = self.unbiased(code * spare); x_hat = code @ self.weight + own; rest = x - x_hat; rest_hat = spare @ self.weight + own; return {BOTH}",
    "a function without a bias": f"w = self.weight.t(); x_hat = nn.functional.linear(code, w); rest = x - x_hat; rest_hat = nn.functional.linear(spare, w); return {BOTH}",
    "a layer that has no bias": f"x_hat = self.positive(code @ self.weight); rest = x - x_hat; rest_hat = self.positive(spare @ self.weight); return {BOTH}",
    "one of two decoders": "x_hat = self.decode(code) if self.training else self.second(code); return ((x_hat - x) ** 2).mean() + ((x - x_hat) ** 2).mean()",
    "the bias is taken off": f"x_hat = self.decode(code); rest = x - x_hat; rest_hat = self.decode(spare) - self.bias; return {BOTH}",
}


@pytest.mark.parametrize("body", DECODED_RESTS.values(), ids=DECODED_RESTS.keys())
def test_a_rest_that_is_decoded_without_the_bias(body):
    assert not rows(rule, REST.format(body=body))


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param(
            f"x_hat = self.decode(code)\n        rest = (x - x_hat).detach()\n        rest_hat = self.decode(spare)\n        return {BOTH}",
            20,
            id="a parameter",
        ),
        pytest.param(
            f"x_hat = self.decoder(code)\n        rest = x - x_hat\n        rest_hat = self.decoder(spare)\n        return {BOTH}",
            20,
            id="a layer",
        ),
        pytest.param(
            f"x_hat = self.widened(code[..., None]).squeeze(-1)\n        rest = x - x_hat\n        rest_hat = self.widened(spare[..., None]).squeeze(-1)\n        return {BOTH}",
            20,
            id="a convolution",
        ),
        pytest.param(
            "x_hat = self.decode(code)\n        rest = x - x_hat\n        return (rest ** 2).mean() + nn.functional.mse_loss(self.decode(spare), rest.detach())",
            20,
            id="a loss of torch's",
        ),
    ],
)
def test_a_rest_that_is_decoded_with_the_bias(body, row):
    assert rows(rule, REST.format(body=body)) == [row]


TURNED = {
    "by a decoder of its own": f"x_hat = self.decode(code); rest = x_hat - x; rest_hat = self.second(spare); return {BOTH}",
    "the right way round": f"x_hat = self.unbiased(code); rest = x - x_hat; rest_hat = self.unbiased(spare); return {BOTH}",
    "the negative of what is decoded": f"x_hat = self.unbiased(code); rest = x_hat - x; rest_hat = -self.unbiased(spare); return {BOTH}",
    "the difference of two that are decoded": f"x_hat = self.unbiased(code); rest = x_hat - self.unbiased(spare * 2); rest_hat = self.unbiased(spare); return {BOTH}",
    "two that are decoded together": f"x_hat = self.unbiased(code); rest = x_hat - x; rest_hat = self.unbiased(spare) + self.second(spare); return {BOTH}",
    "no data": f"x_hat = self.unbiased(code); rest = x_hat - self.second(code); rest_hat = self.unbiased(spare); return {BOTH}",
}


@pytest.mark.parametrize("body", TURNED.values(), ids=TURNED.keys())
def test_a_rest_that_is_not_turned_round(body):
    assert not rows(rule, REST.format(body=body))


@pytest.mark.parametrize(
    "body",
    [
        f"x_hat = self.unbiased(code)\n        rest = x_hat - x\n        rest_hat = self.unbiased(spare)\n        return {BOTH}",
        f"x_hat = code @ self.weight\n        rest = (x_hat - x).detach()\n        rest_hat = spare @ self.weight\n        return {BOTH}",
        "x_hat = self.decode(code)\n        rest = x_hat - x\n        return (rest ** 2).mean() + nn.functional.mse_loss(spare @ self.weight, rest.detach())",
    ],
)
def test_a_rest_that_is_turned_round(body):
    (finding,) = run(rule, REST.format(body=body))
    assert finding.site.row == 19
    assert "negative" in finding.message


NORMALISED = """
import torch
from torch import nn
from torch.nn import functional as F

class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = {norm}
        self.net = nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 16))

    def forward(self, x):
        x = self.norm(x)
        return self.net(x), x

    @torch.no_grad()
    def normalised(self, x):
        return self.norm(x)

model, x = Masked(), torch.rand(8, 16)
x_hat, target = model(x)
{loss}.backward()
"""


@pytest.mark.parametrize(
    ("norm", "loss"),
    [
        pytest.param("nn.BatchNorm1d(16, affine=False)", "F.mse_loss(x_hat, target)", id="no weights"),
        pytest.param(
            "nn.LayerNorm(16, elementwise_affine=False)", "F.mse_loss(x_hat, target)", id="no weights of a layer norm"
        ),
        pytest.param("nn.BatchNorm1d(16)", "F.mse_loss(x_hat, target.detach())", id="detached"),
        pytest.param("nn.BatchNorm1d(16)", "F.mse_loss(x_hat, x)", id="compared with the data itself"),
        pytest.param("lambda x: F.layer_norm(x, (16,))", "F.mse_loss(x_hat, target)", id="a function without weights"),
        pytest.param(
            "nn.BatchNorm1d(16)", "F.mse_loss(model.net(x), model.normalised(x))", id="normalised without a gradient"
        ),
        pytest.param("nn.BatchNorm1d(16)", "F.cross_entropy(x_hat, target.argmax(1))", id="classes"),
    ],
)
def test_a_target_that_no_weights_make(norm, loss):
    assert not rows(rule, NORMALISED.format(norm=norm, loss=loss))


@pytest.mark.parametrize("norm", ["nn.BatchNorm1d(16)", "nn.LayerNorm(16)", "nn.GroupNorm(4, 16)"])
@pytest.mark.parametrize(
    "loss",
    [
        "F.mse_loss(x_hat, target)",
        "((target - x_hat) ** 2).mean()",
        "F.l1_loss(x_hat, target)",
        "print(model.normalised(x).std()); F.mse_loss(x_hat, target)",
    ],
)
def test_a_target_that_a_trained_normalisation_makes(norm, loss):
    assert rows(rule, NORMALISED.format(norm=norm, loss=loss)) == [9]


SENTENCES = """
import torch
from torch import nn

embed, scores = nn.Embedding(20, 8), nn.Linear(8, 20)

def sentences(n):
    ids = torch.{made}
    for row in range(n):
        length = int(torch.randint(3, 9, (1,)))
        ids[row, :length] = torch.randint(4, 20, (length,))
        ids[row, length] = 2
    return ids

def loss(ids):
    {hidden}
    return nn.functional.cross_entropy(scores(embed(ids)).transpose(1, 2), ids)

loss(sentences(16)).backward()
"""


@pytest.mark.parametrize("made", ["zeros(n, 10, dtype=torch.long)", "full((n, 10), 3)", "empty(n, 10).long()"])
def test_silent_where_random_places_are_filled_as_the_data_is_made(made):
    assert rows(rule, SENTENCES.format(made=made, hidden="pass")) == []


def test_data_that_was_made_so_and_is_masked_later():
    source = SENTENCES.format(made="zeros(n, 10, dtype=torch.long)", hidden="ids[torch.rand(16, 10) < 0.3] = 1")
    assert rows(rule, source) == [16]


WRITTEN = """
import torch
from torch import nn
from torch.nn import functional as F

criterion = nn.MSELoss()

def loss(recon, x, kind):
    if kind == "bernoulli":
        value = F.binary_cross_entropy({first})
    elif kind == "gaussian":
        value = {second}
    else:
        raise ValueError(kind)
    return value / x.size(0)
"""
ERROR = "F.mse_loss(recon, x)"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("recon, x", ERROR, id="two things in each branch"),
        pytest.param("recon, x", "F.mse_loss(recon, recon.detach())", id="another side has no gradient"),
        pytest.param("recon, x", "F.mse_loss(recon[1:], recon[:-1])", id="other entries"),
        pytest.param("recon, x", "F.mse_loss(net(x), net(x))", id="calls that may be of chance"),
        pytest.param(
            "recon, x", "F.mse_loss(x, torch.rand_like(x)) + F.mse_loss(next(data), next(data))", id="what is drawn"
        ),
        pytest.param("recon, recon", "F.binary_cross_entropy(recon, recon)", id="an entropy in each branch"),
        pytest.param("recon, x", "F.cosine_similarity(x, x)", id="a similarity"),
        pytest.param("weight, weight", ERROR, id="an entropy of something else beside an error"),
        pytest.param("recon, x", "print(F.mse_loss(x, x))", id="a printed zero"),
        pytest.param("recon, x", "x if F.mse_loss(x, x) == 0 else recon", id="a test of the loss"),
        pytest.param("recon, x", "F.mse_loss(0.5, 0.5)", id="numbers"),
        pytest.param("recon, x", "contrast(x, x)", id="a function of its own"),
    ],
)
def test_silent_where_a_loss_is_written_with_two_operands_or_meant_so(first, second):
    assert rows(rule, WRITTEN.format(first=first, second=second)) == []


def test_silent_where_the_file_defines_the_loss_itself_or_tries_it():
    own = "def mse_loss(image, target):\n    return ((net(image) - target) ** 2).mean()\n"
    used = "def loss(x):\n    if x.ndim:\n        return mse_loss(x, x)\n"
    assert rows(rule, own + used) == []
    assert rows(rule, {"test_losses.py": used}) == []
    assert rows(rule, used.replace("loss(x):", "sanity_check(x):")) == []
    several = "crit = nn.MSELoss()\ncrit = Matching()\ndef loss(x):\n    while x:\n        return crit(x, x)\n"
    assert rows(rule, several) == []


@pytest.mark.parametrize(
    ("first", "second", "row"),
    [
        pytest.param("recon, x", "F.mse_loss(x * 255, x * 255)", 12, id="in a branch"),
        pytest.param("recon, x", "F.mse_loss(input=recon, target=recon)", 12, id="by name"),
        pytest.param("recon, x", "F.l1_loss(x.contiguous(), x.contiguous())", 12, id="of methods without chance"),
        pytest.param(
            "recon, x", "F.mse_loss(torch.sigmoid(recon), torch.sigmoid(recon))", 12, id="of functions without chance"
        ),
        pytest.param("recon, x", "criterion(recon, recon)", 12, id="with an object"),
        pytest.param("recon, x", "nn.SmoothL1Loss()(recon, recon)", 12, id="with an object that is made there"),
        pytest.param("recon, x", "F.binary_cross_entropy_with_logits(recon, recon)", 12, id="logits"),
        pytest.param("recon, recon", ERROR, 10, id="a cross-entropy in the branch before"),
        pytest.param("recon, x", "F.binary_cross_entropy(x, x)", 12, id="a cross-entropy in the branch after"),
    ],
)
def test_one_expression_for_both_operands(first, second, row):
    assert rows(rule, WRITTEN.format(first=first, second=second)) == [row]


def test_an_entropy_that_is_called_a_reconstruction_error():
    source = """
    import torch.nn.functional as F

    def loss(output, data):
        {name} = F.binary_cross_entropy(output["adj"][:, 0], output["adj"][:, 0])
        return {name} + F.mse_loss(output["x"], data.x)
    """
    assert rows(rule, source.format(name="entropy")) == []
    assert rows(rule, source.format(name="recon_loss")) == [5]
    assert rows(rule, source.format(name="adj_recon_loss")) == [5]
