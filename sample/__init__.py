"""A seeded sample company, so that the first start shows something worth judging."""
