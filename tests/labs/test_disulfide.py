"""The parser against written records and geometry, the chains against ProDy and sampling."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from plusone.errors import InputError
from plusone.graph.path_graph import PathGraph
from plusone.labs import LabResult, RunConfig, run_lab
from plusone.labs.base.lab import Arm, Plan, Run, Runs
from plusone.labs.base.run import result_of
from plusone.labs.disulfide import LAB
from plusone.labs.disulfide.atoms import ssbond
from plusone.labs.disulfide.chains import (
    each_loop,
    energy,
    fluctuation,
    loops,
    network_fluctuation,
    other_pairings,
)
from plusone.labs.disulfide.chance import at_random, holm, motions, p_value
from plusone.labs.disulfide.entries import CARRIED, bonded, structure_of
from plusone.labs.disulfide.hosts import NUMBERS, graph_of, hosts, numbers_of
from plusone.labs.disulfide.lab import plan_of_file
from plusone.labs.disulfide.pdb import parsed, read_structure
from plusone.labs.disulfide.skipnet import SkipChain, decades, predicted_decades
from plusone.labs.show.markdown import results_markdown
from plusone.labs.show.text import result_text
from plusone.nn.models import MLP

from support.reduced_lab import means, run_plan, verdicts

GOLDEN = Path(__file__).parent / "golden" / "gnm.json"
STRUCTURES = Path(run_lab.__globals__["__file__"]).parents[1] / "disulfide" / "structures"


def atom(
    number: int,
    x: float,
    *,
    name: str = "CA",
    chain: str = "A",
    kind: str = "CYS",
    record: str = "ATOM",
) -> str:
    return (
        f"{record:<6}{number:5d}  {name:<3} {kind} {chain}{number:4d}    "
        f"{x:8.3f}{0.0:8.3f}{0.0:8.3f}{1.0:6.2f}{10.0 + number:6.2f}"
    )


def chain_text(count: int, *, gap_after: int = 0, chain: str = "A", first: int = 1) -> list[str]:
    gap = 20.0
    return [
        atom(n, 3.8 * n + (gap if gap_after and n > gap_after else 0.0), chain=chain)
        for n in range(first, first + count)
    ]


def bond(i: int, j: int, chains: str = "AA", *, kind: str = "CYS", copy: str = "1555") -> str:
    return (
        f"SSBOND   1 {kind} {chains[0]} {i:4d}    CYS {chains[1]} {j:4d}"
        f"                          1555   {copy}  2.03"
    )


@pytest.mark.parametrize(
    ("entry", "length", "bonds"),
    [
        ("crambin", 46, [(3, 40), (4, 32), (16, 26)]),
        ("bpti", 58, [(5, 55), (14, 38), (30, 51)]),
        ("lysozyme", 129, [(6, 127), (30, 115), (64, 80), (76, 94)]),
        ("ubiquitin", 76, []),
    ],
)
def test_the_carried_structures_have_the_bonds_of_their_entries_and_of_their_geometry(
    entry: str, length: int, bonds: list[tuple[int, int]]
) -> None:
    (piece,) = structure_of(entry).pieces
    assert len(piece) == length
    assert [(i + 1, j + 1) for i, j in piece.bonds] == bonds
    assert piece.near == piece.bonds


def test_a_chain_is_cut_where_residues_are_missing_and_bonds_across_are_counted() -> None:
    lines = [bond(2, 8), bond(3, 15), *chain_text(20, gap_after=10)]
    structure = parsed("\n".join(lines), "x")
    assert [(p.name, len(p), p.bonds) for p in structure.pieces] == [
        ("x A/1", 10, ((1, 7),)),
        ("x A/2", 10, ()),
    ]
    assert (structure.num_between, structure.num_across) == (0, 1)


def test_bonds_between_chains_are_in_none_and_a_second_model_is_not_read() -> None:
    lines = [bond(2, 8, "AB"), *chain_text(10), *chain_text(10, chain="B"), "ENDMDL"]
    structure = parsed("\n".join([*lines, *chain_text(9, chain="C")]), "x")
    assert [p.name for p in structure.pieces] == ["x A", "x B"]
    assert structure.num_between == 1


def test_the_first_alternate_location_counts_and_insertion_codes_tell_residues_apart() -> None:
    lines = chain_text(10)
    other = lines[3][:16] + "B" + lines[3][17:30] + "  99.000" + lines[3][38:]
    inserted = atom(10, 3.8 * 11)
    inserted = inserted[:26] + "A" + inserted[27:]
    (piece,) = parsed("\n".join([*lines[:4], other, *lines[4:], inserted]), "x").pieces
    assert len(piece) == 11
    assert piece.coordinates[3][0] == pytest.approx(15.2)


@pytest.mark.parametrize("name", ["bpti.pdb.gz", "bpti.pdb"])
def test_a_gzipped_file_is_read_whatever_its_name_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress((STRUCTURES / "bpti.pdb").read_bytes()))
    assert read_structure(file).pieces[0].bonds == bonded("bpti").bonds


def test_a_bond_that_is_recorded_in_both_orders_is_one() -> None:
    lines = [bond(2, 8), bond(8, 2), bond(3, 4, "AB"), bond(4, 3, "BA"), *chain_text(10)]
    structure = parsed("\n".join([*lines, *chain_text(10, chain="B")]), "x")
    assert structure.pieces[0].bonds == ((1, 7),)
    assert structure.num_between == 1


@pytest.mark.parametrize("record", [bond(2, 8, copy="2655"), bond(2, 2)])
def test_a_bond_with_a_symmetric_copy_is_none_of_the_chain(record: str) -> None:
    structure = parsed("\n".join([record, bond(3, 9), *chain_text(10)]), "x")
    assert structure.pieces[0].bonds == ((2, 8),)
    assert (structure.num_copies, structure.num_between) == (1, 0)


def test_modified_residues_of_the_polymer_belong_to_the_chain_and_ligands_and_calcium_do_not() -> (
    None
):
    lines = chain_text(12)
    lines[5] = atom(6, 3.8 * 6, kind="MSE", record="HETATM")
    ligand = atom(13, 3.8 * 13, kind="GLU", record="HETATM")
    calcium = atom(14, 3.8 * 13, kind=" CA", record="HETATM")
    calcium = calcium[:12] + "CA  " + calcium[16:]
    for after in (["TER", ligand], ["TER      13      CYS A  12", ligand], [calcium]):
        (piece,) = parsed("\n".join([bond(2, 8), *lines, *after]), "x").pieces
        assert len(piece) == 12
        assert piece.sequence[5] == "MSE"


def touching(*places: tuple[int, float]) -> list[str]:
    """Sulfurs of these residues at these places along a line of their own."""
    return [atom(number, x, name="SG") for number, x in places]


def test_a_record_whose_sulfurs_are_too_far_apart_is_set_aside_and_named() -> None:
    """As 1IGY's of D240-D242, while D240 is bonded to B240 too; and sulfurs without one."""
    other = [*chain_text(10, chain="B"), atom(2, 2.0, name="SG", chain="B")]
    lines = [bond(2, 2, "AB"), bond(2, 5), *chain_text(10), *other]
    sulfurs = touching((2, 0.0), (5, -2.99), (7, 50.0), (9, 52.4))
    structure = parsed("\n".join([*lines, *sulfurs]), "x")
    assert structure.refuted == ("A2-A5, 2.99 A",)
    assert structure.unrecorded == ("A7-A9",)
    assert (structure.num_between, structure.num_records, structure.num_compared) == (1, 2, 3)
    assert [piece.bonds for piece in structure.pieces] == [(), ()]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["nothing"], "'x' has no ATOM record of a CA atom"),
        ([bond(2, 80), *chain_text(10)], "names residue 80 of chain 'A', which has no CA atom"),
        (["SSBOND   1 CYS A", *chain_text(10)], "'x', line 1: the record 'SSBOND   1 CYS A' is"),
        ([*chain_text(9), "ATOM     10  CA  CYS A  10      broken"], "line 10: the record 'ATOM"),
        (
            [*chain_text(9), atom(10, 38.0)[:51]],
            "line 10: .* is broken .it ends before column 54.$",
        ),
        (
            [*chain_text(9), atom(10, 38.0).replace("  10 ", "   x ")],
            "columns 23 to 26 hold 'x' and no residue number",
        ),
        (
            [*chain_text(9), atom(10, 38.0)[:30] + "    a.bc" + atom(10, 38.0)[38:]],
            "columns 31 to 38 hold 'a.bc' and no number",
        ),
        (["data_1CRN", "_atom_site.id", "ATOM 1 N N"], "'x' is in mmCIF format"),
        (
            [bond(2, 8), atom(1, 3.8), atom(2, 7.6, kind="ALA"), *chain_text(8, first=3)],
            "names residue 2 of chain 'A' CYS, and its atoms are those of ALA; a disulfide bond",
        ),
        (
            [bond(2, 8, kind="GLY"), *chain_text(10)],
            "names residue 2 of chain 'A' GLY, and its atoms are those of CYS",
        ),
        (
            [bond(5, 55), bond(5, 14), bond(14, 55), *chain_text(60)],
            r"bond one cysteine 2 times \(A5-A55 and A5-A14\), which its one sulfur cannot",
        ),
        (
            [bond(2, 4, "AB"), bond(4, 4, "BC")]
            + [line for chain in "ABC" for line in chain_text(9, chain=chain)],
            r"bond one cysteine 2 times \(B4-A2 and B4-C4\)",
        ),
    ],
)
def test_broken_records_are_refused_in_one_sentence(lines: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parsed("\n".join(lines), "x")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (chain_text(12), "'x' has no disulfide bond within a chain, and no sulfurs that are near"),
        (
            [bond(2, 8, "AB"), *chain_text(10), *chain_text(10, chain="B")],
            "of the bonds that its SSBOND records name, 1 between two chains$",
        ),
        (
            [bond(2, 5), bond(3, 19), *chain_text(20, gap_after=6)],
            "name, 1 across missing residues, 1 in a stretch of fewer than 8 residues$",
        ),
        (
            [bond(2, 8), *chain_text(10), *touching((2, 0.0), (8, 3.0))],
            r"name, 1 refuted by the distance of the sulfurs \(A2-A8, 3.00 A\)$",
        ),
    ],
)
def test_a_structure_without_bonds_is_refused_before_anything_runs(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    file = tmp_path / "x.pdb"
    file.write_text("\n".join(lines))
    with pytest.raises(InputError, match=words):
        run_lab("disulfide", RunConfig(file=str(file), folder=tmp_path))


def test_each_loop_costs_less_where_the_other_bonds_are_there_already() -> None:
    piece = bonded("bpti")
    n, bonds = len(piece), piece.bonds
    each = np.array(each_loop(n, bonds))
    assert each[:, 0].sum() == pytest.approx(energy(len(bonds), loops(n, bonds)[1]))
    assert (each[:, 1] < each[:, 0]).all()
    # The last bond of a chain of bonds taken one after another costs what is left of all.
    first, last = energy(2, loops(n, bonds[:2])[0]), energy(3, loops(n, bonds)[0])
    assert each[2, 1] == pytest.approx(last - first)
    assert each_loop(n, bonds[:1])[0][0] == pytest.approx(each_loop(n, bonds[:1])[0][1])


def test_a_damaged_archive_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress((STRUCTURES / "bpti.pdb").read_bytes()))
    whole[400:440] = bytes(255 - byte for byte in whole[400:440])
    file = tmp_path / "x.pdb.gz"
    file.write_bytes(whole)
    with pytest.raises(InputError, match="x.pdb.gz' cannot be read"):
        read_structure(file)


