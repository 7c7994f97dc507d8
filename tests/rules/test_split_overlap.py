import pytest

from aelint.rules.data import split_overlap as rule
from tests.rules.harness import rows, run

SILENT = {
    "different indices": "def f(d, a, b):\n    train = d[a]\n    val = d[b]",
    "different data": "def f(x, y, i):\n    x_train = x[i]\n    y_test = y[i]",
    "scored on training data on purpose": "def f(d, i):\n    train = d[i]\n    train_eval = d[i]",
    "adjacent parts": "def f(d):\n    train = d[:800]\n    val = d[800:]",
    "adjacent ranges": "from torch.utils.data import Subset\ndef f(d):\n    train = Subset(d, range(800))\n    val = Subset(d, range(800, 1000))",
    "every tenth": "from torch.utils.data import Subset\ndef f(d):\n    train = Subset(d, range(1, 1000, 10))\n    val = Subset(d, range(0, 1000, 10))",
    "every tenth, chosen": "from torch.utils.data import Subset\ndef f(d):\n    train = Subset(d, [i for i in range(1000) if i % 10])\n"
    "    val = Subset(d, [i for i in range(1000) if i % 10 == 0])",
    "every tenth, put aside": "from torch.utils.data import Subset\ndef f(d):\n    a, b = [], []\n    for i in range(1000):\n"
    "        if i % 10:\n            a.append(i)\n        else:\n            b.append(i)\n    train, val = Subset(d, a), Subset(d, b)",
    "unknown ends": "def f(d, n, m):\n    train = d[:n]\n    val = d[m:]",
    "everything trains": "def f(d):\n    train = d[:]\n    test = d[:10]",
    "columns by name": "def f(d):\n    train = d['a']\n    test = d['a']",
    "dictionary": "s = {'train': train_set, 'val': val_set, 'test': test_set}",
    "validation stands in for a missing test": "s = {'train': train_set, 'val': val_set, 'test': val_set}",
    "sizes in order": "train, val, test = random_split(d, [n_train, n_val, n_test])",
    "transform of held-out data": "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\n"
    "a = s.fit_transform(x_train)\nb = s.transform(x_test)",
}
LOUD = {
    "same indices": (
        "def f(d, folds):\n    for tr, va in folds:\n        train = d[tr, :]\n        val = d[tr, :]",
        [4],
    ),
    "subset": (
        "from torch.utils.data import Subset\ndef f(d, i, j):\n    train_set = Subset(d, i)\n    test_set = Subset(d, i)",
        [4],
    ),
    "overlapping ranges": (
        "from torch.utils.data import Subset\ndef f(d):\n    train = Subset(d, range(800))\n    val = Subset(d, range(700, 1000))",
        [4],
    ),
    "lists of ranges": (
        "from torch.utils.data import Subset\ndef f(d):\n    train = Subset(d, list(range(800)))\n    val = Subset(d, list(range(700, 1000)))",
        [4],
    ),
    "overlapping slices": ("def f(d):\n    train = d[:900]\n    val = d[800:]", [3]),
    "exchanged in a dictionary": ("s = {\n    'val': test_set,\n    'test': val_set,\n}", [2, 3]),
    "exchanged sizes": ("train, val, test = random_split(d, [n_train, n_test, n_val])", [1]),
    "scaler fitted twice": (
        (
            "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\na = s.fit_transform(x_train)\n"
            "b = s.fit_transform(x_test)"
        ),
        [4],
    ),
}


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_silent(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(("source", "expected"), LOUD.values(), ids=LOUD)
def test_overlap(source, expected):
    assert rows(rule, source) == expected


GRAPH = """
def load():
    return {"x": features(), "adj": dense(edges), "train_adj": dense(train), "train_edges": train}

def step(model, opt, data):
    z = model(data["x"], data["KEY"])
    loss = score(z, data["train_edges"])
    loss.backward()
"""


def test_training_step_reads_the_whole_graph():
    assert rows(rule, GRAPH.replace("KEY", "adj")) == [6]
    assert rows(rule, GRAPH.replace("KEY", "train_adj")) == []
    # Somebody uses the training version: then both have their place.
    assert rows(rule, GRAPH.replace("KEY", "adj") + "\ndef other(data):\n    return data['train_adj']") == []


def test_training_on_the_test_split():
    source = """
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms
    train = datasets.MNIST(".", train=True, transform=transforms.ToTensor())
    test = datasets.MNIST(".", train=False, transform=transforms.ToTensor())
    loader = DataLoader({}, 32, shuffle=True)
    for x, _ in loader:
        loss = model(x).mean()
        loss.backward()
    """
    assert rows(rule, source.format("test")) == [7]
    assert rows(rule, source.format("train")) == []


EDGES = """
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def encode(self, x, edges):
        return self.layer(x.index_add(0, edges[1], x[edges[0]]))


def score(z, edges):
    return -torch.sigmoid((z[edges[0]] * z[edges[1]]).sum(1)).log().mean()


x, edge_index = torch.randn(60, 16), torch.randint(0, 60, (2, 300))
order = torch.randperm(300)
train_edges, test_edges = edge_index[:, order[30:]], edge_index[:, order[:30]]
model = Encoder()


def train():
    z = model.encode(x, {encoded})
    loss = score(z, {predicted})
    loss.backward()


train()
"""


@pytest.mark.parametrize(
    ("encoded", "predicted"),
    [("train_edges", "train_edges"), ("edge_index", "edge_index"), ("train_edges", "draw(edge_index, train_edges)")],
)
def test_silent_on_graphs_whose_held_out_edges_are_hidden(encoded, predicted):
    assert rows(rule, EDGES.format(encoded=encoded, predicted=predicted)) == []


def test_an_encoder_that_is_shown_the_held_out_edges():
    assert rows(rule, EDGES.format(encoded="edge_index", predicted="train_edges")) == [26]


GRAPH_IN_A_DICTIONARY = """
import torch
from torch import nn


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def forward(self, x, edges):
        return self.layer(x.index_add(0, edges[1], x[edges[0]]))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = Convolution()

    def encode(self, x, edges):
        return self.convolution(x, edges)

    def recon_loss(self, z, edges, others=None):
        return -torch.sigmoid((z[edges[0]] * z[edges[1]]).sum(1)).log().mean()


def split(links):
    test_pos, train_pos = links[:, :30], links[:, 30:]
    both_ways = torch.cat([links, links.flip(0)], dim=1)
    training = torch.cat([train_pos, train_pos.flip(0)], dim=1)
    more = torch.cat([train_pos, torch.randint(0, 60, (2, 9))], dim=1)
    return {"all": both_ways, "shown": training, "train": train_pos, "test": test_pos, "more": more}


def pairs_apart_from(edges):
    return torch.randint(0, 60, edges.shape)


def embed(model, x, data):
    return model.encode(x, data[ENCODED])


def show(model, x, data):
    return model.encode(x, data["all"])


def loss_fn(model, x, data):
    z = embed(model, x, data)
    return model.recon_loss(z, data[PREDICTED], pairs_apart_from(data["all"]))


model, data = Autoencoder(), split(torch.randint(0, 60, (2, 300)))
loss_fn(model, torch.randn(60, 16), data).backward()
show(model, torch.randn(60, 16), data)
"""


def graph(encoded, predicted):
    return GRAPH_IN_A_DICTIONARY.replace("ENCODED", repr(encoded)).replace("PREDICTED", repr(predicted))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(graph("shown", "train"), id="both ways"),
        pytest.param(graph("train", "train"), id="one way"),
        pytest.param(graph("more", "train"), id="others beside them"),
        pytest.param(graph("all", "test"), id="no training edges are predicted"),
        pytest.param(graph("all", "all"), id="all are predicted"),
        pytest.param(graph("all", "train").replace("test", "last"), id="nothing is held out"),
        pytest.param(graph("all", "train").replace("train", "some"), id="nothing is for training"),
        pytest.param(graph("all", "train").replace("links[:, ", "links.t()["), id="rows of an array"),
        pytest.param(
            graph("all", "train").replace("return model.encode(", "return pairs_apart_from("), id="no encoder"
        ),
    ],
)
def test_silent_on_edges_of_a_dictionary_that_are_hidden(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize("predicted", ["train", "shown"])
def test_all_edges_of_a_dictionary_that_an_encoder_is_shown(predicted):
    source = graph("all", predicted)
    assert rows(rule, source) == [40]
    unnamed = source.replace("test_pos, train_pos = ", "last, first = ").replace("train_pos", "first")
    unnamed = unnamed.replace(": training", ": undirected(first)").replace("    training =", "    first_ways =")
    assert rows(rule, unnamed.replace(": test_pos", ": last").replace("undirected(first)", "first_ways")) == [40]


def test_silent_on_the_arrays_of_an_archive():
    source = """
        import numpy as np
        import torch
        archive = np.load("digits.npz")
        train_data, train_labels, test_data, test_labels = [archive[name] for name in archive.files]
        train_set, test_set = torch.tensor(train_data), torch.tensor(test_data)
        """
    assert rows(rule, source) == []


SCALER = (
    "from sklearn.preprocessing import StandardScaler\nfrom estimators import Model\ns, m = StandardScaler(), Model()\n"
)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("s.fit(x_train)\ns.fit(x_full)", id="fitted to everything for the last model"),
        pytest.param("s.fit(x_val)\ns.fit(x_test)", id="two held-out sets"),
        pytest.param("s.fit(x_test)\ns.fit(x_train)", id="fitted to the training data in the end"),
        pytest.param("m.fit(x_train)\nm.fit(x_test)", id="not a scaler of sklearn"),
        pytest.param("s.fit(x_train)\ns.partial_fit(x_test)", id="another method"),
    ],
)
def test_silent_on_scalers(lines):
    assert rows(rule, SCALER + lines) == []


