"""The image that the API serves can be scanned, also when the picture is a bad one, and verified offline."""

import io
import random

import pytest
import segno
import zxingcpp
from PIL import Image

from tests.integration.product.people import register

LARGEST_VERSION = 12


def noisy(image: Image.Image) -> Image.Image:
    """5 % of all pixels black or white at random, always the same ones."""
    changed = image.convert("L")
    pixels = changed.load()
    chance = random.Random(5)
    for _ in range(changed.width * changed.height // 20):
        pixels[chance.randrange(changed.width), chance.randrange(changed.height)] = chance.choice((0, 255))
    return changed


DAMAGES = {
    "as served": lambda image: image,
    "rotated": lambda image: image.convert("L").rotate(15, expand=True, fillcolor=255),
    "half its size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "with 5 % noise": noisy,
}


@pytest.fixture(scope="module")
def citizen(product):
    return register(product, 1004)


def fetch(product, citizen, domain: str):
    """The image of the code for a domain's desks, as the API serves it."""
    path = f"/me/code.png?domain={domain}"
    return product.http.get(path, headers={"Authorization": f"Bearer {citizen.token}"})


@pytest.fixture(scope="module")
def served(product, citizen):
    answer = fetch(product, citizen, "medical")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "no-store"
    assert 1 <= int(answer.headers["Refresh"]) <= 15
    return answer.content


def read(image: Image.Image) -> str:
    """The text of the one code in a picture."""
    (found,) = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    return found.text


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_scanner_reads_the_served_image(served, damage):
    image = Image.open(io.BytesIO(served)).convert("L")
    text = read(DAMAGES[damage](image))
    assert text.startswith("YM1:")
    assert text == read(image)


def test_the_symbol_is_at_most_version_12_at_level_m(served):
    text = read(Image.open(io.BytesIO(served)).convert("L"))
    symbol = segno.make_qr(text, error="m", boost_error=False)
    assert symbol.version <= LARGEST_VERSION
    image = Image.open(io.BytesIO(served))
    assert image.width % (symbol.symbol_size(border=4)[0]) == 0


def test_without_a_session_there_is_no_code(product):
    answer = product.http.get("/me/code.png")
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHENTICATED"


def published(product, folder) -> list[str]:
    """What an offline desk downloads, as options of `tongyu verify`; the roots lie beside the trust list."""
    for name, path in {"roots.json": "roots", "trust.jws": "trust-list", "status.cwt": "status/0"}.items():
        answer = product.http.get(f"/.well-known/one-code/{path}")
        assert answer.status_code == 200, path
        assert "max-age" in answer.headers["Cache-Control"]
        seen = {"If-None-Match": answer.headers["ETag"]}
        assert product.http.get(f"/.well-known/one-code/{path}", headers=seen).status_code == 304
        (folder / name).write_bytes(answer.content)
    return ["--trust-list", str(folder / "trust.jws"), "--status-list", str(folder / "status.cwt")]


def test_a_desk_without_a_network_verifies_it_from_published_files(product, citizen, tmp_path):
    options = published(product, tmp_path)

    def verify(domain: str, shown_for: str) -> tuple[int, str]:
        picture = tmp_path / "code.png"
        picture.write_bytes(fetch(product, citizen, shown_for).content)
        more = ["--domain", domain, "--image", str(picture), "--english"]
        done = product.tongyu("verify", *options, *more, check=False)
        return done.returncode, (done.stdout + done.stderr).split()[0]

    assert verify("medical", "medical") == (0, "ACCEPTED")
    assert verify("library", "library") == (0, "ACCEPTED")
    assert verify("medical", "library") == (1, "CODE_DOMAIN_NOT_ALLOWED")


def test_without_a_trust_list_that_its_roots_signed_nothing_is_accepted(product, served, tmp_path):
    options = published(product, tmp_path)
    (tmp_path / "trust.jws").write_text("e30.e30.e30")
    (tmp_path / "code.png").write_bytes(served)
    done = product.tongyu(
        "verify", *options, "--domain", "medical", "--image", str(tmp_path / "code.png"), check=False
    )
    assert done.returncode == 3
    assert "TRUST_LIST_INVALID" in done.stderr


def test_a_picture_without_a_code_is_said_to_be_one(product, tmp_path):
    options = published(product, tmp_path)
    Image.new("L", (200, 200), 255).save(tmp_path / "blank.png")
    done = product.tongyu(
        "verify", *options, "--domain", "medical", "--image", str(tmp_path / "blank.png"), check=False
    )
    assert (done.returncode, done.stderr.split()[0]) == (4, "IMAGE_WITHOUT_CODE")
