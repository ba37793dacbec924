# All developer commands. They need only make, git and Python >= 3.11.

VENV := .venv
BIN := $(VENV)/bin
#: Stamps: what `make run` needs is installed; what developers need is installed too.
RUN_STAMP := $(VENV)/.installed-run
STAMP := $(VENV)/.installed
#: Stock arq, for comparisons and for tests that share a Redis with it: one environment per version.
ARQ_VERSIONS := 0.26.0 0.26.3 0.28.0
ARQ_VENV := .venv-arq
ARQ_STAMP := $(ARQ_VENV)/.installed
ARQ_STAMPS := $(ARQ_VERSIONS:%=$(ARQ_VENV)/%/.installed)
#: What `make bench` compares with: one environment per group of packages, made only for that.
PEERS := saq taskiq streaq fastapi celery
PEER_VENV := .venv-peers
PEER_STAMPS := $(PEERS:%=$(PEER_VENV)/%/.installed)
#: The packages of each peer as its documents recommend them.
PEER_saq := saq[redis,hiredis] typing-extensions
PEER_taskiq := taskiq[uv,orjson] taskiq-redis
PEER_streaq := streaq
PEER_fastapi := fastapi uvicorn[standard] arq==0.28.0
PEER_celery := celery[redis] flower
#: Generators with which tests make clients from openapi.yaml. TypeScript needs npm.
GENERATORS := .generators
GENERATORS_STAMPS := $(GENERATORS)/python/.installed $(GENERATORS)/node/.installed
PORT ?= 8080
#: Data folder of the embedded server of `make run`.
DATA ?= .jobgate
#: Python to use; by default the newest that is found.
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help run test check bench faults pictures lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(RUN_STAMP) ## Run the examples: embedded server, worker, and gateway on http://127.0.0.1:8080
	@printf '%s\n' 'Try in another terminal:' '' \
	  "  curl -sS -w '\n' -X POST localhost:$(PORT)/jobs/count_words -H 'Prefer: wait=5' -d '{\"args\":[\"README.md\"]}'" '' \
	  "  JOB=report-\$$(date +%s)" \
	  "  curl -sS -w '\n' -X POST localhost:$(PORT)/jobs/slow_report -d '{\"args\":[5],\"job_id\":\"'\$$JOB'\"}'" \
	  "  curl -sS -w '\n' \"localhost:$(PORT)/jobs/\$$JOB/result?wait=10\"" '' \
	  'In a browser, what runs and what fails: http://localhost:$(PORT)/' \
	  'All functions, with a form for each:    http://localhost:$(PORT)/docs' ''
	@exec $(BIN)/jobgate dev examples.settings.WorkerSettings --port $(PORT) --data $(DATA)

test: $(STAMP) $(ARQ_STAMP) $(GENERATORS_STAMPS) ## Run all tests in parallel, except the long form of the fault tests
	$(BIN)/pytest

check: $(STAMP) ## Check lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(STAMP) $(ARQ_STAMP) $(PEER_STAMPS) ## Measure jobgate beside its peers; BENCH='--quick', '--only drain' or other options
	$(BIN)/python -m benchmarks $(BENCH)

#: Tests with a long form in other folders.
LONG_TESTS := tests/acceptance/test_every_file.py tests/acceptance/test_guides.py \
  tests/integration/gateway/batch/test_batches.py tests/integration/gateway/ui/test_dashboard_large.py \
  tests/integration/gateway/finding/test_failures.py tests/integration/gateway/jobs/test_idempotency.py \
  tests/integration/gateway/documents/test_openapi.py \
  tests/integration/system/test_dockerfile.py tests/integration/testing/test_projects.py \
  tests/integration/system/test_hostile_bodies.py tests/integration/worker/test_liveness.py \
  tests/unit/broker/test_hostile_pickles.py tests/unit/broker/test_keys.py \
  tests/unit/broker/test_reader_bounds.py tests/unit/gateway/test_strict_json.py \
  tests/unit/worker/test_typed_property.py
faults: $(STAMP) $(ARQ_STAMP) $(GENERATORS_STAMPS) ## Run fault and interop tests in their long form (kills, cuts, 10,000 jobs); slow
	JOBGATE_TEST_LONG=1 $(BIN)/pytest --timeout=900 tests/faults tests/interop $(LONG_TESTS)

pictures: $(STAMP) ## Take the pictures of the dashboard that README.md and docs/dashboard.md show
	cd tests && ../$(BIN)/python -m harness.browser.readme_pictures ../docs/pictures

INSTALL = $(BIN)/python deploy/install.py

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --custom-compile-command 'make lock'
lock: $(STAMP) ## Update requirements/*.txt; UPGRADE=1 takes the newest versions
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --all-extras --group dev -o requirements/dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --extra all -c requirements/dev.txt -o requirements/run.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --extra gateway --extra worker --extra msgpack \
	  -c requirements/dev.txt -o requirements/image.txt
	$(foreach version,$(ARQ_VERSIONS),printf '%s\n' 'arq==$(version)' msgpack | $(LOCK) $(if $(UPGRADE),--upgrade) - \
	  -o requirements/arq-$(version).txt &&) true
	$(foreach peer,$(PEERS),printf '%s\n' $(foreach package,$(PEER_$(peer)),'$(package)') | \
	  $(LOCK) $(if $(UPGRADE),--upgrade) - -o requirements/peer-$(peer).txt &&) true
	echo openapi-python-client | $(LOCK) $(if $(UPGRADE),--upgrade) - -o requirements/generators.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group build -c requirements/dev.txt -o requirements/build.txt

clean: ## Remove everything that these commands create, including the examples' data
	rm -rf $(VENV) $(ARQ_VENV) $(PEER_VENV) $(GENERATORS) $(DATA) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_STAMP): pyproject.toml requirements/run.txt requirements/build.txt | $(BIN)/python
	@$(INSTALL) $(BIN)/python requirements/run.txt requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP): $(RUN_STAMP) requirements/dev.txt
	@$(INSTALL) $(BIN)/python requirements/dev.txt
	@touch $@

$(ARQ_STAMP): $(ARQ_STAMPS)
	@touch $@

$(ARQ_VENV)/%/.installed: requirements/arq-%.txt | $(BIN)/python
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	@$(INSTALL) $(@D)/bin/python $<
	@touch $@

$(PEER_VENV)/%/.installed: requirements/peer-%.txt | $(BIN)/python
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	@$(INSTALL) $(@D)/bin/python $<
	@touch $@

$(GENERATORS)/python/.installed: requirements/generators.txt | $(BIN)/python
	$(BIN)/python -m venv --clear --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(GENERATORS)/node/.installed: tests/interop/generators/package.json tests/interop/generators/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D)
	@if command -v npm >/dev/null; then npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	  else echo "npm is not installed: the test of a generated TypeScript client is skipped."; fi

$(BIN)/python:
	@python=$$(sh deploy/find-python.sh $(PYTHON)) && \
	  echo "Setting up $(VENV) with $$python (once)." && \
	  "$$python" -m venv $(VENV)
