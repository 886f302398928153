"""What every table of a study holds: its rows, its keys, and each column with its unit and range.

Writers check what they write against it, readers take from it which columns are text, and
docs/tables.md is made from it. Read by jobs that import neither numpy nor pandas, so it does not.
"""

from collections.abc import Callable
from dataclasses import replace

from repcompare.names import STARTS
from repcompare.tables.columns import Column, Table, count, digest, number, share, text
from repcompare.vocabulary import (
    CONTROLS,
    DENOMINATORS,
    FEATURE_MEASURES,
    FINDINGS,
    GEOMETRY_MEASURES,
    MAP_FAMILIES,
    NORMS,
    ORIGINS,
    VERDICTS,
    Need,
)

PIXELS = "pixels in [0, 1]"

NOTE = text(
    "note", empty=True, meaning="Why a cell is empty, or what must be known to read the row."
)
MODEL = (
    text("model", meaning="The model, architecture/seed."),
    text("architecture", meaning="Its architecture."),
)
ENDS = (
    text("source", meaning="The model that is mapped from, or that was attacked."),
    text("target", meaning="The model that is mapped to, or that is shown the images."),
    text("source_architecture", meaning="The architecture of the source."),
    text("target_architecture", meaning="The architecture of the target."),
)
PAIR = (
    text("model_a", meaning="The first model; of a directed measure, the one it starts from."),
    text("model_b", meaning="The second model."),
    text("architecture_a", meaning="The architecture of the first model."),
    text("architecture_b", meaning="The architecture of the second model."),
)
FLAG = text("flag", empty=True, meaning="Why the images are too few for the measure.")
FAMILY = text("family", values=MAP_FAMILIES, meaning="The family of maps.")
LABEL = count("label", meaning="The class, in the order of the data set's class names.")
MEASURE = text("measure", values=GEOMETRY_MEASURES, meaning="The measure; see docs/measures.md.")
ATTACK = (
    text("attack", meaning="The attack: pgd, a variant of it, or noise, the control."),
    text("norm", values=NORMS, meaning="The norm that bounds a perturbation."),
    number("epsilon", unit=PIXELS, low=0, meaning="The bound."),
    text("epsilon_label", meaning="The bound as the config writes it."),
)
PRECISION = text("precision", meaning="The arithmetic of the network, such as float32.")
VALIDITY = (
    number("n_over_d", low=0, meaning="Test images for each unit."),
    number(
        "effective_rank",
        low=0,
        meaning="The effective rank: the exponential of the entropy of the singular values.",
    ),
    count("dead_units", unit="units", meaning="Units with one value on every test image."),
)
SCORES = (
    FAMILY,
    count("d_source", unit="units", low=1, meaning="The width of the source."),
    count("d_target", unit="units", low=1, meaning="The width of the target."),
    count("rank", meaning="The rank of the map."),
    number(
        "lambda",
        unit="squared activations",
        low=0,
        meaning="The penalty of ridge; 0 for the other families.",
    ),
    count("n_fit", unit="images", low=1, meaning="Images that the map is fitted on."),
    count("n_test", unit="images", low=1, meaning="Images that it is scored on."),
    number("r2_fit", high=1, empty=True, meaning="R² on the images it is fitted on."),
    number(
        "r2_test",
        high=1,
        empty=True,
        meaning="R² on the test images, about the target's mean on the fit images.",
    ),
    number("r2_test_low", empty=True, meaning="Lower end of its 95 % interval over images."),
    number("r2_test_high", empty=True, meaning="Upper end of its 95 % interval over images."),
    number(
        "r2_floor",
        low=0,
        high=1,
        meaning="R² that least squares has on its fit images between unrelated representations.",
    ),
    number(
        "r2_class_floor",
        high=1,
        of_some=True,
        meaning="R² of least squares on test images where the classes alone tell which image is which.",
    ),
    share(
        "stitched_accuracy",
        empty=True,
        meaning="Accuracy of the target's classifier on the mapped source.",
    ),
    share("target_accuracy", empty=True, meaning="Accuracy of the target itself."),
    number(
        "recovered_accuracy",
        empty=True,
        meaning="Stitched accuracy with chance as 0 and the target's own accuracy as 1.",
    ),
    number(
        "recovered_accuracy_low", empty=True, meaning="Lower end of its 95 % interval over images."
    ),
    number(
        "recovered_accuracy_high", empty=True, meaning="Upper end of its 95 % interval over images."
    ),
    share(
        "agreement",
        empty=True,
        meaning="Images on which the stitched network answers as the target does.",
    ),
    NOTE,
)
OF_CLASS = (
    FAMILY,
    LABEL,
    share("stitched_accuracy", meaning="Accuracy of the stitched network on images of the class."),
    share("target_accuracy", meaning="Accuracy of the target itself on them."),
)
INTERVAL = (
    number("low", empty=True, meaning="Lower end of its 95 % interval over images."),
    number("high", empty=True, meaning="Upper end of its 95 % interval over images."),
)
NULL = number(
    "null",
    low=-1,
    high=1,
    empty=True,
    meaning="The value where nothing is shared; see docs/measures.md for what was shuffled.",
)

