import pytest

from aelint.rules.data import wrong_normalization as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nfrom torch.utils.data import DataLoader, Dataset\nfrom torchvision import datasets, transforms as T\n"

SILENT = {
    "digits": "d = datasets.MNIST('.', transform=T.Compose([T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]))\nx = d[0]",
    "colours": "d = datasets.CIFAR10('.', transform=T.Compose([T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3)]))\nx = d[0]",
    "one number for three channels": "d = datasets.CIFAR10('.', transform=T.Compose([T.ToTensor(), T.Normalize(0.5, 0.5)]))\nx = d[0]",
    "gray pictures made coloured": "d = datasets.MNIST('.', transform=T.Compose([T.Grayscale(3), T.ToTensor(), "
    "T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]))\nx = d[0]",
    "unknown pictures": "t = T.Compose([T.ToTensor(), T.Normalize((0.5,) * 3, (0.5,) * 3)])\ny = t(load())",
    "raw bytes": "x = datasets.MNIST('.').data.float() / 255",
    "ImageNet": "t = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))",
    "taken back by two steps": "m, s = torch.tensor([0.4]), torch.tensor([0.2])\n"
    "t = T.Compose([T.Normalize(torch.zeros_like(m), 1 / s), T.Normalize(-m, torch.ones_like(s))])",
    "two pipelines": "a = T.Compose([T.ToTensor(), T.Normalize(0.5, 0.5)])\nb = T.Compose([T.ToTensor(), T.Normalize(0.1, 0.2)])",
    "a network's output scaled down": "def f(x):\n    return torch.sigmoid(x) / 255",
}
LOUD = {
    "three means for digits": (
        (
            "t = T.Compose([\n  T.ToTensor(),\n  T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),\n])\n"
            "for x, _ in DataLoader(datasets.MNIST('.', transform=t), 8):\n    pass"
        ),
        6,
    ),
    "twice": ("t = T.Compose([T.ToTensor(), T.Normalize(0.5, 0.5),\n  T.Normalize(0.1, 0.3)])", 5),
    "in front of ToTensor": ("t = T.Compose([T.Normalize(0.5, 0.5), T.ToTensor()])", 4),
    "exchanged": ("t = T.Normalize((0.229, 0.224, 0.225), (0.485, 0.456, 0.406))", 4),
    "exchanged digits": ("t = T.Normalize(std=(0.1307,), mean=(0.3081,))", 4),
    "divided again": (
        "for x, _ in DataLoader(datasets.MNIST('.', transform=T.ToTensor()), 8):\n    x = x.view(-1, 784) / 255.",
        5,
    ),
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(("body", "row"), LOUD.values(), ids=LOUD)
def test_fires(body, row):
    assert rows(rule, HEAD + body) == [row]


def test_transform_of_the_project():
    source = """
    import torch
    class Normalize:
        def __init__(self, mean, std):
            self.mean, self.std = mean, std
        def __call__(self, x):
            mean = torch.as_tensor(self.mean).view(-1, 1, 1)
            return x.clone().sub_(mean)
    step = Normalize(MEANS, (0.5,))
    y = step(torch.zeros(1, 14, 14))
    """
    assert rows(rule, source.replace("MEANS", "(0.5, 0.5, 0.5)")) == [9]
    assert rows(rule, source.replace("MEANS", "(0.5,)")) == []


def test_silent_on_a_pipeline_that_turns_tensors_into_pictures_and_back() -> None:
    source = """
    from torchvision import transforms

    smaller = transforms.Compose(
        [transforms.Normalize((-1.0,), (2.0,)), transforms.ToPILImage(), transforms.Resize(16), transforms.ToTensor()]
    )
    """
    assert rows(rule, source) == []


INVERSE = (
    "t = T.Compose([T.Normalize(mean=[0.0, 0.0, 0.0], std=[1 / 0.229, 1 / 0.224, 1 / 0.225]),\n"
    "               T.Normalize(mean=[-0.485, -0.456, -0.406], std=[1.0, 1.0, 1.0])])"
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(INVERSE, id="the normalisation is taken back in two steps"),
        pytest.param(
            "import albumentations as A\nt = A.Compose([A.Normalize((0.5,), (0.5,)), A.ToTensor()])",
            id="another library normalises arrays",
        ),
        pytest.param(
            "t = T.Compose([T.PILToTensor(), T.ConvertImageDtype(torch.float), T.Normalize(0.5, 0.5), T.Lambda(edit), T.ToTensor()])",
            id="a tensor stands in front",
        ),
        pytest.param("y = T.Normalize((0.5,) * 3, (0.5,) * 3)(torch.rand(8, 3, 32, 32))", id="a batch of pictures"),
        pytest.param(
            "for x, _ in DataLoader(datasets.MNIST('.', transform=T.ToTensor()), 8):\n    bytes = x * 255\n    blank = x * 0.0\n    half = x / 2",
            id="other factors",
        ),
    ],
)
def test_silent_where_the_numbers_are_meant(body):
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(
    ("change", "shape"),
    [("x.sub(mean)", "1, 14, 14"), ("x.clone().sub_(mean)", "3, 14, 14"), ("x.clone().sub_(mean)", "8, 3, 14, 14")],
    ids=["a grey picture becomes coloured", "as many channels", "a batch"],
)
def test_transform_of_the_project_that_fits(change, shape):
    source = f"""
    import torch
    class Normalize:
        def __init__(self, mean):
            self.mean = mean
        def __call__(self, x):
            mean = torch.as_tensor(self.mean).view(-1, 1, 1)
            return {change}
    step = Normalize((0.5, 0.4, 0.3))
    y = step(torch.zeros({shape}))
    """
    assert rows(rule, source) == []