LOADERS = """
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
train = datasets.MNIST('.', train=True, transform=transforms.ToTensor())
test = datasets.MNIST('.', train=False, transform=transforms.ToTensor())
loader, other = DataLoader({data}, 32), DataLoader({rest}, 32)
model = nn.Linear(784, 784)
opt = torch.optim.Adam(model.parameters())
for x, _ in loader:
    x = x.flatten(1)
    loss = nn.functional.mse_loss(model(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
with torch.no_grad():
    for x, _ in other:
        print(model(x.flatten(1)))
"""


def test_each_part_has_its_own_loader():
    assert rows(rule, LOADERS.format(data="train", rest="test")) == []
    assert rows(rule, LOADERS.format(data="train", rest="train")) == []
    assert rows(rule, LOADERS.format(data="test", rest="train")) == []
    assert rows(rule, LOADERS.format(data="test", rest="test")) == [11]


MADE_LOADERS = """
import torch
from torch.utils.data import DataLoader, TensorDataset

train_set, test_set = TensorDataset(torch.rand(80, 4)), TensorDataset(torch.rand(20, 4))
train_loader = DataLoader(train_set, batch_size=10, shuffle=True)
{made}
for (x,) in test_loader:
    print(x.mean())
"""


@pytest.mark.parametrize(
    ("reason", "made"),
    [
        ("the right set", "test_loader = DataLoader(test_set, batch_size=10)"),
        ("a sampler picks the part", "test_loader = DataLoader(train_set, sampler=part)"),
        ("the test set is looked at elsewhere", "test_loader = DataLoader(train_set)\nprint(test_set[0])"),
        ("the name says that it is meant", "test_loader = train_eval_loader = DataLoader(train_set)"),
        (
            "validation data is made of training data: there is no other",
            "test_loader = val = DataLoader(train_set[:20])",
        ),
        ("a report over the training data", "train_test_loader = test_loader = DataLoader(train_set)"),
        ("an alias", "test_loader = DataLoader(train_set)\nsets = {'t': test_set}"),
    ],
)
def test_silent_on_loaders_of_their_own_set(reason, made):
    assert rows(rule, MADE_LOADERS.format(made=made)) == [], reason


