import pytest

from aelint.rules.variants import loss_on_visible_patches as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn

class MAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(12, 8), nn.Linear(8, 12)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
    def forward(self, x):
        n, t, d = x.shape
        order = torch.argsort(torch.rand(n, t), dim=1)
        restore = torch.argsort(order, dim=1)
        kept = torch.gather(x, 1, order[:, :4].unsqueeze(-1).repeat(1, 1, d))
        mask = {start}
        mask[:, :4] = {value}
        mask = torch.gather(mask, 1, {back})
        z = torch.cat([self.enc(kept), self.token.expand(n, t - 4, -1)], 1)
        z = torch.gather(z, 1, {tokens}.unsqueeze(-1).repeat(1, 1, 8))
        error = ((self.dec(z) - x) ** 2).mean(-1)
        return {loss}
MAE()(torch.rand(2, 16, 12))
"""
GOOD = {
    "start": "torch.ones(n, t)",
    "value": "0",
    "back": "restore",
    "tokens": "restore",
    "loss": "(error * mask).sum() / mask.sum()",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": "torch.zeros(n, t)", "value": "1", "loss": "(error * (1 - mask)).sum() / (1 - mask).sum()"},
        {"loss": "error.mean()"},
        {"loss": "(error * weights(mask)).sum()"},
        {"loss": "(error + (1 - mask)).sum()"},
        {"loss": "(self.dec(z).mean(-1) * (1 - mask)).sum()"},
        {"start": "torch.rand(n, t)", "loss": "(error * (1 - mask)).sum()"},
        {"value": "0.5", "loss": "(error * (1 - mask)).sum()"},
    ],
    ids=[
        "hidden patches",
        "mask of the visible ones, inverted",
        "all patches",
        "unknown weights",
        "added",
        "no error",
        "a mask of random weights",
        "a mask of halves",
    ],
)
def test_silent(changes):
    assert rows(rule, MODEL.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"loss": "(error * (1 - mask)).sum() / (1 - mask).sum()"}, 21),
        ({"start": "torch.zeros(n, t)", "value": "1"}, 21),
        ({"back": "order"}, 17),
        ({"tokens": "order"}, 19),
    ],
    ids=["inverted loss", "inverted mask", "mask in the wrong order", "tokens in the wrong order"],
)
def test_wrong_patches(changes, row):
    assert rows(rule, MODEL.format(**{**GOOD, **changes})) == [row]


def test_class_token_is_counted():
    source = """
    import torch
    from torch import nn
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
        def forward(self, z, order):
            seen = z.shape[0]
            full = torch.cat([z, self.token.expand(17 - seen, 2, -1)], 0)[1:]
            mask = torch.zeros_like(full)
            mask[seen{}:] = 1
            return full, mask.argsort(0)
    Decoder()(torch.randn(5, 2, 8), None)
    """
    assert rows(rule, source.format(" - 1")) == []
    assert rows(rule, source.format("")) == [12]


@pytest.mark.parametrize(
    ("start", "right", "wrong"),
    [
        pytest.param("zeros", "mask[:, seen - 1:] = 1", "mask[:, seen:] = 1", id="hidden behind"),
        pytest.param("zeros", "mask[:, seen - 1:, :] = 1", "mask[:, seen:, :] = 1", id="of every feature"),
        pytest.param("ones", "mask[:, :seen - 1] = 0", "mask[:, :seen] = 0", id="visible in front"),
        pytest.param("zeros", "mask[:, 1 - seen:] = 0", "mask[:, :seen] = 1; mask[:, -1] = 1", id="something else"),
    ],
)
def test_class_token_is_counted_along_the_axis_of_patches(start, right, wrong):
    source = f"""
    import torch
    from torch import nn
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
        def forward(self, z, restore):
            b, seen, _ = z.shape
            patches = restore.shape[1]
            fill = self.token.expand(b, patches + 1 - seen, -1)
            full = torch.cat([z, fill], 1)[:, 1:]
            mask = torch.{start}_like(full)
            {{mask}}
            return full, mask.argsort(0)
    Decoder()(torch.randn(4, 5, 8), torch.rand(4, 16).argsort(1))
    """
    assert rows(rule, source.format(mask=right)) == []
    assert rows(rule, source.format(mask=wrong)) == ([] if "-1" in wrong else [14])


def test_the_number_of_hidden_patches_is_told_by_its_name():
    source = """
    import torch
    from torch import nn
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
        def forward(self, z, restore):
            b, seen, _ = z.shape
            patches = restore.shape[1]
            full = torch.cat([z, self.token.expand(b, patches + 1 - seen, -1)], 1)[:, 1:]
            mask = torch.zeros(b, patches)
            mask[:, seen:] = 1
            return full, mask
    """
    (found,) = run(rule, source)
    assert "marks restore.size(1) - z.size(1) patches" in found.message


SHUFFLED = """
import torch
from torch import nn

