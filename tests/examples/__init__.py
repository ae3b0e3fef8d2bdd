"""Tests of the examples: each is run as its README says."""
