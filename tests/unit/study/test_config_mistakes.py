"""A config that cannot be run is refused, in words that say how to mend it."""

import pytest
from unit.support.study_configs import PAIRS, config, problems

from repcompare import architectures
from repcompare.data.catalogue import DATA_SETS
from repcompare.geometry.catalogue import MEASURES
from repcompare.study.config import least_classes, validate
from repcompare.study.consistency import counted_problems
from repcompare.study.schema import study_schema

EMPTY = "empty, allowed: one entry or more"
NAMES = "letters and digits, in parts joined by a single '-', '_' or '.' (at most 64 characters)"
SECTIONS = study_schema()["properties"]


# What is refused, and how it is said: one line, with the key, what was given and what is allowed.
REFUSED = {
    # keys
    "trainig: {epochs: 3}": "trainig: unknown key, did you mean training?",
    "training: {Epoch: 3}": "training.Epoch: unknown key, did you mean epochs?",
    "epochs: 3": "epochs: unknown key here, did you mean training.epochs?",
    "architectures: {vgg: {seed: [1]}}": "architectures.vgg.seed: unknown key, did you mean seeds?",
    "architectures: {vgg: {training: {momentom: 0}}}": "architectures.vgg.training.momentom: "
    "unknown key, did you mean momentum?",
    "attack: {epsilons: {l1: [1.0]}}": "attack.epsilons.l1: unknown key, allowed: linf, l2",
    # types
    "training: {epochs: true}": "training.epochs: got true, allowed: an integer from 1 to 100000",
    "training: {epochs: 20.0}": "training.epochs: got 20.0, allowed: an integer from 1 to 100000",
    "training: {epochs: many}": 'training.epochs: got "many", allowed: an integer from 1 to 100000',
    "training: {learning_rate: .nan}": "training.learning_rate: got NaN, allowed: a number above 0 up to 1000",
    "seeds: 3": "seeds: got 3, allowed: a list in brackets",
    "seeds: [0, true]": "seeds[1]: got true, allowed: an integer from 0 to 4294967295",
    "study: 5": f"study: got 5, allowed: {NAMES}; put text in quotes",
    "study: no": f"study: got false, allowed: {NAMES}; to YAML off, no and false are one, "
    "put text in quotes",
    "architectures: {vgg: {family: 1.10}}": "architectures.vgg.family: got 1.1, allowed: some text; "
    "put text in quotes",
    # more than anybody means
    "training: {epochs: 100001}": "training.epochs: got 100001, "
    "allowed: an integer from 1 to 100000",
    "training: {weight_decay: 1.0e+308}": "training.weight_decay: got 1e+308, "
    "allowed: a number from 0 to 1000",
    f"statistics: {{permutations: 1{'0' * 30}}}": "statistics.permutations: "
    "a number of 31 digits, more than any key takes",
    f"training: {{epochs: '1{'0' * 30}'}}": f"training.epochs: got 1{'0' * 30}, "
    "allowed: an integer from 1 to 100000",
    f"training: {{epochs: '{'9' * 400}'}}": f'training.epochs: got "{"9" * 56}..., '
    "allowed: an integer from 1 to 100000",
    f"attack: {{epsilons: {{linf: ['{'9' * 41}']}}}}": "attack.epsilons.linf[0]: got "
    f"\"{'9' * 41}\", allowed: a number above zero, or a fraction such as '8/255'",
    "architectures: {vgg: {kwargs: {width: 10001}}}": "architectures.vgg.kwargs.width: got 10001, "
    "allowed: an integer from 1 to 10000",
    "architectures: {g: {factory: googlenet, kwargs: {width_multiplier: 1.0e+300}}}": (
        "architectures.g.kwargs.width_multiplier: got 1e+300, "
        "allowed: a number up to 1000, width_multiplier > 0"
    ),
    f"seeds: {list(range(1001))}": "seeds: 1,001 entries, allowed: at most 1,000",
    "architectures: {"
    + ", ".join(f"a{n}: {{factory: vgg, seeds: {list(range(900))}}}" for n in range(12))
    + "}": "config: more than 10,000 entries, aliases counted at each place: too many",
    "{seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], architectures: {"
    + ", ".join(f"a{n}: {{}}" for n in range(998))
    + "}}": "architectures: 10,991 models, allowed: at most 10,000",
    # what a terminal would not show, or would obey
    f"study: {'a' * 80}": f'study: got "{"a" * 56}..., allowed: {NAMES}',
    'device: "\\u202Eupc"': 'device: got "\\u202eupc", allowed: one of auto, cpu, cuda',
    '"\\u200B": 1': "\\u200b: unknown key, allowed: " + ", ".join(SECTIONS),
    'architectures: {vgg: {weights: "\\x1B[2J{seed}"}}': "architectures.vgg.weights: "
    "holds '\\x1b', which no text here may",
    # nothing where a section or a value belongs
    "data: null": "data: got null, allowed: a section of its own with keys out of "
    "name, root, size, crop, test_samples, train_samples, fit_samples",
    "statistics: null": "statistics: got null, allowed: a section of its own with keys out of "
    "permutations, seed, or no such key at all",
    "maps: least_squares": 'maps: got "least_squares", allowed: a section of its own with keys out of '
    "families, no such key at all, or null",
    "architectures: null": "architectures: got null, allowed: a section of its own",
    "architectures: {vgg: null}": "architectures.vgg: got null, allowed: a section of its own "
    "with keys out of factory, activations, family, kwargs, weights, input, layers, classifier, "
    "tokens, classes, seeds, training",
    "architectures: {vgg: {kwargs: null}}": "architectures.vgg.kwargs: got null, "
    "allowed: a section of its own, or no such key at all",
    "training: {epochs: null}": "training.epochs: got null, allowed: an integer from 1 to 100000",
    # ranges and choices
    "training: {epochs: 0}": "training.epochs: got 0, allowed: an integer from 1 to 100000",
    "training: {minimum_accuracy: 1}": "training.minimum_accuracy: got 1, "
    "allowed: a number from 0 up to but not 1",
    "training: {schedule: onecycle}": 'training.schedule: got "onecycle", '
    "allowed: one of one_cycle, linear; did you mean one_cycle?",
    "data: {name: CIFAR10}": 'data.name: got "CIFAR10", '
    "allowed: one of digits, fashion_mnist, cifar10, cifar100, folder, arrays, parquet, ids; "
    "did you mean cifar10?",
    "maps: {families: [rigde]}": 'maps.families[0]: got "rigde", '
    "allowed: one of least_squares, ridge, reduced_rank, orthogonal, permutation; "
    "did you mean ridge?",
    "maps: {families: [ridge, ridge]}": 'maps.families: "ridge" is given 2 times',
    "geometry: {measures: [cka_unbiased]}": 'geometry.measures[0]: got "cka_unbiased", '
    f"allowed: one of {', '.join(MEASURES)}; did you mean cka_debiased?",
    "activations: {layers: [stage0]}": 'activations.layers[0]: got "stage0", '
    "allowed: stem, penultimate, or a stage such as stage1",
    "activations: {layers: [stem, stem]}": 'activations.layers: "stem" is given 2 times',
    "activations: {fit_samples: 1}": "activations.fit_samples: got 1, "
    "allowed: an integer from 2 to 100000000 or null",
    "geometry: {layer_pairs: [[vgg/seed0]]}": "geometry.layer_pairs[0]: got "
    '["vgg/seed0"], allowed: two models in brackets, such as [resnet/seed0, vgg/seed0]',
    "activations: {layers: [stage1, stage6]}": "activations.layers[1]: no network of the study has "
    "stage6, allowed: penultimate, stage1, stage2, stage3, stage4, stage5, stem",
    f"{PAIRS}[[vgg/seed0, resnext/seed5], [vgg/seed0, vgg/seed5]]}}}}": "geometry.layer_pairs[1]: "
    "the study has no model vgg/seed5; did you mean vgg/seed2?",
    f"{PAIRS}[[vgg/seed2, vgg/seed2]]}}}}": "geometry.layer_pairs[0]: vgg/seed2 is given twice, "
    "allowed: two different models",
    f"{PAIRS}[[vgg/seed0, vgg/seed2]], measures: [cka]}}}}": "geometry.layer_pairs: layers are "
    "compared by cka_debiased, add it to geometry.measures",
    "geometry: {layer_pairs: [[vgg/seed0, vgg/seed2]]}": "geometry.layer_pairs: no layer but the "
    "representation is stored, add others to activations.layers",
    "geometry: {measures: [cka, cca, cka]}": 'geometry.measures: "cka" is given 2 times',
    # empty and doubled
    "seeds: []": f"seeds: {EMPTY}",
    "seeds: [1, 0, 1]": "seeds: 1 is given 2 times",
    "architectures: {vgg: {seeds: [4, 4, 4]}}": "architectures.vgg.seeds: 4 is given 3 times",
    "geometry: {measures: []}": f"geometry.measures: {EMPTY}",
    "attack: {epsilons: {}}": f"attack.epsilons: {EMPTY}",
    "attack: {epsilons: {l2: []}}": f"attack.epsilons.l2: {EMPTY}",
    # names
    "study: a/b": f'study: got "a/b", allowed: {NAMES}',
    'study: "digits\\n"': f'study: got "digits\\n", allowed: {NAMES}',
    "architectures: {a--b: {factory: vgg}}": f"architectures.a--b: not a name, allowed: {NAMES}",
    "architectures: {a/b: {factory: vgg}}": f"architectures.a/b: not a name, allowed: {NAMES}",
    "architectures: {.vgg: {factory: vgg}}": f"architectures..vgg: not a name, allowed: {NAMES}",
    "architectures: {18: {factory: vgg}}": "architectures.18: a number to YAML, and no name, put it in quotes",
    "study: nul": "study: nul is a device on Windows, which has no such folder",
    "architectures: {Con.1: {factory: vgg}}": "architectures.Con.1: Con.1 is a device on Windows, "
    "which has no such folder",
    "architectures: {VGG: {factory: vgg}}": "architectures.vgg: differs from VGG only in case, "
    "which some file systems do not tell apart",
    # networks
    "architectures: {vgg: {factory: vggg}}": (
        f'architectures.vgg.factory: got "vggg", allowed: one of '
        f"{', '.join(architectures.available())}, timm, torchvision, or path.py:function; "
        "did you mean vgg?"
    ),
    "architectures: {vgg: {kwargs: {widht: 8}}}": "architectures.vgg.kwargs.widht: "
    "vgg takes no such argument, did you mean width?",
    "architectures: {vgg: {kwargs: {width: true}}}": "architectures.vgg.kwargs.width: "
    "got true, allowed: an integer from 1 to 10000",
    # epsilons
    "attack: {epsilons: {linf: [-0.1]}}": "attack.epsilons.linf[0]: -0.1 is not a finite number "
    "above zero",
    "attack: {epsilons: {linf: [8/0]}}": "attack.epsilons.linf[0]: '8/0' divides by zero",
    "attack: {epsilons: {l2: [0.5, eight]}}": "attack.epsilons.l2[1]: 'eight' is neither a number "
    "nor a fraction such as '8/255'",
    "attack: {epsilons: {l2: [[0.5]]}}": "attack.epsilons.l2[0]: got [0.5], "
    "allowed: a number above zero, or a fraction such as '8/255'",
    "attack: {epsilons: {linf: [8]}}": "attack.epsilons.linf[0]: got 8, "
    "but no two images are further apart than 1",
    "attack: {epsilons: {l2: [8.5]}}": "attack.epsilons.l2[0]: got 8.5, "
    "but no two images are further apart than 8",
    "attack: {epsilons: {linf: [0.5/255]}}": "attack.epsilons.linf[0]: got 0.5/255, "
    "but 8-bit images cannot change by less than 1/255",
    "attack: {epsilons: {l2: [0.003]}}": "attack.epsilons.l2[0]: got 0.003, "
    "but 8-bit images cannot change by less than 1/255",
    "attack: {quantise: false, epsilons: {linf: [0.00009]}}": "attack.epsilons.linf[0]: got 0.00009, "
    "but 32-bit images cannot change by less than 0.0001",
    "attack: {quantise: 8}": "attack.quantise: got 8, allowed: true or false",
    "attack: {variants: {fine: {quantise: false}}}": "attack.variants.fine.quantise: unknown key here, "
    "did you mean attack.quantise?",
    "attack: {epsilons: {linf: [8/255, 4/255, 8/255]}}": "attack.epsilons.linf[2]: 8/255 is in the "
    "list already, as 8/255",
    "attack: {epsilons: {linf: [0.03137254902, 8/255]}}": "attack.epsilons.linf[1]: 8/255 is in "
    "the list already, as 0.03137254902",
    "attack: {variants: {far: {epsilons: {l2: [9]}}}}": "attack.variants.far.epsilons.l2[0]: "
    "got 9, but no two images are further apart than 8",
    # attacks
    "attack: {variants: {fgsm: {step: 1}}}": "attack.variants.fgsm.step: unknown key, "
    "did you mean steps?",
    "attack: {variants: {fgsm: {}}}": f"attack.variants.fgsm: {EMPTY}",
    "attack: {variants: {pgd: {steps: 3}}}": "attack.variants.pgd: pgd is an attack already, "
    "choose another name",
    "attack: {variants: {a b: {steps: 3}}}": f"attack.variants.a b: not a name, allowed: {NAMES}",
    "attack: {target: next_clas}": 'attack.target: got "next_clas", allowed: one of none, random, '
    "least_likely, next_class; did you mean next_class?",
    "attack: {input_diversity: 1.5}": "attack.input_diversity: got 1.5, "
    "allowed: a number from 0 to 1",
    "attack: {restarts: 3, random_start: false}": "attack.restarts: got 3, "
    "but without a random start all are the same",
    "attack: {random_start: false, variants: {many: {restarts: 2}}}": (
        "attack.variants.many.restarts: got 2, but without a random start all are the same"
    ),
    "attack: {schedule: adaptiv}": 'attack.schedule: got "adaptiv", allowed: one of constant, '
    "adaptive; did you mean adaptive?",
    "attack: {schedule: adaptive, momentum: 0.5}": "attack.momentum: got 0.5, "
    "but the adaptive schedule has a momentum of its own, allowed: 0",
    "attack: {momentum: 1, variants: {apgd: {schedule: adaptive}}}": "attack.variants.apgd.momentum: "
    "got 1, but the adaptive schedule has a momentum of its own, allowed: 0",
    "attack: {variants: {apgd: {schedule: adaptive, input_diversity: 0.5}}}": (
        "attack.variants.apgd.input_diversity: got 0.5, but the adaptive schedule compares what an "
        "image meets from step to step, allowed: 0"
    ),
    "attack: {schedule: adaptive, step_size: 1}": "attack.step_size: got 1, "
    "but the adaptive schedule sets the length of its steps, leave it out",
    "attack: {variants: {apgd: {schedule: adaptive, step_size: 2.5}}}": (
        "attack.variants.apgd.step_size: got 2.5, "
        "but the adaptive schedule sets the length of its steps, leave it out"
    ),
    "attack: {objective: dlr, variants: {aimed: {target: random}}}": (
        "attack.variants.aimed.objective: got dlr, which is of the label, "
        "but the target is random, allowed: cross_entropy, margin"
    ),
    # adversarial training
    "training: {adversarial: {steps: 3}}": "training.adversarial.epsilon: missing, "
    "allowed: a number above zero, or a fraction such as '8/255'",
    "training: {adversarial: {epsilon: 2}}": "training.adversarial.epsilon: got 2, "
    "but no two images are further apart than 1",
    "architectures: {vgg: {training: {adversarial: {epsilon: 9, norm: l2}}}}": (
        "architectures.vgg.training.adversarial.epsilon: got 9, "
        "but no two images are further apart than 8"
    ),
    "features: {nonrobust: {epsilon: 2}}": "features.nonrobust.epsilon: got 2, "
    "but no two images are further apart than 1",
    "training: {adversarial: {epsilon: 8/255, eps: 1}}": "training.adversarial.eps: unknown key, "
    "did you mean steps?",
    "features: {nonrobust: {epsilon: 0.0039, norm: l2}}": "features.nonrobust.epsilon: got 0.0039, "
    "but 8-bit images cannot change by less than 1/255",
    "training: {adversarial: {epsilon: 1e-300}}": "training.adversarial.epsilon: got "
    f"0.{'0' * 55}..., but 32-bit images cannot change by less than 0.0001",
    # what the data allow
    "data: {train_samples: 1}": "data.train_samples: got 1, "
    "allowed: an integer from 2 to 100000000 or null",
    "data: {train_samples: 9}": "data.train_samples: got 9, "
    "but digits has 10 classes, and each needs an image",
    "data: {fit_samples: 1}": "data.fit_samples: got 1, which no map can be fitted on, "
    "allowed: 0, or an integer from 2 up",
    "training: {crop_padding: 8}": "training.crop_padding: got 8, "
    "but the images are only 8 pixels wide",
    "architectures: {vgg: {training: {crop_padding: 9}}}": (
        "architectures.vgg.training.crop_padding: got 9, but the images are only 8 pixels wide"
    ),
    "{data: {name: fashion_mnist}, training: {crop_padding: 28}}": "training.crop_padding: got 28, "
    "but the images are only 28 pixels wide",
    "{data: {name: cifar10}, training: {crop_padding: 32}}": "training.crop_padding: got 32, "
    "but the images are only 32 pixels wide",
    "attack: {samples: 598}": "attack.samples: got 598, but digits has 597 test images",
    "{data: {name: cifar100}, attack: {samples: 10001}}": "attack.samples: got 10001, "
    "but cifar100 has 10000 test images",
    "features: {samples: 598}": "features.samples: got 598, but digits has 597 test images",
    "data: {train_samples: 1201}": "data.train_samples: got 1201, "
    "but digits has 1200 training images",
    "data: {fit_samples: 1200}": "data.fit_samples: got 1200, "
    "but digits has 1200 training images, and some must be left",
    "data: {train_samples: 901, fit_samples: 300}": "data.train_samples: got 901, "
    "but digits has 1200 training images, 300 of them in fit_samples",
    "{data: {fit_samples: 300}, activations: {fit_samples: 301}}": "activations.fit_samples: "
    "got 301, but there are 300 to fit on",
    "{data: {train_samples: 200}, activations: {fit_samples: 201}}": "activations.fit_samples: "
    "got 201, but there are 200 to fit on",
    # images of one's own
    "data: {name: folder, size: 8}": "data.root: missing, folder needs it, allowed: some text",
    "data: {name: arrays}": "data.root: missing, arrays needs it, allowed: some text",
    "data: {name: parquet, root: a}": "data.size: missing, parquet needs it, "
    "allowed: an integer from 1 up",
    "data: {name: folder, root: a, size: 0}": "data.size: got 0, "
    "allowed: an integer from 1 to 10000 or null",
    "data: {name: folder, root: a, size: 8, crop: 1.5}": "data.crop: got 1.5, "
    "allowed: a number above 0 up to 1",
    "data: {name: arrays, root: a, size: 8}": "data.size: got 8, "
    "but arrays has images of a size already, leave it out",
    "data: {crop: 0.5}": "data.crop: got 0.5, "
    "but digits has images of a size already, leave it out",
    "data: {test_samples: 5}": "data.test_samples: got 5, "
    "but digits has test images of its own, leave it out",
    "{data: {name: folder, root: a, size: 8}, training: {crop_padding: 8}}": (
        "training.crop_padding: got 8, but the images are only 8 pixels wide"
    ),
    "{data: {name: folder, root: a, size: 4}, attack: {epsilons: {l2: [7]}}}": (
        "attack.epsilons.l2[0]: got 7, but no two images are further apart than 6.9282"
    ),
    "{data: {name: folder, root: a, size: 8, test_samples: 300}, attack: {samples: 301}}": (
        "attack.samples: got 301, but a has 300 test images"
    ),
    "data: {name: arrays, root: $NOTHING/a.npz}": "data.root: the variable $NOTHING is not set",
    "data: {name: folder, root: ~nobody-here/a, size: 8}": "data.root: "
    "there is no user nobody-here",
    "data: {root: somewhere}": "data.root: the digits come with scikit-learn, leave it out",
}


