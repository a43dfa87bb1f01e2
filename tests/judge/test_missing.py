"""S104: a block without a skip where its peers have one."""

from __future__ import annotations

from judge.synthetic import block, codes, evidence, found
from plusone.records import BlockReport, Finding


def missing(blocks: list[BlockReport]) -> list[Finding]:
    """The findings, all of which are of missing skips."""
    findings = found(evidence(blocks))
    assert set(codes(findings)) <= {"S104"}
    return findings


def plain(name: str, **fields: object) -> BlockReport:
    return block(name, kind="plain", **fields)


def test_one_plain_block_among_residual_ones_is_found() -> None:
    blocks = [block(f"blocks.{k}") for k in range(6)]
    blocks[3] = plain("blocks.3")
    (finding,) = missing(blocks)
    assert finding.where == "blocks.3"
    assert finding.reason == (
        "blocks.3 has no skip, while 5 blocks of the same kind have one (blocks.0, blocks.1); its "
        "input and output have the same shape [8, 64]"
    )


def test_a_plain_branch_inside_a_layer_is_found_beside_the_one_with_a_skip() -> None:
    blocks = [block(f"h.{k}.{part}") for k in range(3) for part in ("attn", "mlp")]
    blocks[2] = plain("h.1.attn.qkv")
    blocks[3] = block("h.1")
    (finding,) = missing(blocks)
    assert finding.where == "h.1.attn.qkv"


def test_a_layer_whose_peers_join_below_it_is_found() -> None:
    blocks = [block(f"convs.{k}.linear") for k in range(5)]
    blocks[2] = plain("convs.2", shape=(300, 64))
    (finding,) = missing(blocks)
    assert finding.where == "convs.2"


def test_several_plain_pieces_of_one_block_are_one_finding() -> None:
    blocks = [block(f"blocks.{k}") for k in range(5)]
    pieces = [
        plain("blocks.2.body.0", shape=(8, 16), layers=1),
        plain("blocks.2.body.1", input_shape=(8, 16), layers=1),
    ]
    (finding,) = missing([*blocks[:2], *pieces, *blocks[3:]])
    assert finding.where == "blocks.2.body.0"


def test_a_block_that_changes_the_shape_needs_no_skip() -> None:
    blocks = [block(f"blocks.{k}") for k in range(6)]
    blocks[3] = plain("blocks.3", shape=(8, 128))
    blocks[4:] = [block(f"blocks.{k}", shape=(8, 128), input_shape=(8, 128)) for k in (4, 5)]
    assert missing(blocks) == []


def test_a_block_that_changes_the_shape_may_do_without_also_where_its_peers_project() -> None:
    def stage(k: int, width: int) -> list[BlockReport]:
        first = block(f"s.{k}.0", skip="projection", input_shape=(8, width // 2), shape=(8, width))
        return [first, block(f"s.{k}.1", input_shape=(8, width), shape=(8, width))]

    blocks = [*stage(0, 64), *stage(1, 128), *stage(2, 256)]
    blocks[2] = plain("s.1.0", input_shape=(8, 64), shape=(8, 128))
    assert missing(blocks) == []


def test_a_level_of_a_decoder_without_a_concatenation_is_no_fault() -> None:
    blocks = [block(f"decoder.{k}", skip="concat") for k in range(4)]
    assert missing([*blocks, plain("decoder.4.conv1")]) == []


def test_where_half_of_the_blocks_have_no_skip_that_is_the_design() -> None:
    blocks = [block(f"b.{k}") if k % 2 else plain(f"b.{k}") for k in range(8)]
    assert missing(blocks) == []


def test_a_list_in_which_no_block_has_a_skip_is_another_design() -> None:
    backbone = [block(f"model.{k}.m.{j}") for k in (2, 4) for j in range(3)]
    neck = [plain("model.13.m.0")]
    assert missing([*backbone, *neck]) == []


def test_plain_blocks_of_other_names_are_no_peers() -> None:
    assert missing([*(block(f"blocks.{k}") for k in range(4)), plain("reduce")]) == []


def test_one_peer_is_not_enough() -> None:
    assert missing([block("blocks.0"), plain("blocks.1")]) == []


def test_layers_written_out_in_the_forward_are_peers_of_one_another() -> None:
    blocks = [block("add" if not k else f"add#{k + 1}", module="") for k in range(6)]
    blocks[3] = plain("tanh", module="")
    (finding,) = missing(blocks)
    assert finding.where == "tanh"


def test_a_layer_written_out_at_the_end_is_a_head() -> None:
    blocks = [block(f"add#{k}", module="") for k in range(5)]
    assert missing([*blocks, plain("mm", module="")]) == []


def test_a_last_block_whose_output_is_averaged_is_found() -> None:
    blocks = [block(f"b.{k}", shape=(4, 8, 16, 16), input_shape=(4, 8, 16, 16)) for k in range(5)]
    (finding,) = missing([*blocks, plain("b.5", shape=(4, 8), input_shape=(4, 8, 16, 16))])
    assert finding.where == "b.5"


def test_a_block_around_a_module_is_a_peer_of_the_module_without_one() -> None:
    blocks = [b for k in range(5) for b in (plain(f"mlps.{k}"), block(f"mlps.{k}#2"))]
    del blocks[5]
    (finding,) = missing(blocks)
    assert finding.where == "mlps.2"


def test_a_bare_layer_in_the_list_of_deeper_blocks_is_no_peer_of_theirs() -> None:
    blocks = [plain("0", layers=1), *(block(str(k)) for k in range(1, 7))]
    assert missing(blocks) == []
    (finding,) = missing([plain("0", layers=2), *blocks[1:]])
    assert finding.where == "0"


def test_the_end_of_a_branch_around_other_blocks_lacks_no_skip() -> None:
    blocks = [block(f"s.{k}.convs.0", layers=1, level=1) for k in range(4)]
    blocks[2:2] = [plain("s.1.convs.1", layers=1, level=1), block("s.1.convs", layers=0)]
    assert missing(blocks) == []