enc, dec, token = nn.Linear(12, 8), nn.Linear(8, 12), nn.Parameter(torch.zeros(1, 1, 8))
x = torch.rand(2, 16, 12)
noise = torch.rand(2, 16)
{orders}
kept = torch.gather(x, 1, shuffle[:, :4].unsqueeze(-1).repeat(1, 1, 12))
z = torch.cat([enc(kept), token.expand(2, 12, -1)], 1)
out = dec(torch.gather(z, 1, restore.unsqueeze(-1).repeat(1, 1, 8)))
"""


@pytest.mark.parametrize(
    "orders",
    [
        "shuffle = noise.argsort(1); restore = shuffle.argsort(1)",
        "restore = noise.argsort(1); shuffle = restore.argsort(1)",
        "shuffle = noise.argsort(1); restore = torch.empty_like(shuffle).scatter_(1, shuffle, torch.arange(16).expand(2, 16))",
    ],
)
def test_silent_on_inverse_orders(orders):
    assert rows(rule, SHUFFLED.format(orders=orders)) == []


@pytest.mark.parametrize(
    "orders",
    [
        "shuffle = noise.argsort(1); restore = torch.rand(2, 16).argsort(1)",
        "shuffle = noise.argsort(1, descending=True); restore = noise.argsort(1)",
    ],
)
def test_silent_on_another_order(orders):
    assert rows(rule, SHUFFLED.format(orders=orders)) == []


@pytest.mark.parametrize(
    "orders",
    [
        "shuffle = noise.argsort(1); restore = noise.argsort(1)",
        "shuffle, restore = torch.argsort(noise, dim=1), torch.argsort(noise, dim=1)",
        "restore = noise.argsort(dim=-1); shuffle = torch.argsort(noise, -1)",
    ],
)
def test_tokens_that_are_shuffled_once_more(orders):
    assert rows(rule, SHUFFLED.format(orders=orders)) == [8]


VISIBLE = {"start": "torch.zeros(n, t)", "value": "1"}


def test_visible_patches_are_pasted_into_the_result():
    loss = "(error * (1 - mask)).sum() + 0.0 * (self.dec(z) * (1 - mask).unsqueeze(-1) + x * mask.unsqueeze(-1)).sum()"
    assert rows(rule, MODEL.format(**{**GOOD, **VISIBLE, "loss": loss})) == []


def test_the_last_patches_of_the_order_are_the_visible_ones():
    source = MODEL.replace("order[:, :4]", "order[:, 4:]")
    source = source.replace(
        "[self.enc(kept), self.token.expand(n, t - 4, -1)]", "[self.token.expand(n, 4, -1), self.enc(kept)]"
    )
    assert rows(rule, source.format(**{**GOOD, **VISIBLE})) == []


SIMPLE = """
import torch
from torch import nn
import torch.nn.functional as F

def spread(index, tokens):
    return index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1])

def at(tokens, index):
    return torch.gather(tokens, 1, spread(index, tokens))

def hide(tokens, index, token):
    mask = torch.zeros(tokens.shape).scatter(1, spread(index, tokens), 1)
    return {hidden}

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.body, self.head = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        order = torch.rand(4, 16).argsort(1)
        keep, masked = order[:, :6], order[:, 6:]
        seen = self.body(hide(x, {places}, self.token))
        return self.head(at(seen, {predicted})), at(x, {target})