@pytest.mark.parametrize("changes", REFUSED)
def test_a_mistake_is_refused_in_one_line_that_says_what_is_allowed(changes):
    assert problems(config(changes)) == [REFUSED[changes]]


def test_a_study_needs_a_name_data_and_architectures():
    missing = [line.split(":")[0] for line in problems({}) if ": missing, allowed: " in line]
    assert missing == ["study", "data", "architectures"]
    assert problems(None)[0].startswith("config: got null")


def test_a_key_that_is_only_misspelt_is_not_reported_as_missing_too():
    raw = config()
    raw["architecture"] = raw.pop("architectures")
    assert problems(raw) == ["architecture: unknown key, did you mean architectures?"]


def test_a_study_needs_an_architecture_and_an_architecture_its_factory():
    raw = config()
    raw["architectures"] = {}
    assert problems(raw) == [f"architectures: {EMPTY}"]
    raw["architectures"] = {"vgg": {}, "resnet": {"factory": "resnet"}}
    (line,) = problems(raw)
    assert line.startswith("architectures.vgg.factory: missing, allowed: one of densenet, ")
    assert line.endswith("timm, torchvision, or path.py:function; or activations")


def test_a_single_model_is_refused_for_there_is_nothing_to_compare_it_with():
    raw = config()
    raw["architectures"] = {"vgg": {"factory": "vgg", "seeds": [0]}}
    assert problems(raw) == [
        "architectures: a single model has nothing to be compared with, "
        "add a seed or an architecture"
    ]


