# `make run` starts the dashboard, `make test` checks everything; both install what they need.
# Without make: the README has the same as plain command lines.

PORT ?= 8501
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& echo $$name && break; done)
BIN := .venv/bin
FOLDER := $(or $(KPI_HOME),.)

.PHONY: run test fast lint bench spark clean

run: .venv/run.txt
	@test -f $(FOLDER)/data/editions/CURRENT || $(MAKE) --no-print-directory first-edition
	$(BIN)/python -m streamlit run dashboard.py --server.port $(PORT)

# The project's own home starts with the sample company; any other home has sources of its own.
.PHONY: first-edition
first-edition:
	$(if $(KPI_HOME),,$(BIN)/python -m kpi sample)
	$(BIN)/python -m kpi refresh || test -f $(FOLDER)/data/editions/CURRENT

# Each file stays on one processor: what its tests share is made once.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile

test: fast
	$(PYTEST) -m "slow and not servers and not browser and not spark"
	$(BIN)/python -m pytest -m "servers and not browser and not spark"
	$(PYTEST) -m "browser and not spark"

fast: lint
	$(PYTEST) -m "not slow and not servers and not browser and not spark"

# Asks a Spark cluster, which it starts; needs Java.
spark: .venv/spark.txt
	$(BIN)/python -m pytest -m "spark"

lint: .venv/test.txt
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

# All benchmarks on small data, or some: `make bench ONLY="questions publishing"`.
bench: .venv/test.txt
	$(BIN)/python -m benchmarks $(ONLY)

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis

.venv/python.txt:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: https://www.python.org/downloads/"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@touch $@

.venv/run.txt: .venv/python.txt requirements.txt constraints.txt
	@echo "Installing what the dashboard needs; once, about a minute."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test.txt: .venv/run.txt requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/spark.txt: .venv/test.txt requirements-spark.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-spark.txt
	@touch $@
