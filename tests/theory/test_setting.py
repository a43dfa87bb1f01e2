from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plusone.errors import InputError
from plusone.theory import bounds, correlation_profile, dag, largest_depth, phase_diagram, predict

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"depth": 10, "density": 1.5}, "probability between 0 and 1, not 1.5"),
    ({"depth": 10, "density": -0.1}, "probability between 0 and 1, not -0.1"),
    ({"depth": 10, "density": float("nan")}, "probability between 0 and 1, not nan"),
    ({"depth": 10, "density": [0.5, 2.0]}, "probability between 0 and 1, not 2"),
    ({"depth": 10, "density": "half"}, "density is a number or an array of numbers, not 'half'"),
    ({"depth": 10, "density": True}, "density is a number or an array of numbers, not True"),
    ({"depth": 10, "density": [[0.5], [0.1, 0.2]]}, "density .* not a ragged list"),
    ({"depth": -3, "density": 0.5}, "whole number of blocks from 1 to 10,000,000, not -3"),
    ({"depth": 0, "density": 0.5}, "whole number of blocks .* not 0"),
    ({"depth": 2.5, "density": 0.5}, "whole number of blocks .* not 2.5"),
    ({"depth": float("inf"), "density": 0.5}, "whole number of blocks .* not inf"),
    ({"depth": [10, 0], "density": 0.5}, "whole number of blocks .* not 0"),
    ({"density": 0.5}, "Give a depth, the number of blocks, or a pattern"),
    ({"depth": 10}, "Give a density, the probability of a skip, or a pattern"),
    ({"density": 0.5, "pattern": [1, 0]}, "A pattern says which blocks have a skip"),
    ({"depth": 3, "pattern": [1, 0]}, "names 2 blocks and depth is 3"),
    ({"depth": [2, 2], "pattern": [1, 0]}, "names 2 blocks and depth is"),
    ({"pattern": [1, 2]}, "pattern is a list with one truth value per block"),
    ({"pattern": []}, "pattern is a list with one truth value per block"),
    ({"depth": 3, "density": 0.5, "scale": [1.0, 1.0]}, "2 numbers do not fit depth 3"),
    ({"depth": [3, 4], "density": 0.5, "scale": [1.0] * 3}, "3 numbers do not fit depth"),
    ({"depth": 3, "density": 0.5, "scale": "1/L^2"}, "scale as a name is one of 1/sqrt"),
    ({"depth": 3, "density": 0.5, "scale": float("inf")}, "scale is finite, not inf"),
    ({"depth": 3, "density": 0.5, "gain": -1.0}, "0 or more, not -1"),
    ({"depth": 3, "density": 0.5, "gain": float("nan")}, "0 or more, not nan"),
    ({"depth": 3, "density": 0.5, "norm": "group"}, "norm is one of none, batch, layer, not 'g"),
    ({"depth": 3, "density": 0.5, "norm": None}, "norm is one of none, batch, layer, not None"),
    ({"depth": 3, "density": 0.5, "activation": "selu"}, "one of linear, relu, tanh, gelu, not"),
    ({"depth": 3, "density": 0.5, "placement": "mid", "norm": "layer"}, "one of pre, post, not"),
    ({"depth": 3, "density": 0.5, "placement": "post"}, 'and norm is "none"'),
    ({"depth": 3, "density": 0.5, "batch": 64}, "batch norm, and there is none"),
    ({"depth": 3, "density": 0.5, "norm": "batch", "batch": 4}, "5 or more, not 4"),
    ({"depth": 3, "density": 0.5, "width": 0}, "width is a whole number, 1 or more, not 0"),
    ({"depth": 3, "density": 0.5, "width": 64.5}, "width is a whole number, 1 or more"),
    ({"depth": 3, "density": 0.5, "window": 0}, "window is a positive number of decades, not 0"),
    ({"depth": [1, 2, 3], "density": [0.1, 0.2]}, r"do not broadcast: \(3,\), \(2,\), \(\)"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_a_bad_option_is_refused_with_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        predict(**options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_other_functions_refuse_with_one_sentence_too() -> None:
    with pytest.raises(InputError, match="beta, a branch's spectral norm, is 0 or more"):
        bounds([-1.0])
    with pytest.raises(InputError, match="An edge leads from a node to a later one of 3"):
        dag(3, [1], [0], skip=1.0, strength=1.0)
    with pytest.raises(InputError, match="strength is 0 or more"):
        dag(3, [0], [1], skip=1.0, strength=-1.0)
    with pytest.raises(InputError, match="one number or one for 1 edges"):
        dag(3, [0], [1], skip=[1.0, 2.0], strength=1.0)
    with pytest.raises(InputError, match="most is a depth from 1"):
        largest_depth(0.5, most=0)
    with pytest.raises(InputError, match="a list of depths and a list of densities"):
        phase_diagram(10, [0.5])
    with pytest.raises(InputError, match="is of one depth, density and gain"):
        correlation_profile(predict([1, 2], 0.5).setting)
    with pytest.raises(InputError, match="correlation is between -1 and 1, not 2"):
        correlation_profile(predict(2, 0.5).setting, correlation=2.0)


def test_depth_density_and_gain_broadcast() -> None:
    found = predict([[10], [20]], [0.1, 0.2, 0.3], gain=0.5)
    assert found.log_second_moment.shape == (2, 3)
    assert found.label.shape == (2, 3)
    alone = predict(20, 0.3, gain=0.5)
    assert np.isclose(found.log_second_moment[1, 2], alone.log_second_moment)


def test_numpy_integers_and_whole_floats_are_depths() -> None:
    assert int(predict(np.int64(7), 0.5).setting.depth) == 7
    assert int(predict(7.0, 0.5, width=np.int32(64)).setting.depth) == 7