MODELS = Table(
    "models",
    meaning="One model.",
    keys=("model",),
    columns=(
        text("architecture", meaning="The name of the architecture in the config."),
        count("seed", meaning="The seed of its initialisation and training."),
        text("model", meaning="The model, architecture/seed."),
        text(
            "factory",
            empty=True,
            meaning="The family of networks that it is built by, or the function.",
        ),
        count("parameters", low=1, empty=True, meaning="Trainable parameters."),
        count("representation_width", unit="units", low=1, meaning="Width of its representation."),
        text(
            "origin",
            values=ORIGINS,
            meaning="Whether it was trained here, existed already, or is known by its activations.",
        ),
        text(
            "weights",
            empty=True,
            meaning="Of one that existed already: the file or the name of its weights, or the file of "
            "its activations.",
        ),
        text(
            "input",
            empty=True,
            meaning="What such a network is shown: side, mean and deviation of its images.",
        ),
        text(
            "classifier",
            empty=True,
            meaning="The module that such a network's representation is handed to, if there is one.",
        ),
        share("train_accuracy", empty=True, meaning="Accuracy on the training images."),
        share(
            "test_accuracy",
            empty=True,
            meaning="Accuracy on the test images; empty of a network that has no answers.",
        ),
        count("epochs", low=1, empty=True, meaning="Passes over the training images."),
        text("device", empty=True, meaning="Where it was trained, or imported."),
        text("processor", empty=True, meaning="The name of that processor, and its instructions."),
        text("precision", empty=True, meaning="The arithmetic of its training, such as bfloat16."),
        *VALIDITY,
        NOTE,
    ),
)
LAYERS = Table(
    "layers",
    meaning="One layer of one model, on the test images.",
    keys=("model", "layer"),
    columns=(
        *MODEL,
        text("layer", meaning="The layer; penultimate is the representation."),
        count("n", unit="images", low=1, meaning="Test images."),
        count("d", unit="units", low=1, meaning="Width of the layer."),
        VALIDITY[0],
        count("rank", meaning="The rank: the singular values that are more than rounding."),
        *VALIDITY[1:],
        PRECISION,
    ),
)
CONTROL_MAPS = Table(
    "controls",
    meaning="One map to a model's representation from what was not learnt.",
    keys=("control", "model", "family"),
    sections=("maps",),
    columns=(
        text(
            "control",
            values=CONTROLS,
            meaning="What is mapped from: the network before its training, as initialised or with its "
            "batch norm set on the fit images; or the pixels, of larger images their averages on 32 × 32.",
        ),
        text("model", meaning="The model that is mapped to, architecture/seed."),
        MODEL[1],
        *SCORES,
    ),
    may_be_empty=True,
)
MAPS = Table(
    "maps",
    meaning="One map from the representation of a source to that of a target.",
    keys=("source", "target", "family"),
    sections=("maps",),
    columns=(*ENDS, *SCORES),
)
CLASS_ACCURACIES = Table(
    "class_accuracies",
    meaning="One class, for maps of one family between two architectures; the mean over their pairs.",
    keys=("source_architecture", "target_architecture", "family", "label"),
    sections=("maps",),
    columns=(*ENDS[2:], *OF_CLASS),
    may_be_empty=True,
)
GEOMETRY = Table(
    "geometry",
    meaning="One measure of one pair of models and layers; a directed measure has a row each way.",
    keys=("model_a", "model_b", "layer_a", "layer_b", "measure"),
    sections=("geometry",),
    columns=(
        *PAIR,
        text("layer_a", meaning="The layer of the first model."),
        text("layer_b", meaning="The layer of the second model."),
        MEASURE,
        number("value", low=-1, high=1, empty=True, meaning="The measure."),
        *INTERVAL,
        number("bias", empty=True, meaning="Bias of the value, estimated by the jackknife."),
        number("error", low=0, empty=True, meaning="Standard error of the value over images."),
        NULL,
        number(
            "class_null",
            low=-1,
            high=1,
            empty=True,
            meaning="The value where nothing is shared but the classes of the images.",
        ),
        number(
            "retraining_reference",
            low=-1,
            high=1,
            empty=True,
            meaning="Mean over pairs of seeds of one architecture, of the two architectures averaged.",
        ),
        count("n", unit="images", meaning="Test images used."),
        FLAG,
        NOTE,
    ),
)
CONVERGENCE = Table(
    "convergence",
    meaning="One measure of the first pair of a block, on a part of the test images.",
    keys=("model_a", "model_b", "measure", "n"),
    sections=("geometry",),
    columns=(
        *PAIR[:2],
        replace(MEASURE, empty=True),
        count("n", unit="images", meaning="Test images used."),
        number("value", low=-1, high=1, empty=True, meaning="The measure."),
        FLAG,
        NOTE,
    ),
)
ATTACKS = Table(
    "attacks",
    meaning="One attack in one ball, on the model that it is crafted on.",
    keys=("model", "attack", "norm", "epsilon_label"),
    sections=("attack",),
    columns=(
        *MODEL,
        *ATTACK,
        count("steps", meaning="Steps of the search; 0 for noise."),
        text("target", meaning="The class that is aimed at; none: away from the label."),
        count("n", unit="images", meaning="Images that the model classifies correctly."),
        share("success_rate", empty=True, meaning="Those of them on which the attack succeeds."),
        number(
            "mean_loss",
            unit="nats",
            low=0,
            meaning="Mean cross-entropy of the labels over all attacked images.",
        ),
        number("max_linf", unit=PIXELS, low=0, high=1, meaning="Largest change of any pixel."),
        number("max_l2", unit=PIXELS, low=0, meaning="Largest Euclidean length of a change."),
        NOTE,
    ),
)
ATTACK_STEPS = Table(
    "attack_steps",
    meaning="One step of one attack on one model.",
    keys=("model", "attack", "norm", "epsilon_label", "step"),
    sections=("attack",),
    columns=(
        *MODEL,
        *ATTACK,
        count("step", meaning="The step, from 0."),
        number(
            "objective",
            unit="nats or logits",
            meaning="Mean over images, before the step, of what is ascended: cross-entropy or margin.",
        ),
        share("zero_gradients", meaning="Images of which no pixel has a gradient."),
    ),
)
ATTACK_GROWTH = Table(
    "attack_growth",
    meaning="One model and one of the balls that grow until they hold every image.",
    keys=("model", "norm", "epsilon"),
    sections=("attack",),
    columns=(
        *MODEL,
        *ATTACK[1:3],
        share(
            "success_rate",
            meaning="Images, of those classified correctly, that pgd fools there or in a smaller ball.",
        ),
    ),
)
TRANSFER = Table(
    "transfer",
    meaning="What one target makes of one source's images, under one attack and denominator.",
    keys=("source", "target", "attack", "norm", "epsilon_label", "denominator"),
    sections=("attack",),
    columns=(
        *ENDS,
        *ATTACK,
        text("denominator", values=DENOMINATORS, meaning="Which images are counted."),
        count("n", unit="images", meaning="Images counted."),
        share("fooled", empty=True, meaning="Those of them that the target misclassifies."),
        share("same_mistake", empty=True, meaning="Misclassified as the source does."),
        share("other_mistake", empty=True, meaning="Misclassified otherwise."),
        number(
            "margin_drop",
            unit="logits",
            empty=True,
            meaning="Mean fall of the target's margin of the label.",
        ),
        NOTE,
    ),
)
FEATURES = Table(
    "features",
    meaning="One measure of what two models use in the images; a directed one has a row each way.",
    keys=("model_a", "model_b", "measure", "condition"),
    sections=("features",),
    columns=(
        *PAIR,
        text("measure", values=FEATURE_MEASURES, meaning="The measure; see docs/measures.md."),
        text(
            "condition",
            empty=True,
            meaning="The ball of the attack, such as linf 8/255, or the start of the inversions.",
        ),
        number("value", low=-1, high=1, empty=True, meaning="The measure."),
        *INTERVAL,
        NULL,
        count("n", unit="images", meaning="Images used."),
        count("dropped", unit="images", meaning="Images on which the measure is undefined."),
        NOTE,
    ),
)
PAIRS = Table(
    "pairs",
    meaning="One ordered pair of models, joined from the other tables.",
    keys=("source", "target"),
    sections=("maps", "geometry", "attack", "features"),
    columns=(
        *ENDS,
        Column("same_architecture", "bool", meaning="Whether they are of one architecture."),
        number("r2_test_{family}", high=1, empty=True, meaning="R² on the test images."),
        share("stitched_accuracy_{family}", empty=True, meaning="As in maps.csv."),
        number("recovered_accuracy_{family}", empty=True, meaning="As in maps.csv."),
        share("agreement_{family}", empty=True, meaning="As in maps.csv."),
        number(
            "{measure}",
            low=-1,
            high=1,
            empty=True,
            meaning="The measure of the representations; the same both ways, if not directed.",
        ),
        share(
            "transfer_{ball}",
            empty=True,
            meaning="The share fooled by pgd, of images that both classify correctly.",
        ),
        *(
            number(name, low=-1, high=1, empty=True, optional=True, meaning="As in features.csv.")
            for name in (
                "gradient_alignment",
                "inverted_cka_{start}",
                "mistake_agreement_{ball}",
                "perturbation_agreement_{ball}",
                "stir_{start}",
                "unit_matching",
            )
        ),
        NOTE,
    ),
)
PER_SD = (
    number(
        "per_sd",
        unit="logits",
        of_some=True,
        meaning="A slope per standard deviation of the pairs' similarity.",
    ),
    number(
        "per_sd_error", unit="logits", low=0, of_some=True, meaning="The standard error of per_sd."
    ),
)
LACKS = text(
    "lacks",
    values=tuple(Need),
    empty=True,
    meaning="What the row lacks to answer, where it cannot.",
)
FINDINGS_TABLE = Table(
    "findings",
    meaning="One test of a finding; see docs/statistics.md.",
    keys=("finding", "version", "measure", "architecture"),
    columns=(
        text("finding", values=FINDINGS, meaning="The finding."),
        text("version", empty=True, meaning="The version of its test."),
        text("measure", empty=True, meaning="The measure of geometry, or the family of maps."),
        text("architecture", empty=True, meaning="The architecture that the row is of."),
        text(
            "verdict",
            values=VERDICTS,
            empty=True,
            meaning="The verdict, in the row that decides the finding.",
        ),
        number(
            "effect",
            unit="of the finding",
            empty=True,
            meaning="The estimate: a score, a difference of similarities, a slope or a correlation.",
        ),
        number("low", unit="as effect", empty=True, meaning="Lower end of its 95 % interval."),
        number("high", unit="as effect", empty=True, meaning="Upper end of its 95 % interval."),
        number(
            "error",
            unit="as effect",
            low=0,
            of_some=True,
            meaning="Its standard error over architectures.",
        ),
        number("p", low=0, high=1, empty=True, meaning="The p value."),
        *PER_SD,
        count(
            "n_pairs",
            unit="pairs",
            meaning="Pairs used, ordered ones for the findings on maps and transfer.",
        ),
        count("n_models", unit="models", meaning="Models used."),
        count("resamples", meaning="Permutations, or architectures left out or compared."),
        count("seed", meaning="The seed that they are drawn with."),
        count(
            "left_out_agree",
            meaning="Of a verdict, the architectures without which it is the same.",
        ),
        count("left_out_of", meaning="Architectures that were left out, one after the other."),
        count(
            "specifications_agree",
            meaning="Of a verdict, the other choices in specifications.csv by which it is the same.",
        ),
        count("specifications_of", meaning="Other choices that were tried."),
        LACKS,
        NOTE,
    ),
)
SPECIFICATIONS = Table(
    "specifications",
    meaning="One verdict by other choices than those fixed beforehand, or without an architecture.",
    keys=("finding", "measure", "norm", "epsilon_label", "denominator", "left_out"),
    may_be_empty=True,
    columns=(
        text("finding", values=FINDINGS, meaning="The finding."),
        text("measure", empty=True, meaning="The measure of geometry, or the family of maps."),
        text("norm", values=tuple(NORMS), empty=True, meaning="The norm of the attack."),
        text("epsilon_label", empty=True, meaning="Its bound, as the config writes it."),
        text(
            "denominator",
            values=tuple(DENOMINATORS),
            empty=True,
            meaning="The images that the rate of transfer is of.",
        ),
        text("left_out", empty=True, meaning="The architecture that is left out."),
        Column("decides", "bool", "Whether these are the choices fixed beforehand."),
        text("verdict", values=VERDICTS, meaning="What the rule of the finding says by them."),
        text("architecture", empty=True, meaning="Of an exception, the architecture it is about."),
        number("effect", unit="of the finding", empty=True, meaning="The estimate."),
        number("low", unit="as effect", empty=True, meaning="Lower end of its 95 % interval."),
        number("high", unit="as effect", empty=True, meaning="Upper end of its 95 % interval."),
        number("p", low=0, high=1, empty=True, meaning="The p value."),
        *PER_SD,
        LACKS,
        NOTE,
    ),
)
NONROBUST = Table(
    "nonrobust",
    meaning="One target architecture trained on what one source uses in the images.",
    keys=("source_architecture", "target_architecture"),
    sections=("nonrobust",),
    columns=(
        *ENDS[2:],
        text("source", meaning="The model that the images were made on."),
        share("success", meaning="Images that the source takes for their new label."),
        share("accuracy", meaning="Accuracy of the target on clean test images."),
        share("chance", meaning="One over the number of classes."),
    ),
)

