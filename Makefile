# Two commands: `make serve` shows it, `make test` proves it. Both need Python 3.11+ and make alone.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# How long each fuzzer runs, and where the chance of the long campaigns begins.
FUZZ_SECONDS ?= 120
FUZZ_SEED ?= $(shell date +%s)
# How long the soak is, and where its chance begins.
SOAK_SECONDS ?= 120
SOAK_SEED ?= $(shell date +%s)
# The pure code and the layers: no branch of them is left untried.
PURE := jwt_wsgi/jose/*,jwt_wsgi/policy/*,jwt_wsgi/errors.py,jwt_wsgi/options.py,jwt_wsgi/auth.py,jwt_wsgi/issuer.py,$\
	jwt_wsgi/verifier.py,jwt_wsgi/jwks/schedule.py,jwt_wsgi/middleware/responses.py,jwt_wsgi/middleware/decisions.py,$\
	jwt_wsgi/middleware/extraction.py,jwt_wsgi/middleware/verification.py,jwt_wsgi/middleware/authorization.py,jwt_wsgi/middleware/protect.py,$\
	jwt_wsgi/middleware/cors.py,jwt_wsgi/middleware/origins.py,jwt_wsgi/explain/*

BENCH := .venv-bench
BENCH_ARGS ?=

.PHONY: serve test lint pytest test-all fuzz soak mutants conformance bench docs newcomer clean

serve: $(VENV)/.app
	$(BIN)/python app.py --demo

test: lint pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/coverage report --fail-under=97
	$(BIN)/coverage report --fail-under=100 --include='$(PURE)'

# The suite on every Python from 3.11 to 3.13 that this machine has.
test-all:
	@tried=; for version in 3.11 3.12 3.13; do \
		for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python; do \
			if $$python -c '' 2>/dev/null; then \
				echo "== $$python"; \
				$(MAKE) pytest VENV=.venv-$$version PYTHON=$$python || exit 1; \
				tried=yes; break; \
			fi; \
		done; \
	done; \
	test -n "$$tried" || { echo "there is no Python 3.11, 3.12 or 3.13 here" >&2; exit 1; }

# A crash is written to tests/fuzz/crashes, from where `make test` runs it ever after.
fuzz: $(VENV)/.fuzz
	$(BIN)/python tests/fuzz/run.py compact -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py signed -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py keyset -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py authorization -max_total_time=$(FUZZ_SECONDS)
	DIFFERENTIAL_TOKENS=2000000 DIFFERENTIAL_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_differential.py
	MATRIX_REQUESTS=500000 MATRIX_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_matrix.py tests/test_matrix_tails.py
	POLICY_ORACLE_POLICIES=200000 POLICY_ORACLE_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_policy_oracle.py

# Traffic, rotations and a failing endpoint; every answer is judged, and memory must not grow.
soak: $(VENV)/.test
	$(BIN)/python tests/soak/run.py $(SOAK_SECONDS) $(SOAK_SEED)

mutants: $(VENV)/.test
	$(BIN)/python tests/mutants/run.py

# The commands of README.md and of the tutorial as they are written, in a fresh clone and fresh environments.
newcomer:
	$(PYTHON) tests/newcomer.py

conformance: $(VENV)/.test
	$(BIN)/python tests/conformance.py

# The site of docs/, in build/site; a broken link or a reference to nothing fails.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Beside its peers, each pinned to a version in an environment of its own; the Express stack where npm is.
bench: $(BENCH)/.bench
	if command -v npm >/dev/null; then $(MAKE) benchmarks/express/node_modules/.made; fi
	$(BENCH)/bin/python -m benchmarks $(BENCH_ARGS)

$(BENCH)/.bench: benchmarks/requirements.txt setup.cfg pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH) || { rm -rf $(BENCH); exit 1; }
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt --editable '.[app,speed]'
	touch $@

benchmarks/express/node_modules/.made: benchmarks/express/package-lock.json
	cd benchmarks/express && npm ci
	touch $@

# A half-made environment must not look ready the next time.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "jwt-wsgi needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

$(VENV)/.app: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[app]'
	touch $@

$(VENV)/.test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@ $(VENV)/.app $(VENV)/.docs

$(VENV)/.docs: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(VENV)/.fuzz: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	touch $@ $(VENV)/.test $(VENV)/.app

clean:
	rm -rf .venv .venv-* benchmarks/express/node_modules build dist *.egg-info .coverage*
