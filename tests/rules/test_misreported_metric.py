"""AEL607: one batch's loss under the name of an epoch's."""

import pytest

from aelint.rules.inference import misreported_metric as rule
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn
from torch.utils.data import DataLoader

model, criterion = nn.Linear(20, 20), nn.MSELoss()
loader = DataLoader(torch.randn(1000, 20), batch_size=50)
for epoch in range(10):
    {before}
    for x in loader:
        loss = criterion(model(x), x)
        {inside}
    {after}
"""


def program(after, inside="pass", before="pass"):
    return SETUP.format(before=before, inside=inside, after=after)


HEALTHY = {
    "losses are added up": program("epoch_loss = total / len(loader)", "total += loss.item()", "total = 0.0"),
    "losses are collected": program("mean_loss = sum(kept) / len(kept)", "kept.append(loss.item())", "kept = []"),
    "no claim on the epoch": program("last_loss = loss.item()"),
    "printed as what it is": program("print(loss.item())"),
    "the plain name": program("loss = loss.item()"),
    "per batch, in the loop": program("pass", "mean_loss = loss.item()"),
    "the last batch of a validation is named so": program("val_loss_last = loss.item()"),
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(source):
    assert rows(rule, source) == []


def test_silent_where_the_only_loop_is_over_full_batches():
    source = """
        import torch
        model = torch.nn.Linear(3, 3)
        x = torch.randn(9, 3)
        for epoch in range(9):
            loss = (model(x) - x).pow(2).mean()
        val_loss = torch.nn.functional.mse_loss(model(x), x).item()
        """
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "after",
    ["epoch_loss = loss.item()", "avg_loss = float(loss)", "val_loss = loss.detach().item()", "mean_train_loss = loss"],
)
def test_fires(after):
    assert rows(rule, program(after)) == [13]


def test_method_and_loader_of_another_file():
    files = {
        "main.py": """
            import torch
            from torch import nn
            from torch.utils.data import DataLoader
            from trainer import Trainer

            Trainer(nn.Linear(4, 4)).fit(DataLoader(torch.randn(99, 4), batch_size=9))
            """,
        "trainer.py": """
            import torch.nn.functional as F


            class Trainer:
                def __init__(self, net):
                    self.net = net

                def fit(self, loader):
                    for epoch in range(3):
                        for i, x in enumerate(loader):
                            loss = F.l1_loss(self.net(x), x)
                        self.epoch_loss = loss.item()
            """,
    }
    assert rows(rule, files) == [13]


AVERAGE = """
import torch
from torch import nn
from torch.utils.data import DataLoader

model, criterion = nn.Linear(20, 20), nn.MSELoss(reduction="{reduction}")
loader = DataLoader(torch.randn(1000, 20), batch_size=50)
total = 0.0
for x in loader:
    total += {added}