STATISTICS = """
import torch
from torchvision import transforms

steps = transforms.Compose([{first}, transforms.Normalize(mean={mean}, std={std})])
"""


@pytest.mark.parametrize(
    ("first", "mean", "std"),
    [
        ("transforms.ToTensor()", "[0.507, 0.487, 0.441]", "[0.267, 0.256, 0.276]"),
        ("transforms.ToTensor()", "[0.0]", "[1 / 255]"),
        ("transforms.ToTensor()", "[0.001]", "[0.5]"),
        ("transforms.Grayscale()", "[0.5 / 255]", "[0.5 / 255]"),
    ],
    ids=["of pictures", "back to bytes", "a dark set", "no ToTensor"],
)
def test_silent_on_statistics_of_scaled_pictures(first, mean, std):
    assert rows(rule, STATISTICS.format(first=first, mean=mean, std=std)) == []


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ("[0.507 / 255]", "[0.267 / 255]"),
        ("[x / 255.0 for x in [0.5, 0.4, 0.4]]", "[x / 255 for x in [0.2, 0.2, 0.2]]"),
    ],
)
def test_statistics_that_are_scaled_again(mean, std):
    assert rows(rule, STATISTICS.format(first="transforms.ToTensor()", mean=mean, std=std)) == [5]


SCALER = """
class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(0), x.std(0)

    def forward(self, x):
        return {forward}

    def inverse(self, y):
        return {inverse}
"""


@pytest.mark.parametrize(
    ("forward", "inverse"),
    [
        ("(x - self.mean) / self.std", "y * self.std + self.mean"),
        ("(x - self.mean) / self.std", "self.mean + self.std * y"),
        ("x / self.std - self.mean", "(y + self.mean) * self.std"),
        ("(x - self.mean) / self.std", "(clip(y) + 1) * self.std"),
        ("(x - self.mean) / self.std", "(y + self.mean) * self.scale"),
    ],
)
def test_silent_on_inverses(forward, inverse):
    assert rows(rule, SCALER.format(forward=forward, inverse=inverse)) == []