OF_ENDS = (
    digest("source_digest", meaning="The digest of the source's activations."),
    digest("target_digest", meaning="The digest of the target's activations."),
)
OF_PAIR = (
    digest("digest_a", meaning="The digest of the first model's activations."),
    digest("digest_b", meaning="The digest of the second model's activations."),
)
OF_MODEL = digest("digest", meaning="The digest of the model's activations.")

FILE = (
    text("file", meaning="The file, below the folder of the export."),
    replace(count("row", meaning="The image's place in the file; of .npy alone."), optional=True),
)
ID = count("id", meaning="The image's id in the data file.")
EXPORTED = (
    Table(
        "export/clean",
        meaning="One clean image.",
        keys=("id",),
        columns=(
            *FILE,
            ID,
            text("name", meaning="Of an image of one's own its name, else its id."),
            LABEL,
            text("class_name", meaning="The name of the class."),
        ),
    ),
    Table(
        "export/adversarial",
        meaning="One image of one model, under one attack and in one ball.",
        keys=("model", "attack", "norm", "epsilon_label", "id"),
        columns=(
            *FILE,
            *MODEL,
            *ATTACK,
            ID,
            LABEL,
            count("clean_prediction", meaning="The model's answer to the clean image."),
            count("prediction", meaning="Its answer to this one."),
            Column("successful", "bool", "Whether the label is missed, or the target met."),
            number("linf", unit=PIXELS, low=0, high=1, meaning="The largest change of a pixel."),
            number("l2", unit=PIXELS, low=0, meaning="The Euclidean length of the change."),
        ),
    ),
    Table(
        "export/inversions",
        meaning="One image that one model represents like the clean one, found from one start.",
        keys=("model", "start", "id"),
        columns=(
            *FILE,
            *MODEL,
            text("start", values=STARTS, meaning="Noise, or an image of another class."),
            ID,
            LABEL,
            number(
                "residual", low=0, meaning="The relative distance of representations that is left."
            ),
            Column("found", "bool", "Whether it is within the tolerance."),
        ),
    ),
)