result = total / {count}
"""

LOSS = "criterion(model(x), x).item()"


@pytest.mark.parametrize(
    ("reduction", "added", "count"),
    [
        ("mean", LOSS, "len(loader)"),
        ("mean", LOSS + " * x.size(0)", "len(loader.dataset)"),
        ("sum", LOSS, "len(loader.dataset)"),
        ("sum", LOSS, "len(loader)"),
        ("none", LOSS, "len(loader.dataset)"),
    ],
)
def test_silent_on_averages_with_the_right_count(reduction, added, count):
    assert rows(rule, AVERAGE.format(reduction=reduction, added=added, count=count)) == []


@pytest.mark.parametrize(
    ("added", "count"),
    [(LOSS, "len(loader.dataset)"), (LOSS + " * x.size(0)", "len(loader)"), ("len(x) * " + LOSS, "len(loader)")],
)
def test_fires_on_averages_with_the_wrong_count(added, count):
    assert rows(rule, AVERAGE.format(reduction="mean", added=added, count=count)) == [11]


SUMMED = "nn.functional.mse_loss(model(x), x, reduction='sum')"
MEAN = "nn.functional.mse_loss(model(x), x)"


@pytest.mark.parametrize(
    "added",
    [
        f"({SUMMED} / 20).item()",
        f"({SUMMED} / x.size(1)).item()",
        f"({SUMMED} + model.weight.abs().sum()).item()",
        f"({MEAN} + {SUMMED}).item()",
        f"({MEAN} * x.size(0)).item()",
    ],
    ids=["by a number", "by the features", "two sums", "a mean and a sum", "times the samples"],
)
def test_silent_on_what_is_no_mean_over_the_batch(added):
    assert rows(rule, AVERAGE.format(reduction="mean", added=added, count="len(loader.dataset)")) == []


@pytest.mark.parametrize(
    "added",
    [
        f"({SUMMED} / x.size(0)).item()",
        f"({MEAN} + 0.1 * model(x).mean()).item()",
        f"({SUMMED} / len(x) - 4 * {MEAN}).item()",
    ],
    ids=["a sum over its samples", "two means", "a sum over its samples, less a mean"],
)
def test_fires_on_means_that_are_written_out(added):
    assert rows(rule, AVERAGE.format(reduction="mean", added=added, count="len(loader.dataset)")) == [11]


def test_a_loop_that_returns_in_its_first_round():
    source = (
        "import torch.nn.functional as F\n\ndef evaluate(model, loader):\n    loss = 0.0\n    for x in loader:\n"
        "        {}\n        loss += F.mse_loss(model(x), x).item()\n{}return loss / len(loader)\n"
    )
    assert rows(rule, source.format("pass", 8 * " ")) == [8]
    assert not rows(rule, source.format("pass", 4 * " "))
    assert not rows(rule, source.format("if x is None: continue", 8 * " "))


def test_silent_on_a_sum_in_the_older_spelling():
    source = """
        import torch.nn.functional as F

        def test(model, loader):
            test_loss = 0
            for x, y in loader:
                test_loss += F.nll_loss(model(x), y, size_average=False).item()
            test_loss /= len(loader.dataset)
            return test_loss
        """
    assert rows(rule, source) == []


def test_silent_on_batches_that_each_round_takes_from_an_iterator():
    source = """
        import torch
        from torch.utils.data import DataLoader

        model = torch.nn.Linear(4, 4)
        train, test = DataLoader(torch.rand(80, 4), 10), DataLoader(torch.rand(20, 4), 10)
        batches = iter(train)
        total = 0.0
        for _ in range(len(test)):
            x = next(batches)
            total += (model(x) - x).pow(2).mean().item()
        print(total / len(test))
        """
    assert rows(rule, source) == []


def test_silent_on_a_loader_that_the_function_is_given_under_the_name_of_another():
    source = """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader

        def evaluate(model, val_iter):
            loss_sum = 0
            with torch.no_grad():
                for data in val_iter:
                    loss_sum += nn.functional.mse_loss(model(data), data, reduction="sum").item()
            val_loss = loss_sum / len(val_iter.dataset)
            return val_loss

        model = nn.Linear(8, 8)
        val_iter, test_iter = DataLoader(torch.rand(50, 8), 10), DataLoader(torch.rand(70, 8), 10)
        evaluate(model, val_iter)
        evaluate(model, test_iter)
        """
    assert rows(rule, source) == []
    assert rows(
        rule,
        source.replace("def evaluate(model, val_iter)", "def evaluate(model, given)").replace(
            "in val_iter", "in given"
        ),
    ) == [11]


TABLE = """
def evaluate(trainer, loaders):
    errors = {{}}
    for name, loader in loaders.items():
        loss = trainer.score(loader)
        {body}
    return errors
"""


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("an entry in each round", 'errors[f"{name}_loss"] = loss'),
        ("added to what is there", "errors = {**errors, name: loss}"),
        ("handed on in each round", "errors = {name: loss}; trainer.log(errors)"),
        ("the keys are the same in each round", 'errors = {"loss": loss}'),
        ("the last one is kept on purpose", 'errors = {"name": name, "loss": loss}'),
        ("the first that is good enough", "errors = {name: loss}; break"),
        ("changed in another place", "errors = {name: loss}; errors = merged(loss)"),
    ],
)
def test_silent_on_tables_that_keep_their_entries(reason, body):
    assert rows(rule, TABLE.format(body="@").replace("@", body.replace("; ", "\n        "))) == [], reason


@pytest.mark.parametrize("body", ['errors = {f"{name}_loss": loss}', "errors = {name: loss}"])
def test_a_table_is_made_anew_in_each_round(body):
    assert rows(rule, TABLE.format(body="@").replace("@", body)) == [6]


SUMMED = """
import torch
from torch import nn
from torch.utils.data import DataLoader

