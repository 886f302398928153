"""A stored network is the trained one, and belongs to its data and its record."""

import shutil

import pytest
import torch
from torch import nn
from unit.support.small_study import CPU

from repcompare.architectures import build
from repcompare.networks.models import load_model, untrained, with_batch_statistics
from repcompare.storage.files import MismatchError, read_json, write_json
from repcompare.storage.seals import DamagedError


def test_a_loaded_network_is_frozen_and_in_eval_mode(study):
    network = study["resnet/seed0"].model.network
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", ["resnet/seed1", "vgg/seed0"])
def test_an_untrained_network_is_built_anew_from_the_seed_and_sees_the_same_images(study, name):
    model = study[name].model
    network = untrained(model)
    fresh = build(
        model.record["factory"], model.record["kwargs"], 1, 10, seed=model.record["seed"]
    ).state_dict()
    trained = model.network.state_dict()
    for key, value in network.state_dict().items():
        of = trained if key in ("mean", "std") else fresh
        assert torch.equal(value, of[key]), key
        if value.ndim > 1:
            assert not torch.allclose(value, trained[key], atol=1e-3), key
    assert not torch.equal(trained["mean"], fresh["mean"])


def test_an_untrained_network_is_frozen_and_in_eval_mode(study):
    network = untrained(study["resnet/seed0"].model)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


class Sketch(nn.Module):
    """What a network has of layers: here, any."""

    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.register_buffer("mean", torch.zeros(1))

    def layer_outputs(self, images, layers):
        return {"penultimate": self.body(images)}


def test_batch_norm_is_set_on_the_images_with_dropout_off_and_no_batch_of_one_image():
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None] * 51  # 0, 0.2, … 0.8
    network = Sketch(nn.Dropout(0.5), nn.BatchNorm2d(1)).eval()
    settled = with_batch_statistics(network, images, 4, batch_size=1)
    mean, variance = settled.body[1].running_mean.item(), settled.body[1].running_var.item()
    assert (mean, variance) == pytest.approx((0.3, 0.02))  # of 0 and 0.2, and of 0.4 and 0.6
    assert not any(module.training for module in settled.modules())
    assert network.body[1].running_mean.item() == 0


def test_without_batch_norm_there_are_no_statistics_to_set():
    for layers in ([], [nn.BatchNorm2d(1, track_running_stats=False)]):
        network = Sketch(*layers).eval()
        assert with_batch_statistics(network, torch.zeros(4, 1, 1, 1), 4, 2) is None


def test_weights_that_are_not_the_records_are_refused(study, dataset):
    one, other = study["resnet/seed0"], study["resnet/seed1"]
    match = r"seed1/weights\.safetensors: not the weights that .*seed0/record\.json tells of"
    with pytest.raises(DamagedError, match=match):
        load_model(other.weights, one.record, dataset, CPU)


def test_a_model_of_another_data_file_is_refused(study, dataset, tmp_path):
    files = study["resnet/seed0"]
    record = read_json(files.record) | {"data_digest": "other"}
    shutil.copy(files.weights, tmp_path / "weights.safetensors")
    write_json(tmp_path / "record.json", record)
    with pytest.raises(MismatchError, match="trained on other images"):
        load_model(tmp_path / "weights.safetensors", tmp_path / "record.json", dataset, CPU)


def test_a_group_may_read_the_weights_where_the_umask_says_so(study):
    """As it may read the record beside them."""
    files = study["vgg/seed0"]
    assert files.weights.stat().st_mode == files.record.stat().st_mode
