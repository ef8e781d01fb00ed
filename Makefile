# Everything a contributor runs. `make help` lists it; .ci/run calls `lint` and `test`.

VENV := .venv
BIN := $(VENV)/bin
PLUGINS := .cache/mariadb-plugins
# Another folder for the tests' MySQL, such as one that outlives the checkout, is named by the environment.
MYSQL := $(or $(RDS_PROXY_TEST_MYSQL),.cache/mysql)
PYTHON ?= $(shell sh -c 'command -v python3.11 || command -v python3')
MANIFEST := pyproject.toml setup.cfg
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
# Flags for pytest, as in `make test ARGS="-k pins"`.
ARGS ?=
# The workers that share the tests, each with databases of its own. With flags there is one, the caller itself,
# so that -x, -s and --pdb do what they say.
WORKERS ?= $(if $(strip $(ARGS)),0,4)
# The cases of `make test-long` for each vendor.
LONG ?= 3000
# The databases of `make test-containers`.
IMAGES ?= mysql:8.0,mysql:8.4,mariadb:10.6,mariadb:11.4

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/demo.stamp ## start the demo: a database with sample data, and the proxy before it
	@exec $(BIN)/rds-proxy demo

# Hundreds of proxies start in the tests, and would compile themselves again where the environment forbids Python
# to keep what it has compiled.
.PHONY: test
test: $(VENV)/dev.stamp ## run all tests, those with a real database too
	@$(BIN)/python -m proxy.demo.install --with-plugins $(PLUGINS)
	@$(BIN)/python -m tests.mysql_server $(MYSQL)
	@$(BIN)/python -m tests.drivers.install
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) $(ARGS)

.PHONY: test-long
test-long: $(VENV)/dev.stamp ## thousands of random sessions that share connections (LONG=20000 ARGS="-k mysql")
	@$(BIN)/python -m proxy.demo.install
	@$(BIN)/python -m tests.mysql_server $(MYSQL)
	@RDS_PROXY_PROPERTY_EXAMPLES=$(LONG) $(BIN)/python -m pytest tests/property $(ARGS)

.PHONY: test-containers
test-containers: $(VENV)/containers.stamp ## run tests/containers against images of MySQL and MariaDB; needs Docker
	@RDS_PROXY_TEST_CONTAINERS=$(IMAGES) $(BIN)/python -m pytest tests/containers $(ARGS)

.PHONY: suites
suites: $(VENV)/dev.stamp ## run drivers' own test suites, directly and through the proxy (ARGS="pymysql")
	@$(BIN)/python -m proxy.demo.install
	@$(BIN)/python -m tests.suites $(ARGS)

.PHONY: lint
lint: $(VENV)/dev.stamp ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: format
format: $(VENV)/dev.stamp ## format the code and apply the safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/dev.stamp ## measure the proxy against a direct connection and HAProxy
	@$(BIN)/python -m proxy.demo.install
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-failover
bench-failover: $(VENV)/dev.stamp ## measure how long a failover keeps clients waiting (ARGS="--rounds 2 --only kill")
	@$(BIN)/python -m proxy.demo.install
	@$(BIN)/python -m tests.bench.failover $(ARGS)

.PHONY: bench-fairness
bench-fairness: $(VENV)/dev.stamp ## measure what a few clients get beside a thousand of another tenant (ARGS="--rounds 1")
	@$(BIN)/python -m proxy.demo.install
	@$(BIN)/python -m tests.bench.fairness $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/fuzz.stamp ## fuzz every parser and whole sessions for ten minutes (ARGS="--seconds 60 scanner")
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: docs
docs: $(VENV)/dev.stamp ## make docs/configuration.md, docs/protocol.md, the table of docs/pinning.md and etc/rds-proxy.toml
	@$(BIN)/python -m proxy.config.reference --write
	@$(BIN)/python -m tests.protocol --write
	@$(BIN)/python -m tests.pinning_table --write

.PHONY: clean
clean: ## remove what the other targets made
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f twisted/plugins/dropin.cache

# The stamps make the second call of a target quick: pip runs again only when the manifest has changed.
$(VENV)/demo.stamp: $(VENV)/made.stamp $(MANIFEST)
	@echo "Installing rds-proxy and the demo's packages into $(VENV) ..."
	@$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/made.stamp $(MANIFEST)
	@echo "Installing rds-proxy and the development packages into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/demo.stamp

$(VENV)/containers.stamp: $(VENV)/dev.stamp $(MANIFEST)
	@echo "Installing testcontainers into $(VENV) ..."
	@$(PIP) --editable '.[containers]'
	@touch $@

# Without atheris, which has wheels for few machines, `make fuzz` runs its Hypothesis part only.
$(VENV)/fuzz.stamp: $(VENV)/dev.stamp
	@$(PIP) --editable '.[fuzz]' || echo "atheris cannot be installed here."
	@touch $@

$(VENV)/made.stamp:
	@sh .ci/make-venv "$(PYTHON)" $(VENV)
	@touch $@
