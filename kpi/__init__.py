"""From rows to numbers: knows no screen and no web API."""
