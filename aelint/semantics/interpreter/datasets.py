"""The data sets of torchvision: what one picture of each is, and how their constructors are spelled."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.semantics.domain.values import External, Object, Sym, Value

__all__ = ["PictureSize", "argument", "count_in", "picture_of", "pictures_in", "split_of"]

PREFIX = "torchvision.datasets."


@dataclass(frozen=True, slots=True)
class PictureSize:
    """Channels, height and width of a picture; None where they vary or are unknown."""

    channels: int | None = None
    height: int | None = None
    width: int | None = None


_SIZES = {
    **dict.fromkeys(["MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST"], PictureSize(1, 28, 28)),
    **dict.fromkeys(["CIFAR10", "CIFAR100", "SVHN"], PictureSize(3, 32, 32)),
    "STL10": PictureSize(3, 96, 96),
    "CelebA": PictureSize(3, 218, 178),
    "USPS": PictureSize(1, 16, 16),
    "SEMEION": PictureSize(1, 16, 16),
    "Omniglot": PictureSize(1, 105, 105),
    **dict.fromkeys(
        [
            "ImageFolder",
            "ImageNet",
            "Flowers102",
            "OxfordIIITPet",
            "Food101",
            "LSUN",
            "Places365",
            "StanfordCars",
            "EuroSAT",
            "DTD",
            "GTSRB",
        ],
        PictureSize(3),
    ),
}

_COUNTS = {
    **dict.fromkeys(["MNIST", "FashionMNIST", "KMNIST"], (60_000, 10_000)),
    **dict.fromkeys(["CIFAR10", "CIFAR100"], (50_000, 10_000)),
    "USPS": (7291, 2007),
}
"""Pictures for training and for testing."""
_SIGNATURES = {
    **dict.fromkeys(
        ["MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "USPS"],
        "root train transform target_transform download",
    ),
    **dict.fromkeys(
        ["SVHN", "Flowers102", "Food101", "StanfordCars", "GTSRB"], "root split transform target_transform"
    ),
    "EMNIST": "root split",
    "STL10": "root split folds transform target_transform",
    "CelebA": "root split target_type transform target_transform",
    "ImageFolder": "root transform target_transform loader",
    "DatasetFolder": "root loader extensions transform",
    "Omniglot": "root background transform",
    "LSUN": "root classes transform",
    "ImageNet": "root split",
    "FakeData": "size image_size num_classes transform",
}


def argument(data: Object, name: str) -> Value:
    """A constructor argument of a torchvision data set by name, None if it is not given."""
    if name in data.kwargs:
        return data.kwargs[name]
    names = _SIGNATURES.get(data.class_name, "").split()
    return data.args[names.index(name)] if name in names and names.index(name) < len(data.args) else None


def pictures_in(data: Object) -> PictureSize | None:
    """What one picture of the data set is; None if the object is no known set of pictures."""
    return _SIZES.get(data.class_name) if data.name.startswith(PREFIX) else None


def split_of(data: Object) -> str | None:
    """`train` or `test`, for a data set that says which of its parts it is."""
    train, split = argument(data, "train"), argument(data, "split")
    if isinstance(train, bool):
        return "train" if train else "test"
    if isinstance(split, str):
        return split
    has_default = "train" in _SIGNATURES.get(data.class_name, "").split()
    return "train" if has_default and train is None and "**" not in data.kwargs else None


def count_in(data: Object) -> int | None:
    """The number of pictures in a data set; None where that is not known."""
    counts, train = _COUNTS.get(data.class_name), argument(data, "train")
    if counts is None or not data.name.startswith(PREFIX) or not (train is None or isinstance(train, bool)):
        return None
    return counts[1] if train is False else counts[0]  # the default of torchvision


def picture_of(value: Value) -> PictureSize | None:
    """The size of a picture that was read by PIL or comes from a data set; None if it may be something else."""
    match value:
        case Sym(op="picture", attrs={"size": PictureSize() as size}):
            return size
        case Sym(op="call", attrs={"callee": External(name="PIL.Image.open")}):
            return PictureSize()
        case Sym(op="call", inputs=(inner, *rest), attrs={"method": "convert"}):
            found = picture_of(inner)
            channels = {"RGB": 3, "L": 1}.get(rest[0]) if rest and isinstance(rest[0], str) else None
            return PictureSize(channels, found.height, found.width) if found is not None else None
        case Sym(op="call", inputs=(inner, *_), attrs={"method": "copy"}):
            return picture_of(inner)
        case Sym(op="call", inputs=(inner, *_), attrs={"method": "resize" | "crop" | "thumbnail" | "rotate"}):
            found = picture_of(inner)
            return PictureSize(found.channels) if found is not None else None
        case _:
            return None
