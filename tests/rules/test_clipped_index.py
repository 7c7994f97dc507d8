"""AEL618: indices that are limited to fewer than the entries of the table that they are looked up in."""

import pytest

from aelint.rules.inference import clipped_index as rule
from tests.rules.harness import rows, run

SMILES = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

TOKENS = {tokens}
STOI = {{t: i for i, t in enumerate(TOKENS)}}

class MoleculeVAE(nn.Module):
    def __init__(self, vocab=len(TOKENS), latent=8):
        super().__init__()
        self.embed = nn.Embedding(vocab, 16)
        self.encoder = nn.GRU(16, 32, batch_first=True)
        self.to_latent = nn.Linear(32, latent)
        self.decoder = nn.GRU(latent, 32, batch_first=True)
        self.head = nn.Linear(32, vocab)

    def decode(self, z):
        h, _ = self.decoder(z[:, None].expand(-1, 20, -1))
        return self.head(h)

    def forward(self, ids):
        return self.decode(self.to_latent(self.encoder(self.embed(ids))[1][-1]))

def text(ids):
    symbols = []
    for i in ids.tolist():
        {each}
        symbols.append({lookup})
    return "".join(symbols)

@torch.no_grad()
def generate(model, n):
    ids = model.decode(torch.randn(n, 8)).argmax(-1)
    {whole}
    return [text(row) for row in ids]