def test_silent_where_the_held_out_set_does_not_exist():
    source = MADE_LOADERS.format(made="test_loader = DataLoader(train_set, batch_size=10)")
    assert rows(rule, source.replace(", test_set =", ", spare =")) == []


@pytest.mark.parametrize(
    "made",
    [
        "test_loader = DataLoader(train_set, batch_size=10)",
        "test_loader = torch.utils.data.DataLoader(dataset=train_set, shuffle=False)",
        "print(len(test_set))\ntest_loader = DataLoader(train_set, batch_size=10)",
    ],
)
def test_a_test_loader_of_the_training_set(made):
    (found,) = run(rule, MADE_LOADERS.format(made=made))
    assert found.site.text == "train_set"


def test_an_iterator_of_test_name_over_the_training_loader():
    source = """
        class Trainer:
            def __init__(self, train_loader, val_loader):
                self.train_loader = train_loader
                self.val_loader = val_loader

            def evaluate(self, model):
                batches_val = iter(self.{which}_loader)
                return [model(next(batches_val)) for _ in range(len(self.val_loader))]
        """
    assert [f.site.text for f in run(rule, source.format(which="train"))] == ["self.train_loader"]
    assert rows(rule, source.format(which="val")) == []


FOLDS = """
import torch
from torch import nn
from sklearn.model_selection import KFold

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return self.fc(x)

data = torch.randn(100, 8)
{before}
for train_index, val_index in KFold(5).split(data):
    {inside}
    for x in data[train_index].split(10):
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
"""

MADE = "model = Net(); optimizer = torch.optim.Adam(model.parameters())"


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        pytest.param("pass", MADE, id="made for each fold"),
        pytest.param(MADE + "; start = model.state_dict()", "model.load_state_dict(start)", id="set back"),
        pytest.param(MADE, "model.apply(reset)", id="initialised again"),
        pytest.param("pass", MADE + "; print(len(val_index))", id="made for each fold, with a look"),
    ],
)
def test_silent_on_folds_with_their_own_network(before, inside):
    assert rows(rule, FOLDS.format(before=before, inside=inside)) == []


@pytest.mark.parametrize("inside", ["pass", "model.train()", "print(len(val_index))"])
def test_folds_that_share_a_network(inside):
    assert rows(rule, FOLDS.format(before=MADE, inside=inside)) == [15]