def train(loader, model, optimizer):
    epoch_loss = 0
    batches = iter(loader)
    for i in range(len(loader)):
        x = next(batches)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), x)
        {body}
        loss.backward()
        optimizer.step()
    return epoch_loss

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
loader = DataLoader(torch.randn(80, 8), batch_size=8)
for epoch in range(10):
    epoch_loss = train(loader, model, optimizer)
    print(epoch_loss)
"""


@pytest.mark.parametrize(
    "body", ["epoch_loss += loss", "epoch_loss = epoch_loss + loss", "epoch_loss = loss + epoch_loss"]
)
def test_silent_on_a_sum_over_rounds_that_are_counted(body):
    assert rows(rule, SUMMED.format(body=body)) == []


def test_the_last_of_rounds_that_are_counted():
    assert rows(rule, SUMMED.format(body="epoch_loss = loss")) == [22]


COLLECTED = """
import math
import numpy as np
import torch

def train(model, loader, others):
    losses = []
    for x in loader:
        loss = (model(x) - x).pow(2).mean()
        losses.append(loss.detach())
    mean = {mean}
    return {result}
"""


@pytest.mark.parametrize(
    ("reason", "mean", "result"),
    [
        ("divided once", "torch.stack(losses).mean()", "mean.item()"),
        ("a sum", "sum(losses)", "mean / len(losses)"),
        ("a sum in numpy", "np.sum(losses)", "mean / len(losses)"),
        ("another number", "np.mean(losses)", "mean / len(others)"),
        ("a standard error", "np.mean(losses)", "mean / math.sqrt(len(losses))"),
        ("the variance of a mean count", "np.mean(others)", "mean / len(others)"),
        ("a mean of something else", "np.mean(others)", "mean / len(losses)"),
    ],
)
def test_silent_where_collected_losses_are_divided_once(reason, mean, result):
    assert rows(rule, COLLECTED.format(mean=mean, result=result)) == [], reason


@pytest.mark.parametrize(
    ("mean", "result"),
    [
        ("torch.stack(losses).mean()", "mean.item() / len(losses)"),
        ("np.mean(losses)", "mean / len(losses)"),
        ("sum(losses) / len(losses)", "float(mean) / len(losses)"),
        ("0", "torch.tensor(losses).mean().item() / len(losses)"),
    ],
)
def test_fires_on_a_mean_that_is_divided_again(mean, result):
    assert rows(rule, COLLECTED.format(mean=mean, result=result)) == [12]


def test_silent_on_a_measure_that_was_moved_to_where_the_training_data_lies():
    source = """
import lpips
import torch
from torch import nn
from elsewhere import pictures

train = torch.utils.data.DataLoader(torch.rand(99, 20))
test = torch.utils.data.DataLoader(torch.rand(99, 20))
measure, model = lpips.LPIPS(), nn.Linear(20, 20)
for x in train:
    measure = measure.to({place})
    nn.functional.mse_loss(model(x), x).backward()
total = 0.0
for y in test:
    total += measure(next(pictures)).mean().item()
"""
    assert rows(rule, source.format(place="x.device")) == []
    assert rows(rule, source.format(place="x.mean()")) == [15]


PER_IMAGE = """
import torch

