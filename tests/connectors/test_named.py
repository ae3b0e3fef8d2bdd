"""Where a record has a word of ours, and what its words mean."""

from __future__ import annotations

from connectors.contract import Named


def test_a_number_that_stands_for_a_word_is_one() -> None:
    named = Named.model_validate({"from": "priority", "map": {1: "sev1", "2": "sev2"}})

    assert named.map == {"1": "sev1", "2": "sev2"}