@pytest.mark.parametrize(
    ("forward", "inverse"),
    [
        ("(x - self.mean) / self.std", "(y + self.mean) * self.std"),
        ("(x - self.mean) / self.std", "self.std * (self.mean + y)"),
        ("(x - 0.5) / 0.5", "(y + 0.5) * 0.5"),
    ],
)
def test_sums_before_products(forward, inverse):
    assert rows(rule, SCALER.format(forward=forward, inverse=inverse)) == [10]


def test_silent_on_the_arithmetic_of_chunks():
    source = """
import torch

def run(net, x, size):
    n = len(x)
    for chunk in range(int((n - {one}) / size) + 1):
        yield net(x[chunk * size : (chunk + {one}) * size])
"""
    assert rows(rule, source.format(one="1")) == []
    assert rows(rule, source.format(one="mean")) == [7]


@pytest.mark.parametrize(
    "source",
    [
        "mean, std = x.mean(0), x.std(0)",
        "std = scales.mean()",
        "loss_mean, std = x.mean(), x.mean()",
        "mean = x.mean(0)\nstd = (x - mean).abs().mean(0)",
        "mean = x.mean(0)\ndef f(x):\n    std = x.mean(0)",
        "mean_std = x.mean(0)\nmean = x.mean(0)",
        "low, high = x.min(), x.min()",
    ],
)
def test_silent_on_statistics_under_their_names(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("import numpy as np\nmean, std = np.mean(x, axis=0), np.mean(x, axis=0)", 2),
        ("import numpy as np\nmean = np.mean(x, axis=0)\nstd = np.mean(x, axis=0) + 1e-8", 3),
        ("eps = 1e-6\nmean = x.mean(0)\nstd = x.mean(0) + eps", 3),
        ("class A:\n    def fit(self, x):\n        self.mean = x.mean(0)\n        self.std = x.mean(0)", 4),
        ("x_min = x.max(dim=0).values\nx_max = x.max(dim=0).values", 1),
        ("stats = {\n    'train_mean': x.std(),\n    'train_std': x.std(),\n}", 2),
        ("t = Scaler(\n    mean=x.mean(0).tolist(),\n    std=x.mean(0).tolist(),\n)", 3),
    ],
)
def test_a_statistic_that_repeats_its_counterpart(source, row):
    assert rows(rule, source) == [row]


STANDARDISED = (
    HEAD
    + """
def scaled(x, axis=-1):
    mean, spread = x.mean(dim=axis, keepdim=True), x.std(dim=axis, keepdim=True)
    return (x - mean) / (spread + 1e-5), mean, spread

def f(x, gain, flag):
    {body}
"""
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("y, m, s = scaled(x)\n    return y * s + m", id="once"),
        pytest.param("y = scaled(x, 0)[0]\n    return scaled(y, 1)", id="along another axis"),
        pytest.param("y = scaled(x)[0] * gain\n    return scaled(y)", id="with a gain between"),
        pytest.param("y = scaled(x)[0]\n    print(y.mean(-1), y.std(-1))\n    return y", id="looked at"),
        pytest.param("y = x - x.mean(-1, keepdim=True)\n    return scaled(y)", id="only centred before"),
        pytest.param("return scaled(x)[0], scaled(x)[1]", id="the same twice"),
        pytest.param(
            "y = scaled(x)[0]\n    if len(y) < 9:\n        y = y.T\n    return scaled(y)", id="perhaps turned over"
        ),
    ],
)
def test_silent_on_values_that_are_standardised_once(body):
    assert rows(rule, STANDARDISED.format(body=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("x, _, _ = scaled(x)\n    x, m, s = scaled(x)\n    return x * s + m", id="by one function"),
        pytest.param("x = scaled(x)[0] if flag else x\n    x, m, s = scaled(x.float())\n    return x * s + m", id="perhaps"),
        pytest.param("y = scaled(x)[0]\n    return (y - y.mean(-1, keepdim=True)) / y.var(-1, keepdim=True).sqrt()", id="by hand"),
    ],
)  # fmt: skip
def test_values_that_are_standardised_again(body):
    assert rows(rule, STANDARDISED.format(body=body)) == [11]


