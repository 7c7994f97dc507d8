"""Records of what the probes saw: plain numbers, frozen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Attempt",
    "Attempts",
    "Categorical",
    "Dependence",
    "Fitted",
    "Forecast",
    "Generation",
    "Hygiene",
    "Inverses",
    "LoaderFacts",
    "Masking",
    "Mixing",
    "Objective",
    "OperandPair",
    "Output",
    "Overfit",
    "ParameterReach",
    "Posterior",
    "Program",
    "Ranks",
    "Reach",
    "RoundTrip",
    "Routes",
    "Scaling",
    "StepFacts",
    "Weights",
    "WorkerNoise",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to build, run or evaluate the loss of the model."""

    what: str
    samples: int
    training: bool
    error: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What happened on the declared batch and on other sizes."""

    declared: tuple[Attempt, ...]
    resized: tuple[Attempt, ...]
    entry_points: tuple[Attempt, ...] = ()
    undeclared: str = ""
    """What the declaration lacks, so that the model could not be called at all."""


@dataclass(frozen=True, slots=True)
class Output:
    """The forward pass in evaluation mode."""

    input_dtype: str
    input_device: str
    input_floating: bool
    found: tuple[str, ...]
    """Each output tensor as `path shape`."""
    shape: tuple[int, ...]
    dtype: str
    device: str
    finite: bool
    varies_over_input: bool
    """Whether the input rows differ at all."""
    relative_spread: float
    """Largest deviation between rows over the largest absolute value."""
    epsilon: float
    distinct_error: float
    """FVU of the reconstruction against the input; 0 means that the input is returned."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Does the reconstruction change with the input? In training mode, by the gradient."""

    connected: bool
    """Autograd has a path from the reconstruction to the input."""
    rows_without_gradient: int
    rows: int
    steps_tried: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Mixing:
    """Does one sample's output depend on another sample? In evaluation mode."""

    leaf: str
    sample: int
    other: int
    gradient: float
    """Largest absolute gradient of a sample's output at another sample's input."""
    change: float
    """Largest change of a sample's output when another sample was replaced."""
    noise: float
    """The same, between two calls that should be equal."""
    scale: float
    where: str = ""
    alone: float = 0.0
    """Deviation between a sample alone and the same sample in the batch, relative to the outputs' scale."""
    alone_comparable: bool = False
    lost: str = ""
    """The output that loses its axis of samples where a batch has one sample, with its shapes; empty if none does."""
    positional: str = ""
    """The call that adds a different constant to each sample, if there is one."""
    selected: str = ""
    """The call that ranks the entries of all samples together, if there is one: what is kept of one depends on the others."""


