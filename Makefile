# The door to everything. `make help` lists what is here.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The Python that makes .venv, 3.11 or newer: make setup PYTHON=python3.13
PYTHON ?= python3
# What the functions run on at AWS, as the template names it: make layer-for-aws LAMBDA_PYTHON=3.13 LAMBDA_ARCH=arm64
LAMBDA_PYTHON ?= 3.11
LAMBDA_ARCH ?= x86_64

PY := .venv/bin/python
UV := .venv/bin/uv
hash = $(shell cat $(1) | cksum | cut -d' ' -f1)
# Folders with a pyproject.toml that `make setup` installs in place, so that their commands are in .venv/bin
EDITABLE := . emulator
VENV_READY := .venv/.ready-$(call hash,requirements/bootstrap.txt requirements/dev.txt $(EDITABLE:%=%/pyproject.toml))
CHECKS_READY := .venv-checks/.ready-$(call hash,requirements/checks.txt)
NODE_READY := node_modules/.ready-$(call hash,package-lock.json)
LAYER_HASH := $(call hash,requirements/lambda.txt)
LAYER_HERE := build/.layer-here-$(LAYER_HASH)
LAYER_FOR_AWS := build/.layer-$(LAMBDA_PYTHON)-$(LAMBDA_ARCH)-$(LAYER_HASH)
MACHINES := build/statemachines/.built
# The templates of cfn/ that have resources of SAM
SAM_TEMPLATES := template.yaml api.yaml
# Two for each processor, because most tests of runs wait for more than half of their time.
WORKERS = $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# How the emulator plays what DRS's model leaves open: make proofs PROFILE=unkind
PROFILE ?= captured
# make test COVERAGE=1 measures the coverage of lambdas/ as well, which takes three quarters more CPU on Python 3.11.
COVERED = $(if $(COVERAGE),--cov --cov-report=term --cov-report=html)
TYPED := $(wildcard lambdas cli console emulator/src loopback sandbox scripts)
LINTED := $(wildcard lambdas cli console emulator loopback sandbox scripts tests bench conftest.py)

##@ Start here

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: $(VENV_READY) ## Make .venv with everything in requirements/dev.txt, and our own commands

.PHONY: drill
drill: setup build ## Watch a drill with a failure, an outage and an approval (PLAN=my.yaml QUIET=1)
	@.venv/bin/drs-waves sandbox drill $(if $(QUIET),--quiet) $(if $(PLAN),--plan "$(PLAN)")

.PHONY: sandbox
sandbox: setup build ## Start the sandbox with its console and keep it running (PLAN=my.yaml)
	@.venv/bin/drs-waves sandbox up $(if $(PLAN),--plan "$(PLAN)") || test $$? = 130  # Ctrl-C is how it ends

##@ Plan files

.PHONY: plan-schema
plan-schema: setup build ## Write docs/plan-file.schema.json, by which editors complete plan files
	.venv/bin/drs-waves plan schema > build/plan-file.schema.json
	mv build/plan-file.schema.json docs/plan-file.schema.json

##@ The API

.PHONY: report-schema
report-schema: setup build ## Write docs/report.schema.json, the shape of report.json
	$(PY) scripts/report_schema.py > build/report.schema.json
	mv build/report.schema.json docs/report.schema.json

.PHONY: openapi
openapi: setup build ## Write docs/openapi.json, the API as tools read it
	$(PY) scripts/openapi.py > build/openapi.json
	mv build/openapi.json docs/openapi.json

.PHONY: role-routes
role-routes: setup build ## Write into docs/iam.md what each of its policies allows
	$(PY) scripts/role_routes.py

##@ The command

.PHONY: reference
reference: setup build ## Write docs/commands.md and docs/schemas, the reference of drs-waves and of what it prints
	$(PY) scripts/command_reference.py > build/commands.md
	mv build/commands.md docs/commands.md
	$(PY) scripts/output_schemas.py

##@ Measurements, written to build/bench

.PHONY: bench-start
bench-start: setup ## How long each function takes to import what it needs (1 minute)
	$(PY) -m bench.start

.PHONY: bench-memory
bench-memory: setup build ## The memory of each function at work on 2,000 servers, which sets MemorySize (10 minutes)
	$(PY) -m bench.memory

.PHONY: bench-saturation
bench-saturation: setup build ## 1,200 servers in one target, on DRS's quotas: how near to the ideal? (7 minutes)
	$(PY) -m bench.saturation --speed 10

