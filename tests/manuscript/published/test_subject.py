"""What the rules find in the published grid."""

import pytest

from manuscript.load import load_report
from manuscript.published.subject import published_subject
from manuscript.referee import referee_table, referee_text, report_findings
from stats.referee.rules import referee


@pytest.fixture(scope="module")
def found():
    by_code: dict[str, list] = {}
    for finding in referee(published_subject()):
        by_code.setdefault(finding.code, []).append(finding)
    return by_code


def test_the_fc_ratio_is_inert_and_its_pairs_show_the_noise_of_a_run(found):
    (finding,) = found["inert-factor"]
    rows = {row["task"]: row for row in finding.evidence}
    assert rows["all"]["pairs"] == 64
    assert rows["all"]["sd_of_a_run"] == pytest.approx(0.0235, abs=5e-5)
    assert rows["all"]["largest_gap"] == pytest.approx(0.0935, abs=5e-5)
    assert (rows["acl"]["pairs"], rows["breast"]["pairs"]) == (32, 32)
    assert rows["breast"]["sd_of_a_run"] == pytest.approx(0.0258, abs=5e-5)


def test_all_collapsed_cells_are_of_one_backbone_and_pretraining(found):
    (finding,) = found["collapsed-cells"]
    assert finding.severity == "error"
    assert len(finding.evidence) == 26
    assert {(row["backbone"], row["pretrain"]) for row in finding.evidence} == {
        ("DenseNet121", "RadImageNet")
    }
    assert "0 of 88 with ImageNet, 26 of 88 with RadImageNet" in finding.sentence


def test_the_main_effect_hides_an_interaction(found):
    backbone = next(f for f in found["reversed-effect"] if f.evidence[0]["other"] == "backbone")
    effects = {row["level"]: round(row["effect"], 3) for row in backbone.evidence}
    assert effects == {"DenseNet121": -0.026, "ResNet50": 0.059}
    assert backbone.evidence[0]["F"] == pytest.approx(29.17, abs=0.01)
    assert "main effect of RadImageNet (+0.016, p = 0.054)" in backbone.sentence


def test_two_levels_dependent_cells_and_no_seeds(found):
    two = [{row["factor"] for row in f.evidence if row["levels"] == 2} for f in found["few-levels"]]
    assert two == [
        {"filters", "lr_decay", "backbone", "task"},
        {"task", "pretrain", "backbone", "lr_decay", "filters"},
    ]
    ranks = {row["task"]: row for row in found["rank-sum-on-grid"][0].evidence}
    assert ranks["acl"]["p_rank_sum"] == pytest.approx(0.00399, abs=1e-4)
    assert ranks["acl"]["correlation"] == pytest.approx(0.83, abs=0.005)
    assert found["no-seeds"][0].severity == "warning"


def test_slices_of_an_exam_on_both_sides(found):
    (finding,) = found["leak-patients"]
    assert (finding.where, finding.severity) == ("acl", "error")
    assert "74% of the test images are expected" in finding.sentence


def test_the_claimed_differences_beside_noise_and_test_images(found):
    (within,) = found["gap-within-noise"]
    assert [row["task"] for row in within.evidence] == ["acl"]
    small = {row["task"]: row["detectable"] for row in found["small-test-set"][0].evidence}
    assert small["breast"] == pytest.approx(2.8016 * 0.1493 / (2 * 1.95996), rel=1e-3)
    assert found["single-runs"][0].evidence[0]["tests"] == "delong, mcnemar"
    assert found["tuned-on-one-arm"][0].evidence[0]["tuned_on"] == "ImageNet"


def test_errors_are_these_and_no_other(found):
    errors = {code for code, own in found.items() if own[0].severity == "error"}
    assert errors == {"inert-factor", "collapsed-cells", "leak-patients"}


def test_the_supplement_shows_the_findings():
    report = load_report(None)
    findings = report_findings(report)
    assert "3 errors" in referee_text(report)
    html = referee_table(report).as_raw_html()
    assert "0.0235" in html
    assert html.count("<tr") > len(findings)
