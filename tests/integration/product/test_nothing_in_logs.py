"""Whatever people do, right or wrong, nothing of them and no secret of ours reaches a log."""

import base64
import re
from pathlib import Path

import pytest

from backend.exchange.sandbox.population import person
from tests.integration.product.people import REGISTER, REQUEST_CODE, VERIFY, attempt, behind, desk_token
from tests.product import Product, new_key

INDEX = 1_301
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{16}")
SIGN_IN = """mutation ($challenge: ID!, $code: String!, $client: ClientInput!, $key: String!) {
  result: signInWithPhone(challenge: $challenge, code: $code, client: $client, idempotencyKey: $key) {
    __typename ... on Refused { code } } }"""
SIGN_IN_STAFF = """mutation ($name: String!, $password: String!, $totp: String!, $key: String!) {
  result: signInStaff(username: $name, password: $password, totp: $totp, idempotencyKey: $key) {
    ... on StaffSignedIn { accessToken refreshToken } ... on Refused { code } } }"""
REFRESH = """mutation ($refresh: String!, $client: ClientInput!, $key: String!) {
  result: refreshSession(refreshToken: $refresh, client: $client, idempotencyKey: $key) {
    ... on SignedIn { accessToken refreshToken } ... on Refused { code } } }"""
MY_CODE = '{ myCode(domain: "medical") { text } }'
CLIENT = {"kind": "APP", "installation": "installation-that-is-not-logged"}


@pytest.fixture(scope="module")
def walked(product: Product) -> set[str]:
    """All that must not be in a log, after it has been sent in every way: right, wrong, broken, again."""
    one = person(INDEX)
    asked = product.gql(REQUEST_CODE, mobile=one.mobile, client=CLIENT, key=new_key())["result"]
    code = product.sandbox.messages(one.mobile)[0]["params"]["code"]
    given = {"name": one.name, "idNumber": one.id_number, "mobile": {**asked, "code": code}}
    wrong = {**given, "name": "某某某"}
    product.gql(REGISTER, input=wrong, client=CLIENT, key=new_key())
    made = product.gql(
        REGISTER.replace("session }", "session refreshToken }"), input=given, client=CLIENT, key=new_key()
    )["result"]
    product.gql(SIGN_IN, challenge=asked["challenge"], code=code, client=CLIENT, key=new_key())
    renewed = product.gql(REFRESH, refresh=made["refreshToken"], client=CLIENT, key=new_key())["result"]
    thief = {"kind": "WEB", "installation": "installation-of-a-thief"}
    password, totp = staff(product)
    with behind(product) as foundation:
        desk = desk_token(foundation)
    text = product.gql(MY_CODE, made["accessToken"])["myCode"]["text"]
    for _ in range(2):
        product.gql(VERIFY, desk, **attempt(text))
    broken(product, one.id_number, made["accessToken"])
    product.gql(REFRESH, refresh=made["refreshToken"], client=thief, key=new_key())
    product.post("{ me { id } }", made["accessToken"])
    return {
        one.name,
        one.id_number,
        one.mobile,
        CLIENT["installation"],
        made["accessToken"].split(".")[2],
        made["refreshToken"].split(".")[1],
        renewed["refreshToken"].split(".")[1],
        asked["challenge"],
        f'"{code}"',
        f"code={code}",
        text,
        password,
        f"totp={totp}",
    }


def staff(product: Product) -> tuple[str, str]:
    """Signs in at a desk with a wrong password and the right one."""
    password = "one-code-three-cities"  # noqa: S105  # The one of the demo, as the README has it.
    totp = product.tongyu("staff", "totp", "hospital.changsha").stdout.strip()
    for tried in ("not-" + password, password):
        product.gql(SIGN_IN_STAFF, name="hospital.changsha", password=tried, totp=totp, key=new_key())
    return password, totp


def broken(product: Product, id_number: str, token: str) -> None:
    """Requests that can't be read, with personal data in every place that has room for it."""
    post, get = product.http.post, product.http.get
    post("/graphql", content=f'{{"query": "{{ me(id: {id_number}) }}"}}', headers=json_headers(token))
    post("/graphql", content=f"{{{id_number}", headers=json_headers(token))
    get(f"/{id_number}", headers={"X-Request-Id": f"{id_number}!", "User-Agent": id_number})
    get("/graphql", params={"query": f'{{ node(id: "{id_number}") }}', "token": token})
    get("/me/code.png", params={"domain": id_number}, headers={"Authorization": f"Bearer {token}x"})
    payload = base64.urlsafe_b64encode(f'{{"sub":"{id_number}"}}'.encode()).decode()
    get("/me/code.png", headers={"Authorization": f"Bearer a.{payload}.b"})


def json_headers(token: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}


def logs(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted((folder / ".tongyu" / "logs").iterdir()))


def test_no_log_holds_anything_personal_or_secret(product: Product, walked: set[str]):
    written = logs(product.folder)

    assert written.count("http_request") > 10
    assert "upstream=sms" in written
    assert [one for one in walked if one in written] == []
    assert JWT.search(written) is None


def test_nor_does_it_hold_a_secret_of_the_installation(product: Product, walked: set[str]):
    written = logs(product.folder)
    set_up = (product.folder / ".tongyu" / "current.env").read_text("utf-8")
    secrets = re.findall(r"(?:SECRET|KEY)='([^']+)'", set_up)

    assert len(secrets) >= 3
    assert [one for one in secrets if one in written] == []
    assert (product.folder / ".tongyu" / "development-kek.json").read_text("utf-8") not in written