.PHONY: bench-fairness
bench-fairness: setup build ## Three such plans at once in one target: are their shares fair? (9 minutes)
	$(PY) -m bench.saturation --plans 3 --speed 20

.PHONY: bench-readers
bench-readers: setup build ## A recovery of 100 servers alone, and beside forty viewers that loop: how much longer? (6 minutes)
	PYTHONPATH=lambdas $(PY) -m bench.readers

.PHONY: bench-emulator
bench-emulator: setup ## How fast the DRS emulator answers, and whether its memory stays steady
	$(PY) -m bench.emulator

.PHONY: bench-cache
bench-cache: setup build ## 2,000 recovery instances in 10 targets: synced, read, cleaned up after (5 minutes)
	$(PY) -m bench.cache

.PHONY: bench-fleet
bench-fleet: setup build ## 10,000 servers in 10 targets and 2 waves: time, calls, write units, reads (8 minutes)
	$(PY) -m bench.fleet

.PHONY: bench-waits
bench-waits: setup $(MACHINES) ## What waits cost: polls of jobs, events, an outage of DRS, refusals of Lambda (3 minutes)
	PYTHONPATH=lambdas:. $(PY) -m bench.waits

.PHONY: bench-checks
bench-checks: setup build ## Waves of 100 and of 1,000 servers with checks: seconds, calls, transitions, write units (8 minutes)
	$(PY) -m bench.checks

.PHONY: bench-profiles
bench-profiles: setup $(MACHINES) ## Waves of 100 and of 1,200 servers with launch profiles: calls, seconds added (12 minutes)
	POWERTOOLS_LOG_LEVEL=CRITICAL PYTHONPATH=lambdas:. $(PY) -m bench.profiles

.PHONY: bench-load
bench-load: setup build ## The API under 20 requests a second while a run is on (2 minutes)
	$(PY) -m bench.load

.PHONY: bench-compliance
bench-compliance: setup build ## 200 plans with 10,000 servers: how long an answer about compliance takes, and its reads (2 minutes)
	POWERTOOLS_LOG_LEVEL=CRITICAL PYTHONPATH=lambdas:. $(PY) -m bench.compliance

.PHONY: bench-console
bench-console: setup build ## The console: first page, time from a change to the page, calls, a table of 10,000 servers (5 minutes)
	$(PY) -m bench.console
	POWERTOOLS_LOG_LEVEL=CRITICAL $(PY) -m bench.console_servers

.PHONY: chaos
chaos: setup build ## Drills and recoveries under random faults, every record held against the emulator: CHAOS="--profile unkind --seed 12" (15 minutes)
	$(PY) -m bench.chaos $(CHAOS)

##@ Tests and checks

.PHONY: test
test: setup build ## Run the tests, but for those of make proofs
	@status=0; \
	$(MAKE) --no-print-directory --jobs 2 --keep-going test-deployed test-in-process || status=$$?; \
	cat build/test-deployed.log; exit $$status

# Without bytecode, each of the many Python processes of the tests compiles all that it imports. It lies outside
# of lambdas/, which the sandbox packs up meanwhile.
test-deployed test-in-process test-console: export PYTHONPYCACHEPREFIX = $(CURDIR)/build/bytecode
unexport PYTHONDONTWRITEBYTECODE

# The two run side by side, for the tests of the deployed product wait most of the time. Their output comes last, in one
# piece, so that the end of a log shows what has failed.
.PHONY: test-deployed
test-deployed:
	@mkdir -p build
	@{ $(PY) -m pytest -m e2e --cache-clear --override-ini cache_dir=build/pytest/deployed \
	  || $(PY) scripts/run_failed_again.py build/pytest/deployed $$?; } > build/test-deployed.log 2>&1

.PHONY: test-in-process
test-in-process:
	$(PY) -m pytest $(COVERED) -m "not e2e and not deployment and not proof" -n $(WORKERS) --dist worksteal \
	  --cache-clear --override-ini cache_dir=build/pytest/in-process \
	  || $(PY) scripts/run_failed_again.py build/pytest/in-process $$?

# The pages in Chromium are one after the other: they share a sandbox, and a browser that waits for its processor.
.PHONY: test-console
test-console: setup build $(NODE_READY) ## Run the tests of the console, with its pages in Chromium (4 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(wildcard tests/*/test_console*.py)
	$(PY) -m pytest tests/e2e/console