def evaluate(model, loader, psnr):
    total, scores = 0.0, []
    for x in loader:
        y = model(x)
        for i in range(len(x)):
            one, other = x[i], y[i]
            {body}
    return total, scores
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("total += psnr(one, other)", [], id="samples"),
        pytest.param("total += psnr(x[i], y[i])", [], id="samples in place"),
        pytest.param("total += psnr(x, other)", [], id="one against all"),
        pytest.param("total += psnr(x, y, i)", [], id="the number of the sample is given"),
        pytest.param("total += psnr(model, x)", [], id="something else"),
        pytest.param("total += psnr(x, y)", [10], id="the whole batch"),
        pytest.param("scores.append(psnr(y, x))", [10], id="collected"),
        pytest.param("total += psnr(x, y, data_range=1.0)", [10], id="with a setting"),
    ],
)
def test_a_score_of_the_whole_batch_for_each_sample(body, found):
    assert rows(rule, PER_IMAGE.format(body=body)) == found


EVALUATED = """
from sklearn import metrics

def evaluate(results, names):
    found = {{}}
    for name in names:
        rows = results["names"] == name
        {labels}
        {scores}
        found[name] = {measured}
    return found
"""
LABELS = 'labels = results["labels"][rows]'
MEASURED = "metrics.roc_auc_score(labels, preds)"


@pytest.mark.parametrize(
    ("labels", "scores", "measured"),
    [
        pytest.param(LABELS, 'preds = results["maps"][rows]', MEASURED, id="two entries"),
        pytest.param(LABELS, 'preds = results["labels"][~rows]', MEASURED, id="other rows"),
        pytest.param(
            LABELS, 'rows = results["fold"]; preds = results["labels"][rows]', MEASURED, id="rows of another kind"
        ),
        pytest.param(LABELS, 'preds = results["labels"][rows]', "overlap(labels, preds)", id="no score"),
        pytest.param(LABELS, 'preds = results["labels"][rows]; preds = 1 - preds', MEASURED, id="changed afterwards"),
        pytest.param("labels = results.pop()", "preds = results.pop()", MEASURED, id="one after the other"),
        pytest.param("labels = names", "preds = names", MEASURED, id="no entry"),
        pytest.param(
            'first = net.kept["conv"]; net(name)',
            'labels = net.kept["fc"]\n        net(rows)\n        second = net.kept["conv"]',
            "mse(first, second)",
            id="hooks write in between",
        ),
    ],
)
def test_silent_on_scores_of_two_things(labels, scores, measured):
    assert rows(rule, EVALUATED.format(labels=labels, scores=scores, measured=measured)) == []


@pytest.mark.parametrize(
    ("labels", "scores", "measured", "found"),
    [
        pytest.param(LABELS, 'preds = results["labels"][rows]', MEASURED, [9], id="entry"),
        pytest.param(
            "labels = results.y.cpu()", "preds = results.y.cpu()", "auroc(preds, labels)", [9], id="attribute"
        ),
        pytest.param(
            'preds = results["labels"].ravel()', 'gt = results["labels"].ravel()', "f1(gt, preds)", [8], id="first"
        ),
    ],
)
def test_a_score_of_one_entry_under_two_names(labels, scores, measured, found):
    assert rows(rule, EVALUATED.format(labels=labels, scores=scores, measured=measured)) == found


AREA = """
import numpy as np
import torch
from torch import nn
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve

model, x, labels = nn.Linear(20, 20), torch.randn(100, 20), np.load("labels.npy")
scores = (model(x) - x).pow(2).mean(1).detach()
for threshold in (0.5, 1.0):
    flagged = scores > threshold
    {call}
"""


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("roc_auc_score(labels, scores.numpy())", id="scores"),
        pytest.param("roc_auc_score(labels == 1, scores)", id="labels by a test"),
        pytest.param("f1_score(labels, flagged)", id="a measure of decisions"),
        pytest.param("roc_auc_score(labels, scores * flagged)", id="scores of what is flagged"),
    ],
)
def test_silent_on_curves_of_scores(call):
    assert not rows(rule, AREA.format(call=call))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("roc_auc_score(labels, flagged)", id="decisions"),
        pytest.param("roc_auc_score(labels, flagged.long().numpy())", id="decisions as numbers"),
        pytest.param("roc_auc_score(labels, (scores >= 1.0).numpy().astype(int))", id="numbers of numpy"),
        pytest.param("average_precision_score(y_true=labels, y_score=flagged.int())", id="by name"),
        pytest.param("fpr, tpr, _ = roc_curve(labels, flagged)", id="the curve itself"),
    ],
)
def test_curves_over_all_thresholds_of_what_one_has_decided(call):
    assert rows(rule, AREA.format(call=call)) == [11]


