"""Every value of the paper's tables of results beside the same value computed anew."""

from __future__ import annotations

import pandas as pd

from data.published_grid import TEST_IMAGES, load_printed_tables, load_published_grid
from manuscript.published.from_grid import grid_values
from manuscript.published.from_summaries import summary_values
from manuscript.published.value import PublishedValue

TABLE_NAMES = {
    "3": "Table 3: the grid",
    "4": "Table 4: mixed model, pretraining",
    "5": "Table 5: mixed model, classifier",
    "8": "Table 8: DeLong tests of the best models",
    "9": "Table 9: the best models on the test images",
    "11": "Table 11: mixed model, pretraining, in full",
    "12": "Table 12: mixed model, classifier, in full",
    "13": "Table 13: Wilcoxon rank-sum tests",
    "14": "Table 14: McNemar tests of the best models",
}


def published_tables(grid: pd.DataFrame | None = None) -> list[PublishedValue]:
    """Return every printed value of Tables 3, 4, 5, 8, 9 (test images) and 11 to 14, and the same computed.

    Parameters
    ----------
    grid : `data.published_grid.load_published_grid()`, read where it is not given

    Raises
    ------
    KeyError : a printed value that nothing computes

    Notes
    -----
    No predictions of the best models were published. Their tables are computed from the paper's own figures:
    this shows whether the figures agree with each other and with the number of test images, no more.
    """
    printed = load_printed_tables()
    texts = {(row.table, row.row, row.quantity): str(row.printed) for row in printed.itertuples()}
    computed = grid_values(load_published_grid() if grid is None else grid, printed)
    computed |= summary_values(texts, TEST_IMAGES)
    return [
        PublishedValue(table=key[0], row=key[1], quantity=key[2], printed=text, computed=computed[key])
        for key, text in texts.items()
    ]