.PHONY: coverage
coverage: setup build ## Run the tests of make test that run in this process, and print their coverage of lambdas/
	$(MAKE) --no-print-directory test-in-process COVERAGE=1

.PHONY: proofs
proofs: export DRS_PROFILE = $(PROFILE)
proofs: setup build $(NODE_READY) $(CHECKS_READY) ## Run what takes long: matrices of kill points, properties on tables, fleets, deployments (10 minutes)
	$(PY) -m pytest -m proof -n $(WORKERS) --dist worksteal --cache-clear --override-ini cache_dir=build/pytest/proofs \
	  || $(PY) scripts/run_failed_again.py build/pytest/proofs $$?
	$(PY) -m pytest -m deployment

.PHONY: unit
unit: setup $(MACHINES) ## Run the unit and property tests, and those of the DRS emulator
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(wildcard tests/unit tests/property emulator/tests)

.PHONY: workflow
workflow: setup $(MACHINES) ## Run the real state machines with the real handlers, in process
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(wildcard tests/harness tests/workflow)

.PHONY: e2e
e2e: setup build ## Run the tests of the sandbox and of the product deployed in it
	$(PY) -m pytest -m "not deployment" $(wildcard tests/sandbox tests/e2e)

.PHONY: lint
lint: lint-python lint-sizes lint-imports lint-cfn lint-sam lint-asl lint-checkov lint-secrets lint-audit ## Check all that can be without running it

.PHONY: lint-python
lint-python: setup
	$(PY) -m ruff check $(LINTED)
	$(PY) -m ruff format --check $(LINTED)

.PHONY: lint-sizes
lint-sizes: setup
	$(PY) scripts/sizes.py

.PHONY: lint-imports
lint-imports: setup
	PYTHONPATH=lambdas:. .venv/bin/lint-imports

