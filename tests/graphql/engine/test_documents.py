"""Documents by id, the allow-list, and a cache that counts and keeps its bounds."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphql_schema.engine import Documents, Limits, core_schema, digest_of, read_manifests
from graphql_schema.engine.documents import PlanCache
from graphql_schema.engine.plans import Plan, Planner
from tests.graphql.engine.sample import SCHEMA, Caller

HELLO = "query Hello { hello }"
LOUD = "query Loud { loud }"
BOOK = "mutation { slowBook }"
LISTED = {digest_of(text): text for text in (HELLO, BOOK)}


def id_of(text: str) -> str:
    return f"sha256:{digest_of(text)}"


def test_the_digest_is_that_of_the_appendix() -> None:
    # The two examples of GraphQL over HTTP, Appendix A.
    spaced = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}"
    assert digest_of(spaced) == "7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e"
    dense = "query($id:ID!){user(id:$id){name}}"
    assert digest_of(dense) == "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b"


def test_a_document_is_planned_once_and_then_found() -> None:
    caller = Caller()
    for _ in range(5):
        caller.data(HELLO)
    stats = caller.view.cache_stats()
    assert (stats.hits, stats.misses, stats.entries, stats.text_bytes) == (4, 1, 1, len(HELLO))


def test_documents_are_told_apart_by_every_character() -> None:
    caller = Caller()
    caller.data(HELLO)
    caller.data(HELLO + " ")
    assert caller.view.cache_stats().misses == 2


def test_what_cannot_be_planned_takes_no_place() -> None:
    caller = Caller()
    for document in ("{", "{ nothing }", "{ " + "loud " * 500 + "}"):
        caller.codes(document)
    assert caller.view.cache_stats().entries == 0


def test_the_cache_is_bounded_by_entries() -> None:
    caller = Caller(documents=Documents(cache_entries=2))
    for document in (HELLO, LOUD, HELLO, "{ a: loud }", HELLO, LOUD):
        caller.data(document)
    stats = caller.view.cache_stats()
    assert (stats.entries, stats.hits, stats.misses, stats.evictions) == (2, 2, 4, 2)


def test_the_cache_is_bounded_by_bytes() -> None:
    caller = Caller(documents=Documents(cache_bytes=100))
    for n in range(10):
        caller.data("{ loud }".ljust(30 + n))
    caller.data("{ loud }".ljust(101))
    stats = caller.view.cache_stats()
    assert stats.entries == 2
    assert stats.text_bytes == 38 + 39


def make_plans(count: int) -> list[Plan]:
    planner = Planner(core_schema(SCHEMA), Limits(), introspection=True)
    return [planner.plan(f"query Q{n} {{ loud }}") for n in range(count)]


def test_32_threads_share_the_cache() -> None:
    plans = make_plans(8)
    cache = PlanCache(max_entries=5, max_bytes=10_000)
    start = threading.Barrier(32)
    rounds = 300

    def work(seed: int) -> int:
        start.wait()
        wrong = 0
        for n in range(rounds):
            key = (seed + n * 7) % len(plans)
            found = cache.get(str(key))
            wrong += found is not None and found is not plans[key]
            cache.put(str(key), plans[key], 100 + key)
        return wrong

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(work, range(32))) == 0
    stats = cache.stats()
    assert stats.hits + stats.misses == 32 * rounds
    assert stats.entries == 5
    assert stats.text_bytes == sum(100 + key for key in range(8) if cache.get(str(key)))


def test_32_threads_get_their_own_answers_from_one_view() -> None:
    caller = Caller(documents=Documents(cache_entries=3))
    start = threading.Barrier(32)

    def work(seed: int) -> bool:
        client = caller.http.application.test_client()
        start.wait()
        for n in range(6):
            query = f"query ($of: Int!) {{ s{n}: square(of: $of) }}"
            answer = client.post("/graphql", json={"query": query, "variables": {"of": seed}})
            if answer.json != {"data": {f"s{n}": seed * seed}}:
                return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(32)))
    stats = caller.view.cache_stats()
    assert stats.hits + stats.misses == 32 * 6
    assert stats.entries == 3


@pytest.fixture
def production() -> Caller:
    return Caller(documents=Documents(LISTED, listed_only=True), production=True)


def test_production_serves_listed_documents_by_id_and_by_text(production: Caller) -> None:
    by_id = production.post(documentId=id_of(HELLO))
    assert by_id.json == {"data": {"hello": "你好，世界"}} == production.post(HELLO).json
    assert production.post(HELLO, documentId=id_of(HELLO)).status_code == 200
    by_get = production.http.get(f"/graphql?documentId={id_of(HELLO)}")
    assert by_get.json == by_id.json
    # Listed documents are planned at the start: the cache is not even asked.
    assert production.view.cache_stats().misses == 0


def test_production_refuses_any_other_document_unread(production: Caller) -> None:
    for text in (LOUD, HELLO + " ", "{"):
        answer = production.post(text)
        assert answer.status_code == 403
        assert answer.json["errors"][0]["extensions"]["code"] == "GRAPHQL_DOCUMENT_NOT_ALLOWED"


@pytest.mark.parametrize(
    "document_id",
    [
        id_of(LOUD),
        digest_of(HELLO),
        id_of(HELLO).upper(),
        "sha256:",
        "",
        "x-other:1",
        "md5:" + "0" * 32,
        "sha256:" + id_of(HELLO),
    ],
)
@pytest.mark.parametrize("mode", ["production", "open"])
def test_an_unknown_id_is_one_coded_error(production: Caller, document_id: str, mode: str) -> None:
    caller = production if mode == "production" else Caller(documents=Documents(LISTED))
    answer = caller.post(documentId=document_id)
    assert answer.status_code == 400
    assert [e["extensions"]["code"] for e in answer.json["errors"]] == ["PERSISTED_DOCUMENT_NOT_FOUND"]


def test_open_mode_knows_listed_ids_and_takes_any_document() -> None:
    caller = Caller(documents=Documents(LISTED))
    assert caller.post(documentId=id_of(HELLO)).json == caller.post(HELLO).json
    assert caller.data(LOUD) == {"loud": "QUIET"}


def test_an_id_that_does_not_fit_its_document_is_refused() -> None:
    caller = Caller(documents=Documents(LISTED))
    assert caller.codes(LOUD, documentId=id_of(HELLO)) == ["GRAPHQL_DOCUMENT_ID_MISMATCH"]


def test_a_listed_mutation_is_not_run_by_get(production: Caller) -> None:
    answer = production.http.get(f"/graphql?documentId={id_of(BOOK)}")
    assert (answer.status_code, production.context.calls) == (405, [])


def test_page_sizes_in_variables_are_priced_for_listed_documents_too() -> None:
    text = "query ($n: Int!) { desks(first: $n) { edges { cursor } } }"
    caller = Caller(documents=Documents({digest_of(text): text}, listed_only=True), limits=Limits(nodes=10))
    assert caller.post(documentId=id_of(text), variables={"n": 10}).status_code == 200
    error = caller.post(documentId=id_of(text), variables={"n": 11}).json["errors"][0]
    assert error["extensions"]["code"] == "GRAPHQL_COST_EXCEEDED"


@pytest.mark.parametrize(
    "text", ["{", "{ nothing }", "{ __schema { __typename } }", "{ desks { pageInfo { hasNextPage } } }"]
)
def test_a_listed_document_that_cannot_be_served_is_found_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=digest_of(text)):
        Caller(documents=Documents({digest_of(text): text}), production=True)


def test_a_manifest_whose_ids_are_wrong_is_refused() -> None:
    with pytest.raises(ValueError, match="does not have that SHA-256"):
        Documents({digest_of(HELLO): LOUD})


def test_manifests_of_several_clients_are_read_together(tmp_path: Path) -> None:
    mini, console = tmp_path / "mini.json", tmp_path / "console.json"
    mini.write_text(json.dumps({id_of(HELLO): HELLO, id_of(BOOK): BOOK}), "utf-8")
    console.write_text(json.dumps({digest_of(LOUD): LOUD, digest_of(HELLO): HELLO}), "utf-8")
    listed = read_manifests(mini, console)
    assert listed == {**LISTED, digest_of(LOUD): LOUD}
    assert Caller(documents=Documents(listed, listed_only=True)).post(documentId=id_of(LOUD)).json == {
        "data": {"loud": "QUIET"}
    }


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', "null"])
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=r"manifest\.json"):
        read_manifests(path)