print(generate(MoleculeVAE(), 4))
"""
GOOD = {
    "tokens": '["<pad>", "<eos>", "C", "O", "(", ")", "N", "F", "S", "Cl", "=", "#"]',
    "each": "pass",
    "lookup": "TOKENS[i]",
    "whole": "pass",
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="no-limit"),
        pytest.param({"each": "i = min(i, 11)"}, id="the-last-index"),
        pytest.param({"each": "i = min(i, len(TOKENS) - 1)"}, id="the-last-index-of-the-table"),
        pytest.param({"each": "i = min(i, 20)"}, id="beyond-the-table"),
        pytest.param({"each": "i = max(i, 4)"}, id="bounded-from-below"),
        pytest.param({"whole": "ids = ids.clamp(min=2)"}, id="tensor-bounded-from-below"),
        pytest.param({"each": "step = min(i, 4)"}, id="what-is-limited-is-not-looked-up"),
        pytest.param({"each": "i = -1 + min(i, 12)"}, id="computed-from-what-is-limited"),
        pytest.param(
            {"tokens": '["<pad>", "C", "O", "<unk>", "N", "F"]', "each": "i = min(i, 3)"}, id="an-entry-for-all-others"
        ),
        pytest.param(
            {"tokens": '["C", "N", "O", "F", "<pad>", "[MASK]"]', "each": "i = min(i, 3)"},
            id="marks-behind-the-letters",
        ),
        pytest.param({"tokens": "open('tokens.txt').read().split()", "each": "i = min(i, 4)"}, id="unknown-length"),
        pytest.param({"tokens": "sorted(set('CC(O)CCC'))", "each": "i = min(i, 3)"}, id="each-letter-once"),
        pytest.param({"each": "i = min(i, 4) if ids.sum() > 9 else i"}, id="limited-in-one-branch"),
        pytest.param({"lookup": "TOKENS[min(i, 10)] + TOKENS[min(i, 10) + 1]"}, id="its-neighbour-is-read-too"),
        pytest.param({"whole": "ids = ids.clamp(max=model.head.out_features)"}, id="limit-that-is-no-limit"),
        pytest.param({"whole": "ids = torch.randint(0, 5, (4, 20)).clamp(max=4)"}, id="nothing-lies-beyond-the-limit"),
        pytest.param({"whole": "ids = torch.cat([ids.clamp(max=4), ids], 1)"}, id="joined-with-ids-without-limit"),
        pytest.param({"whole": "ids = torch.minimum(ids, torch.randint(0, 5, ids.shape))"}, id="limit-that-is-drawn"),
        pytest.param(
            {"whole": "ids = model.decode(torch.randn(n, 8)).clamp(max=4).max(-1)[1]"}, id="what-is-limited-are-scores"
        ),
        pytest.param({"lookup": "TOKENS[max(min(i, 4), len(symbols), int(ids.sum()))]"}, id="at-least-another-number"),
        pytest.param({"each": "i = min(i, -1)"}, id="counted-from-the-end"),
        pytest.param({"lookup": '{0: "C", 1: "N", 2: "O", 9: "F"}[min(i, 2)]'}, id="dictionary-with-gaps"),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, SMILES.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    ("known", "going_on"),
    [
        ('["C", "O", "N", "F", "S"]', '["C", "O", "N", "F", "S", *open("more.txt").read()]'),
        ("dict(enumerate('CONFS'))", "{**dict(enumerate('CONFS')), **torch.load('more.pt')}"),
    ],
)
def test_a_table_that_goes_on(known: str, going_on: str) -> None:
    changes = {**GOOD, "lookup": "TABLE[min(i, 3)]", "whole": "ids = torch.randint(0, 99, (4, 20))"}
    source = SMILES.format(**changes)
    assert rows(rule, source.replace("TOKENS = ", f"TABLE = {known}; TOKENS = ")) == [30]
    assert rows(rule, source.replace("TOKENS = ", f"TABLE = {going_on}; TOKENS = ")) == []


@pytest.mark.parametrize(
    ("place", "limit"),
    [
        pytest.param("each", "i = min(i, 4)", id="smaller-of-two"),
        pytest.param("each", "i = min(4, int(i))", id="limit-first"),
        pytest.param("each", "i = max(0, min(i, 4))", id="both-ends"),
        pytest.param("lookup", "TOKENS[min(i, 4)]", id="in-the-look-up"),
        pytest.param("lookup", "tuple(TOKENS)[min(i, 4)]", id="tuple"),
        pytest.param("lookup", "TOKENS[min(i, 4)] + 'abcdefgh'[min(i, 4) + 1]", id="neighbour-in-another-table"),
        pytest.param("lookup", "np.array(TOKENS)[min(i, 4)]", id="array-of-letters"),
        pytest.param("lookup", '"^$CO()NFSL=#"[min(i, 4)]', id="letters-of-a-text"),
        pytest.param("lookup", "{i: t for t, i in STOI.items()}[min(i, 4)]", id="dictionary"),
        pytest.param("lookup", '{i: t for t, i in STOI.items()}.get(min(i, 4), "")', id="asked-of-a-dictionary"),
        pytest.param("whole", "ids = ids.clamp(max=4)", id="clamp"),
        pytest.param("whole", "ids = torch.clamp(ids, 0, 4)", id="function"),
        pytest.param("whole", "ids.clamp_(max=4)", id="in-place"),
        pytest.param("whole", "ids = ids.clamp(max=4).clamp(min=1)", id="each-end-for-itself"),
        pytest.param("whole", "ids = ids.clip(max=4)", id="clip"),
        pytest.param("whole", "ids = np.clip(ids.cpu().numpy(), a_min=0, a_max=4)", id="numpy"),
        pytest.param("whole", "ids = np.minimum(ids.numpy(), 4).astype(int)", id="numpy-minimum"),
        pytest.param("whole", "ids = torch.minimum(ids, torch.tensor(4))", id="minimum"),
        pytest.param("whole", "ids = torch.cat([torch.zeros(4, 1), ids.clamp(max=4)], 1).long()", id="joined"),
        pytest.param("whole", "ids = ids.clamp(max=10)", id="last-letter-lost"),
    ],
)
def test_fires(place: str, limit: str) -> None:
    source = SMILES.format(**{**GOOD, place: limit})
    line = next(i for i, text in enumerate(source.splitlines(), 1) if limit in text)
    assert rows(rule, source) == [line]


DECODER = """
import torch
from torch import nn

class Alphabet:
    def __init__(self):
        self.letters = ["_", "a", "b", "c", "d", "e", "f", "g"]
        {numbers}

    def decode(self, ids):
        return "".join(self.letters[min(i, 4)] for i in ids)

    def noise(self):
        return [{drawn} for i in torch.randint(0, {high}, (5,))]

alphabet = Alphabet()
"""
NUMBERED = "self.numbers = {letter: i for i, letter in enumerate(self.letters)}"


@pytest.mark.parametrize(
    ("numbers", "high", "drawn", "told"),
    [
        pytest.param("pass", 8, "i", [], id="nothing-says-that-more-are-met"),
        pytest.param(NUMBERED, 8, "self.letters[i]", [], id="all-entries-are-read-elsewhere"),
        pytest.param(NUMBERED, 8, "self.letters[min(i, 6)]", [], id="more-entries-are-read-elsewhere"),
        pytest.param("self.numbers = {'a': 1, 'b': 2}", 8, "i", [], id="numbers-of-something-else"),
        pytest.param(NUMBERED, 4, "self.letters[i]", [11], id="numbers-below-the-limit-are-read-elsewhere"),
        pytest.param(NUMBERED, 8, "'hijklmno'[i]", [11], id="another-table-is-read-elsewhere"),
        pytest.param(NUMBERED, 8, "i", [11], id="each-letter-has-a-number"),
        pytest.param("pass; self.table = nn.Embedding(8, 3)", 8, "i", [11], id="a-row-for-each-letter"),
        pytest.param("pass; self.head = nn.Linear(3, 8)", 8, "i", [11], id="a-class-for-each-letter"),
        pytest.param(NUMBERED, 8, "self.letters[min(i, 3)]", [11], id="fewer-are-read-elsewhere"),
    ],
)
def test_ids_of_unknown_size(numbers: str, high: int, drawn: str, told: list[int]) -> None:
    found = rows(rule, DECODER.format(numbers=numbers, drawn=drawn, high=high))
    assert [row for row in found if row == 11] == told


CODES = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, {classes})
        self.embed = nn.Embedding({rows}, 8)

    def forward(self, z):
        ids = {ids}
        return self.embed(ids.clamp(max=15))

Model()(torch.randn(4, 8))
"""