.PHONY: lint-cfn
lint-cfn: setup
	.venv/bin/cfn-lint $(wildcard cfn/*.yaml)

# Nothing is asked of the network: sam looks for a newer sam in a folder that does not know when it last did.
.PHONY: lint-sam
lint-sam: setup
	@mkdir -p build/checks/sam && echo "{\"lastVersionCheck\": $$(date +%s).0}" > build/checks/sam/metadata.json
	@for template in $(SAM_TEMPLATES); do \
	  SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=build/checks/sam .venv/bin/sam validate --template-file cfn/$$template --region us-west-2; \
	done

# checkov knows few of SAM's resources, so it gets the templates as SAM translates them. .checkov.yaml says which rules are not ours.
.PHONY: lint-checkov
lint-checkov: setup $(CHECKS_READY)
	@mkdir -p build/checks
	for template in $(SAM_TEMPLATES); do $(PY) scripts/translate.py $$template > build/checks/$$template; done
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-checks/bin/checkov --file $(addprefix build/checks/,$(SAM_TEMPLATES)) \
	  $(filter-out $(addprefix cfn/,$(SAM_TEMPLATES)),$(wildcard cfn/*.yaml))

.PHONY: lint-secrets
lint-secrets: $(CHECKS_READY)
	scripts/secrets.sh

.PHONY: lint-audit
lint-audit: $(CHECKS_READY)
	scripts/audit.sh --if-reachable

.PHONY: audit
audit: $(CHECKS_READY) ## Ask whether any locked Python package has known vulnerabilities
	scripts/audit.sh

# asl-validator knows no partition but aws.
.PHONY: lint-asl
lint-asl: $(NODE_READY) $(MACHINES)
	@mkdir -p build/checks/statemachines
	@cd build/statemachines && for file in *.asl.json; do sed 's/$${Partition}/aws/' "$$file" > "../checks/statemachines/$$file"; done
	node_modules/.bin/asl-validator $(foreach file,$(wildcard statemachines/*.asl.yaml),--json-path build/checks/$(file:.yaml=.json))

.PHONY: format
format: setup ## Put the Python code into its standard form
	$(PY) -m ruff check --fix $(LINTED)
	$(PY) -m ruff format $(LINTED)

.PHONY: typecheck
typecheck: setup ## Check the types, strictly
	$(PY) -m mypy $(TYPED)

.PHONY: check
check: lint typecheck test proofs ## Everything that must pass, as CI runs it

##@ Packaging

.PHONY: build
build: $(LAYER_HERE) $(MACHINES) ## Build what the sandbox deploys: the state machines, the Lambda layer for this Python

.PHONY: machines
machines: $(MACHINES) ## Build the state machines: statemachines/ in plain Amazon States Language

.PHONY: drawings
drawings: setup ## Write docs/machines.md, the state machines drawn from their sources
	@mkdir -p build
	$(PY) scripts/drawings.py > build/machines.md
	mv build/machines.md docs/machines.md

.PHONY: live-view
live-view: setup ## Write docs/pictures/live-view.svg, the live view of the recorded run beside it
	$(PY) scripts/live_view_picture.py

.PHONY: vendor
vendor: setup $(NODE_READY) ## Copy htmx from its npm package into console/static/vendor
	$(PY) scripts/pages/vendor.py

.PHONY: console-pictures
console-pictures: setup ## Write docs/pictures/console-*.png from the sandbox that runs (needs Chromium)
	$(PY) scripts/pages/pictures.py

.PHONY: layer-for-aws
layer-for-aws: $(LAYER_FOR_AWS) ## Build the Lambda layer for AWS (LAMBDA_PYTHON, LAMBDA_ARCH)

# Before anything is built: `make` reads this first.
ifneq ($(filter deploy teardown,$(MAKECMDGOALS)),)
  $(if $(and $(ENV),$(REGION)),,$(error ENV and REGION are needed, such as: make $(firstword $(MAKECMDGOALS)) ENV=prod REGION=eu-west-1))
endif

.PHONY: deploy
deploy: setup layer-for-aws $(NODE_READY) ## Deploy to AWS: ENV=prod REGION=eu-west-1 (ARGS="--yes CallsPerSecond=5")
	scripts/deploy.sh --env "$(ENV)" --region "$(REGION)" $(ARGS)

.PHONY: teardown
teardown: setup ## Take a stack down; its tables stay: ENV=test REGION=eu-west-1 (ARGS=--delete-data)
	scripts/teardown.sh --env "$(ENV)" --region "$(REGION)" $(ARGS)

.PHONY: lock
lock: setup ## Recompile the locks after a change in requirements/*.in (ARGS=--upgrade for newer versions)
	cd requirements && for name in dev lambda bootstrap checks; do \
	  ../$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	    $(ARGS) $$([[ $$name == dev || $$name == checks ]] || echo --constraints dev.txt) $$name.in --output-file $$name.txt; \
	done

.PHONY: clean
clean: ## Remove what make has made
	rm -rf .venv .venv-checks build node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "drs-waves needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing Python packages into .venv ..."
	@test -x $(PY) && $(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/bootstrap.txt
	@$(UV) pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt || { \
	  echo "uv could not install the lock; trying pip, which takes longer" >&2; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/dev.txt; }
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation $(EDITABLE:%=--editable %)
	@rm -f .venv/.ready-*
	@touch $@

$(CHECKS_READY): $(VENV_READY)
	@echo "Installing the tools of lint into .venv-checks ..."
	@test -x .venv-checks/bin/python && .venv-checks/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv-checks
	@$(UV) pip sync --quiet --python .venv-checks/bin/python --require-hashes requirements/checks.txt || { \
	  echo "uv could not install the lock; trying pip, which takes longer" >&2; \
	  .venv-checks/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/checks.txt; }
	@rm -f .venv-checks/.ready-*
	@touch $@

$(NODE_READY):
	@command -v npm >/dev/null || { \
	  echo "npm is missing. The state machines are checked by asl-validator, which needs Node.js 18 or newer." >&2; exit 1; }
	npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(MACHINES): scripts/machines.py $(wildcard statemachines/*.yaml) $(VENV_READY)
	@echo "Building the state machines ..."
	@$(PY) scripts/machines.py
	@touch $@

$(LAYER_HERE): $(VENV_READY)
	@echo "Building the Lambda layer ..."
	@rm -rf build/layer build/.layer-* && mkdir -p build/layer
	@$(UV) pip install --quiet --no-deps --require-hashes --target build/layer/python --python $(PY) \
	  --requirement requirements/lambda.txt
	@rm -rf build/layer/python/bin build/layer/python/.lock
	@$(PY) -m compileall -q --invalidation-mode unchecked-hash build/layer/python  # or each cold start compiles it again
	@touch $@

$(LAYER_FOR_AWS): $(VENV_READY)
	@rm -rf build/layer build/.layer-*
	$(PY) scripts/build_layer.py build/layer/python --python $(LAMBDA_PYTHON) --architecture $(LAMBDA_ARCH)
	@touch $@
