"""The measure itself: it must find what a reader would see."""

from matplotlib.figure import Figure

from tests.manuscript.layout import layout_faults, shown_texts


def _figure() -> Figure:
    return Figure(figsize=(4, 3), dpi=100)


def test_texts_apart_have_no_fault() -> None:
    figure = _figure()
    figure.text(0.1, 0.5, "left")
    figure.text(0.6, 0.5, "right")
    assert layout_faults(figure) == []


def test_texts_that_run_into_each_other_are_named() -> None:
    figure = _figure()
    figure.text(0.30, 0.5, "a long label")
    figure.text(0.35, 0.5, "another label")
    assert layout_faults(figure) == ["`a long label` runs into `another label`"]


def test_a_text_beyond_the_edge_is_cut() -> None:
    figure = _figure()
    figure.text(0.95, 0.5, "a long label")
    assert layout_faults(figure) == ["`a long label` is cut at the edge"]


def test_slanted_texts_are_measured_along_their_own_sides() -> None:
    figure = _figure()
    for x in (0.3, 0.4):  # their upright boxes overlap, the letters do not
        figure.text(x, 0.2, "a slanted label", rotation=45, ha="right")
    assert layout_faults(figure) == []
    figure.text(0.41, 0.2, "too near a label", rotation=45, ha="right")
    assert len(layout_faults(figure)) == 1


def test_ticks_beyond_the_limits_are_not_drawn() -> None:
    figure = _figure()
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.set_xticks([0, 1, 50], ["zero", "one", "fifty"])
    axes.set_xlim(0, 2)
    shown = [text.get_text() for text in shown_texts(figure)]
    assert "one" in shown
    assert "fifty" not in shown