@dataclass(frozen=True, slots=True)
class ParameterReach:
    """How far the loss's gradient came for one parameter, over several batches."""

    name: str
    status: str
    """reached, zero, none, non-finite, frozen."""
    used: bool
    """A torch call with gradients on consumed it."""
    moved_by_forward: bool
    after_hook: bool
    """It was only used after a module whose output is taken by a forward hook."""
    siblings: int = 1
    tries: int = 3
    only_zeros: bool = False
    """Whatever it was multiplied with was zero, as a recurrent decoder's input may be."""
    below_floor: bool = False
    """A floor under a term of the loss (free bits) replaces all that it makes, on the first batch."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A layer that runs several times in one forward, and the layers built like it, of the same name but for a number, that never run."""

    name: str
    times: int
    twins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlainNumber:
    """A number that a loss adds, and the factor between it and what was read off a tensor that has a gradient."""

    value: float
    factor: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Gradient flow from the loss."""

    parameters: tuple[ParameterReach, ...]
    loss_has_gradient: bool
    foreign: tuple[str, ...] = ()
    """Trainable tensors that the loss reaches, held by the model but not registered."""
    cut_from_reconstruction: tuple[str, ...] = ()
    """Weights that the reconstruction is computed with and has no gradient for, whatever else trains them."""
    stand_ins: tuple[StandIn, ...] = ()
    idle_halves: tuple[tuple[str, str], ...] = ()
    """Weights of layers that are split in two, and the half ("first" or "second") that no batch gave a gradient to."""
    counted_term: str = ""
    """The step function through which alone a term of the loss depends on the network, if there is such a term."""
    plain_number: PlainNumber | None = None
    """The number that the loss adds in place of a term, if there is one."""


@dataclass(frozen=True, slots=True)
class OperandPair:
    """A prediction and what it is compared with, as the loss received them."""

    function: str
    prediction_last: str
    prediction_low: float
    prediction_high: float
    target_low: float
    target_high: float
    share_outside: float
    furthest_outside: float
    """How far the target goes beyond the prediction's interval, in widths of that interval."""
    swapped: bool
    same_shape: bool
    prediction_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    target_noise: float
    """Relative distance between the target and the clean input, where random noise was added to it."""
    target_is_fed: bool
    """The network received the very tensor that is the target."""
    same_source: bool = False
    """Both operands are the same tensor."""
    target_rows_moved: bool = False
    """The target is the batch with its samples exchanged."""
    slope: float = float("nan")
    """Cosine between the loss's gradient at the prediction and prediction - target."""
    curvature: float = float("nan")
    """The a of `a·‖prediction - target‖²`, where the loss is that."""
    sum_gap: float = 0.0
    """Mean distance of the target's sums from 1, along the axis of the prediction's softmax."""
    prediction_trained: bool = True


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss on a few batches, and the comparisons inside it."""

    values: tuple[float, ...]
    finite: bool
    gradients_finite: bool
    where: str
    pairs: tuple[OperandPair, ...]
    weighted_after_reduction: str = ""
    softmax_lengths: tuple[str, ...] = ()
    crossed_attentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Facts about the calls that the training forward made."""

    last_operation: str
    last_operation_training_only: bool
    discarded: tuple[str, ...]
    dropout_in_eval: str
    code_blowup: float
    """Largest value of a buffer that the forward updated, over the largest value that the pass saw."""
    code_blowup_name: str = ""
    linear_chain: str = ""
    """Three or more linear layers with nothing but batch normalisation between them."""
    linear_penalty: str = ""
    """The loss holds a plain sum or mean of a signed code."""
    normalised_after: str = ""
    """The bounded function (sigmoid, tanh) whose result is normalised last of all."""
    unused_noise: tuple[str, ...] = ()
    """Draws that neither the loss nor an output depends on."""
    identity_activation: str = ""
    """The module whose leaky rectifier has slope 1."""
    blocked_by_dropout: str = ""
    """The module whose dropout has rate 1."""
    idle_codebook: str = ""
    """A table that codes are looked up in and that neither the forward nor a gradient changes."""
    idle_average: str = ""
    """What the forward averages beside it, and evaluation does not read."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """One place at which the model draws a latent: z = mean + scale × noise."""

    where: str
    law: str
    """normal, uniform."""
    noise_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    same_noise_for_two_seeds: bool
    reparameterized: bool
    mean_equals_scale_head: bool
    mean_low: float
    mean_high: float
    scale_low: float
    scale_high: float
    decoder_connected: bool
    decoder_gradient: float
    kl_connected: bool
    """The loss has a path to mean or scale that does not pass the latent."""
    kl_weight: float
    """c of `c · mean`, the gradient that a KL to N(0, I) leaves at the mean; NaN if the gradient has another form."""
    mean_residual: float
    kl_scale_meaning: str
    """What the KL takes the scale head to be, if its gradient tells; empty if no known form fits."""
    kl_scale_agrees: bool
    """Whether that is the scale which multiplies the noise."""
    variance_weight: float
    log_weight: float
    """Weights of the σ² and log σ² parts relative to the KL's; NaN if they do not fit."""
    mistaken_for: str = ""
    """What stands in the place of σ² or log σ², where the gradient tells: "(log σ)² for log σ²"; empty otherwise."""
    tolerance: float = 2e-3
    """How exactly the gradients can be known: they were computed in numbers of this relative precision."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the weights of the loss imply for the posterior, before training."""

    kappa: float
    """Implied noise variance over the largest variance of the data in any direction."""
    kl_weight: float
    largest_variance: float
    predicted_units: int
    gain: float = float("nan")
    """Nats that an error-free reconstruction of a sample would gain: half the total variance over the implied noise variance."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model on 256 samples."""

    samples: int
    fvu: float
    """Fraction of variance unexplained: squared error over the data's variance."""
    fvu_error: float
    """Its standard error."""


@dataclass(frozen=True, slots=True)
class Masking:
    """Shares of the input's elements: seen by the prediction, counted by the loss."""

    random: bool
    """Which elements are seen changes with the random state."""
    seen: float
    counted: float
    both: float
    neither: float
    """Neither seen nor counted, although the element is not zero."""


@dataclass(frozen=True, slots=True)
class Categorical:
    """One draw of a relaxed categorical latent, and what the loss does to its logits besides."""

    where: str
    classes: int
    kl_weight: float
    """c of `c · q (log q - Σ q log q)`, the gradient of a KL to the uniform distribution; NaN if it has another form."""
    residual: float


