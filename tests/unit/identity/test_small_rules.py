"""Places, masks, clients, levels: small rules that other parts rely on."""

from datetime import UTC, datetime

import pytest

from backend.core.access_tokens import Claims
from backend.core.errors import Refusal
from backend.identity.client import Client
from backend.identity.masking import mask_id_number, mask_mobile
from backend.identity.models import Assurance, Entry
from backend.identity.place import Place
from backend.identity.sessions.tokens import resident_viewer
from backend.identity.viewer import ResidentViewer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("430102", Place("430100", "430102")),
        ("430100", Place("430100", None)),
        ("430221", Place("430200", "430212")),  # 株洲县 became 渌口区 in 2018.
        ("110101", Place(None, None)),
        ("", Place(None, None)),
    ],
)
def test_a_prefix_hints_at_a_place_of_today(code: str, place: Place) -> None:
    assert Place.hinted(code) == place


def test_a_place_that_is_given_must_be_here() -> None:
    with pytest.raises(Refusal, match="DIVISION_UNKNOWN"):
        Place.given("110101")


def test_numbers_keep_their_ends_and_their_length() -> None:
    assert mask_id_number("430102199003074515") == "43**************15"
    assert mask_id_number("CHN430182000101") == "CH***********01"
    assert mask_mobile("13000000001") == "130****0001"


def test_a_label_is_cut_and_secrets_stay_out_of_repr() -> None:
    client = Client.of(Entry.APP, "installation-0000001", "203.0.113.7", "x" * 100)
    assert len(client.label) == 60
    assert "203.0.113.7" not in repr(client)
    assert "installation-0000001" not in repr(client)


@pytest.mark.parametrize("held", Assurance)
@pytest.mark.parametrize("wanted", Assurance)
def test_below_a_level_the_way_up_is_named(held: Assurance, wanted: Assurance) -> None:
    viewer = ResidentViewer("r", "s", None, held, NOW)
    if held >= wanted:
        viewer.require(wanted)
        return
    with pytest.raises(Refusal, match="STEP_UP_REQUIRED") as refused:
        viewer.require(wanted)
    ways = {Assurance.L2: "stepUpWithDevice", Assurance.L3: "startFaceCheck"}
    assert refused.value.params == {"level": wanted.name, "how": ways[wanted]}


@pytest.mark.parametrize(("seconds", "level"), [(0, "L3"), (300, "L3"), (301, "L1")])
def test_a_face_counts_for_five_minutes(seconds: int, level: str) -> None:
    proven = datetime.fromtimestamp(NOW.timestamp() - seconds, UTC)
    claims = Claims("resident", "r", "s", proven, proven, NOW, "j", {"acr": "L3", "device": "d"})
    assert resident_viewer(claims, NOW).assurance is Assurance[level]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Wang's phone 手机 📱", "Wang's phone 手机 📱"),
        ("\u202eevil\u2066 phone\0\r\n", "evil phone"),
        ("\u200b\ufeff", ""),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_label_holds_nothing_that_changes_how_a_list_reads(given: str, shown: str) -> None:
    assert Client.of(Entry.WEB, "installation-of-a-phone", "203.0.113.7", given).label == shown