COUNTS = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import NegativeBinomial, Poisson

class Table:
    def __init__(self, counts):
        self.counts, self.X = counts, counts.clone()

    def log1p(self):
        self.X = torch.log1p(self.X)

table = Table(torch.poisson(torch.rand(64, 20)))
{prepared}
encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
for x in torch.utils.data.DataLoader(table.{data}, batch_size=16):
    rate = F.softplus(decoder(encoder({seen})))
    loss = {loss}
    loss.backward()
"""
WRITTEN = "-(x * rate.log() - rate - torch.lgamma(x + 1)).sum(1).mean()"


@pytest.mark.parametrize(
    ("data", "seen", "loss"),
    [
        pytest.param("counts", "x", "F.poisson_nll_loss(rate, x, log_input=False)", id="the counts"),
        pytest.param("counts", "torch.log1p(x)", WRITTEN, id="the logarithm for the encoder"),
        pytest.param("X", "x", "F.mse_loss(rate, x)", id="no likelihood of counts"),
        pytest.param("X", "x", "F.poisson_nll_loss(rate, torch.expm1(x), log_input=False)", id="undone"),
        pytest.param("X", "x", "-(torch.lgamma(x + rate) - torch.lgamma(rate)).mean()", id="no factorial"),
    ],
)
def test_silent_on_likelihoods_of_counts(data, seen, loss):
    assert rows(rule, COUNTS.format(prepared="table.log1p()", data=data, seen=seen, loss=loss)) == []


@pytest.mark.parametrize(
    ("prepared", "loss", "row"),
    [
        pytest.param("table.log1p()", WRITTEN, 15, id="a method of the data"),
        pytest.param("table.X = torch.log(table.X + 1)", "-Poisson(rate).log_prob(x).mean()", 15, id="written out"),
        pytest.param("table.X.log1p_()", "nn.PoissonNLLLoss(log_input=False)(rate, x)", 15, id="in place"),
        pytest.param(
            "table.log1p()", "-NegativeBinomial(rate, logits=rate).log_prob(x).sum()", 15, id="negative binomial"
        ),
    ],
)
def test_a_likelihood_of_counts_under_a_logarithm(prepared, loss, row):
    assert rows(rule, COUNTS.format(prepared=prepared, data="X", seen="x", loss=loss)) == [row]


READ_BY_OPENCV = """
import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

class Images(Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize({mean}, [0.229, 0.224, 0.225])])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = {read}
        {prepared}
        return self.transform(image)
"""
RED_FIRST = "[0.485, 0.456, 0.406]"


@pytest.mark.parametrize(
    ("mean", "read", "prepared"),
    [
        (RED_FIRST, "cv2.imread(self.paths[index])", "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)"),
        (RED_FIRST, "cv2.imread(self.paths[index])", "image = image[:, :, ::-1].copy()"),
        (RED_FIRST, "cv2.imread(self.paths[index])[..., [2, 1, 0]]", ""),
        (RED_FIRST, "cv2.imread(self.paths[index])", "image = prepare(image)"),
        (RED_FIRST, "cv2.imread(self.paths[index], cv2.IMREAD_COLOR_RGB)", ""),
        (RED_FIRST, "cv2.imread(self.paths[index], flag)", ""),
        (RED_FIRST, "Image.open(self.paths[index])", ""),
        ("[0.406, 0.456, 0.485]", "cv2.imread(self.paths[index])", ""),
        ("[0.5, 0.5, 0.5]", "cv2.imread(self.paths[index])", ""),
    ],
)
def test_silent_where_red_may_be_first(mean, read, prepared):
    assert rows(rule, READ_BY_OPENCV.format(mean=mean, read=read, prepared=prepared)) == []


@pytest.mark.parametrize(
    ("read", "prepared"),
    [
        ("cv2.imread(self.paths[index])", ""),
        ("cv2.imread(self.paths[index], cv2.IMREAD_COLOR)", "image = cv2.resize(image, (64, 64))"),
        ("cv2.imread(self.paths[index]).astype(np.float32) / 255", ""),
        ("cv2.imdecode(self.paths[index], 1)", "image = Image.fromarray(image)"),
    ],
)
def test_fires_where_blue_stands_first_and_red_is_meant(read, prepared):
    assert rows(rule, READ_BY_OPENCV.format(mean=RED_FIRST, read=read, prepared=prepared)) == [18]


SCALED = """
import numpy as np
import torch

