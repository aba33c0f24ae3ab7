"""Boxes and vectors as bytes."""

import numpy as np

from cmo.model.packing import pack, pack_boxes, unpack_boxes
from cmo.model.papers import Box


def test_boxes_come_back_to_a_hundredth_of_a_point() -> None:
    boxes = (Box(1, 56.0, 80.12, 440.82, 92.0), Box(12, 0.01, 0.0, 595.28, 841.89))
    assert unpack_boxes(pack_boxes(boxes)) == boxes


def test_no_boxes_are_no_bytes() -> None:
    assert pack_boxes(()) == b""
    assert unpack_boxes(b"") == ()


def test_a_passage_without_sentences_is_packed() -> None:
    packed = pack(np.ones(4, np.float32) / 2, np.zeros((0, 4), np.float32))
    assert (packed.sentences, packed.scales) == (b"", b"")


def test_a_zero_vector_does_not_become_a_number_that_is_none() -> None:
    packed = pack(np.zeros(4, np.float32), np.zeros((1, 4), np.float32))
    rows = np.frombuffer(packed.sentences, np.int8).astype(np.float32)
    assert not rows.any()
