# `make help` lists the commands. They need Python 3.11+ and make alone.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# One way to measure on all versions of Python: the newest ones would choose another by default.
export COVERAGE_CORE ?= ctrace
# How many processes run the tests. A file's tests stay in one process, so each server is started once.
WORKERS ?= 2
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Which versions of Python `make test-all` tries; all that it finds by default.
PYTHONS ?=
# How long each fuzzer runs, in seconds, and where the chance of the long campaigns begins.
FUZZ_SECONDS ?= 120
FUZZ_SEED ?= $(shell date +%s)
# How long the soak is, in seconds, and where its chance begins.
SOAK_SECONDS ?= 120
SOAK_SEED ?= $(shell date +%s)
# The same for the soak of two servers and what they share.
CLUSTER_SECONDS ?= 120
CLUSTER_SEED ?= $(shell date +%s)
# Which functions `make mutmut` mutates, by the names of modules and with stars: MUTMUT='jwt_wsgi.jose.claim_lookup*'.
MUTMUT ?=
# The pure code and the layers: the tests take every branch of them. tests/test_floors.py keeps this list whole.
PURE := jwt_wsgi/jose/*,jwt_wsgi/policy/*,jwt_wsgi/possession/*,jwt_wsgi/middleware/*,jwt_wsgi/explain/*,jwt_wsgi/client_certificates/*,jwt_wsgi/introspection/*,$\
	jwt_wsgi/auth.py,jwt_wsgi/bindings.py,jwt_wsgi/cache.py,jwt_wsgi/callbacks.py,jwt_wsgi/cookies.py,jwt_wsgi/errors.py,jwt_wsgi/fapi.py,jwt_wsgi/issuer.py,$\
	jwt_wsgi/issuer_registry.py,jwt_wsgi/jwks/burst.py,jwt_wsgi/jwks/kid_cache.py,jwt_wsgi/jwks/schedule.py,jwt_wsgi/jwks/sealed.py,jwt_wsgi/mcp/*,jwt_wsgi/options.py,jwt_wsgi/origins.py,jwt_wsgi/readings.py,jwt_wsgi/request_body.py,$\
	jwt_wsgi/resource/*,jwt_wsgi/revocation/*,jwt_wsgi/request_checks.py,jwt_wsgi/revocation_callback.py,jwt_wsgi/scope_hierarchy.py,jwt_wsgi/sources.py,jwt_wsgi/stores/*,jwt_wsgi/token_checks.py,jwt_wsgi/token_facts.py,jwt_wsgi/token_options.py,jwt_wsgi/verifier.py

# The tools of releases, and the environment with the lowest versions that setup.cfg allows.
TOOLS := .venv-tools
FLOORS := .venv-floors
# The floors are those of the oldest Python: newer ones have no wheels of some of them.
FLOORS_PYTHON ?= $(shell for p in python3.11 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.11.*/bin/python; do \
	"$$p" -c '' 2>/dev/null && echo "$$p" && exit; done; echo $(PYTHON))
AUDIT_ARGS ?=

BENCH := .venv-bench
BENCH_ARGS ?=
COMPARE := .venv-compare/jwt-wsgi
COMPARE_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help serve check test lint style pytest test-all test-readme conformance fuzz soak soak-cluster mutants mutmut docs bench compare test-floors audit dist release-check pins clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.app  ## run the sample API with an issuer of its own, and print curl lines to paste
	$(BIN)/python app.py --demo

check: lint  ## lint, and run every test that is not slow: for each commit
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(PYTEST_ARGS)

test: lint pytest  ## the whole gate: lint, every test, and the floors of coverage

lint: $(VENV)/.test  ## check style, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

style:  ## count the habits of style in the package, beside their aims
	$(PYTHON) tests/style.py

# Clients of others call the API: those in Python, and those in JavaScript where npm is. fast-jwt is a peer of the benchmark.
pytest: $(VENV)/.test .venv-mcp-1/.made .venv-mcp-2/.made  ## run every test, and check the floors of coverage
	if command -v npm >/dev/null; then $(MAKE) tests/foreign_dpop/node_modules/.made tests/foreign_mcp/node_modules/.made benchmarks/fast-jwt/node_modules/.made; fi
	$(BIN)/coverage erase
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/coverage report --fail-under=97
	$(BIN)/coverage report --fail-under=100 --include='$(PURE)'