class Scaler:
    def fit(self, x):
        self.low, self.high = {low}, x.max(dim=0).values
        self.mean, self.std = {mean}, x.std(0)

    def standardised(self, x):
        return (x - self.mean) / self.std

    def __call__(self, x, a_min, a_max, b_max):
        y = torch.relu(x)
        return {scaled}
"""
LOW, MEAN = "x.min(dim=0).values", "x.mean(0)"


@pytest.mark.parametrize(
    ("scaled", "low", "mean"),
    [
        pytest.param("(x - self.low) / (self.high - self.low)", LOW, MEAN, id="subtracted"),
        pytest.param("2 * (x - self.low) / (self.high - self.low) - 1", LOW, MEAN, id="subtracted-and-centred"),
        pytest.param("(2 * x - self.high - self.low) / (self.high - self.low)", LOW, MEAN, id="around-the-middle"),
        pytest.param("(x - self.high + self.low) / (self.high - self.low)", LOW, MEAN, id="shifted-by-both"),
        pytest.param("(-x + self.low) / (self.high - self.low)", LOW, MEAN, id="turned-over"),
        pytest.param("(self.high + self.low) / (self.high - self.low)", LOW, MEAN, id="contrast"),
        pytest.param("(x + self.low) / (self.high - self.low)", "-x.min(dim=0).values", MEAN, id="stored-negative"),
        pytest.param("(x + self.low) / (self.high - self.low)", "x.mean(0)", MEAN, id="not-a-minimum"),
        pytest.param("(x + self.low) / (self.high - y.min())", LOW, MEAN, id="another-minimum"),
        pytest.param("(x + self.low) / (y - 1.0)", LOW, MEAN, id="less-a-number"),
        pytest.param("(x + self.low) / (y - self.low)", LOW, MEAN, id="from-the-minimum-to-something-else"),
        pytest.param("(x + np.min(x)) / (np.max(x) - np.min(y))", LOW, MEAN, id="another-minimum-by-numpy"),
        pytest.param("(x + np.min(x)) / (np.max(x) - np.median(x))", LOW, MEAN, id="not-its-minimum-by-numpy"),
        pytest.param("(x + np.ptp(x)) / (np.max(x) - np.ptp(x))", LOW, MEAN, id="a-margin-as-wide-as-the-range"),
        pytest.param("(x + b_max[0]) / (b_max[1] - b_max[0])", LOW, MEAN, id="numbers-of-a-table"),
        pytest.param("(x + 1) / 2", LOW, MEAN, id="numbers"),
        pytest.param("(x + self.low) / self.high", LOW, MEAN, id="no-range"),
        pytest.param("(x + a_min) / (b_max - a_min)", LOW, MEAN, id="names-of-two-things"),
        pytest.param("(1 + a_min) / (a_max - a_min)", LOW, MEAN, id="a-number-is-scaled"),
        pytest.param("(a_max + a_min) / (a_max - a_min)", LOW, MEAN, id="named-contrast"),
        pytest.param("(x - self.mean) / self.std", LOW, MEAN, id="standardised"),
        pytest.param("(x + self.mean) / self.std", LOW, "-x.mean(0)", id="mean-stored-negative"),
        pytest.param("(x + y.mean(0)) / self.std", LOW, MEAN, id="mean-of-other-data"),
        pytest.param("(x + y.mean(0)) / torch.sqrt(y.mean(0) + 1.0)", LOW, MEAN, id="no-deviation"),
        pytest.param("(x + y + 1.0) / self.std", LOW, MEAN, id="a-sum"),
        pytest.param("(x + (y + 1.0)) / self.std", LOW, MEAN, id="shifted-by-no-statistic"),
        pytest.param("((x - self.mean) + self.mean) / self.std", LOW, MEAN, id="shifted-before"),
        pytest.param("(x.mean(0) + y.mean(0)) / y.std(0)", LOW, MEAN, id="two-means"),
        pytest.param("x * self.std + self.mean", LOW, MEAN, id="undone"),
        pytest.param("x * y.std(0) - y.mean(0)", LOW, MEAN, id="nothing-to-undo"),
        pytest.param("2.0 * self.std - self.mean", LOW, MEAN, id="a-bound"),
        pytest.param("x * (self.high - self.low) + self.low", LOW, MEAN, id="range-undone"),
        pytest.param("x * (self.high - self.low) - self.low", "-x.min(dim=0).values", MEAN, id="undone-negative"),
    ],
)
def test_silent_on_shifts_of_the_right_sign(scaled: str, low: str, mean: str) -> None:
    assert rows(rule, SCALED.format(scaled=scaled, low=low, mean=mean)) == []


@pytest.mark.parametrize(
    "scaled",
    [
        "(x + self.low) / (self.high - self.low)",
        "(self.low + x) / (self.high - self.low + 1e-8)",
        "2 * (x + self.low) / (self.high - self.low).clamp(min=1e-6) - 1",
        "x.add_(self.low).div_(self.high - self.low)",
        "(x + x.min()) / (x.max() - x.min())",
        "(x + np.min(x)) / np.maximum(np.max(x) - np.min(x), 1e-6)",
        "(x + a_min) / (a_max - a_min)",
        "(x + a_min) / (x.max() - a_min)",
        "(x + x.min()) / (b_max - x.min())",
        "(x + self.mean) / self.std",
        "torch.div(x + self.mean, self.std + 1e-6)",
        "(x + y.mean(0)) / torch.sqrt(y.var(0) + 1e-6)",
        "x * (self.high - self.low) - self.low",
        "x * self.std - self.mean",
    ],
)
def test_shifts_of_the_wrong_sign(scaled: str) -> None:
    assert rows(rule, SCALED.format(scaled=scaled, low=LOW, mean=MEAN)) == [15]


@pytest.mark.parametrize(
    ("scaled", "said", "noted"),
    [
        pytest.param(
            "(x + self.low) / (self.high - self.low)",
            "the minimum is added here, so that the values miss their range: subtract it",
            [],
            id="added",
        ),
        pytest.param(
            "x * (self.high - self.low) - self.low",
            "the minimum is subtracted here, so that the values miss their range: add it",
            [],
            id="subtracted",
        ),
        pytest.param(
            "x * self.std - self.mean",
            "the mean is subtracted here, so that it moves further what was standardised with it (line 11): add it",
            [11],
            id="of a standardisation elsewhere",
        ),
    ],
)
def test_the_message_says_which_way_a_shift_goes(scaled: str, said: str, noted: list[int]) -> None:
    (finding,) = run(rule, SCALED.format(scaled=scaled, low=LOW, mean=MEAN))
    assert finding.message == said
    assert [note.site.row for note in finding.notes] == noted


def test_a_minimum_that_is_given_or_measured() -> None:
    source = """
    def scaled(x, low=None):
        if low is None:
            low = {low}
        x += low
        x /= x.max() - low
        return x
    """
    assert rows(rule, source.format(low="-x.min()")) == []
    assert rows(rule, source.format(low="x.min()")) == [6]


@pytest.mark.parametrize("array", ["table.astype('float32')", "np.load('table.npy')", "table"])
def test_the_extremes_of_an_array_along_an_axis(array: str) -> None:
    source = f"""
    import numpy as np

    def limits(table):
        return table.min(axis=0), table.max(axis=0)

    def scaled(table):
        values = {array}
        low, high = limits(values)
        return (values {{sign}} low) / (high - low)
    """
    assert rows(rule, source.format(sign="-")) == []
    assert rows(rule, source.format(sign="+")) == [10]


@pytest.mark.parametrize("step", ["x + low", "x + high"])
def test_both_extremes_at_once(step: str) -> None:
    source = f"""
    import torch

    def scaled(x):
        low, high = torch.aminmax(x)
        return ({step}) / (high - low)
    """
    assert rows(rule, source) == ([6] if step == "x + low" else [])


GIVEN = """
def scaled(x, twice, a_min=None, b_max=None, noise=None):
    if a_min is None:
        a_min = {low}
    if b_max is None:
        b_max = x.max()
    if twice:
        noise = noise * 2
    return (x + {shift}) / (b_max - {shift})
