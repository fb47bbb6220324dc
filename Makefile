# make demo and make test do all the set-up themselves; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLEET ?= build/demo
PURE := tests/architecture tests/unit tests/fleet tests/terraform tests/actions/test_lint.py tests/actions/test_setup_action.py
# Bytecode is written once, at install: without it each of ten hubs compiles all it imports at each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@echo "Setting up $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt pytest-plugin/pyproject.toml
	@echo "Setting up what tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable pytest-plugin
	@touch $@

.PHONY: install install-dev
install: $(VENV)/installed  ## the deployer, in .venv
install-dev: $(VENV)/installed-dev

.PHONY: demo demo-down
demo: $(VENV)/installed  ## real JupyterHubs on this machine: two clusters of three, canaries first
	@test -d $(FLEET)/config || $(BIN)/deployer init $(FLEET) --example
	@$(BIN)/deployer --fleet $(FLEET) deploy --all --yes
	@echo
	@echo "Open one of the addresses above in a browser: open-data asks nothing, pacific/staging takes any name with the"
	@echo "password pacific, pacific/course student-1 with a password of your choice. Then try:"
	@echo "  source $(BIN)/activate && cd $(FLEET)"
	@echo "  deployer status"
	@echo "  edit config/clusters/pacific/common.values.yaml"
	@echo "  deployer plan --since HEAD      # what the edit touches, and why"
	@echo "  deployer deploy --since HEAD    # canaries first"
	@echo "  make demo-down                  # (here) stops it all; homes and databases stay"

demo-down: $(VENV)/installed  ## stop what make demo started
	@test ! -d $(FLEET)/config || $(BIN)/deployer --fleet $(FLEET) down

.PHONY: tools
tools:  ## Helm, a control plane and KWOK for the tests, built once from their Go modules
	@if command -v go >/dev/null; then nice tools/build >/dev/null; \
	elif test -n "$${CI:-}"; then echo "go is missing: install Go 1.25 or newer" >&2; exit 1; \
	else echo "go is missing: what the deployer does on Kubernetes is NOT tested, nor, unless helm is installed, what Helm renders" >&2; fi

# An hour on a small machine, and 2 GB of memory: never in CI, whose gate are the extracts in tests/terraform/schemas.
.PHONY: terraform-tools terraform-schemas terraform-checkov terraform-readmes
terraform-tools:  ## OpenTofu and the clouds' providers, for the tests of the Terraform modules
	nice tools/terraform/build

terraform-schemas: $(VENV)/installed-dev terraform-tools  ## what the modules use of the providers' schemas, anew
	cd tests/terraform && PYTHONPATH=../../src ../../$(BIN)/python make_schemas.py

# In an environment of its own: it wants other versions of what the deployer uses, and a hundred packages.
terraform-checkov:  ## the Terraform modules as checkov sees them, with the exceptions in tests/terraform/checkov.yaml
	@test -e $(VENV)-checkov/installed || $(PYTHON) -m venv $(VENV)-checkov
	@$(VENV)-checkov/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/terraform/requirements-checkov.txt
	@touch $(VENV)-checkov/installed
	$(VENV)-checkov/bin/checkov --config-file tests/terraform/checkov.yaml --directory src/deployer/scaffold/template/base/terraform/modules

terraform-readmes: $(VENV)/installed  ## the READMEs of the Terraform modules, from their variables and outputs
	PYTHONPATH=src $(BIN)/python tests/terraform/readmes.py

.PHONY: test test-fast test-plugin test-kubernetes lint format docs bench
test: $(VENV)/installed-dev tools  ## all tests: pure ones, git repositories, real hubs, a real browser, a workflow runner, real control planes
	$(BIN)/python -m pytest $(PURE) -n 2 -q
	@$(MAKE) --no-print-directory --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) lane-hubs lane-clusters lane-plugin

# The first two wait more than they compute, so all run side by side; what each says comes when it ends.
.PHONY: lane-hubs lane-clusters lane-plugin
lane-hubs: $(VENV)/installed-dev
	$(call lane,tests/local)
lane-clusters: $(VENV)/installed-dev tools
	$(call lane,tests/actions/test_workflow_runs.py,$(WHOLE))
	$(call lane,tests/kubernetes)
lane-plugin: $(VENV)/installed-dev
	nice $(BIN)/nox --noxfile pytest-plugin/noxfile.py

test-kubernetes: $(VENV)/installed-dev tools  ## the tests on Kubernetes: control planes on this machine, KWOK for nodes
	$(call lane,tests/kubernetes)

# Tests with dozens of real processes depend on the machine, which may be busy with other things: what failed is tried
# once more, alone and said aloud (a story whose tests follow one another: from its start). What fails twice has failed.
ALONE := --last-failed --last-failed-no-failures none
WHOLE := --cache-clear
define lane
$(BIN)/python -m pytest $(1) -q -o cache_dir=.pytest_cache/$(notdir $(1)) || { \
  echo "== $(1): trying once more what failed =="; \
  $(BIN)/python -m pytest $(1) -q -o cache_dir=.pytest_cache/$(notdir $(1)) $(or $(2),$(ALONE)); }
endef

test-fast: $(VENV)/installed-dev  ## the tests that start no hub
	$(BIN)/python -m pytest $(PURE) -n 2 -q

test-plugin: lane-plugin  ## the pytest plugin, on the corners of its versions

lint: $(VENV)/installed-dev  ## format, rules, types, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file pytest-plugin/pyproject.toml
	$(MAKE) docs

format: $(VENV)/installed-dev  ## mend what the formatter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/installed-dev  ## the pages, in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python pytest-plugin/docs/generate.py --check

bench: $(VENV)/installed-dev  ## what is fast, against what
	$(BIN)/python benchmarks/plan.py
	$(BIN)/python benchmarks/local_hubs.py
