"""What range scaled data certainly reaches, and where nothing follows."""

import pytest

from aelint.semantics.data.scaling import is_prepared, part_of_split, scaled_range
from aelint.semantics.domain.intervals import Interval
from tests.semantics.reading import names, read

GIVEN = """
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler, scale
from scipy.stats import zscore

x, other = torch.randn(8, 16), torch.randn(8, 16)
table = np.load("table.npy")
y = {}
"""


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("x - x.mean()", id="centred only"),
        pytest.param("x / x.std()", id="scaled only"),
        pytest.param("(x - x.mean()) / x.max()", id="scaled by the largest"),
        pytest.param("(x - x.min()) / x.std()", id="moved by the least"),
        pytest.param("(x - other.mean()) / x.std()", id="centred by other data"),
        pytest.param("(x - x.mean()) / other.std()", id="scaled by other data"),
        pytest.param("StandardScaler(with_mean=False).fit_transform(table)", id="a scaler that does not centre"),
        pytest.param("StandardScaler(with_std=False).fit_transform(table)", id="a scaler that does not scale"),
        pytest.param("MaxAbsScaler().fit_transform(table)", id="a scaler of which nothing follows"),
        pytest.param("StandardScaler().inverse_transform(table)", id="data that is brought back"),
        pytest.param("np.log(table)", id="another function"),
    ],
)
def test_nothing_follows(written):
    assert scaled_range(read(GIVEN.format(written))) is None


@pytest.mark.parametrize(
    ("written", "reaches"),
    [
        ("(x - x.mean(0)) / x.std(0)", (-1.4, 1.4)),
        ("(x - x.mean()) / (x.std() + 1e-6)", (-1.4, 1.4)),
        ("(x - x.mean()) / torch.sqrt(x.var() + 1e-6)", (-1.4, 1.4)),
        ("StandardScaler().fit_transform(table)", (-1.4, 1.4)),
        ("scale(table)", (-1.4, 1.4)),
        ("zscore(table)", (-1.4, 1.4)),
        ("MinMaxScaler().fit_transform(table)", (0, 1)),
        ("MinMaxScaler(feature_range=(-1, 1)).fit_transform(table)", (-1, 1)),
    ],
)
def test_what_scaled_data_reaches(written, reaches):
    assert scaled_range(read(GIVEN.format(written))) == Interval(*map(float, reaches))


def test_what_a_scaler_made_is_no_product_of_the_network():
    assert is_prepared(read(GIVEN.format("StandardScaler().fit_transform(table)")))
    assert not is_prepared(read(GIVEN.format("np.log(table)")))


def test_parts_of_a_split_are_parts_of_their_own_array():
    known = names(GIVEN.format("0") + "labels = np.load('labels.npy')\na, b, c, d = train_test_split(table, labels)\n")
    assert [part_of_split(known[name]) for name in "abcd"] == [known["table"]] * 2 + [known["labels"]] * 2
    assert part_of_split(known["table"]) is None