# What Debian's testing suite has of them is unpacked by .ci/pythons. What is missing is named.
test-all:  ## run every test on each Python from 3.11 to 3.15 that is here, or PYTHONS="3.12 3.14"
	@test -n "$(PYTHON)" || { echo "jwt-wsgi needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	$(PYTHON) tests/every_python.py $(PYTHONS)

test-readme:  ## type the commands of README.md and the tutorial into a fresh clone
	$(PYTHON) tests/readme_commands.py

conformance: $(VENV)/.test  ## run the tests of the standards, and write docs/conformance.md
	$(BIN)/python tests/conformance.py

# A crash is written to tests/fuzz/crashes, from where `make test` runs it ever after.
fuzz: $(VENV)/.fuzz  ## run the fuzzers, and the campaigns of chance at their full length
	$(BIN)/python tests/fuzz/run.py compact -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py signed -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py keyset -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py authorization -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py proof -max_total_time=$(FUZZ_SECONDS)
	$(BIN)/python tests/fuzz/run.py mcp -max_total_time=$(FUZZ_SECONDS)
	DIFFERENTIAL_TOKENS=2000000 DIFFERENTIAL_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_differential.py
	MATRIX_REQUESTS=500000 MATRIX_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_matrix.py tests/test_matrix_tails.py
	POLICY_ORACLE_POLICIES=200000 POLICY_ORACLE_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest tests/test_policy_oracle.py

soak: $(VENV)/.test  ## judge minutes of traffic while keys rotate and their endpoint fails
	$(BIN)/python tests/soak/run.py $(SOAK_SECONDS) $(SOAK_SEED)

soak-cluster: $(VENV)/.test  ## judge minutes of traffic to two servers while all that they share fails
	$(BIN)/python tests/cluster/run.py $(CLUSTER_SECONDS) $(CLUSTER_SEED)

mutants: $(VENV)/.test  ## make each mistake of tests/mutants/mutants.toml; a test must fail for it
	$(BIN)/python tests/mutants/run.py

mutmut: $(VENV)/.mutmut  ## mutate the package's core by rule, and list the mutants that no test kills
	$(BIN)/mutmut run $(MUTMUT)
	$(BIN)/mutmut results | grep -v 'not checked' || true

docs: $(VENV)/.docs  ## build the documentation in build/site; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Beside its peers, each pinned to a version in an environment of its own; the Express stack and fast-jwt where npm is.
bench: $(BENCH)/.bench  ## measure beside other libraries
	if command -v npm >/dev/null; then $(MAKE) benchmarks/express/node_modules/.made benchmarks/fast-jwt/node_modules/.made; fi
	$(BENCH)/bin/python -m benchmarks $(BENCH_ARGS)

# Each library has an environment of its own in .venv-compare, which is used again while its pins stay.
compare: $(COMPARE)/.made  ## run other libraries beside this one, and write docs/comparison.md
	$(COMPARE)/bin/python -m benchmarks.comparison $(COMPARE_ARGS)

test-floors: $(FLOORS)/.made  ## run the core tests with the lowest versions that setup.cfg allows
	$(FLOORS)/bin/python -m pytest $(PARALLEL) -p release.skip_absent --ignore=tests/test_release.py -m "not slow" $(PYTEST_ARGS)

# What has no network is tried all the same, and the last line says what was not.
audit: $(TOOLS)/.made $(VENV)/.test  ## look for vulnerable packages, licences and unsafe workflows
	$(BIN)/python -m release.licences
	$(TOOLS)/bin/python -m release.workflows
	$(TOOLS)/bin/python -m release.vulnerabilities $(AUDIT_ARGS)

dist: $(TOOLS)/.made  ## build the source archive and the wheel twice, check them, and try the wheel
	$(TOOLS)/bin/python -m release.artefacts

release-check: $(TOOLS)/.made  ## say what the last commit lacks to be published
	$(TOOLS)/bin/python -m release.readiness

pins: $(TOOLS)/.made  ## pin the newest versions of all that these commands install
	$(TOOLS)/bin/python -m release.pins

clean:  ## remove the environments, and everything that was built
	rm -rf .venv .venv-* benchmarks/express/node_modules benchmarks/fast-jwt/node_modules tests/foreign_dpop/node_modules tests/foreign_mcp/node_modules build dist mutants *.egg-info .coverage*

$(BENCH)/.bench: benchmarks/requirements.txt setup.cfg pyproject.toml
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH) || { rm -rf $(BENCH); exit 1; }
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt --editable '.[app,speed]'
	touch $@

# The official clients of MCP, each major version in an environment of its own.
.venv-mcp-%/.made: tests/foreign_mcp/requirements-%.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(COMPARE)/.made: benchmarks/comparison/requirements/jwt-wsgi.txt setup.cfg pyproject.toml
	test -x $(COMPARE)/bin/python || $(PYTHON) -m venv $(COMPARE) || { rm -rf $(COMPARE); exit 1; }
	$(COMPARE)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/comparison/requirements/jwt-wsgi.txt --editable .
	touch $@

%/node_modules/.made: %/package-lock.json
	cd $* && npm ci
	touch $@

# Exact versions with their hashes: `make pins` writes the files.
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r
EDITABLE := -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

$(TOOLS)/.made: requirements/tools.txt
	rm -rf $(TOOLS)
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python $(INSTALL) $<
	touch $@

$(FLOORS)/.made: requirements/floors.txt setup.cfg pyproject.toml
	rm -rf $(FLOORS)
	$(FLOORS_PYTHON) -m venv $(FLOORS)
	$(FLOORS)/bin/python $(INSTALL) $<
	$(FLOORS)/bin/python $(EDITABLE)
	touch $@

# A half-made environment must not look ready the next time.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "jwt-wsgi needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

# One rule for each extra, whose stamp also stands for the extras that it contains.
$(VENV)/.app $(VENV)/.docs $(VENV)/.test $(VENV)/.fuzz $(VENV)/.mutmut: $(VENV)/.%: requirements/%.txt setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) $<
	$(BIN)/python $(EDITABLE)
	touch $@ $(addprefix $(VENV)/.,$(CONTAINED_$*))

CONTAINED_test := app docs
CONTAINED_fuzz := test app docs
CONTAINED_mutmut := test app docs
