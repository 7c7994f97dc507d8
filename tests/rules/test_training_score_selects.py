"""AEL616: the best model by the training loss."""

import pytest

from aelint.rules.inference import misreported_metric
from aelint.rules.inference import training_score_selects as rule
from tests.rules.harness import rows, run

LOOP = """
import copy
import torch

def fit(model, train, test, epochs, early_stopping, scheduler, writer):
    best, history = float("inf"), []
    for epoch in range(epochs):
        train_loss = run_epoch(model, train)
        {measured}
        {shown}
        if {test}:
            best = train_loss
            {kept}
    return model
"""
MEASURED = "val_loss = run_epoch(model, test, training=False)"
SHOWN = "print(epoch, train_loss, val_loss)"
KEPT = 'torch.save(model.state_dict(), "best.pt")'


def loop(measured=MEASURED, shown=SHOWN, test="train_loss < best", kept=KEPT):
    return LOOP.format(measured=measured, shown=shown, test=test, kept=kept)


@pytest.mark.parametrize(
    "source",
    [
        loop(test="val_loss < best"),
        loop(measured="pass", shown="print(train_loss)"),  # nothing else is known
        loop(shown="scheduler.step(val_loss)"),
        loop(shown="early_stopping(val_loss, model)"),
        loop(shown="if val_loss < 0.1: break"),
        loop(shown="metric = val_loss"),
        loop(shown="yield val_loss"),
        loop(kept="print('lower than before')"),  # nothing is kept
        loop(test="train_loss + val_loss < best"),
        loop(measured="val_images = next(test)", shown="print(train_loss)"),
        loop(measured="best_val_loss = 3"),
        loop(measured="best_val_loss = 3", shown="print(best_val_loss)"),
        loop(measured="val_batch = next(test)", shown="print(val_batch)"),  # no measure
        loop(test="epoch > best"),
        loop(test="early_stopping(epoch, model)", kept="break"),
        loop(shown="pass"),  # AEL607 tells it
    ],
)
def test_silent_where_held_out_data_decides_or_is_not_measured(source):
    assert rows(rule, source) == []


SUMMED = "test_loss = 0.0; test_loss {add} run_epoch(model, test); test_loss {divide} len(test)"


@pytest.mark.parametrize(
    ("measured", "test"),
    [
        pytest.param(SUMMED.format(add="+=", divide="/="), "test_loss < best", id="the mean decides"),
        pytest.param(SUMMED.format(add="+=", divide="+="), "train_loss < best", id="no mean is taken"),
        pytest.param(SUMMED.format(add="/=", divide="/="), "train_loss < best", id="nothing is added up"),
        pytest.param("test_loss = 0.0", "train_loss < best", id="only begun"),
    ],
)
def test_silent_where_no_mean_on_held_out_data_lies_unused(measured, test):
    assert rows(rule, loop(measured=measured, shown="pass", test=test)) == []


def test_a_mean_on_held_out_data_that_nothing_reads():
    source = loop(measured=SUMMED.format(add="+=", divide="/="), shown="pass")
    assert rows(rule, source) == [11]
    assert rows(misreported_metric, source) == []


@pytest.mark.parametrize("kept", [KEPT, "best_state = copy.deepcopy(model)", "save_checkpoint(model)"])
@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        (MEASURED, SHOWN),
        ("test_error, test_mse = run_epoch(model, test)", "history.append((train_loss, test_error))"),
        ("val_loss = 0.0; val_loss = val_loss / len(test)", "writer.add_scalar('val', val_loss, epoch)"),
        (MEASURED, "print(f'{epoch} {val_loss:.3f}')"),
    ],
)
def test_kept_by_the_training_loss(kept, measured, shown):
    assert rows(rule, loop(measured=measured, shown=shown, kept=kept)) == [11]


@pytest.mark.parametrize("question", ["early_stopping(train_loss, model)", "early_stopping.step(epoch, train_loss)"])
def test_stopped_by_the_training_loss(question):
    (finding,) = run(rule, loop(test=question, kept="break"))
    assert "`val_loss`" in finding.message
    assert "stopped by `train_loss`" in finding.message


def test_each_loop_is_told_once():
    twice = loop(shown=SHOWN + "\n        if train_loss < 3: torch.save(model.state_dict(), 'three.pt')")
    assert len(rows(rule, twice)) == 1
