"""AEL613: callbacks that watch what nobody logs."""

import pytest

from aelint.rules.inference import unlogged_monitor as rule
from tests.rules.harness import rows

TEXT = """
import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

class AE(pl.LightningModule):
    def training_step(self, x, index):
        self.log("train_loss", self(x).mean())

    def validation_step(self, x, index):
        {log}

callback = {callback}
"""


@pytest.mark.parametrize(
    ("log", "callback"),
    [
        pytest.param("self.log('val_loss', 0.1)", "EarlyStopping(monitor='val_loss')", id="logged"),
        pytest.param("self.log_dict({'val_loss': 0.1})", "EarlyStopping(monitor='val_loss')", id="in a dictionary"),
        pytest.param(
            "self.log(f'{self.stage}_loss', 0.1)", "EarlyStopping(monitor='val_loss')", id="a name at run time"
        ),
        pytest.param("self.log_dict(self.metrics(x))", "EarlyStopping(monitor='val_loss')", id="many at run time"),
        pytest.param("pass", "ModelCheckpoint(monitor='train_loss_epoch')", id="the mean of an epoch"),
        pytest.param("return {'val_loss': 0.1}", "EarlyStopping(monitor='val_loss')", id="returned"),
        pytest.param("self.log('val_loss', 0.1)", "ModelCheckpoint(save_last=True)", id="nothing is watched"),
    ],
)
def test_silent_on(log, callback):
    assert rows(rule, TEXT.format(log=log, callback=callback)) == []


def test_silent_on_modules_with_unknown_parents():
    text = TEXT.format(log="pass", callback="EarlyStopping(monitor='val_loss')")
    assert rows(rule, text.replace("AE(pl.LightningModule)", "AE(base.Mixin, pl.LightningModule)")) == []


@pytest.mark.parametrize(
    "callback",
    ["EarlyStopping(monitor='val_loss')", "ModelCheckpoint(mode='min', monitor='val_loss')", "{'monitor': 'val/loss'}"],
)
def test_names_that_nobody_logs(callback):
    assert rows(rule, TEXT.format(log="self.log('validation_loss', 0.1)", callback=callback)) == [12]
