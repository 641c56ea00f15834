"""All kinds of input that are fuzzed."""

from __future__ import annotations

from tests.fuzz.archives import ARCHIVES
from tests.fuzz.case import Target
from tests.fuzz.claims import CLAIMS
from tests.fuzz.formulas import FORMULAS
from tests.fuzz.images import IMAGES
from tests.fuzz.stores import STORES
from tests.fuzz.studies import STUDIES
from tests.fuzz.tables import TABLES
from tests.fuzz.trained import TRAINED
from tests.fuzz.weights import WEIGHTS

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (FORMULAS, TABLES, IMAGES, ARCHIVES, STORES, STUDIES, WEIGHTS, CLAIMS, TRAINED)
}
