"""The table of layers says what the real networks are."""

import pytest
import torch

from data.published_grid import PUBLISHED_ARCHITECTURE, load_published_architecture, load_published_grid
from tests.training.tiny import make_job
from training.architecture import ARCHITECTURE_COLUMNS, architecture
from training.backbones import build_trunk
from training.heads import build_head, count_parameters
from training.published_architecture import published_architecture
from training.settings import BACKBONES, FEATURES, HEADS


def table(*heads, **changes):
    return architecture(make_job(i, head, **changes).settings for i, head in enumerate(heads))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_child_of_the_trunk_stands_in_the_order_in_which_it_runs(backbone):
    found = table("Linear", backbone=backbone, image_size=96)
    trunk, rows = build_trunk(backbone), found[found["part"] == "trunk"]
    assert list(rows["layer"]) == [*trunk.children_run, "pool"]
    assert rows["n_parameters"].sum() == count_parameters(trunk)
    assert rows["output"].iloc[-1] == str(FEATURES[backbone])
    assert (rows["n_trained"] == 0).all()


def test_shapes_are_those_of_a_run_with_real_numbers():
    found = table("Linear", image_size=64).set_index("layer")
    trunk, image = build_trunk("ResNet18").eval(), torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        for stop, layer in (("layer1", "maxpool"), ("layer3", "layer2"), ("layer4", "layer3")):
            shape = trunk.maps(image, stop=stop).shape[1:]
            assert found.loc[layer, "output"] == " × ".join(map(str, shape))


@pytest.mark.parametrize("head", HEADS)
def test_parameters_of_a_head_are_those_that_it_trains(head):
    job = make_job(0, head)
    found = architecture([job.settings])
    rows = found[found["part"] == "head"]
    assert rows["n_trained"].sum() == count_parameters(build_head(job.settings, FEATURES["ResNet18"]))
    assert rows["output"].iloc[-1] == "2"


def test_the_skip_connection_is_seen_in_what_the_sum_reads():
    found = table("Conv", "ConvSkip")
    skip = found[(found["head"] == "ConvSkip") & (found["part"] == "head")].set_index("layer")
    assert skip.loc["add", "inputs"] == "flatten relu"
    assert skip.loc["skip", "inputs"] == "features"
    plain = found[(found["head"] == "Conv") & (found["part"] == "head")]
    assert not set(plain["layer"]) & {"add", "skip", "bn_skip"}
    assert plain["kind"].iloc[1] == "Conv1d 2"


def test_trained_layers_of_the_trunk_are_counted():
    changes = {"unfreeze": 1, "unfreeze_count": "groups", "unfreeze_schedule": "at-once"}
    rows = table("Linear", **changes).query("part == 'trunk'").set_index("layer")
    assert rows.loc["layer4", "n_trained"] == rows.loc["layer4", "n_parameters"] > 0
    assert rows.drop("layer4")["n_trained"].sum() == 0


def test_fused_trunks_double_parameters_and_features():
    one, two = table("Linear"), table("Linear", pretrain="random+phantom")
    assert (two["n_trunks"] == 2).all()
    assert two["n_parameters"].iloc[0] == 2 * one["n_parameters"].iloc[0]
    assert two.query("layer == 'pool'")["output"].item() == "1024"


def test_equal_networks_stand_once():
    jobs = [make_job(i, "Conv", seed=i, lr=10.0 ** -(i + 1)).settings for i in range(3)]
    assert len(architecture(jobs)) == len(table("Conv"))
    assert list(architecture([]).columns) == list(ARCHITECTURE_COLUMNS)


def test_the_published_table_is_what_the_modules_give():
    made = published_architecture()
    assert PUBLISHED_ARCHITECTURE.read_bytes().decode() == made.to_csv(index=False, lineterminator="\n")
    shipped, grid = load_published_architecture(), load_published_grid()
    assert set(shipped["head"]) == set(grid["clf"])
    networks = shipped.drop_duplicates(["backbone", "head", "fc_ratio", "filters"])
    assert len(networks) == 2 * (1 + 2 + 4 + 4)