REDRAWN = """
import torch
from torch.utils.data import Dataset, random_split

class Frames(Dataset):
    def __init__(self, noise=0.0):
        self.frames = torch.rand(100, 8) + noise

    def __len__(self):
        return 100

    def __getitem__(self, i):
        return self.frames[i]

data, spare = Frames(0.1), Frames()
{first}
{second}
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train, val = random_split(data, [80, 20])", "more, val = random_split(train, [60, 20])"),
        ("train, _ = random_split(data, [80, 20])", "again, _ = random_split(data, [80, 20])"),
        ("train, val = random_split(data, [80, 20])", "_, part = random_split(data, [80, 20])"),
        (
            "torch.manual_seed(0); train, _ = random_split(data, [80, 20])",
            "torch.manual_seed(0); _, val = random_split(data, [80, 20])",
        ),
        (
            "train, _ = random_split(data, [80, 20], generator=torch.Generator().manual_seed(1))",
            "_, val = random_split(data, [80, 20], generator=torch.Generator().manual_seed(1))",
        ),
    ],
    ids=["split further", "the same part", "both parts first", "the same seed", "generators"],
)
def test_silent_on_splits_that_do_not_overlap(first, second):
    assert rows(rule, REDRAWN.format(first=first, second=second)) == []


@pytest.mark.parametrize("second", ["_, val = random_split(data, [80, 20])", "_, val = random_split(spare, [80, 20])"])
def test_parts_of_two_random_splits(second):
    assert rows(rule, REDRAWN.format(first="train, _ = random_split(data, [80, 20])", second=second)) == [17]


SCALES = """
import numpy as np
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler

class Range:
    def fit(self, rows):
        self.low, self.high = rows.min(axis=0), rows.max(axis=0)
        return self

    def transform(self, rows):
        return (rows - self.low) / (self.high - self.low + 1e-8)

def centred(rows, mean=None, std=None):
    if mean is None:
        mean, std = rows.mean(0), rows.std(0)
    return (rows - mean) / std

def each(samples):
    return (samples - samples.mean(1, keepdims=True)) / samples.std(1, keepdims=True)

def extremes(rows):
    return (rows - np.min(rows, axis=0)) / (np.max(rows, axis=0) - np.min(rows, axis=0))

def fresh(rows):
    rows = np.nan_to_num(np.asarray(rows, dtype=np.float32))
    return MinMaxScaler().fit_transform(rows).astype("float32")

train, test, y_train, y_test = np.load("a.npy"), np.load("b.npy"), np.load("c.npy"), np.load("d.npy")
"""


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("s = Range().fit(train)\ntrain = s.transform(train)\ntest = s.transform(test)", id="own scaler"),
        pytest.param("m, d = train.mean(0), train.std(0)\ntrain = (train - m) / d\ntest = (test - m) / d", id="inline"),
        pytest.param(
            "m, d = train.mean(0), train.std(0)\ntrain = centred(train)\ntest = centred(test, m, d)", id="given"
        ),
        pytest.param("train = each(train)\ntest = each(test)", id="within each sample"),
        pytest.param(
            "for i in range(len(train)):\n    train[i] = MinMaxScaler().fit_transform(train[i])\n"
            "for i in range(len(test)):\n    test[i] = MinMaxScaler().fit_transform(test[i])",
            id="each series by itself",
        ),
        pytest.param("train = fresh(train.T)\ntest = fresh(test.T)", id="across the features"),
        pytest.param("rows = fresh(train)\ntrain, test = rows[:9], rows[9:]", id="before the split"),
        pytest.param("train = fresh(train)\ny_test = fresh(y_test)", id="targets of their own"),
        pytest.param(
            "y_train = LabelEncoder().fit_transform(y_train)\ny_test = LabelEncoder().fit_transform(y_test)",
            id="labels",
        ),
        pytest.param("test = fresh(test)", id="no training data"),
        pytest.param("train = train / 255\ntest = test / 255", id="by a constant"),
    ],
)
def test_silent_on_one_scale(lines):
    assert rows(rule, SCALES + lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        "train = StandardScaler().fit_transform(train)\ntest = StandardScaler().fit_transform(test)",
        "a = StandardScaler().fit_transform(train.reshape(-1, 1))\nb = StandardScaler().fit_transform(test.reshape(-1, 1))",
        "train = fresh(train)\ntest = fresh(test)",
        "train = centred(train)\ntest = centred(test)",
        "train = extremes(train)\ntest = extremes(test)",
        "a, b = 1, 2\nloader = make(extremes(train), extremes(test))",
        "train = Range().fit(train).transform(train)\ntest = Range().fit(test).transform(test)",
        "train = (train - train.mean(0)) / train.std(0)\ntest = (test - test.mean(0)) / test.std(0)",
        "s, t = MinMaxScaler(), MinMaxScaler().fit(test)\nx_train, x_test = s.fit(train).transform(train), t.transform(test)",
    ],
)
def test_each_part_on_a_scale_of_its_own(lines):
    last = len(SCALES.splitlines()) + 2
    found = rows(rule, SCALES + lines)
    assert found in ([last], [last - 1])


BUILT = """
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import MNIST

