"""A masked autoencoder's mask, order or loss is off: visible patches are scored, or hidden ones left out.

## What it does

Follows the shuffled order (`argsort` of noise), its inverse (`argsort` of that), and the mask of a masked
autoencoder, and reports

- a loss that is multiplied with the mask of the *visible* patches, or that a mask empties where it puts mask tokens, or
  zeros that the network itself draws anew in each pass,
- decoder tokens, or a mask, brought back with the shuffling order in place of its inverse,
- mask tokens at one end of the shuffled order, and a loss at the other end, whose patches are in plain sight,
- mask tokens that are joined to one end of the decoder's sequence, and as many outputs that are read at the other end,
- a random mask that hides the share that `mask_ratio` leaves over (`rand > mask_ratio` for the places to be hidden),
- a mask that hides one patch more or less than there are mask tokens (a counted class token).

## Why is this bad?

Visible patches can be copied; scored on them alone, the network learns nothing about the hidden ones. In
the wrong order every patch is compared with the content of another place.

## Example

```python
import torch

def random_masking(x, keep):
    order = torch.rand(x.shape[0], x.shape[1]).argsort(1)
    restore = order.argsort(1)
    visible = torch.gather(x, 1, order[:, :keep].unsqueeze(-1).expand(-1, -1, x.shape[2]))
    mask = torch.ones(x.shape[0], x.shape[1])
    mask[:, :keep] = 0
    mask = torch.gather(mask, 1, restore)
    return visible, mask

def loss_of(pred, x):
    visible, mask = random_masking(x, 4)
    error = ((pred - x) ** 2).mean(-1)
    return (error * (1 - mask)).sum() / (1 - mask).sum()
```

## Use instead

```python
import torch

def random_masking(x, keep):
    order = torch.rand(x.shape[0], x.shape[1]).argsort(1)
    restore = order.argsort(1)
    visible = torch.gather(x, 1, order[:, :keep].unsqueeze(-1).expand(-1, -1, x.shape[2]))
    mask = torch.ones(x.shape[0], x.shape[1])
    mask[:, :keep] = 0
    mask = torch.gather(mask, 1, restore)
    return visible, mask

def loss_of(pred, x):
    visible, mask = random_masking(x, 4)
    error = ((pred - x) ** 2).mean(-1)
    return (error * mask).sum() / mask.sum()
```

## Known limits

A loss over all patches is a choice that some models make, and is not reported. Neither is a loss over what is in sight
where the mask comes from outside of the network: it may mark values that are missing from the data.

## References

- He et al.: Masked Autoencoders Are Scalable Vision Learners, 2021, https://arxiv.org/abs/2111.06377
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.hidden_places import shown_places
from aelint.semantics.variants.hidden_shares import complemented_shares
from aelint.semantics.variants.masking import Cut, cut_of, mask_tokens, order_of, writes_of
from aelint.semantics.variants.miscounts import miscounts
from aelint.semantics.variants.token_ends import exchanged_ends
from aelint.semantics.variants.visible_losses import is_error, visible_losses

RULE = Rule(
    code="AEL721",
    name="loss-on-visible-patches",
    summary="the mask, the order or the loss of a masked autoencoder is off",
    severity=Severity.ERROR,
    triggers=(("argsort", "rand"), ("mask",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for losses, orders, counts and shares."""
    yield from chain(
        _losses(program),
        _seen(program),
        _orders(program),
        _counts(program),
        _places(program),
        _ends(program),
        _shares(program),
    )


def _losses(program: Program) -> Iterator[Finding]:
    """An error times a mask that is one for the patches that were kept."""
    for node in nodes_of(program, "mul"):
        if node.site is None:
            continue
        for error, mask in (
            (node.attrs.get("input"), node.attrs.get("other")),
            (node.attrs.get("other"), node.attrs.get("input")),
        ):
            if not is_error(error):
                continue
            cut = cut_of(mask)
            if cut is not None and cut.restored and cut.marks_first and _keeps_first(program, cut):
                note = (
                    (Note(cut.site, "the first patches of the shuffled order are the visible ones"),)
                    if cut.site is not None
                    else ()
                )
                yield Finding(
                    node.site, "the error is multiplied with the mask of the visible patches: only they count", note
                )


def _seen(program: Program) -> Iterator[Finding]:
    """Errors of which a mask keeps the places that no mask token takes."""
    for one in visible_losses(program):
        message = (
            f"the mask keeps the error where the network sees the data, and drops it at the places that it hides ({place(one.hidden, one.masked)}): "
            "nothing is learned about these; turn the mask round here"
        )
        notes = (Note(one.hidden, "hidden here"),)
        yield Finding(one.masked, message, notes, severity=Severity.WARNING)