prediction, target = Model()(torch.randn(4, 16, 8))
F.mse_loss(prediction, target).backward()
"""
BLEND = "(1 - mask) * tokens + mask * token"


@pytest.mark.parametrize("hidden", [BLEND, "torch.where(mask.bool(), token, tokens)"])
@pytest.mark.parametrize(
    ("places", "predicted", "target", "found"),
    [
        pytest.param("masked", "masked", "masked", [], id="the hidden ones are predicted"),
        pytest.param("masked", "masked", "keep", [], id="other places of the target are another matter"),
        pytest.param("keep", "masked", "masked", [25], id="the places in sight are predicted"),
        pytest.param("masked", "keep", "keep", [25], id="the other way round"),
    ],
)
def test_places_that_are_hidden_and_places_that_are_predicted(hidden, places, predicted, target, found):
    text = SIMPLE.format(hidden=hidden, places=places, predicted=predicted, target=target)
    assert rows(rule, text) == found


ENDS = """
import torch
from torch import nn
import torch.nn.functional as F

class MAE(nn.Module):
    def __init__(self, masked=10):
        super().__init__()
        self.masked = masked
        self.embed, self.pixels = nn.Linear(9, 24), nn.Linear(24, 9)
        self.token, self.places = nn.Parameter(torch.zeros(24)), nn.Embedding(16, 24)
        layer = nn.TransformerEncoderLayer(24, 4, 48, batch_first=True)
        self.decoder = nn.TransformerEncoder(layer, 1)

    def forward(self, patches):
        order = torch.rand(8, 16).argsort(dim=1)
        hidden, seen = order[:, :self.masked], order[:, self.masked:]
        rows = torch.arange(8)[:, None]
        visible = self.embed(patches[rows, seen]) + self.places(seen)
        masks = self.token.expand(8, self.masked, -1) + self.places(hidden)
        tokens = torch.cat({parts}, dim=1)
        out = {read}
        return F.mse_loss(self.pixels(out), patches[rows, hidden])

MAE({count})(torch.rand(8, 16, 9)).backward()
"""


@pytest.mark.parametrize(
    ("parts", "read", "count"),
    [
        pytest.param("(masks, visible)", "self.decoder(tokens)[:, :self.masked]", "", id="first and first"),
        pytest.param("(visible, masks)", "self.decoder(tokens)[:, -self.masked:]", "", id="last and last"),
        pytest.param("(visible, masks)", "self.decoder(tokens)[:, 16 - self.masked:]", "", id="behind the visible"),
        pytest.param(
            "(visible, masks)",
            "self.decoder(tokens[rows, torch.cat([hidden, seen], 1)])[:, :self.masked]",
            "",
            id="put back in between",
        ),
        pytest.param("(visible, masks)", "self.decoder(tokens)[:, :self.masked]", "8", id="halves tell nothing"),
        pytest.param("(visible, visible[:, :4])", "self.decoder(tokens)[:, :4].sum(1, True)", "", id="no mask tokens"),
    ],
)
def test_silent_where_the_masked_end_is_read(parts, read, count):
    assert rows(rule, ENDS.format(parts=parts, read=read, count=count)) == []


@pytest.mark.parametrize(
    ("parts", "read", "count"),
    [
        pytest.param("(visible, masks)", "self.decoder(tokens)[:, :self.masked]", "", id="last, read first"),
        pytest.param("(masks, visible)", "self.decoder(tokens)[:, 16 - self.masked:]", "", id="first, read behind"),
        pytest.param("[visible, masks]", "F.relu(self.decoder(tokens))[:, 0:12, :]", "12", id="activated"),
    ],
)
def test_outputs_that_are_read_at_the_other_end(parts, read, count):
    assert rows(rule, ENDS.format(parts=parts, read=read, count=count)) == [21]


SHARES = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

class Masked(nn.Module):
    def __init__(self, mask_ratio=0.75):
        super().__init__()
        self.mask_ratio = mask_ratio
        self.embed, self.pixels = nn.Linear(9, 24), nn.Linear(24, 9)
        self.token, self.places = nn.Parameter(torch.zeros(24)), torch.randn(16, 24)
        self.decoder = nn.TransformerEncoderLayer(24, 4, 48, batch_first=True)

    def forward(self, patches):
        tokens = self.embed(patches)
        mask = {mask}
        tokens = {used}
        return F.mse_loss(self.pixels(self.decoder(tokens)), patches)

Masked()(torch.rand(8, 16, 9)).backward()
"""
DRAWN = "torch.rand(8, 16)"
TOKEN = "torch.where(mask.unsqueeze(-1), self.token, tokens)"