class Clips(Dataset):
    def __init__(self, train, length=5):
        self.rows = read("train" if train else "test", length)

def load(root, part):
    return read(root, part)

{lines}
"""


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("train_set = Clips(True)\nval_set = Clips(False)", id="each its part"),
        pytest.param("train_set = Clips(True, 5)\nval_set = Clips(True, 7)", id="another length"),
        pytest.param("train_set = MNIST('.', True)\ntrain_eval_set = MNIST('.', True)", id="scored on training data"),
        pytest.param("a_set = MNIST('.', True)\nb_set = MNIST('.', True)", id="no part in the names"),
        pytest.param(
            "train_set = MNIST('.', train=True)\nval_set = MNIST('.', train=True)\nval_set.data = val_set.data[50000:]",
            id="cut afterwards",
        ),
        pytest.param(
            "train_set = MNIST('.', train=True)\nval_set = MNIST('.', train=True)\nsampler = SubsetRandomSampler(rows)",
            id="divided by samplers",
        ),
        pytest.param("train_set = load('.', kind)\nval_set = load('.', kind)", id="a part that is not known"),
        pytest.param(
            "if big:\n    train_set = MNIST('.', train=True)\nelse:\n    train_set, val_set = None, MNIST('.', train=True)",
            id="one of the two exists",
        ),
        pytest.param(
            "train_set = MNIST('.', train=True, download=True)\ntest_set = MNIST('b', train=True)", id="another folder"
        ),
        pytest.param("train_size = len(load('.', 'train'))\ntest_name = read('.', 7)", id="no sets"),
    ],
)
def test_silent_on_sets_that_are_not_the_same(lines):
    assert rows(rule, BUILT.format(lines=lines)) == []


@pytest.mark.parametrize(
    ("lines", "row"),
    [
        pytest.param("train_set = Clips(True)\nval_set = Clips(True)", 13, id="a flag by position"),
        pytest.param("train_set = MNIST('.', train=True)\ntest_set = MNIST('.', train=True)", 13, id="a flag by name"),
        pytest.param("train_set = load('.', 'train')\nvalid_set = load('.', 'train')", 13, id="a word"),
        pytest.param(
            "train_set = MNIST('.', train=True, download=True)\ntest_set = MNIST('.', train=True, transform=flat)",
            13,
            id="made ready in other ways",
        ),
        pytest.param(
            "if big:\n    train_set = MNIST('.', train=True)\n    test_set = MNIST('.', train=True)\n"
            "else:\n    train_set = Clips(True)\n    test_set = Clips(False)",
            14,
            id="in a branch",
        ),
        pytest.param(
            "trainset = load('.', colour='test')\ntestset = load('.', colour='test')", None, id="an unusual parameter"
        ),
        pytest.param(
            "train_loader = DataLoader(Clips(train=True), 8, shuffle=True)\ntest_loader = DataLoader(Clips(train=True), 8)",
            13,
            id="within loaders",
        ),
        pytest.param(
            "train_data = Clips(False)\ntest_data = Clips(False)", None, id="the test part alone, to save time"
        ),
    ],
)
def test_one_part_under_two_names(lines, row):
    assert rows(rule, BUILT.format(lines=lines)) == ([row] if row else [])


@pytest.mark.parametrize(
    "names",
    [
        pytest.param("x_train, x_test, y_train, y_test", id="in order"),
        pytest.param("x_test, x_train, y_test, y_train", id="both the other way round"),
        pytest.param("a, b, c, d", id="other names"),
        pytest.param("x_train, x_rest, y_train, y_rest", id="a rest"),
    ],
)
def test_silent_on_results_in_order(names):
    source = f"from sklearn.model_selection import train_test_split\n{names} = train_test_split(x, y, test_size=0.2)"
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "names",
    ["x_train, y_train, x_test, y_test", "x_train, x_val, y_val, y_train", "X_train, y_train, X_valid, y_valid"],
)
def test_results_of_a_split_out_of_order(names):
    source = f"from sklearn.model_selection import train_test_split\n{names} = train_test_split(x, y, test_size=0.2)"
    assert rows(rule, source) == [2]


def test_silent_on_a_split_of_the_program_with_an_order_of_its_own():
    source = "def train_test_split(x, y):\n    return x[:9], y[:9], x[9:], y[9:]\nx_train, y_train, x_test, y_test = train_test_split(x, y)"
    assert rows(rule, source) == []


WHOLE = """
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler

class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(axis=0), x.std(axis=0)
        return self

    def transform(self, x):
        return (x - self.mean) / self.std

    def fit_transform(self, x):
        return self.fit(x).transform(x)

class Range:
    def Fit(self, x):
        self.low, self.factor = x.min(axis=0), 1 / (x.max(axis=0) - x.min(axis=0))
        return self

    def Transform(self, x):
        return (x - self.low) * self.factor

