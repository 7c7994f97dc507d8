"""Everything that was, or can be, observed on one model. No torch here, so that judging needs no model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pytest_aecheck.code_records import (
    Baselines,
    Bypass,
    CodeBook,
    CodeUse,
    LatentUse,
    Modes,
    Penalty,
    Players,
    PriorSamples,
    Quantizer,
    QuantizerBalance,
    Teacher,
    UnitUse,
)
from pytest_aecheck.data_records import Coverage, Judged, MorePadding, Padding, Processes, Stream
from pytest_aecheck.records import (
    Attempt,
    Attempts,
    Categorical,
    Dependence,
    Fitted,
    Forecast,
    Generation,
    Hygiene,
    Inverses,
    LoaderFacts,
    Masking,
    Mixing,
    Objective,
    OperandPair,
    Output,
    Overfit,
    ParameterReach,
    Posterior,
    Program,
    Ranks,
    Reach,
    RoundTrip,
    Routes,
    Scaling,
    StandIn,
    StepFacts,
    Weights,
    WorkerNoise,
)
from pytest_aecheck.training_records import Progress, Saved, Schedule

__all__ = [
    "PROBE_BROKE",
    "Attempt",
    "Attempts",
    "Baselines",
    "Bypass",
    "Categorical",
    "CodeBook",
    "CodeUse",
    "Coverage",
    "Dependence",
    "Fitted",
    "Forecast",
    "Generation",
    "Hygiene",
    "Inverses",
    "Judged",
    "LatentUse",
    "LoaderFacts",
    "Masking",
    "Mixing",
    "Modes",
    "MorePadding",
    "Objective",
    "Observations",
    "OperandPair",
    "Output",
    "Overfit",
    "Padding",
    "ParameterReach",
    "Penalty",
    "Players",
    "Posterior",
    "PriorSamples",
    "Processes",
    "Program",
    "Progress",
    "Quantizer",
    "QuantizerBalance",
    "Ranks",
    "Reach",
    "RoundTrip",
    "Routes",
    "Saved",
    "Scaling",
    "Schedule",
    "StandIn",
    "StepFacts",
    "Stream",
    "Teacher",
    "Unavailable",
    "UnitUse",
    "Weights",
    "WorkerNoise",
]

PROBE_BROKE = "the probe cannot follow this model"
"""How the reason begins where a probe, not a declaration, is at fault."""


class Unavailable(Exception):  # noqa: N818 - not an error: the reason why something cannot be observed
    """An observation cannot be made on this model; the message says why."""


class Observations:
    """Everything that was, or can be, observed on one model. Attributes are made on first use.

    Reading an attribute that cannot be observed raises `Unavailable`, which becomes a counted skip.
    """

    def __init__(self, observe: Callable[[str], Any]) -> None:
        self._observe = observe
        self._made: dict[str, Any] = {}

    @classmethod
    def of(cls, **made: Any) -> Observations:
        """Ready-made observations, for judging without a model."""

        def absent(name: str) -> Any:
            raise Unavailable(f"{name} was not observed")

        observations = cls(absent)
        observations._made.update(made)
        return observations

    def get(self, name: str) -> Any:
        """An observation by name. A failed attempt is remembered and raised again."""
        if name not in self._made:
            try:
                self._made[name] = self._observe(name)
            except Unavailable as missing:
                self._made[name] = missing
            except Exception as error:  # noqa: BLE001 - a probe that cannot follow a model is no fault of the model
                self._made[name] = Unavailable(f"{PROBE_BROKE} ({name}): {type(error).__name__}: {error}")
        made = self._made[name]
        if isinstance(made, Exception):
            raise made
        return made

    @property
    def spec(self) -> Any:
        """The declaration (an `AESpec`)."""
        return self.get("spec")

    @property
    def attempts(self) -> Attempts:
        """Building, running, evaluating the loss."""
        return cast("Attempts", self.get("attempts"))

    @property
    def output(self) -> Output:
        """The evaluation forward."""
        return cast("Output", self.get("output"))

    @property
    def dependence(self) -> Dependence:
        """Input dependence in training mode."""
        return cast("Dependence", self.get("dependence"))

    @property
    def mixing(self) -> Mixing:
        """Independence of samples."""
        return cast("Mixing", self.get("mixing"))

    @property
    def reach(self) -> Reach:
        """Gradient reach per parameter."""
        return cast("Reach", self.get("reach"))

    @property
    def objective(self) -> Objective:
        """The loss and its operands."""
        return cast("Objective", self.get("objective"))

    @property
    def program(self) -> Program:
        """Calls of the training forward."""
        return cast("Program", self.get("program"))

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """Every place at which a latent is drawn."""
        return cast("tuple[Posterior, ...]", self.get("posteriors"))

    @property
    def forecast(self) -> Forecast:
        """Effective weights and predicted collapse."""
        return cast("Forecast", self.get("forecast"))

    @property
    def modes(self) -> Modes:
        """The code in both modes."""
        return cast("Modes", self.get("modes"))

    @property
    def fitted(self) -> Fitted:
        """A trained model on more data."""
        return cast("Fitted", self.get("fitted"))

    @property
    def baselines(self) -> Baselines:
        """A trained model beside principal components."""
        return cast("Baselines", self.get("baselines"))

    @property
    def prior_samples(self) -> PriorSamples:
        """What a trained model decodes from the prior."""
        return cast("PriorSamples", self.get("prior_samples"))

    @property
    def codebooks(self) -> tuple[CodeBook, ...]:
        """How much of each trained codebook is used."""
        return cast("tuple[CodeBook, ...]", self.get("codebooks"))

    @property
    def teacher(self) -> Teacher:
        """What a decoder of tokens is shown."""
        return cast("Teacher", self.get("teacher"))

    @property
    def players(self) -> Players:
        """What the loss does with detached samples."""
        return cast("Players", self.get("players"))

    @property
    def masking(self) -> Masking:
        """What the prediction sees and the loss counts."""
        return cast("Masking", self.get("masking"))

    @property
    def categoricals(self) -> tuple[Categorical, ...]:
        """Every draw of a relaxed categorical latent."""
        return cast("tuple[Categorical, ...]", self.get("categoricals"))

    @property
    def routes(self) -> Routes:
        """Encode and decode against forward."""
        return cast("Routes", self.get("routes"))

    @property
    def generation(self) -> Generation:
        """Draws of the sampling method."""
        return cast("Generation", self.get("generation"))

    @property
    def hygiene(self) -> Hygiene:
        """Side effects of an evaluation forward."""
        return cast("Hygiene", self.get("hygiene"))

    @property
    def round_trip(self) -> RoundTrip:
        """State into a second instance."""
        return cast("RoundTrip", self.get("round_trip"))

    @property
    def saved(self) -> Saved:
        """State through a file."""
        return cast("Saved", self.get("saved"))

    @property
    def inverses(self) -> Inverses:
        """Methods that undo each other."""
        return cast("Inverses", self.get("inverses"))

    @property
    def weights(self) -> Weights:
        """Symmetry of the initialisation."""
        return cast("Weights", self.get("weights"))

    @property
    def loader(self) -> LoaderFacts:
        """The training loader."""
        return cast("LoaderFacts", self.get("loader"))

    @property
    def coverage(self) -> Coverage:
        """The indices of one epoch."""
        return cast("Coverage", self.get("coverage"))

    @property
    def processes(self) -> Processes:
        """What two real processes read."""
        return cast("Processes", self.get("processes"))

    @property
    def padding(self) -> Padding:
        """Padded steps and the loss."""
        return cast("Padding", self.get("padding"))

    @property
    def more_padding(self) -> MorePadding:
        """Longer padding and the outputs."""
        return cast("MorePadding", self.get("more_padding"))

    @property
    def judged(self) -> Judged:
        """Elements of the reconstruction that count."""
        return cast("Judged", self.get("judged"))

    @property
    def stream(self) -> Stream:
        """What two workers read of a stream."""
        return cast("Stream", self.get("stream"))

    @property
    def step(self) -> StepFacts:
        """The training step."""
        return cast("StepFacts", self.get("step"))

    @property
    def progress(self) -> Progress:
        """Several training steps."""
        return cast("Progress", self.get("progress"))

    @property
    def schedule(self) -> Schedule:
        """Learning rates."""
        return cast("Schedule", self.get("schedule"))

    @property
    def bypass(self) -> Bypass:
        """What reaches the reconstruction around the code."""
        return cast("Bypass", self.get("bypass"))

    @property
    def scaling(self) -> Scaling:
        """Growth of the loss with the batch."""
        return cast("Scaling", self.get("scaling"))

    @property
    def code_use(self) -> CodeUse:
        """A trained decoder and its code."""
        return cast("CodeUse", self.get("code_use"))

    @property
    def unit_use(self) -> UnitUse:
        """A trained decoder and each unit of its code."""
        return cast("UnitUse", self.get("unit_use"))

    @property
    def latent_use(self) -> LatentUse:
        """Units of a trained posterior."""
        return cast("LatentUse", self.get("latent_use"))

    @property
    def worker_noise(self) -> WorkerNoise:
        """Noise of the loader's workers."""
        return cast("WorkerNoise", self.get("worker_noise"))

    @property
    def ranks(self) -> Ranks:
        """Samples of every rank."""
        return cast("Ranks", self.get("ranks"))

    @property
    def quantizers(self) -> tuple[Quantizer, ...]:
        """Every search in a codebook."""
        return cast("tuple[Quantizer, ...]", self.get("quantizers"))

    @property
    def overfit(self) -> Overfit:
        """A short training on one batch."""
        return cast("Overfit", self.get("overfit"))

    @property
    def penalty(self) -> Penalty:
        """A penalty on the code."""
        return cast("Penalty", self.get("penalty"))

    @property
    def quantizer_balance(self) -> QuantizerBalance:
        """Weights of a codebook and of the reconstruction."""
        return cast("QuantizerBalance", self.get("quantizer_balance"))