OF_SEVERAL = (
    replace(
        FINDINGS_TABLE,
        name="combined/combined",
        meaning="The verdict of one study on one finding: the row of its findings.csv that decides.",
        keys=("study", "finding"),
        columns=(
            text("study", meaning="The study."),
            *FINDINGS_TABLE.columns,
            number(
                "estimate",
                of_some=True,
                meaning="The effect that is pooled: of transfer per_sd, else effect.",
            ),
            number("estimate_low", of_some=True, meaning="Lower end of its 95 % interval."),
            number("estimate_high", of_some=True, meaning="Upper end of its 95 % interval."),
            number(
                "weight",
                unit="share",
                low=0,
                high=1,
                of_some=True,
                meaning="Its share of the mean by random effects.",
            ),
            text("not_pooled", empty=True, meaning="Why the effect is not pooled."),
        ),
    ),
    Table(
        "combined/pooled",
        meaning="One effect of several studies; see docs/combine.md.",
        keys=("finding",),
        may_be_empty=True,
        columns=(
            text("finding", values=FINDINGS, meaning="The finding that the effect is of."),
            count("studies", unit="studies", low=2, meaning="Studies that are pooled."),
            number("fixed", meaning="The effect, if it is one for all studies."),
            number("fixed_low", meaning="Lower end of its 95 % interval."),
            number("fixed_high", meaning="Upper end of its 95 % interval."),
            number("fixed_df", low=0, meaning="The degrees of freedom of its Student's t."),
            number("random", meaning="The mean of the effects, if they vary between studies."),
            number("random_low", meaning="Lower end of its 95 % interval."),
            number("random_high", meaning="Upper end of its 95 % interval."),
            number("random_df", low=1, meaning="The degrees of freedom of its Student's t."),
            number("q", low=0, meaning="Cochran's Q."),
            number("q_p", low=0, high=1, meaning="Its p, by χ² of studies − 1."),
            number("i2", unit="share", low=0, high=1, meaning="I²."),
            number(
                "tau",
                low=0,
                meaning="The standard deviation between studies; of linear, of −log(1 − R²).",
            ),
        ),
    ),
)