IMAGES = """
import torch
from torch import nn
from torchmetrics.image import StructuralSimilarityIndexMeasure
from skimage.metrics import peak_signal_noise_ratio

net, x, anything = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.{end}), torch.rand(8, 3, 16, 16), unknown()

def ssim(a, b, data_range=1.0, window=7):
    return (a - b).abs().mean() / data_range

made = net(x)
{score}
"""


@pytest.mark.parametrize(
    ("end", "score"),
    [
        ("Sigmoid()", "ssim(made, x, data_range=1.0)"),
        ("Sigmoid()", "ssim(made * 255, x * 255, data_range=255)"),
        ("Tanh()", "ssim(made, 2 * x - 1, data_range=2)"),
        ("Tanh()", "ssim(made, 2 * x - 1, data_range=1)"),  # only a bound is known: the values may span less
        ("Identity()", "ssim(made, anything, data_range=255)"),
        ("Sigmoid()", "ssim(made, x, window=11)"),
        ("Sigmoid()", "resize(made, max_val=255)"),  # one image
        ("Sigmoid()", "ssim(torch.zeros(8, 3, 16, 16), x, data_range=1.0)"),
        ("Sigmoid()", "ssim(made, x, data_range=unknown())"),
    ],
)
def test_silent_on_ranges_that_the_images_may_have(end, score):
    assert rows(rule, IMAGES.format(end=end, score=score)) == []


@pytest.mark.parametrize(
    ("end", "score"),
    [
        ("Sigmoid()", "ssim(made, x, data_range=2.0)"),
        ("Identity()", "ssim(made.clamp(0, 1), anything, data_range=255)"),
        ("Sigmoid()", "peak_signal_noise_ratio(x.numpy(), made.detach().numpy(), data_range=255)"),
        ("Tanh()", "for y in x: print(ssim((made + 1) / 2, x, data_range=2))"),
    ],
)
def test_a_range_that_is_wider_than_the_images(end, score):
    (finding,) = run(rule, IMAGES.format(end=end, score=score))
    assert finding.site.row == 13
    assert "in [0, 1]" in finding.message


def test_the_range_of_a_measure_that_is_built_first():
    score = "measure = StructuralSimilarityIndexMeasure(data_range=255.0)\nprint(measure(made, x))"
    assert rows(rule, IMAGES.format(end="Sigmoid()", score=score)) == [13]


OWN_CURVE = """
import torch

class Evaluator:
    @staticmethod
    def {measure}({parameters}):
        gaps = values[y_test == 1][:, None] - values[y_test == 0][None]
        return (gaps > 0).float().mean().item()

    def evaluate(self, scores, y_test, threshold):
        flagged = (scores > threshold).float()
        return self.{measure}({given})
"""


@pytest.mark.parametrize(
    ("measure", "parameters", "given"),
    [
        pytest.param("auroc", "values, y_test", "scores, y_test", id="scores"),
        pytest.param("auroc", "values, y_test", "scores, (y_test > 0).float()", id="labels by a test"),
        pytest.param("accuracy", "values, y_test", "flagged, y_test", id="a measure of decisions"),
        pytest.param("auroc", "values, weights", "flagged, y_test", id="nothing is named as labels"),
        pytest.param("sauce", "values, y_test", "flagged, y_test", id="a name that only sounds alike"),
    ],
)
def test_silent_on_curves_of_the_projects_own_over_scores(measure, parameters, given):
    source = OWN_CURVE.format(measure=measure, parameters=parameters, given=given)
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("measure", "parameters", "given"),
    [
        ("get_auroc", "values, y_test", "flagged, y_test"),
        ("roc_auc", "y_test, values", "y_test, flagged"),
        ("au_pr", "values, y_test", "values=flagged, y_test=y_test"),
    ],
)
def test_fires_on_curves_of_the_projects_own_over_decisions(measure, parameters, given):
    assert rows(rule, OWN_CURVE.format(measure=measure, parameters=parameters, given=given)) == [12]