def test_a_chain_with_missing_residues_is_said_to_be_cut() -> None:
    assert parsed("\n".join(chain_text(20, gap_after=6)), "x").cut == ("A",)
    assert parsed("\n".join(chain_text(20)), "x").cut == ()


def test_loose_ends_that_lie_near_each_other_are_no_chain() -> None:
    """The turn of a hairpin is missing: its ends are as near as neighbours, their atoms are not."""
    lines = [*chain_text(10), *(atom(n, 38.0 + 3.9 + 3.8 * (n - 17)) for n in range(17, 27))]
    assert parsed("\n".join(lines), "x").cut == ()  # 3.9 A: numbers that jump, and no gap
    far = [*chain_text(10), *(atom(n, 38.0 + 4.2 + 3.8 * (n - 17)) for n in range(17, 27))]
    assert parsed("\n".join(far), "x").cut == ("A",)
    ends = [atom(10, 39.3, name="C"), atom(17, 43.0, name="N")]
    assert parsed("\n".join([*lines, *ends]), "x").cut == ("A",)
    near = [atom(10, 39.3, name="C"), atom(17, 40.6, name="N")]
    assert parsed("\n".join([*lines, *near]), "x").cut == ()


@pytest.mark.parametrize("name", ["bpti", "hosts", "1CRN"])
def test_a_file_is_what_it_holds_and_not_what_it_is_called(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text((STRUCTURES / "lysozyme.pdb").read_text())
    plan = plan_of_file(name, False)
    arms = [arm.name for arm in plan.arms]
    assert len(arms) == len(set(arms))
    assert arms[0] == f"file {name}"
    assert len(bonded(str(plan.arms[0].options["entry"]))) == 129
    with pytest.raises(InputError, match="--pdb names no file"):
        plan_of_file("", False)


def test_sulfurs_that_touch_without_a_record_are_named_with_the_record_that_is_missing(
    tmp_path: Path,
) -> None:
    lines = (STRUCTURES / "bpti.pdb").read_text().splitlines()
    bare = [line for line in lines if not line.startswith("SSBOND")]
    file = tmp_path / "bare.pdb"
    file.write_text("\n".join(bare))
    record = "SSBOND   1 CYS A    5    CYS A   55"
    words = f"'bare' has no SSBOND record, although 3 pairs of sulfurs suggest .* '{record}'$"
    with pytest.raises(InputError, match=words):
        bonded(str(file))
    file.write_text("\n".join([record, *bare]))
    assert bonded(str(file)).bonds == ((4, 54),)


def test_a_record_is_written_with_its_insertion_code() -> None:
    record = ssbond(("A", "22A"), ("B", "157"))
    assert (record[15], record[17:22], record[29], record[31:]) == ("A", "  22A", "B", " 157")


def test_one_bond_leaves_two_limits_unmeasured_with_their_reasons(tmp_path: Path) -> None:
    text = (STRUCTURES / "crambin.pdb").read_text().splitlines()
    records = [line for line in text if line.startswith("SSBOND")]
    (tmp_path / "one.pdb").write_text("\n".join(x for x in text if x not in records[1:]))
    result = untrained(str(tmp_path / "one.pdb"))
    reasons = {o.prediction.key: o.unmeasured for o in result.outcomes if o.unmeasured}
    assert reasons == {
        "shared": "no chain has more than one bond, so there is none to share with",
        "pairings": "no chain has more than one bond, whose cysteines pair in one way",
    }
    assert not any(math.isnan(o.mean) for o in result.outcomes if not o.unmeasured)
    assert "nan" not in result_text(result)
    assert "nan" not in results_markdown([result], command="")


@pytest.mark.parametrize("entry", ["bpti", "crambin"])
def test_the_folded_network_is_prodys(entry: str) -> None:
    expected = json.loads(GOLDEN.read_text("utf-8"))["fluctuations"][entry]
    np.testing.assert_allclose(network_fluctuation(bonded(entry)), expected, rtol=1e-10)


def test_an_unfolded_chain_fluctuates_as_sampled_gaussian_chains_do() -> None:
    """Steps of unit variance per coordinate, bonds as springs of 1, by weights of the samples."""
    draw = np.random.default_rng(0)
    steps = draw.standard_normal((200_000, 5))
    places = np.concatenate([np.zeros((len(steps), 1)), steps.cumsum(1)], 1)
    places -= places.mean(1, keepdims=True)
    weights = np.exp(-((places[:, 1] - places[:, 4]) ** 2) / 2)
    sampled = (weights[:, None] * places**2).sum(0) / weights.sum()
    np.testing.assert_allclose(fluctuation(6, [(1, 4)]), sampled, rtol=0.02)


def test_random_bonds_keep_their_spans_and_share_no_residue() -> None:
    draw = np.random.default_rng(1)
    for _ in range(50):
        found = at_random(40, [20, 3, 3, 11], draw)
        assert [j - i for i, j in found] == [20, 3, 3, 11]
        assert len({end for pair in found for end in pair}) == 8


def test_random_bonds_are_uniform_over_all_placements() -> None:
    draw = np.random.default_rng(2)
    found = Counter(tuple(at_random(7, [4, 2], draw)) for _ in range(4000))
    places = [((i, i + 4), (j, j + 2)) for i in range(3) for j in range(5)]
    valid = [place for place in places if len({*place[0], *place[1]}) == 4]
    assert set(found) == set(valid)
    expected = 4000 / len(valid)
    assert sum((found[v] - expected) ** 2 / expected for v in valid) < 20  # 0.1 % are above 20.5


def test_bonds_without_room_are_refused() -> None:
    with pytest.raises(InputError, match="8 residues has next to no room for bonds of the spans 7"):
        at_random(8, [7, 7], np.random.default_rng(0))


def test_the_motion_of_many_sets_of_bonds_is_that_of_each_inverse() -> None:
    sets = [[(0, 20), (3, 6)], [(1, 29), (2, 28)], [(5, 8), (9, 12)]]
    bare = fluctuation(30).mean()
    each = [fluctuation(30, bonds).mean() / bare for bonds in sets]
    np.testing.assert_allclose(motions(30, sets), each, rtol=1e-10)


def test_a_p_value_counts_ties_and_the_value_itself() -> None:
    assert p_value(0.5, np.array([0.4, 0.5, 0.6, 0.7])) == pytest.approx(3 / 5)


def test_holms_correction_is_that_by_hand() -> None:
    """Sorted 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, each at least the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_pairings_are_all_ways_but_the_native_one() -> None:
    found = other_pairings([(0, 5), (2, 9), (3, 7)])
    assert len(found) == 14
    assert len({tuple(sorted(pairs)) for pairs in found}) == 14
    assert all({e for p in pairs for e in p} == {0, 2, 3, 5, 7, 9} for pairs in found)
    assert other_pairings([(1, 4)]) == []


def test_one_loop_takes_the_entropy_of_its_length() -> None:
    """-2.1 - 1.5 R ln n cal/(mol K): of 15 residues 10.17, so 3.03 kcal/mol at 298 K."""
    assert energy(1, math.log(15)) == pytest.approx(298 * (2.1 + 1.5 * 1.987 * math.log(15)) / 1e3)


def test_bonds_that_close_a_cycle_have_no_joint_entropy() -> None:
    joint, alone = loops(58, [(4, 54), (4, 13), (13, 54)])
    assert joint == -math.inf
    assert alone == pytest.approx(math.log(50 * 9 * 41))


def test_the_net_is_its_chain_with_the_sums_written_out() -> None:
    net = SkipChain(4, 3, 5, [(0, 2), (1, 4)])
    x0 = torch.randn(2, 3)
    f = [lambda x, layer=layer: torch.tanh(layer(x)) for layer in net.layers]
    x1 = f[0](x0)
    x2 = f[1](x1) + x0
    x3 = f[2](x2)
    x4 = f[3](x3) + x1
    assert torch.equal(net.nodes(x0)[-1], x4)


def test_the_forecast_is_the_measured_gradient_of_wide_linear_chains() -> None:
    torch.manual_seed(0)
    skips = [(1, 5), (3, 9)]
    net = SkipChain(16, 512, 12, skips)
    with torch.no_grad():
        net.stem.weight.mul_(1e-3)
        net.stem.bias.zero_()
    found = decades(net, torch.randn(8, 16), torch.Generator().manual_seed(0))
    assert found == pytest.approx(predicted_decades(12, skips), abs=0.06)
    assert predicted_decades(12, []) == pytest.approx(11 * math.log10(0.7))


def test_one_graph_code_reads_a_scanned_net_and_a_chain() -> None:
    net = graph_of(MLP(4, 2, width=4, num_blocks=6), (torch.randn(2, 4),))
    scanned = dict(zip(NUMBERS, numbers_of(net), strict=True))
    assert scanned["paths"] == pytest.approx(6 * math.log10(2))
    assert scanned["cut"] == 1.0
    assert scanned["decades"] == pytest.approx(3 * math.log10(1.5))
    assert scanned["mean"] == pytest.approx(3.0)
    assert scanned["resolvent"] == pytest.approx(6 * math.log10(1.5))
    assert scanned["fewest"] == 0
    assert scanned["hops"] >= 1
    found = hosts(58, bonded("bpti").bonds, "bpti")
    assert found["bpti and its bonds"][1] == pytest.approx(math.log10(4))
    plain = dict(zip(NUMBERS, found["plain net, 57 layers"], strict=True))
    for key in ("fewest", "mean", "hops", "resistance"):
        assert plain[key] == pytest.approx(57)
    assert found["V-cycle, 127 x 127"][1] > 0
    for numbers in found.values():
        of = dict(zip(NUMBERS, numbers, strict=True))
        assert of["fewest"] <= of["mean"]


def test_a_graph_of_two_inputs_is_read_from_the_first() -> None:
    both = PathGraph(
        num_nodes=4,
        source=[0, 1, 2, 2],
        target=[2, 2, 3, 3],
        length=[1, 1, 1, 0],
        inputs=(0, 1),
        outputs=(3,),
    )
    found = dict(zip(NUMBERS, numbers_of(both), strict=True))
    assert found["paths"] == pytest.approx(math.log10(2))
    assert (found["fewest"], found["mean"]) == (1, 1.5)


def untrained(entry: str) -> LabResult:
    """What the lab finds of a structure, with made-up numbers of the nets."""
    plan = _small(entry)
    net = {"start": -1.0, "predicted": -1.0, "train": 0.5, "test": 0.5}
    runs = tuple(
        Run(arm=arm, seed=0, numbers=numbers, seconds=0.0)
        for arm in plan.arms
        for numbers in [net if arm.name.startswith("net: ") else LAB.measure(arm, 0)]
    )
    return result_of(LAB, Runs(plan, runs), is_full=False)


def _small(entry: str, *, steps: int = 50) -> Plan:
    options: dict[str, str | float | int | bool] = {"entry": entry, "width": 24, "steps": steps}
    nets = ("none", "bonds", "random places", "local")
    return Plan(
        arms=(
            Arm(name="structure", options={"entry": entry}),
            Arm(name="hosts", options={"entry": entry}),
            *(Arm(name=f"net: {net}", options=options) for net in nets),
        ),
        seeds=(0,),
    )


def test_bonds_stiffen_the_chain_and_make_the_net_trainable_and_local_ones_do_not() -> None:
    result = run_plan(LAB, _small("crambin"))
    found, number = verdicts(result), means(result)
    for key in ("unfolded", "paths", "bare", "records", "local", "b-factors", "cysteines"):
        assert found[key] == "holds", key
    assert number["net"] > 0.2
    assert number["net-local"] < 0.2


def chain_of(entry: str, chain: str) -> tuple[list[str], list[str]]:
    """The SSBOND records and the atoms of a carried structure, as this chain's at its place."""
    places = {"A": 0, "B": 100, "C": 200}
    lines = (STRUCTURES / f"{entry}.pdb").read_text().splitlines()
    bonds = [x[:15] + chain + x[16:29] + chain + x[30:] for x in lines if x[:6] == "SSBOND"]
    return bonds, [
        f"{x[:21]}{chain}{x[22:30]}{float(x[30:38]) + places[chain]:8.3f}{x[38:]}"
        for x in lines
        if x.startswith("ATOM")
    ]


def test_faulty_records_count_and_a_protein_counts_once_and_its_own_chain_is_drawn(
    tmp_path: Path,
) -> None:
    """Crambin twice, the second as its variant of residue 25, and BPTI, in one file."""
    bonds, atoms = zip(
        *(chain_of(*of) for of in (("crambin", "A"), ("crambin", "B"), ("bpti", "C"))), strict=True
    )
    variant = [x.replace(" ILE ", " LEU ") if x[22:26] == "  25" else x for x in atoms[1]]
    assert variant != atoms[1]
    lines = [bond(3, 5, "AC"), *bonds[0], *bonds[1], *bonds[2], *atoms[0], *variant, *atoms[2]]
    file = tmp_path / "three.pdb"
    file.write_text("\n".join(lines))
    found = untrained(str(file))
    assert (means(found)["records"], verdicts(found)["records"]) == (1.0, "fails")
    assert (
        "The records name 10 bonds: 9 within a chain and 1 refuted by the "
        "distance of the sulfurs. Set aside as faulty, since no bond is that long: three A3-C5, "
    ) in found.reading
    assert "three B repeats three A: each protein counts once" in found.reading
    assert "three A and three C are of one molecule" in found.reading
    assert {o.num_seeds for o in found.outcomes if o.prediction.over == "chains"} == {2}
    assert found.figures[0].title == "three C: motion along the chain"
    rows = {row[0]: row[-4:] for row in found.tables[0].rows}
    assert list(rows) == ["three A", "three B, repeats three A", "three C"]
    assert rows["three B, repeats three A"] == ("-",) * 4
    assert rows["three A"][2:] == pytest.approx((1 / 2001, 4 / 2001))


@pytest.mark.lab
def test_a_file_of_the_users_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "mine.pdb"
    file.write_bytes((STRUCTURES / "crambin.pdb").read_bytes())
    result = run_lab("disulfide", RunConfig(file=str(file), folder=tmp_path))
    assert result.command == f"plusone lab run disulfide --pdb {file}"
    assert {o.prediction.key: o.verdict for o in result.outcomes}["unfolded"] == "holds"


@pytest.mark.lab
def test_the_quick_lab_holds(tmp_path: Path) -> None:
    assert run_lab("disulfide", RunConfig(folder=tmp_path)).verdict == "holds"
    assert CARRIED