def test_all_problems_come_at_once_those_that_explain_others_first():
    raw = config(
        "{data: {fit_samples: 5000}, attack: {epsilons: {linf: [9]}}, trainin: {}, seeds: null}"
    )
    keys = [line.split(":")[0] for line in problems(raw)]
    assert keys == ["trainin", "seeds", "attack.epsilons.linf[0]", "data.fit_samples"]


def test_of_many_problems_the_first_are_told():
    lines = problems(config(f"attack: {{epsilons: {{linf: {[-1.5] * 99}}}}}"))
    assert len(lines) == 31
    assert lines[-1] == "and 69 more"


@pytest.mark.parametrize(
    "name", ["01", "True", "1.10", "inf", "1e1", "NA", "pgd", "noise", "seed0"]
)
def test_a_name_may_be_any_text(name):
    raw = config()
    raw["architectures"] |= {name: {"factory": "vgg"}}
    assert name in validate(raw)["architectures"]


def test_an_objective_that_needs_more_classes_than_there_are_is_refused(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    data = f"data: {{name: folder, root: '{tmp_path}', size: 8, test_samples: 9}}, features: null"
    attack = "attack: {samples: 9, variants: {apgd: {objective: dlr}}}"
    expected = "attack.variants.apgd.objective: got dlr, which needs 3 classes or more, "
    expected += "but there are 2, allowed: cross_entropy, margin"
    assert problems(config(f"{{{data}, {attack}}}")) == [expected]
    (tmp_path / "emu").mkdir()
    validated = validate(config(f"{{{data}, {attack}}}"))
    assert least_classes(validated) == 3
    found = counted_problems(validated, DATA_SETS["digits"]._replace(classes=2))
    assert [*map(str, found)] == [expected]
    assert least_classes(validate(config())) == least_classes(validate(config("attack: null"))) == 0


def test_what_is_at_the_limit_is_accepted():
    limits = """
    data: {train_samples: 900, fit_samples: 300}
    activations: {fit_samples: 300}
    training: {crop_padding: 7, minimum_accuracy: 0}
    attack: {samples: 597, epsilons: {linf: [1/255, 1.0], l2: [8]}}
    """
    assert validate(config(limits))["activations"]["fit_samples"] == 300
    fine = "attack: {quantise: false, epsilons: {linf: [0.0001, 0.5/255]}}"
    assert validate(config(fine))["attack"]["epsilons"]["linf"] == ["0.0001", "0.5/255"]
    assert validate(config(f"study: {'a' * 64}"))["study"] == "a" * 64
    assert problems(config(f"study: {'a' * 65}"))[0].endswith(NAMES)
