"""One training recipe: every setting that a cell of the grid fixes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from study.config.base import Frozen
from training.settings import HEAD_FIELDS, unused_unfreeze_fields

_PRETRAIN = r"(ImageNet|RadImageNet|random|phantom|file:.+)"
PRETRAIN_PATTERN = rf"^{_PRETRAIN}(\+{_PRETRAIN})*$"

Backbone = Literal["ResNet18", "ResNet50", "DenseNet121", "InceptionV3"]
Head = Literal["Linear", "NonLinear", "Conv", "ConvSkip"]


class Recipe(Frozen):
    """Settings of one cell. Each stands in `[protocol]` (one value) or in `[factors]` (a list of levels)."""

    pretrain: Annotated[str, Field(pattern=PRETRAIN_PATTERN)] | None = None
    """Weights of the backbone: ImageNet, RadImageNet, random, phantom, or file:PATH; A+B joins the features
    of two or more."""
    backbone: Backbone | None = None
    """Feature extractor (torchvision)."""
    head: Head | None = None
    """Classifier on the pooled features."""
    lr_decay: Literal["beta", "cosine", "none"] = "cosine"
    """Learning rate per epoch: lr * lr_decay_factor**epoch, cosine down to lr / 5, or constant."""
    fc_ratio: Annotated[float, Field(gt=0, le=8)] = 0.5
    """Hidden width as a multiple of the backbone's features (NonLinear, Conv, ConvSkip)."""
    filters: Annotated[int, Field(ge=1, le=256)] = 4
    """Filters of the one-dimensional convolution (Conv, ConvSkip)."""
    epochs: Annotated[int, Field(ge=1, le=1000)] = 5
    """Passes over the training images."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Images per optimiser step."""
    image_size: Annotated[int, Field(ge=32, le=1024)] = 256
    """Side in pixels to which images are resized."""
    lr: Annotated[float, Field(gt=0)] = 1e-4
    """Initial learning rate."""
    lr_decay_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Factor per epoch of the beta decay."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Dropout probability (NonLinear, Conv, ConvSkip)."""
    kernel_size: Annotated[int, Field(ge=1, le=64)] = 2
    """Width of the one-dimensional convolution (Conv, ConvSkip)."""
    unfreeze: Annotated[int, Field(ge=0)] | Literal["all"] = 0
    """Top layer groups of the backbone that are trained (docs/unfreezing.md); "all" for everything."""
    optimizer: Literal["adam", "adamw", "radam", "sgd-nesterov"] = "adam"
    """Optimiser."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    """Weight decay of the optimiser."""
    amp: bool = False
    """Automatic mixed precision; acts on CUDA only."""
    frozen_batchnorm: Literal["eval", "train"] = "eval"
    """BatchNorm of frozen layers: running statistics (eval), or the original study's batch statistics."""
    checkpoint: Literal["val_auc", "val_loss"] = "val_auc"
    """Which epoch is scored on the test split: highest validation AUC or lowest validation loss."""
    preprocessing: Literal["caffe", "imagenet-rgb", "minus-one-one"] = "caffe"
    """Input normalisation."""
    augmentation: Literal["paper", "none", "flips", "rotation", "affine", "color-jitter", "blur", "all"] = (
        "paper"
    )
    """Augmentation of training images: the paper's pipeline, nothing, one transformation, or all of them."""
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Nesterov momentum (sgd-nesterov)."""
    decay_norm_and_bias: bool = True
    """Weight decay acts on BatchNorm and biases too, as originally (read where weight_decay is above 0)."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """First epochs in which the learning rate rises linearly to lr; the decay begins after them."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weights of the classes in the training loss; balanced = n / (2 n_class) of the training images."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target that is spread evenly over both classes in the training loss."""
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest Euclidean norm of the gradient of all trained parameters together; 0 = not clipped."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs in a row without a better checkpoint metric that end the training; 0 = train all epochs."""
    unfreeze_count: Literal["groups", "children"] = "groups"
    """What unfreeze counts: layer groups, or the network's children as the original study did."""
    unfreeze_schedule: Literal["at-once", "gradual"] = "at-once"
    """Train the unfrozen layers from the start, or the head first and one more layer group at a time."""
    unfreeze_every: Annotated[int, Field(ge=1)] = 1
    """Epochs before each further layer group (gradual)."""


RECIPE_FIELDS: tuple[str, ...] = tuple(Recipe.model_fields)


def unused_fields(recipe: dict[str, Any]) -> frozenset[str]:
    """Names of the settings that have no effect in this recipe.

    They neither multiply the grid nor enter the identity of a cell.
    """
    read_by_heads = frozenset().union(*HEAD_FIELDS.values())
    unused = set(read_by_heads - set(HEAD_FIELDS[recipe["head"]]))
    if recipe["lr_decay"] != "beta":
        unused.add("lr_decay_factor")
    if recipe["optimizer"] != "sgd-nesterov":
        unused.add("momentum")
    if recipe["weight_decay"] == 0:
        unused.add("decay_norm_and_bias")
    return frozenset(unused | unused_unfreeze_fields(recipe))
