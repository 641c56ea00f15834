"""Factors that do not act are found before anything is trained."""

import pytest

from study.config import load_study, parse_study, shipped_studies
from study.grid import build_cells, select_cells
from study.run.knobs import check_knobs, find_twins

SMALL = """
name = "small"
[tasks.breast]
dataset = "busi"
positive = ["malignant"]
[factors]
head = ["Linear", "Conv"]
{factors}
[protocol]
pretrain = "random"
backbone = "ResNet18"
{protocol}
"""


def check(factors: str, protocol: str = "", **options):
    config = parse_study(SMALL.format(factors=factors, protocol=protocol))
    return check_knobs(config, build_cells(config), **{"cuda": False, **options})


@pytest.mark.parametrize("name", shipped_studies())
def test_every_factor_of_a_shipped_study_acts(name):
    config = load_study(name).config
    check_knobs(config, build_cells(config), cuda=None)


@pytest.mark.parametrize(
    ("factors", "protocol", "message"),
    [
        (
            'lr_decay = ["beta", "cosine"]',
            "epochs = 1",
            "`lr_decay`, `lr_decay_factor`: beta, 0.5 and cosine",
        ),
        ('lr_decay = ["beta", "none"]', "lr_decay_factor = 1.0", "make the same model and the same training"),
        ("fc_ratio = [0.5, 0.5001]", "", "`fc_ratio`: 0.5 and 0.5001 make the same model"),
        ("patience = [4, 10]", "epochs = 5", "`patience`: 4 and 10"),
        ('optimizer = ["adam", "adamw"]', "weight_decay = 0.0", "`optimizer`: adam and adamw"),
        ('checkpoint = ["val_auc", "val_loss"]', "epochs = 1", "`checkpoint`: val_auc and val_loss"),
        ("amp = [true, false]", "", "`amp`: True and False"),
        ("momentum = [0.8, 0.9]", "", "`momentum` has 2 levels, but no cell uses it"),
        ("lr_decay_factor = [0.5, 0.9]", "", "`lr_decay_factor` has 2 levels, but no cell uses it"),
    ],
)
def test_a_factor_without_effect_is_refused(factors, protocol, message):
    with pytest.raises(ValueError, match="Not every factor of the grid acts") as caught:
        check(factors, protocol)
    assert message in str(caught.value)
    assert "for replicates take `seeds`" in str(caught.value)


@pytest.mark.parametrize(
    ("factors", "protocol"),
    [
        ('lr_decay = ["beta", "cosine"]', "epochs = 2"),
        ("fc_ratio = [0.5, 1.0]\nfilters = [4, 16]\nkernel_size = [2, 3]", ""),
        ("patience = [2, 3]", "epochs = 5"),
        ('optimizer = ["adam", "adamw"]', ""),
        ("dropout = [0.1, 0.5]", ""),
    ],
)
def test_factors_that_act_pass(factors, protocol):
    assert check(factors, protocol) == ()


def test_amp_acts_on_cuda_and_is_not_judged_where_the_device_is_unknown():
    assert check("amp = [true, false]", cuda=True) == ()
    assert check("amp = [true, false]", cuda=None) == ()


def test_batches_larger_than_the_training_set_are_one():
    assert check("batch_size = [600, 700]") == ()
    with pytest.raises(ValueError, match="`batch_size`: 600 and 700"):
        check("batch_size = [600, 700]", n_train={("breast", 0): 585})


def test_one_weights_file_under_two_names_is_found():
    text = SMALL.format(factors='pretrain = ["file:a.pt", "file:b.pt"]', protocol="")
    config = parse_study(text.replace('pretrain = "random"\n', ""))
    cells = build_cells(config)
    other = {("file:a.pt", "ResNet18"): "1" * 64, ("file:b.pt", "ResNet18"): "2" * 64}
    assert check_knobs(config, cells, cuda=False, weights=other) == ()
    with pytest.raises(ValueError, match=r"`pretrain`: file:a\.pt and file:b\.pt"):
        check_knobs(config, cells, cuda=False, weights=dict.fromkeys(other, "1" * 64))


def test_the_originals_wiring_would_have_been_found(monkeypatch):
    """There fc_ratio and kernel_size never reached the Conv heads: 64 pairs of the 176 cells were twins."""
    import training.heads

    whole = training.heads.head_shapes

    def wired_wrong(settings, n_features):
        from dataclasses import replace

        if settings.head in ("Conv", "ConvSkip"):
            settings = replace(settings, fc_ratio=0.5, kernel_size=2)
        return whole(settings, n_features)

    monkeypatch.setattr(training.heads, "head_shapes", wired_wrong)
    (found,) = find_twins(build_cells(load_study("large-grid").config), cuda=None)
    assert (found.factors, found.n_sets) == (("fc_ratio",), 64)


def test_a_part_of_the_grid_may_leave_a_factor_out():
    study = load_study("large-grid")
    cells = select_cells(build_cells(study.config), ["head=Linear"], study.config)
    assert {cell.recipe["filters"] for cell in cells} == {None}
    check_knobs(study.config, cells, cuda=None)


def test_levels_of_unfreezing_that_repeat_are_told_and_kept():
    notes = check("unfreeze = [0, 1, 2]", 'unfreeze_count = "children"\nepochs = 3')
    assert len(notes) == 1
    assert "their cells are replicates" in notes[0]


def test_a_run_and_its_dry_run_refuse_the_same(tmp_path, tiny_study, study_command):
    path = tmp_path / "idle.toml"
    path.write_text(tiny_study.read_text().replace("epochs = 2", "epochs = 1"))
    for arguments in (("--dry-run",), ("--store", tmp_path / "store")):
        result = study_command("run-grid", path, *arguments)
        assert result.exit_code == 2
        assert "`lr_decay`, `lr_decay_factor`: beta, 0.5 and cosine" in " ".join(result.output.split())
    assert not (tmp_path / "store").exists()