# What the tests of the findings write, and is joined from nothing.
JUDGED = (FINDINGS_TABLE, SPECIFICATIONS)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        MODELS,
        LAYERS,
        MAPS,
        CONTROL_MAPS,
        CLASS_ACCURACIES,
        GEOMETRY,
        CONVERGENCE,
        ATTACKS,
        ATTACK_STEPS,
        ATTACK_GROWTH,
        TRANSFER,
        FEATURES,
        PAIRS,
        FINDINGS_TABLE,
        SPECIFICATIONS,
        NONROBUST,
        LAYERS.stored("models/layers", OF_MODEL, after="precision"),
        CONTROL_MAPS.stored("models/controls", OF_MODEL, after="architecture"),
        MAPS.stored("blocks/maps", *OF_ENDS, after="agreement"),
        Table(
            "blocks/class_accuracies",
            meaning="One class, for one map.",
            keys=("source", "target", "family", "label"),
            columns=(*ENDS, *OF_CLASS),
            may_be_empty=True,
        ),
        GEOMETRY.stored("blocks/geometry", *OF_PAIR, after="flag", without="retraining_reference"),
        replace(CONVERGENCE, name="blocks/convergence"),
        replace(FEATURES, name="blocks/features"),
        *EXPORTED,
        *OF_SEVERAL,
    )
}


def summary_tables(asked: Callable[[str], bool]) -> list[str]:
    """The names of the tables of a study that are joined from its models and blocks.

    Args:
        asked: whether the study asks for a section of the config.
    """
    return [
        name
        for name, table in TABLES.items()
        if "/" not in name
        and table not in JUDGED
        and (not table.sections or any(map(asked, table.sections)))
    ]