"""


def test_extremes_that_are_given_or_measured() -> None:
    assert rows(rule, GIVEN.format(low="x.mean()", shift="a_min")) == []
    assert rows(rule, GIVEN.format(low="x.min()", shift="noise")) == []
    assert rows(rule, GIVEN.format(low="x.min()", shift="a_min")) == [9]


FITTED = """
import torch

class Scaler:
    def __init__(self):
        self.lowest = self.highest = self.centre = self.spread = None

    def fit(self, x):
        self.lowest, self.highest = {low}, x.max(dim=0).values
        self.centre, self.spread = x.mean(0), x.std(0).clamp(min=1e-6)

    def start_over(self, x):
        self.lowest = {anew}

def scaled(x, scaler, lowest, highest):
    return {scaled}
"""
BY_RANGE = "(x + scaler.lowest) / (scaler.highest - scaler.lowest)"
FITS = {"low": LOW, "anew": LOW, "scaled": BY_RANGE}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"scaled": BY_RANGE.replace("+", "-")}, id="subtracted"),
        pytest.param({"low": "-x.min(dim=0).values", "anew": "None"}, id="stored negative"),
        pytest.param({"low": LOW + " + 1e-3", "anew": "None"}, id="above the minimum"),
        pytest.param({"anew": "torch.zeros(3)"}, id="not always the minimum"),
        pytest.param({"anew": "x.mean(0)"}, id="a minimum or a mean"),
        pytest.param({"scaled": "(x + lowest) / (highest - lowest)"}, id="parameters of the same names"),
        pytest.param({"scaled": "(x + getattr(scaler, lowest)) / scaler.spread"}, id="whatever is asked for"),
        pytest.param({"scaled": "(x + scaler.centre) / scaler.highest"}, id="a mean and a maximum"),
    ],
)
def test_silent_on_statistics_that_another_object_keeps(changes: dict[str, str]) -> None:
    assert rows(rule, FITTED.format(**(FITS | changes))) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the range"),
        pytest.param({"scaled": "(x + scaler.centre) / scaler.spread"}, id="mean and deviation"),
    ],
)
def test_shifts_by_statistics_that_another_object_keeps(changes: dict[str, str]) -> None:
    assert rows(rule, FITTED.format(**(FITS | changes))) == [16]


MARGIN = """
import torch