@pytest.mark.parametrize(
    ("mask", "used"),
    [
        pytest.param(f"{DRAWN} < self.mask_ratio", TOKEN, id="token where it holds"),
        pytest.param(f"{DRAWN} > self.mask_ratio", "tokens * mask.unsqueeze(-1)", id="kept where it holds"),
        pytest.param(f"{DRAWN} < 1 - self.mask_ratio", "tokens * mask.float()[..., None]", id="kept by the rest"),
        pytest.param(f"{DRAWN} < self.mask_ratio", "tokens.masked_fill(mask[..., None], 0)", id="filled"),
        pytest.param(f"{DRAWN} > self.keep_ratio", TOKEN, id="another name"),
        pytest.param(f"{DRAWN} > self.unmasked_ratio", TOKEN, id="what is left in sight"),
        pytest.param("torch.randn(8, 16) > self.mask_ratio", TOKEN, id="numbers that are not uniform"),
        pytest.param(
            f"{DRAWN} > self.mask_ratio", "tokens + self.places * mask.unsqueeze(-1)", id="a table is no data"
        ),
        pytest.param(
            f"({DRAWN} > self.mask_ratio).unsqueeze(-1)", "tokens * mask + self.token * ~mask", id="token in the rest"
        ),
        pytest.param(
            f"({DRAWN} > self.mask_ratio).unsqueeze(-1)", "tokens * mask + tokens.masked_fill(mask, 0)", id="both ways"
        ),
    ],
)
def test_silent_where_the_share_of_the_ratio_is_hidden(mask: str, used: str) -> None:
    assert rows(rule, SHARES.format(mask=mask, used=used)) == []


@pytest.mark.parametrize(
    ("mask", "used"),
    [
        pytest.param(f"{DRAWN} > self.mask_ratio", TOKEN, id="token"),
        pytest.param(f"({DRAWN} < self.mask_ratio).float()", "tokens * mask.unsqueeze(-1)", id="product"),
        pytest.param(f"self.mask_ratio >= {DRAWN}", "tokens * mask[..., None]", id="sides exchanged"),
        pytest.param("torch.from_numpy(np.random.rand(8, 16)) > self.mask_ratio", TOKEN, id="numpy"),
        pytest.param(
            f"{DRAWN}.argsort(1).argsort(1) / 16 > self.mask_ratio", "tokens[~mask].view(8, -1, 24)", id="ranks"
        ),
        pytest.param(
            f"({DRAWN} > self.mask_ratio).unsqueeze(-1)", "tokens * ~mask + self.token * mask", id="token beside rest"
        ),
    ],
)
def test_fires_where_the_rest_of_the_ratio_is_hidden(mask: str, used: str) -> None:
    assert rows(rule, SHARES.format(mask=mask, used=used)) == [17]


