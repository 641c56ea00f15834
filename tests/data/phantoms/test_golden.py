"""One stored image per class: the generator draws today what it drew when the results were made."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

# numpy's exp, log and sin may differ in the last digit between processors, which can flip the rounding of
# single pixels; half a grey level in the mean of 64 pixels would need 32 of them.
TOLERANCE = 0.5
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_golden", HERE / "make_golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["benign", "malignant", "normal", "intact", "torn"])
def test_stored_image_is_drawn_again(maker, kind):
    golden = json.loads((HERE / "golden.json").read_text())
    phantom = maker.draw(kind)
    np.testing.assert_allclose(
        maker.block_means(phantom.image), golden["block_means"][kind], rtol=0, atol=TOLERANCE
    )
    assert abs(int(phantom.mask.sum()) - golden["mask_pixels"][kind]) <= 1


def test_golden_comparison_notices_another_image(maker):
    golden = json.loads((HERE / "golden.json").read_text())["block_means"]
    means = {kind: np.array(values) for kind, values in golden.items()}
    for kind, other in (("benign", "malignant"), ("benign", "normal"), ("intact", "torn")):
        assert np.abs(means[kind] - means[other]).max() > 4 * TOLERANCE
