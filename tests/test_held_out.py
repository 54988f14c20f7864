"""The fixed split: complete, disjoint, and the same for ever."""

import hashlib

import pytest
from test_evaluation import Memory, photo

from squeezesam.data.records import ONE_IN, Skipped, is_held_out, split
from squeezesam.errors import DataError

NAMES = [f"{number:04d}.jpg" for number in range(1, 1001)]
PINNED = ["0002.jpg", "0005.jpg", "0014.jpg", "0019.jpg", "0025.jpg", "0031.jpg"]
PINNED_DIGEST = "d9b0a6e0a52f78201b56c264c1b89109a30deea0e33115821bf956e1c715e535"


def names(dataset):
    return [dataset[place].name for place in range(len(dataset))]


def photos(wanted):
    return Memory([photo(name) for name in wanted], "memory")


def test_known_names_stay_on_their_side():
    """Weights were trained by this split: should it move, figures of held-out photos are void."""
    first = [name for name in NAMES[:40] if is_held_out(name)]
    assert first == PINNED
    digest = hashlib.sha256("\n".join(filter(is_held_out, NAMES)).encode()).hexdigest()
    assert digest == PINNED_DIGEST


def test_about_a_fifth_is_held_out():
    share = sum(map(is_held_out, NAMES)) / len(NAMES)
    assert share == pytest.approx(1 / ONE_IN, abs=0.04)


def test_the_parts_are_disjoint_and_complete_and_keep_the_order():
    whole = photos(NAMES[:100])
    kept, judged = (names(split(whole, held_out=part)) for part in (False, True))
    assert not set(kept) & set(judged)
    assert sorted(kept + judged) == NAMES[:100]
    assert kept == sorted(kept)
    assert judged == sorted(judged)


def test_photos_do_not_change_sides_when_others_come_or_go():
    few, many = (names(split(photos(some), held_out=True)) for some in (NAMES[20:60], NAMES))
    assert set(few) == set(many) & set(NAMES[20:60])


def test_a_part_is_a_data_set_of_its_name():
    whole = Memory([photo(name) for name in NAMES[:20]], "ecssd", (Skipped("x.jpg", "torn"),))
    part = split(whole, held_out=True)
    assert (part.name, part.skipped) == ("ecssd", whole.skipped)
    assert part[0] is whole.photos[part.places[0]]


def test_damaged_annotations_belong_to_neither_part():
    whole = photos(NAMES[:20])
    whole.photos[3] = None
    both = [name for part in (False, True) for name in names(split(whole, held_out=part))]
    assert sorted(both) == sorted(set(NAMES[:20]) - {NAMES[3]})


def test_a_part_without_photos_is_an_error():
    kept = [name for name in NAMES if not is_held_out(name)][:3]
    assert names(split(photos(kept), held_out=False)) == kept
    with pytest.raises(DataError, match="memory has no held-out photo"):
        split(photos(kept), held_out=True)
    with pytest.raises(DataError, match="memory has no other than held-out photo"):
        split(photos(list(filter(is_held_out, NAMES))), held_out=False)
