"""Records of what was seen of codes and codebooks: plain numbers, frozen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Baselines",
    "Bypass",
    "CodeBook",
    "CodeUse",
    "LatentUse",
    "Modes",
    "Penalty",
    "Players",
    "PriorSamples",
    "Quantizer",
    "QuantizerBalance",
    "Teacher",
    "UnitUse",
]


@dataclass(frozen=True, slots=True)
class Bypass:
    """What is left of the influence of the input when the code is held constant."""

    where: str
    drawn: bool
    """The code is drawn from a posterior."""
    gradient: float
    """Largest derivative of a random mixture of the reconstruction by the input."""
    own: int
    """Of the elements that were followed one by one, how many depend on the same element of the input."""
    elements: int
    rank: int
    """Rank of their derivatives: 1 or 2 for a mean and a scale that are put back."""
    decoder_inputs: int
    """Tensors that the decoder is given; 0 where no module is called decoder."""
    identity: bool = False
    """Every element that was followed depends on its own element of the input alone, with slope 1: it was added."""
    target_is_input: bool = False
    """The loss compares with the very tensor that the model was given."""
    joins: int = 0
    """Calls that put an activation of the encoder beside one that was decoded."""
    total: bool = False
    """Every element that was followed depends on all elements of its sample alike, as on their sum."""


@dataclass(frozen=True, slots=True)
class CodeUse:
    """What a trained decoder does when samples exchange their codes."""

    samples: int
    """Different samples."""
    use: float
    """Root mean square of the change of the reconstruction, over the standard deviation of the data."""
    use_error: float
    dead_units: int
    """Units of a code that is not drawn, zero for every sample."""
    units: int
    sparse: bool
    """More units than inputs, or only the largest are kept: zeros are meant."""
    where: str
    drawn: bool


@dataclass(frozen=True, slots=True)
class LatentUse:
    """The units of a trained posterior over the data."""

    samples: int
    """Different samples."""
    units: int
    active: int
    """Units whose mean has a variance above 0.01 over the data (Burda et al. 2016)."""
    surely_inactive: int
    """Units for which it is below by more than twice its standard error."""
    largest_variance: float
    largest_variance_error: float
    collapsed: int
    """Units that are (0.01, 0.01)-collapsed (Lucas et al. 2019)."""
    kl: float
    """Mean KL divergence to N(0, I), in nats, over all units."""
    information: float
    """Mutual information of input and code, in nats; cannot exceed the ceiling."""
    information_ceiling: float


@dataclass(frozen=True, slots=True)
class Baselines:
    """A trained model beside principal components of equal size. Errors are shares of the data's variance."""

    samples: int
    """Different samples."""
    units: int
    features: int
    limited: bool
    """The code is drawn, or chosen among entries: it holds less than so many numbers could."""
    fvu: float
    linear_fvu: float
    excess: float
    """By how much the model's error is larger than that of the components."""
    excess_error: float
    structure: float
    """How much less a few principal components explain where features were exchanged between samples: what features say about each
    other. Near 0 there is nothing to learn."""
    shuffled_fvu: float
    """The model's error on samples whose features were exchanged between samples."""


@dataclass(frozen=True, slots=True)
class PriorSamples:
    """What a trained model decodes from draws of N(0, I), and how its codes compare with them."""

    samples: int
    outside: float
    """Share of decoded values more than half the data's range away from it."""
    data_low: float
    data_high: float
    decoded_low: float
    decoded_high: float
    spread: float
    """Standard deviation of decoded samples over that of the data."""
    furthest_mean: float
    """Largest absolute mean of the aggregate posterior in any unit; 0 under the prior."""
    narrowest: float
    widest: float
    """Smallest and largest variance of the aggregate posterior in any unit; 1 under the prior."""


@dataclass(frozen=True, slots=True)
class CodeBook:
    """Entries of a trained codebook that the data use."""

    where: str
    entries: int
    used: int
    perplexity: float
    """exp of the entropy of the use, with Miller and Madow's correction for the sample's size; at most `entries`."""
    vectors: int
    samples: int


@dataclass(frozen=True, slots=True)
class Quantizer:
    """One search for the entry of a codebook that stands for a vector."""

    where: str
    entries: int
    """Rows of the table in which the result is looked up."""
    searched: int
    """Entries among which the search chooses."""
    agreement: float
    """Share of the vectors whose entry is the nearest, the most aligned, or that of the largest product; NaN if unknown."""
    vectors: int
    mixing: float = 0.0
    """Share of the vectors that put numbers of several pixels of a feature map together."""


@dataclass(frozen=True, slots=True)
class QuantizerBalance:
    """The weight of one squared difference in each term of a loss with a codebook; None where there is no such term."""

    codebook: float
    commitment: float | None
    reconstruction: float | None
    features: int
    """Elements of one sample."""
    samples: int
    vectors: float
    """Quantised vectors per sample."""
    size: int
    """Elements of one vector."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """Share of the code that terms on the code alone push away from zero."""

    where: str
    outward: float
    outward_when_large: float
    """The same for a code ten times as large."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """A decoder of tokens that is given tokens, its code held constant."""

    places: int
    """Targets that were followed."""
    shown: int
    """Of these, how many the decoder sees while it predicts them."""


@dataclass(frozen=True, slots=True)
class Players:
    """Generated samples that were detached, and how the loss treats them."""

    cuts: int
    where: str
    pulled_to_prior: bool
    """What an encoder makes of them is pulled to N(0, I), where the encodings of real samples belong."""
    labelled_real: bool
    """Their scores are compared with the label of real samples."""


@dataclass(frozen=True, slots=True)
class Modes:
    """The code in training and in evaluation mode."""

    where: str
    drawn_in_training: bool
    drawn_in_evaluation: bool
    to_mean: float
    """Largest distance of the evaluated reconstruction from that of the mean, over its largest value; NaN if not compared."""
    to_shifted: float
    """The same from that of mean + scale."""


@dataclass(frozen=True, slots=True)
class UnitUse:
    """How far each unit of a trained code moves the reconstruction, to first order, over the data's standard deviation."""

    where: str
    samples: int
    """Different samples."""
    units: int
    varying: int
    """Units that carry something: their mean varies over the data (variance above 0.01 where they are drawn)."""
    ignored: int
    """Varying units whose use is below the share `threshold` of the largest by more than two standard errors."""
    unclear: int
    """Varying units of which the sample is too small to tell that."""
    least: float
    """Smallest use of a varying unit."""
    largest: float
    threshold: float
