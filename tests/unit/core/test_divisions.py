from backend.core.divisions import cities, city_of, districts, divisions, successor


def test_three_cities_with_23_districts_and_counties():
    assert [city.name for city in cities()] == ["长沙市", "株洲市", "湘潭市"]
    assert len(districts()) == 23
    assert {district.parent for district in districts()} == {city.code for city in cities()}


def test_every_division_lies_in_hunan():
    assert all(111 < d.longitude < 115 and 26 < d.latitude < 29 for d in divisions().values())


def test_a_district_a_city_and_a_retired_county_have_a_city():
    assert city_of("430302") == "430300"
    assert city_of("430100") == "430100"
    assert city_of("430221") == "430200"
    assert city_of("430201") == "430200"


def test_elsewhere_has_no_city_here():
    assert city_of("110105") is None


def test_every_retired_division_leads_to_one_in_force():
    assert all(successor(code) in divisions() for code in ("430124", "430122", "430221", "430101", "430301"))
    assert successor("430102") == "430102"