@dataclass(frozen=True, slots=True)
class Routes:
    """encode() then decode() against the forward pass, by what reaches the decoder."""

    decoder: str
    factor: float
    """What encode and decode feed the decoder, over what the forward pass feeds it; NaN if not proportional."""
    residual: float


@dataclass(frozen=True, slots=True)
class Generation:
    """The draws of the model's own sampling method."""

    method: str
    laws: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What an evaluation forward left behind."""

    mode_changed: tuple[str, ...]
    grad_mode_changed: bool
    input_modified: bool
    state_changed: tuple[str, ...]
    repeatable: bool
    repeat_gap: float
    draws: tuple[str, ...]
    state_acts: bool = True
    """A second pass, from the changed state, gives another output than the first."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A second instance with the first one's state."""

    error: str
    missing: tuple[str, ...]
    gap: float
    scale: float
    diverging: tuple[str, ...] = ()
    """State that differs after one more training forward of both, the state having been taken after a first one."""
    appeared: tuple[str, ...] = ()
    """Keys that a training forward adds to the state, or takes from it."""


@dataclass(frozen=True, slots=True)
class Inverses:
    """Pairs of methods that should undo each other, and how far they are from it."""

    gaps: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Layers whose units all start equal."""

    equal_units: tuple[str, ...]
    still_equal_after_step: tuple[str, ...]
    layers: int


@dataclass(frozen=True, slots=True)
class LoaderFacts:
    """Two epochs of a loader, as fingerprints."""

    kind: str = ""
    error: str = ""
    """What the loader raised; then nothing else is known."""
    batches: int = 0
    distinct_batches: int = 0
    samples: int = 0
    duplicate_share: float = 0.0
    """Largest share of repeated samples within one batch."""
    same_order: bool = False
    sortedness: float = 0.0
    """How much more alike neighbouring samples are than any two, in standard deviations (von Neumann's ratio)."""
    grouped: bool = False
    """The labels that come with the samples stand class by class, as they hardly ever would in random order."""
    sliding: bool = False
    """Neighbouring samples are windows of one series that overlap."""
    aliased: bool = False
    last_batch: int = 0
    constant_data: bool = False
    stored_data_changed: str = ""
    """Which stored array of the data set changed while the loader was read, if one did."""
    items_change: bool = False
    """Whether the same item, read twice under one seed, differs."""
    non_finite: int = 0
    has_batch_norm: bool = False
    items_equal: bool = False
    """Every item of the data set is the same although its indices differ."""
    shared_with_eval: float = float("nan")


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One and two training steps."""

    error: str = ""
    """What the first step raised; then nothing is known of its effects."""
    moved: tuple[str, ...] = ()
    unmoved: tuple[str, ...] = ()
    """Trainable parameters that received a gradient and did not move."""
    trained: tuple[str, ...] = ()
    """Parameters that an optimiser moved by a gradient, of whatever loss."""
    waiting: tuple[str, ...] = ()
    """Parameters of an optimiser beside others whose gradients were computed and were all zero: a critic's before its turn."""
    missing_from_optimizer: tuple[str, ...] = ()
    left_to_opponents: tuple[str, ...] = ()
    """Parameters of a critic that the loss reaches and no given optimiser holds."""
    stepped: int = -1
    """How often an optimiser stepped; -1 where no training step was made."""
    gradients_accumulate: bool = False
    gradients_edited_after_step: bool = False
    stepped_without_gradient: bool = False
    mode_left: bool = False


@dataclass(frozen=True, slots=True)
class Scaling:
    """The gradient at one sample when the batch is repeated k times, as `averaged / k + summed`, relative to k = 1."""

    averaged: float
    summed: float
    residual: float
    """What two terms do not explain at k = 4."""
    divided_by_constant: bool
    """A scalar of the loss is divided by a number, which may be the size of the batch written out."""


@dataclass(frozen=True, slots=True)
class WorkerNoise:
    """One item read by two simulated workers and by the first of them an epoch later."""

    workers: int
    random: bool
    """Reading the item again gives other values."""
    same_in_two_workers: bool
    same_in_two_epochs: bool


@dataclass(frozen=True, slots=True)
class Ranks:
    """The samples that each process of a distributed run reads."""

    kind: str
    ranks: int
    samples: int
    read: int
    """By all ranks together, in one epoch."""
    repeated: int
    """Readings of a sample that another (or the same) rank reads as well."""
    missed: int
    drops_last: bool
    shuffles: bool
    has_set_epoch: bool
    epochs_differ: bool


@dataclass(frozen=True, slots=True)
class Overfit:
    """A copy of the model, trained on eight samples."""

    steps: int
    first: float
    """Fraction of variance unexplained before training, without noise."""
    best: float
    """The smallest that was seen."""
