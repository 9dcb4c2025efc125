"""What a product's metadata tells a shop front."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.core.catalog import Product
from tillway.core.ids import ProductId
from tillway.core.showcase import MOST_PARTS, Picture, Showcase, showcase_of, slug_of


def shown(metadata: Mapping[str, str]) -> Showcase:
    """Read metadata."""
    return showcase_of(Product(id=ProductId("a"), metadata=metadata))


class TestShowcase:
    @pytest.mark.parametrize("name", ["imageUrl", "image_url"])
    def test_names_are_the_wires_or_those_of_settings(self, name: str) -> None:
        """Whoever writes them."""
        assert shown({name: " https://a.example/1.png "}).image_url == "https://a.example/1.png"

    @pytest.mark.parametrize("text", ["a, b,,a", '["a", "b", 3, "a"]'])
    def test_lists_have_commas_or_are_json(self, text: str) -> None:
        """Each part once, in its order."""
        assert shown({"tags": text}).tags == ("a", "b")

    def test_pictures_say_what_they_show(self) -> None:
        """By themselves, or by the title."""
        json = '[{"url": "1", "alt": "front"}, "2", {"alt": "nothing"}, 4]'
        pictures = shown({"images": json, "title": "Mug"}).images
        assert pictures == (Picture(url="1", alt="front"), Picture(url="2", alt="Mug"))
        assert shown({"images": "1,2"}).images == (Picture(url="1"), Picture(url="2"))

    @pytest.mark.parametrize(
        ("metadata", "in_stock"),
        [
            ({}, True),
            ({"inventory_quantity": "3"}, True),
            ({"inventory_quantity": "0"}, False),
            ({"inventory_status": "out_of_stock"}, False),
            ({"inventory_status": "sold out, we think"}, True),
        ],
    )
    def test_stock_is_what_is_not_sold_out(
        self, metadata: Mapping[str, str], in_stock: bool
    ) -> None:
        """Words that nobody knows say nothing."""
        assert shown(metadata).in_stock is in_stock

    def test_what_cannot_be_read_is_not_given(self) -> None:
        """No faulty text stands in the way of a sale."""
        odd = {
            "images": "[",
            "tags": '{"a": 1}',
            "sort_order": "first",
            "fulfillment": "[1]",
            "checkoutRequirements": '{"a": NaN}',
            "shippingProfile": "by bike",
        }
        assert shown(odd) == Showcase(tags=('{"a": 1}',))

    def test_its_parts_have_a_bound(self) -> None:
        """However long the text is."""
        assert len(shown({"tags": ",".join(map(str, range(500)))}).tags) == MOST_PARTS

    def test_the_slug_is_the_id_where_none_is_given(self) -> None:
        """So that every product has an address."""
        assert slug_of(Product(id=ProductId("a"))) == "a"
        assert slug_of(Product(id=ProductId("a"), metadata={"slug": "the-a"})) == "the-a"

    @given(
        st.dictionaries(
            st.sampled_from(["images", "tags", "fulfillment", "sortOrder", "featured", "title"]),
            st.text() | st.sampled_from(["[" * 5000, '["\\ud800"]', "1" * 99, "-", "[[1]]", "{}"]),
        )
    )
    def test_no_text_is_too_odd(self, metadata: Mapping[str, str]) -> None:
        """Whatever it says, it is read."""
        assert isinstance(shown(metadata), Showcase)
