"""The names of regions and products."""

import pytest

from bridge.sources.places import CODES, PRODUCTS, REGIONS, place, product_name, region_names


def test_a_region_is_found_by_its_code_and_by_the_apis_name():
    assert (
        region_names("gz") == region_names("ap-guangzhou") == region_names(" AP-Guangzhou ") == ("gz", "ap-guangzhou")
    )
    assert region_names("use") == ("use", "na-ashburn")
    assert region_names("whec") == ("whec", "ap-wuhan-ec")


@pytest.mark.parametrize("unknown", ["", "mars", "ap-mars-1"])
def test_an_unknown_region_is_as_received(unknown):
    assert region_names(unknown) == (unknown,)
    assert place(unknown, "en") == place(unknown, "zh") == unknown


def test_a_region_is_called_by_its_place_in_both_languages():
    assert (place("gz", "en"), place("gz", "zh")) == ("Guangzhou", "广州")
    assert (place("ap-guangzhou", "en"), place("eu-frankfurt", "zh")) == ("Guangzhou", "法兰克福")


def test_no_two_codes_share_a_name():
    assert len(CODES) == len(REGIONS) == 36
    assert len({english for _, english, _ in REGIONS.values()}) == len(REGIONS)
    assert CODES.keys().isdisjoint(REGIONS)


def test_a_product_is_called_as_people_know_it():
    assert (product_name("cdb", "en"), product_name("CDB", "zh")) == ("MySQL", "云数据库 MySQL")
    assert product_name("unheard-of", "zh") == "unheard-of"
    assert all(english and chinese for english, chinese in PRODUCTS.values())