def _places(program: Program) -> Iterator[Finding]:
    """Tokens that are hidden where nothing is predicted."""
    for one in shown_places(program):
        message = (
            "the mask tokens take these places, and the loss looks at the other ones, which the network sees: hide the places at which "
            f"it predicts ({place(one.compared, one.hidden)})"
        )
        yield Finding(one.hidden, message, (Note(one.compared, "the loss at the places in sight"),))


def _ends(program: Program) -> Iterator[Finding]:
    """Outputs that are read where other tokens went in."""
    for one in exchanged_ends(program):
        here, there = ("last", "first") if one.masks_last else ("first", "last")
        message = (
            f"the mask tokens are joined {here}, but as many outputs are read from the {there} ones ({place(one.read, one.joined)}): some of "
            "them belong to visible patches. Join the tokens in the other order, or read the other end"
        )
        yield Finding(one.joined, message, (Note(one.read, "the outputs that are scored"),))


def _shares(program: Program) -> Iterator[Finding]:
    """Masks that hide what their ratio leaves in sight."""
    for one in complemented_shares(program):
        used = f" ({place(one.used, one.compared)})" if one.used is not None else ""
        message = (
            f"`{one.ratio}` says how much is hidden, but by this comparison it is the share that stays in sight: the mask is used the "
            f"other way round{used}. Turn the comparison round"
        )
        notes = (Note(one.used, "the mask is used here"),) if one.used is not None else ()
        yield Finding(one.compared, message, notes, severity=Severity.WARNING)  # a name alone says what the ratio is of


def _keeps_first(program: Program, cut: Cut) -> bool:
    """Whether the encoder gets the first entries of the same shuffled order."""
    for node in nodes_of(program, "getitem"):
        index = node.attrs.get("index")
        rows = index if isinstance(index, tuple) else (index,)
        firsts = [p for p in rows if isinstance(p, slice) and p.start in {None, 0} and p.stop is not None]
        if firsts and order_of(source(node)) is cut.order:
            return True
    return False


def _orders(program: Program) -> Iterator[Finding]:
    """Tokens with mask tokens, or a mask, gathered by the order itself."""
    inverted = {id(order_of(source(n))) for n in nodes_of(program, "argsort") if order_of(source(n)) is not None}
    for node in nodes_of(program, "gather"):
        if node.site is None:
            continue
        order = order_of(node.attrs.get("index"))
        whole = node.attrs.get("input")
        if order is None or not isinstance(whole, Sym):
            continue
        if id(order) not in inverted:
            yield from _sorted_again(program, node.site, order, whole)
        elif _keeps_first(program, Cut(True, True, order, None)):
            # The other way round patches are kept by the inverse, and this order brings them back.
            yield from _not_inverted(node.site, order, whole)


def _sorted_again(program: Program, gathered: Site, order: Sym, whole: Sym) -> Iterator[Finding]:
    first = _same_order(program, order) if mask_tokens(whole) is not None else None
    if first is not None:
        message = (
            "the tokens are brought back with an `argsort` of the same noise that shuffled them: that is the same order "
            "once more; take the `argsort` of the shuffling order"
        )
        yield Finding(order.site or gathered, message, (Note(first, "the patches are shuffled with this order"),))


def _not_inverted(gathered: Site, order: Sym, whole: Sym) -> Iterator[Finding]:
    tokens = mask_tokens(whole) is not None
    if tokens or writes_of(whole):
        what = "the tokens are" if tokens else "the mask is"
        message = f"{what} brought back with the shuffling order; its inverse, the `argsort` of it, is needed"
        note = (Note(order.site, "the shuffling order"),) if order.site is not None else ()
        yield Finding(gathered, message, note)


def _same_order(program: Program, order: Sym) -> Site | None:
    """Another sorting of the same noise, whose first entries are kept."""
    for node in nodes_of(program, "argsort"):
        if node is order or source(node) is not source(order):
            continue
        alike = node.attrs.get("descending", False) == order.attrs.get("descending", False)
        if alike and node.site is not None and _keeps_first(program, Cut(True, True, node, None)):
            return node.site
    return None


def _counts(program: Program) -> Iterator[Finding]:
    """As many patches must be marked as hidden as there are mask tokens."""
    for one in miscounts(program):
        message = (
            f"the mask marks {one.hidden} patches as hidden, but {one.tokens} mask tokens stand in for hidden patches: "
            "the class token was counted"
        )
        yield Finding(one.marked, message, (Note(one.joined, "the mask tokens"),))
