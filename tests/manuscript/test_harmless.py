import pandas as pd
import pytest

from manuscript.harmless import harmless, harmless_text


@pytest.mark.parametrize(
    "text",
    [
        "ImageNet", "file:weights/r.pt", "a & b", "p < 0.05, x <5 mm", "50%", "ConvSkip (4)", "it's `lr`",
        "a_b*c",
        "[0, 1)", "C:\\1", "x{}", "é – “quoted”", "",
    ],
)  # fmt: skip
def test_ordinary_names_stay_as_they_are(text):
    assert harmless_text(text) == text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("<script>x</script>", "<"),
        ("a <!-- b", "<!"),
        ("```{=html}", "```"),
        ("`x`{=html}", "{="),
        ("[x]{onclick=y}", "{o"),
        ("{{< env AWS_SECRET_ACCESS_KEY >}}", "{{<"),
        ("{{{< include /etc/passwd >}}}", "{<"),
        ("{{% include x %}}", "{%"),
        ("[x](javascript:y)", "]("),
        ("![x][y]", "]["),
        ("\\input{/etc/passwd}", "\\"),
        ("a\n\n# b", "\n"),
        ("a\u2028b", "\u2028"),
        ("abc\u202egpj", "\u202e"),
    ],
)
def test_nothing_in_a_text_is_obeyed(text, gone):
    assert gone not in harmless_text(text)


def test_a_shortcode_cannot_be_put_together_from_two_names():
    assert "{{<" not in harmless_text("{") + harmless_text("{< env HOME >}}")


def test_frames_and_mappings_keep_numbers_nulls_and_one_name_for_one_thing():
    frame = pd.DataFrame({"<b>": ["<i>x", None], "n": [1.5, 2.0], "c": pd.Categorical(["<i>x", "y"])})
    made = harmless({"study": {"<b>": ["<i>x"]}, "frame": frame, "none": None})
    name = next(iter(made["study"]))
    assert list(made["frame"].columns) == [name, "n", "c"]
    assert made["frame"][name].tolist()[0] == made["study"][name][0] == made["frame"]["c"].tolist()[0]
    assert pd.isna(made["frame"][name][1])
    assert made["frame"]["n"].tolist() == [1.5, 2.0]
    assert frame.columns[0] == "<b>"


def test_two_names_that_would_become_one_are_refused():
    with pytest.raises(ValueError, match="differ only in signs"):
        harmless(pd.DataFrame({"<b>": [1], "‹b>": [2]}))