class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(0), x.std(0)
        self.overall, self.range = x.mean(), x.amax(0) - x.amin(0)

    def standardised(self, x):
        return (x - self.{shift}) / self.{scale}

    def margin(self, widths):
        return widths * self.std - self.mean
"""


@pytest.mark.parametrize(
    ("shift", "scale", "found"),
    [
        pytest.param("mean", "range", [], id="another-scale"),
        pytest.param("overall", "std", [], id="another-mean"),
        pytest.param("mean", "std", [13], id="the-same-two"),
    ],
)
def test_a_difference_undoes_what_both_numbers_did(shift: str, scale: str, found: list[int]) -> None:
    assert rows(rule, MARGIN.format(shift=shift, scale=scale)) == found


def test_silent_on_a_line_and_where_it_crosses() -> None:
    source = """
    def side(x, slope, offset):
        return x * slope - offset

    def crossing(y, slope, offset):
        return (y - offset) / slope

    def both(x, y, slope, offset):
        return side(x, slope, offset), crossing(y, slope, offset)
    """
    assert rows(rule, source) == []


def test_an_extreme_that_is_given_and_set_elsewhere() -> None:
    source = """
    class Scaler:
        def __init__(self, low):
            self.{name} = -low

        def __call__(self, x, other):
            return (x + other.a_min) / (other.a_max - other.a_min)
    """
    assert rows(rule, source.format(name="a_min")) == []
    assert rows(rule, source.format(name="another")) == [7]


SIGNED = """
import torch
from torch import nn