class Rows(Scaler):
    def fit(self, x):
        self.mean, self.std = x.mean(axis=1, keepdims=True), 1.0
        return self

x, y = np.load("x.npy"), np.load("y.npy")
x = {scaled}
{split}
"""
RATIO = "x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2)"
CUT = "x_train, x_test = x[:800], x[800:]"


@pytest.mark.parametrize(
    ("scaled", "split"),
    [
        pytest.param("x.astype('float32')", RATIO, id="not scaled"),
        pytest.param("LabelEncoder().fit_transform(x)", RATIO, id="labels"),
        pytest.param("Rows().fit_transform(x)", RATIO, id="each row by itself"),
        pytest.param("StandardScaler().fit_transform(x)", "x_train = x[:800]", id="no held-out part"),
        pytest.param("StandardScaler().fit_transform(x)", "x_test = x[800:]", id="no part to train on"),
        pytest.param("StandardScaler().fit_transform(x)", "x_train, x_all = x[:], x[:]", id="everything trains"),
        pytest.param(
            "StandardScaler().fit_transform(x)", "train_a, train_b = x[:800], x[800:]", id="two parts to train on"
        ),
        pytest.param("StandardScaler().fit(x[:800]).transform(x)", CUT, id="fitted to the training part"),
        pytest.param("Range().Fit(x[:800]).Transform(x)", CUT, id="of the project, fitted to the training part"),
        pytest.param(
            "StandardScaler().fit_transform(x)", "a, b = train_test_split(x)", id="nobody says what is held out"
        ),
        pytest.param("(x - x.mean(axis=0)) / x.std(axis=0)", CUT, id="centred by hand"),
        pytest.param("StandardScaler().fit_transform(x)", "x_train, more = x[:800], x[900:]", id="another part"),
        pytest.param("StandardScaler().fit_transform(x)", "first, rest = x[:800], x[800:]", id="nobody trains on it"),
    ],
)
def test_silent_on_data_that_no_scaler_saw_as_a_whole(scaled, split):
    assert rows(rule, WHOLE.format(scaled=scaled, split=split)) == []


@pytest.mark.parametrize(
    "scaled", ["StandardScaler().fit_transform(x)", "Scaler().fit_transform(x)", "Range().Fit(x).Transform(x)"]
)
@pytest.mark.parametrize(
    "split", [RATIO, CUT, "order = np.random.permutation(1000)\nx_train, x_val = x[order[:800]], x[order[800:]]"]
)
def test_data_that_is_scaled_before_the_split(scaled, split):
    assert rows(rule, WHOLE.format(scaled=scaled, split=split)) == [31]


def test_data_that_is_scaled_within_the_split():
    split = "x_train, x_test = train_test_split(Scaler().fit_transform(x), test_size=0.2)"
    assert rows(rule, WHOLE.format(scaled="x.astype('float32')", split=split)) == [32]


def test_at_the_name_that_rows_get_which_a_function_scales():
    function = "def prepare(rows):\n    return Scaler().fit_transform(rows)\n\nx, y = np.load"
    source = WHOLE.replace("x, y = np.load", function).format(scaled="prepare(x)", split=CUT)
    assert rows(rule, source) == [34]


ROWS = "order = np.random.permutation(1000)\ntrain_rows, {other} = order[:800], order[800:]\nfit(x[train_rows], x[{other}])"


@pytest.mark.parametrize(
    ("scaled", "other"),
    [
        pytest.param("Scaler().fit_transform(x)", "more", id="nobody says what the others are"),
        pytest.param("(x - x.mean(axis=0)) / x.std(axis=0)", "test_rows", id="centred by hand"),
        pytest.param("Rows().fit_transform(x)", "test_rows", id="each row by itself"),
    ],
)
def test_silent_on_rows_of_what_no_scaler_saw_as_a_whole(scaled, other):
    assert rows(rule, WHOLE.format(scaled=scaled, split=ROWS.format(other=other))) == []


@pytest.mark.parametrize("other", ["test_rows", "val_rows"])
def test_parts_that_only_their_rows_name(other):
    assert rows(rule, WHOLE.format(scaled="Scaler().fit_transform(x)", split=ROWS.format(other=other))) == [31]


@pytest.mark.parametrize("names", ["x_train, x_rest", "train, inference"])
def test_the_rest_of_the_rows_is_held_out_whatever_it_is_called(names):
    split = f"def divide(rows, n):\n    return rows[:n], rows[n:]\n{names} = divide(x, int(0.8 * len(x)))"
    assert rows(rule, WHOLE.format(scaled="Scaler().fit_transform(x)", split=split)) == [31]


SERIES = """
import numpy as np
from sklearn.preprocessing import StandardScaler