@pytest.mark.parametrize(
    ("classes", "ids", "told"),
    [
        pytest.param("16", "self.head(z).argmax(-1)", [], id="fewer-classes-than-rows"),
        pytest.param("20", "self.head(z).argmax(-1)", [], id="marks-behind-the-classes"),
        pytest.param("70", "self.head(z).argmax(-1)", [], id="marks-behind-the-rows"),
        pytest.param("64", "torch.arange(64)", [], id="positions-share-the-last-row"),
        pytest.param("64", "torch.randint(0, 64, (4,))", [], id="drawn"),
        pytest.param("64", "self.head(z).argmax(-1)", [13], id="a-row-for-each-class"),
        pytest.param("64", "self.head(z).max(1)[1]", [13], id="place-of-the-largest"),
        pytest.param("64", "torch.cdist(z, self.embed.weight).argmin(1)", [13], id="codes-of-a-codebook"),
    ],
)
def test_rows_of_an_embedding(classes: str, ids: str, told: list[int]) -> None:
    assert rows(rule, CODES.format(classes=classes, ids=ids, rows=18 if classes == "70" else 64)) == told


@pytest.mark.parametrize("lookup", ["weight[ids.clamp(max=15)]", "weight.index_select(0, ids.clamp(max=15))"])
def test_a_codebook_is_indexed(lookup: str) -> None:
    source = CODES.format(classes="64", ids="self.head(z).argmax(-1)", rows=64)
    assert rows(rule, source.replace("self.embed(ids.clamp(max=15))", f"self.embed.{lookup}")) == [13]


def test_ids_that_are_joined_with_themselves_many_times() -> None:
    doubled = "ids = ids.clamp(max=4)" + "; ids = torch.cat([ids, ids], 1)" * 40
    assert rows(rule, SMILES.format(**{**GOOD, "whole": doubled})) == [36]


def test_entries_and_places_are_told() -> None:
    (found,) = run(rule, SMILES.format(**{**GOOD, "each": "i = min(i, 4)"}))
    assert "limited to 4" in found.message
    assert "12 entries, and its last 7 (')' to '#')" in found.message
    assert [note.site.row for note in found.notes] == [30, 7]


def test_one_limit_of_two_tables() -> None:
    source = SMILES.format(**{**GOOD, "each": "i = min(i, 4)", "lookup": "TOKENS[i] + 'abcde'[i]"})
    assert rows(rule, source) == []


def test_marks_among_the_lost_letters() -> None:
    tokens = '["C", "O", "(", ")", "N", "F", "S", "<pad>", "<eos>"]'
    assert rows(rule, SMILES.format(**{**GOOD, "tokens": tokens, "each": "i = min(i, 4)"})) == [29]


GENERATED = """
import torch
from torch import nn

LETTERS = "_abcdefg"

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.head = nn.Linear(4, len(LETTERS))

    def forward(self, state, steps):
        produced = []
        for _ in range(steps):
            state = self.cell(state, state)
            produced.append(self.head(state).argmax(-1, keepdim=True))
        return torch.cat(produced, dim=1)

def shown(state, steps, prompt):
    ids = {ids}
    print(LETTERS[ids[0, 0]])
    return ["".join(LETTERS[min(i, {limit})] for i in row) for row in ids.tolist()]
"""


@pytest.mark.parametrize("ids", ["Decoder()(state, steps)", "torch.cat([prompt, Decoder()(state, steps)], dim=1)"])
def test_letters_that_are_produced_one_by_one(ids: str) -> None:
    assert rows(rule, GENERATED.format(limit=7, ids=ids)) == []
    assert rows(rule, GENERATED.format(limit=4, ids=ids)) == [23]