INFILL = """
import torch
from torch import nn
import torch.nn.functional as F

class Infill(nn.Module):
    def __init__(self, dim=8, share=0.5):
        super().__init__()
        self.token, self.share = nn.Parameter(torch.zeros(dim)), share
        self.net = nn.Sequential(nn.Linear(dim, 32), nn.GELU(), nn.Linear(32, dim))

    def forward(self, x):
        start = torch.randint(0, 10, (x.shape[0], 1))
        places = torch.arange(x.shape[1])
        mask = (places >= start) & (places < start + 10)
        pred = self.net({hidden})
        error = F.mse_loss(pred, x, reduction="none").mean(-1)
        loss = {masked}
        return loss.sum() / mask.sum()
"""
TOKENS = (
    "torch.where(mask.unsqueeze(-1), self.token, x)",
    "torch.where(~mask[..., None], x, self.token)",
    "x * (1 - mask.float().unsqueeze(-1)) + self.token * mask.float().unsqueeze(-1)",
)


@pytest.mark.parametrize("hidden", TOKENS)
@pytest.mark.parametrize(
    "masked", ["error.masked_fill(~mask, 0.0)", "error * mask", "error[mask]", "error", "torch.where(mask, error, 0.0)"]
)
def test_silent_where_the_hidden_places_count(hidden, masked):
    assert rows(rule, INFILL.format(hidden=hidden, masked=masked)) == []


@pytest.mark.parametrize(
    ("hidden", "masked"),
    [
        (TOKENS[0], "error * mask + 0.1 * error * ~mask"),
        ("x", "error * ~mask"),
    ],
    ids=["a smaller weight on what is in sight", "nothing is hidden"],
)
def test_silent_where_a_mask_may_keep_what_is_in_sight(hidden, masked):
    assert rows(rule, INFILL.format(hidden=hidden, masked=masked)) == []


@pytest.mark.parametrize("hidden", TOKENS)
@pytest.mark.parametrize(
    "masked",
    [
        "error.masked_fill(mask, 0.0)",
        "error * ~mask",
        "error[~mask]",
        "torch.where(mask, 0.0, error)",
        "error * (1 - mask.float())",
    ],
)
def test_errors_that_count_where_no_token_stands(hidden, masked):
    assert rows(rule, INFILL.format(hidden=hidden, masked=masked)) == [18]


DROPPED = """
import torch
from torch import nn
import torch.nn.functional as F

class Imputer(nn.Module):
    def __init__(self, share=0.5):
        super().__init__()
        self.share = share
        self.net = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))

    def draw(self, x):
        return torch.rand_like(x) >= self.share

    def forward(self, x, kept=None):
        kept = {kept}
        pred = self.net({shown})
        return {loss}

def train(loader, model):
    for x, kept in loader:
        model(x, kept).backward()

train(make_loader(), Imputer())
"""
SHOWN = ("x * kept", "x.masked_fill(~kept, 0)", "torch.where(kept, x, 0.0)", "kept.float() * x")


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize(
    ("kept", "loss"),
    [
        pytest.param("kept", "F.mse_loss(pred[kept], x[kept])", id="values that are missing from the data"),
        pytest.param("self.draw(x)", "F.mse_loss(pred[~kept], x[~kept])", id="what is hidden"),
        pytest.param("self.draw(x)", "F.mse_loss(pred, x)", id="all of it"),
        pytest.param("self.draw(x)", "F.mse_loss(pred[kept], x.roll(1)[kept[0]])", id="two masks"),
        pytest.param("self.draw(x)", "F.mse_loss(pred[kept], x[kept]) + F.mse_loss(pred, x)", id="both"),
        pytest.param("self.draw(x)", "(F.mse_loss(pred[kept], x[kept]) + (pred - x)[~kept].pow(2).mean())", id="each"),
    ],
)
def test_silent_where_zeros_stand_for_missing_values_or_what_they_hide_counts(shown, kept, loss):
    assert rows(rule, DROPPED.format(kept=kept, shown=shown, loss=loss)) == []


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize(
    "loss",
    [
        "F.mse_loss(pred[kept], x[kept])",
        "(pred[kept] - x[kept]).pow(2).mean()",
        "(F.l1_loss(pred, x, reduction='none') * kept).sum() / kept.sum()",
    ],
)
def test_errors_that_count_where_no_zero_stands_that_the_network_itself_has_put_there(shown, loss):
    assert rows(rule, DROPPED.format(kept="self.draw(x)", shown=shown, loss=loss)) == [18]