class Own:
    def fit(self, rows):
        self.mean, self.std = rows.mean(axis=0), rows.std(axis=0)

    def transform(self, rows):
        return (rows - self.mean) / self.std

class Series:
    def __init__(self, ratio=0.8):
        self.raw, self.scaler = self.read(ratio)
        self.data = self.scaler.transform(self.raw)
        {names} = self.divide(self.data, ratio)

    def read(self, ratio):
        rows = np.load("rows.npy")
        scaler = {scaler}()
        scaler.fit({fitted})
        return rows, scaler

    @staticmethod
    def divide(rows, ratio):
        n = int(len(rows) * ratio)
        return rows[:n], rows[n:]

Series()
"""


@pytest.mark.parametrize("scaler", ["Own", "StandardScaler"])
@pytest.mark.parametrize("names", ["train, test", "train, inference", "self.train, self.test"])
def test_at_the_fit_that_sees_all_rows(scaler, names):
    assert rows(rule, SERIES.format(names=names, scaler=scaler, fitted="rows")) == [21]
    assert rows(rule, SERIES.format(names=names, scaler=scaler, fitted="self.divide(rows, ratio)[0]")) == []


EVALUATED = """
import torch
from torch import nn

class Trainer:
    def __init__(self, model, optimizer, other, train_loader, valid_loader, loaders):
        self.model, self.optimizer, self.other = model, optimizer, other
        self.train_loader, self.valid_loader, self.loaders = train_loader, valid_loader, loaders

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            for x in self.train_loader:
                nn.functional.mse_loss(self.model(x), x).backward()
                self.optimizer.step()
            {switch}
            for x in {data}:
                loss = nn.functional.mse_loss(self.model(x), x)
                {step}
"""
ALL = {"switch": "self.model.eval()", "data": "self.valid_loader", "step": "loss.backward(); self.optimizer.step()"}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"step": "print(loss.item())"}, id="evaluates"),
        pytest.param({"data": "self.loaders['extra']"}, id="more to train on"),
        pytest.param({"data": "self.train_val_loader"}, id="a split that says that it is trained on"),
        pytest.param({"switch": "self.model.train()"}, id="a last round on everything"),
        pytest.param({"step": "loss.backward(); self.other.step()"}, id="an optimiser of its own, of codes say"),
        pytest.param({"step": "if self.adapt:\n                    self.optimizer.step()"}, id="where it is asked for"),
        pytest.param(
            {"data": "self.train_loader", "step": "pass\n            for x in self.valid_loader: self.model(x)"},
            id="data of its own",
        ),
    ],
)
def test_silent_on_loops_that_may_train(parts):
    assert rows(rule, EVALUATED.format(**ALL | parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="a loader"),
        pytest.param({"data": "enumerate(self.loaders['val'])"}, id="by its key"),
        pytest.param({"switch": "self.model.train(False)"}, id="switched by a flag"),
    ],
)
def test_held_out_batches_that_are_stepped_on(parts):
    assert rows(rule, EVALUATED.format(**ALL | parts)) == [19]


UNSPLIT = """
from torch.utils.data import DataLoader, TensorDataset, random_split

class Data:
    def setup(self, data):
        self.data = data
        self.train_set, self.val_set = random_split(self.data, [80, 20])

    def train_dataloader(self):
        return {loader}

    def val_dataloader(self):
        return DataLoader(self.val_set)

    def rows(self):
        return {other}
"""


@pytest.mark.parametrize(
    ("loader", "other"),
    [
        pytest.param("DataLoader(self.train_set, shuffle=True)", "len(self.data)", id="the-part"),
        pytest.param("DataLoader(self.data, shuffle=True)", "self.train_set[0]", id="the-part-is-read-elsewhere"),
        pytest.param("DataLoader(self.data, sampler=self.draw)", "0", id="a-sampler-picks-the-part"),
        pytest.param("DataLoader(self.other, shuffle=True)", "0", id="other-data"),
    ],
)
def test_silent_on_a_loader_over_the_training_part(loader, other):
    assert rows(rule, UNSPLIT.format(loader=loader, other=other)) == []


@pytest.mark.parametrize(
    "loader",
    [
        "DataLoader(self.data, shuffle=True)",
        "DataLoader(dataset=self.data, batch_size=8)",
        "DataLoader(TensorDataset(self.data), 16)",
    ],
)
def test_fires_on_a_training_loader_over_all_of_the_data(loader):
    assert rows(rule, UNSPLIT.format(loader=loader, other="len(self.train_set)")) == [10]


def test_fires_on_a_training_loader_over_all_of_the_data_in_a_script():
    source = """
from sklearn.model_selection import train_test_split
import torch.utils.data as data_utils

def loaders(x, use):
    x_train, x_val = train_test_split(x, test_size=0.2)
    train = data_utils.DataLoader(data_utils.TensorDataset({}), batch_size=8)
    return train, data_utils.DataLoader(data_utils.TensorDataset(x_val))
