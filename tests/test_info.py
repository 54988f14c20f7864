import pytest

from squeezesam import environment
from squeezesam.cli import main
from squeezesam.errors import MissingDependencyError


def test_info_prints_every_variant_and_tensor(capsys):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    for word in ("base", "nano", "reference", "prompt_maps", "low_res_masks", "torch"):
        assert word in shown


def test_info_of_one_variant_shows_its_blocks(capsys):
    assert main(["info", "--variant", "nano"]) == 0
    shown = capsys.readouterr().out
    assert "transformer" in shown
    assert "nano, block" in shown


def test_info_refuses_an_unknown_variant(capsys):
    assert main(["info", "--variant", "giant"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("found", [None, "2.12.0", "2.13.1+cpu"])
def test_another_torch_is_refused_with_the_mend(monkeypatch, found):
    pair = {"torch": found, "executorch": "1.5.1"}
    monkeypatch.setattr(environment, "_version", pair.get)
    with pytest.raises(MissingDependencyError, match="pip install"):
        environment.check_pair()


def test_a_local_build_of_the_pair_is_accepted(monkeypatch):
    pair = {"torch": "2.13.0+cpu", "executorch": "1.5.1"}
    monkeypatch.setattr(environment, "_version", pair.get)
    environment.check_pair()