encoder = nn.Conv2d(3, 4, 4, stride=2, padding=1)
decoder = nn.Sequential(nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1), nn.{end}())
features = nn.Conv2d(3, 8, 3)

def prepare(pictures):
    return pictures.float() / {by} - {less}

def signed(x):
    return {mapped}

x = prepare(torch.randint(0, 256, (8, 3, 16, 16)))
recon = decoder(encoder(x))
loss = (features({given}) - features(x)).pow(2).mean()
"""
TWICE = {"end": "Tanh", "by": 127.5, "less": 1.0, "mapped": "x * 2.0 - 1.0", "given": "signed(recon)"}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"end": "Sigmoid"}, id="from the unit interval"),
        pytest.param({"given": "recon"}, id="not mapped again"),
        pytest.param({"mapped": "(x + 1.0) / 2.0"}, id="mapped back"),
        pytest.param({"mapped": "x * 2.0"}, id="a factor alone"),
        pytest.param({"mapped": "x * 3.0 - 1.0"}, id="another factor"),
        pytest.param({"mapped": "x + 0.5 - 1.0"}, id="a shift alone"),
        pytest.param({"mapped": "(x - 0.5) / 0.25"}, id="another width"),
        pytest.param({"end": "ReLU(), nn.Tanh"}, id="a tanh of what is positive"),
        pytest.param({"given": "signed(torch.sin(x))"}, id="waves"),
        pytest.param({"given": "recon + signed(torch.tanh(torch.load('mask.pt')))"}, id="a shape that nobody knows"),
        pytest.param({"given": "signed(x)", "by": 255.0, "less": 0.0}, id="pictures in the unit interval"),
        pytest.param(
            {"given": "recon + signed(torch.tanh(features(x).mean((1, 2, 3))))[:, None, None, None]"},
            id="a number of each picture",
        ),
    ],
)
def test_silent_on_pictures_that_are_mapped_once(parts):
    assert rows(rule, SIGNED.format(**{**TWICE, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="what ends in tanh"),
        pytest.param({"mapped": "(x - 0.5) / 0.5"}, id="by centre and half the width"),
        pytest.param({"mapped": "(x - 0.5) * 2"}, id="by centre and factor"),
        pytest.param({"end": "Sigmoid", "given": "signed(x)"}, id="bytes"),
        pytest.param({"end": "Sigmoid", "given": "signed(signed(recon))"}, id="the same map twice"),
        pytest.param(
            {"end": "Sigmoid", "mapped": "(x - 0.5) / 0.5", "given": "signed(signed(recon))"},
            id="by centre and half the width, twice",
        ),
    ],
)
def test_pictures_that_are_mapped_to_both_signs_twice(parts):
    assert rows(rule, SIGNED.format(**{**TWICE, **parts})) == [13]