"""
    assert rows(rule, source.format("x")) == [7]
    assert rows(rule, source.format("x_train")) == []
    assert rows(rule, source.replace("    return", "    use(x_train)\n    return").format("x")) == []


SERIES_IN_WINDOWS = """
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset, Subset, TensorDataset, random_split

class Windows(Dataset):
    def __init__(self, series, size):
        self.series, self.size = series, size

    def __len__(self):
        return len(self.series) - self.size

    def __getitem__(self, i):
        return self.series[{index}]

def cut(series, size, step=1):
    return np.stack([series[i : i + size] for i in range(0, len(series) - size + 1, step)])

def collect(series, size):
    found = []
    for i in range(len(series) - size):
        found.append(series[i : i + size])
    return torch.tensor(np.array(found))

class Sorted(Windows):
    def __init__(self, series, size):
        super().__init__(np.sort(series), size)

class Rows(TensorDataset):
    def __init__(self, series):
        super().__init__(torch.tensor(series))

series, last = np.load("series.npy"), 99
{split}
"""
NEXT_TO_EACH_OTHER = "i * self.size : (i + 1) * self.size"
WHOLE_WINDOW = "i : i + self.size"


@pytest.mark.parametrize(
    ("split", "index"),
    [
        pytest.param("random_split(TensorDataset(torch.tensor(cut(series, 24, 24))), [80, 20])", "", id="side by side"),
        pytest.param(
            "random_split(TensorDataset(torch.tensor(series).unfold(0, 24, 24)), [80, 20])",
            "",
            id="unfolded side by side",
        ),
        pytest.param(
            "random_split(Windows(series, 24), [80, 20])", NEXT_TO_EACH_OTHER, id="a data set of windows side by side"
        ),
        pytest.param("random_split(Windows(series, 1), [80, 20])", WHOLE_WINDOW, id="windows of one sample"),
        pytest.param("random_split(Windows(series, 24), [80, 20])", "i", id="a data set of samples"),
        pytest.param("random_split(Rows(series), [80, 20])", "", id="a data set of samples by inheritance"),
        pytest.param("random_split(Windows(series, 24), [80, 20])", "i : last + 2", id="up to a common end"),
        pytest.param(
            "random_split(Windows(series, int(np.load('size.npy'))), [80, 20])",
            WHOLE_WINDOW,
            id="a data set of windows of unknown size",
        ),
        pytest.param(
            "random_split(TensorDataset(torch.tensor(cut(series, 24, int(np.load('step.npy'))))), [80, 20])",
            "",
            id="of unknown step",
        ),
        pytest.param("train_test_split(cut(series, 24), shuffle=False)", "", id="split in order"),
        pytest.param(
            "windows = Windows(series, 24)\ntrain, val = Subset(windows, range(80)), Subset(windows, range(104, 120))",
            WHOLE_WINDOW,
            id="with a gap",
        ),
        pytest.param("first, last = cut(series[:800], 24), cut(series[800:], 24)", "", id="split before"),
        pytest.param(
            "random_split(TensorDataset(torch.tensor(cut(series, int(np.load('size.npy'))))), [80, 20])",
            "",
            id="of unknown size",
        ),
        pytest.param("random_split(TensorDataset(torch.tensor(series)), [80, 20])", "", id="no windows"),
    ],
)
def test_silent_on_windows_that_share_nothing_across_the_split(split, index):
    assert rows(rule, SERIES_IN_WINDOWS.format(split=split, index=index or "i")) == []


def test_silent_on_windows_side_by_side_from_a_start_that_is_computed():
    split = "random_split(Windows(series, 24), [80, 20])"
    source = SERIES_IN_WINDOWS.format(split=split, index="start : start + self.size")
    assert rows(rule, source.replace("return self.series", "start = i * self.size; return self.series")) == []


@pytest.mark.parametrize(
    "split",
    [
        pytest.param("random_split(TensorDataset(torch.tensor(cut(series, 24))), [80, 20])", id="in a comprehension"),
        pytest.param("random_split(TensorDataset(torch.tensor(cut(series, 24, 12))), [80, 20])", id="half of each"),
        pytest.param("random_split(TensorDataset(collect(series, 24)), [80, 20])", id="in a loop"),
        pytest.param(
            "random_split(TensorDataset(torch.tensor(series).unfold(0, 24, 1).contiguous()), [80, 20])", id="unfolded"
        ),
        pytest.param("random_split(Windows(series, 24), [80, 20])", id="cut when read"),
        pytest.param("random_split(Sorted(series, 24), [80, 20])", id="cut when read by a parent"),
        pytest.param("train_test_split(cut(series, 24), test_size=0.2)", id="by scikit-learn"),
    ],
)
def test_overlapping_windows_that_are_dealt_out_at_random(split):
    assert rows(rule, SERIES_IN_WINDOWS.format(split=split, index=WHOLE_WINDOW)) == [35]
