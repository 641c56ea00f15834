"""Study files, through the dry run of a grid (nothing is trained)."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz.case import Case, Target
from tests.fuzz.mutate import TEXTS, mutated_bytes, mutated_text

STUDY = """name = "tiny"
title = "A tiny study"
seeds = [0, 1]

[tasks.breast]
dataset = "busi"
positive = ["malignant"]
split = { train = 0.5, val = 0.2, test = 0.3, stratify = true, group = "image", seed = 3 }

[factors]
pretrain = ["random", "ImageNet"]
head = ["Linear", "NonLinear"]
lr_decay = ["beta", "cosine"]

[protocol]
backbone = "ResNet18"
epochs = 2
batch_size = 16
image_size = 48
lr = 1e-2
fc_ratio = 0.25

[analysis]
alpha = 0.05
[[analysis.delong]]
contrast = "pretrain"
select = "val_auc"
[[analysis.wilcoxon]]
contrast = "pretrain"
by = ["task"]
[[analysis.mixed]]
formula = "test_auc ~ pretrain + (1|head) + (1|lr_decay)"
"""
_WORDS = (
    *(
        "name",
        "seeds",
        "[tasks.x]",
        "[tasks.breast]",
        "[factors]",
        "[protocol]",
        "[analysis]",
        "dataset",
        "folds = 3",
    ),
    *(
        "exclude",
        "positive",
        '"phantom-breast"',
        '"manifest"',
        "options = { path = '/dev/zero' }",
        "unfreeze = 2",
        "-1",
    ),
    *(
        "0.0",
        "1e400",
        "nan",
        "inf",
        "true",
        "[]",
        "{}",
        "[[]]",
        "''",
        "1979-05-27",
        "'../../x'",
        "0",
        "99999999999",
    ),
    *(
        "'file:/etc/passwd'",
        "'file:../../x.pt'",
        "[" * 3000,
        "{a=" * 500,
        "a." * 3000,
        "epochs = 10_000_000_000",
    ),
)


def _prepare(samples: Path) -> None:
    (samples / "study.toml").write_text(STUDY, encoding="utf-8")


def _make(rng: Random, samples: Path, out: Path) -> Case:
    path = out / "study.toml"
    kind = rng.random()
    if kind < 0.1:
        return _same(rng, path)
    if kind < 0.3:
        path.write_bytes(mutated_bytes(rng, STUDY.encode(), b"\xff\xfe" + STUDY.encode("utf-16-le")))
    elif kind < 0.6:
        path.write_text(_other_value(rng), encoding="utf-8", errors="surrogatepass")
    else:
        text = mutated_text(rng, STUDY, (*_WORDS, *TEXTS))
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    if rng.random() < 0.1:
        return Case(args=("data", "check", "breast", "--study", str(path)))
    return Case(args=_dry(path))


def _dry(path: Path) -> tuple[str, ...]:
    return ("run-grid", str(path), "--dry-run", "--weights-dir", str(path.parent / "weights"))


def _other_value(rng: Random) -> str:
    """One value of the file replaced by a value of another kind."""
    lines = STUDY.splitlines()
    at = rng.choice([i for i, line in enumerate(lines) if " = " in line])
    key, _, _ = lines[at].partition(" = ")
    value = rng.choice((*_WORDS, *(f'"{text}"' for text in TEXTS), *TEXTS))
    lines[at] = f"{key} = {value}"
    return "\n".join(lines)


def _same(rng: Random, path: Path) -> Case:
    from study.config import load_study

    head, *tables = STUDY.split("\n\n")
    kind = rng.choice(("comments", "order", "blanks", "line ends"))
    if kind == "order":
        *tables, analysis = tables
        rng.shuffle(tables)
        tables.append(analysis)
    text = "\n\n".join((head, *tables))
    if kind == "comments":
        text = "".join(
            f"{line}  # {rng.randrange(10**6)}\n" if line else "\n# x\n" for line in text.splitlines()
        )
    elif kind == "blanks":
        text = text.replace(" = ", " " * rng.randrange(5) + "=" + "\t" * rng.randrange(3))
    elif kind == "line ends":
        text = text.replace("\n", "\r\n")
    path.write_text(text, encoding="utf-8", newline="")
    plain = path.with_name("plain.toml")
    plain.write_text(STUDY, encoding="utf-8")
    return Case(call=lambda: load_study(path).hash, same=load_study(plain).hash, told=kind)


STUDIES = Target(name="studies", share=0.12, prepare=_prepare, make=_make)
