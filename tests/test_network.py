import pytest
import torch
from torch import nn

from squeezesam.errors import ConfigError
from squeezesam.networks.building import build_network, folded
from squeezesam.networks.configs import VARIANTS, SqueezeSamConfig, variant_config
from squeezesam.networks.overview import macs, macs_by_block, parameters
from squeezesam.spec import SEGMENTER, MapChannel, input_specs


def settled(variant, size):
    """A network whose BatchNorms have seen something and whose branches are not silent."""
    torch.manual_seed(0)
    network = build_network(variant_config(variant), size).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def random_inputs(size):
    return [torch.rand(spec.shape) for spec in input_specs(size)]


def test_reference_has_the_published_size_and_compute():
    network = build_network(variant_config("reference"), 512)
    assert parameters(network) == pytest.approx(10.16e6, rel=0.01)
    assert macs(network, 512) == pytest.approx(26.3e9, rel=0.01)


@pytest.mark.parametrize(
    ("variant", "most_parameters", "most_macs"), [("base", 6e6, 2e9), ("nano", 6e6, 0.5e9)]
)
def test_ours_stay_in_their_budgets(variant, most_parameters, most_macs):
    network = build_network(variant_config(variant))
    assert parameters(network) <= most_parameters
    assert macs(network) <= most_macs
    assert sum(macs_by_block(network).values()) <= macs(network)


def test_one_convolution_is_counted_by_hand():
    # The stem: 3x3, 3 -> 8 channels, on 128x128 outputs of a 256 px input.
    network = build_network(variant_config("nano"), 256)
    assert macs_by_block(network, 256)["stem"] == 128 * 128 * 9 * 3 * 8


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_follow_the_spec(variant):
    kind = variant_config(variant).kind
    with torch.device("cpu" if kind is SEGMENTER else "meta"), torch.inference_mode():
        network = build_network(variant_config(variant), 256).eval()
        outputs = network(*(torch.rand(shape) for shape in kind.shapes(256)[0]))
    assert [tuple(output.shape) for output in outputs] == kind.shapes(256)[1]
    if kind is SEGMENTER:
        assert ((outputs[1] >= 0) & (outputs[1] <= 1)).all()


@pytest.mark.parametrize("variant", ["base", "nano"])
def test_folding_keeps_the_answers_and_leaves_no_batchnorm(variant):
    network = settled(variant, 64)
    inputs = random_inputs(64)
    with torch.inference_mode():
        before, after = network(*inputs), folded(network)(*inputs)
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    assert not any("BatchNorm" in type(module).__name__ for module in folded(network).modules())


@pytest.mark.parametrize("channel", MapChannel)
def test_every_prompt_map_reaches_the_masks(channel):
    network = settled("nano", 64)
    image, maps, tokens = random_inputs(64)
    other = maps.clone()
    other[:, channel] = 0
    with torch.inference_mode():
        assert not torch.equal(network(image, maps, tokens)[0], network(image, other, tokens)[0])


@pytest.mark.parametrize("slot", [0, 7, 15])
def test_every_token_reaches_the_masks(slot):
    network = settled("nano", 64)
    image, maps, tokens = random_inputs(64)
    other = tokens.clone()
    other[:, slot] = 0
    with torch.inference_mode():
        assert not torch.equal(network(image, maps, tokens)[0], network(image, maps, other)[0])


def test_weights_fit_any_input_size():
    small = settled("nano", 64)
    large = build_network(variant_config("nano"), 128)
    large.load_state_dict(small.state_dict())
    small.set_size(128)
    inputs = random_inputs(128)
    with torch.inference_mode():
        assert torch.equal(small(*inputs)[0], large.eval()(*inputs)[0])


@pytest.mark.parametrize("size", [0, -32, 100])
def test_sizes_that_do_not_divide_are_refused(size):
    with pytest.raises(ConfigError, match="multiple of 32"):
        build_network(variant_config("nano"), size)


def test_unknown_variant_names_the_known_ones():
    with pytest.raises(ConfigError, match="base, nano, reference"):
        variant_config("giant")


def test_heads_must_divide_the_channels():
    with pytest.raises(ConfigError, match="divisor"):
        SqueezeSamConfig(8, (8, 8, 8, 30), (1, 1, 1, 1), (8, 8, 8, 8), heads=4)
