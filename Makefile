# `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

BIN := .build/release
SEEDS := 1 2 3
FUZZ_SECONDS := 30
SWIFT_FILES := Package.swift Sources Tests

.PHONY: help run test test-deploy build bench bench-quick bench-check bench-expect profile chaos fuzz sanitize deb deb-check lint format docs clean setup

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Install what is missing, build, and run a hub with mock miners until Ctrl-C
	@exec $(BIN)/poolhub dev $(ARGS)

test: setup ## Install what is missing, build, and run every test
	@deploy/setup-debian.sh test
	swift build --build-tests
	@# What failed is said once more at the end, where whoever sees the last lines only finds it.
	swift test --skip-build --no-parallel 2>&1 | tee .build/test.log || \
	  { echo "What failed:"; grep -A 14 '✘ Test .* recorded an issue' .build/test.log | cut -c 1-800 | tail -n 60; exit 1; }

test-deploy: ## As root: install the package of `make deb` in a container with systemd, and try all that an operator does
	@deploy/setup-debian.sh deploy
	@Tests/Deploy/run.sh "$$(echo .build-deb/poolhub_*_amd64.deb)" $(STEPS)

build: setup ## Build release binaries into .build/release, with the Swift runtime linked in
	@for program in poolhub-gateway poolhub-scorer poolhub bare-hummingbird bare-nio bare-zeromq bare-websocket-echo; do \
	  swift build -c release --static-swift-stdlib --product $$program || exit 1; done

bench: build ## Measure everything beside its floor, in 15 minutes, into BENCHMARKS.md and bench.json
	@deploy/setup-debian.sh bench
	@$(BIN)/poolhub bench all --document BENCHMARKS.md $(ARGS)

bench-quick: build ## The same in two minutes, printed, and into bench.json
	@deploy/setup-debian.sh bench
	@$(BIN)/poolhub bench all --quick $(ARGS)

bench-check: bench-quick ## And fail when a ratio has fallen by more than a third
	@$(BIN)/poolhub bench check

bench-expect: bench-quick ## Make what is measured now what bench-check expects
	@$(BIN)/poolhub bench check --write

profile: build ## Where one match's CPU goes, by stage, from perf and callgrind
	@deploy/setup-debian.sh profile
	@Tests/Benchmarks/profile.py $(ARGS)

chaos: build ## Break a private fleet in every way under load, three seeds in a row, and audit what is left
	@for seed in $(SEEDS); do $(BIN)/poolhub chaos --strict --seed $$seed $(ARGS) || exit 1; done

fuzz: setup ## Let machines try the parsers (FUZZ_SECONDS each) and the API (ten times as long)
	@deploy/setup-debian.sh test
	swift build --build-tests
	Tests/Fuzz/run.sh $(FUZZ_SECONDS)
	POOLHUB_FUZZ_SECONDS=$$((10 * $(FUZZ_SECONDS))) swift test --skip-build --no-parallel --filter Pages/fuzz

sanitize: setup ## Run the tests of the C bridges, the messaging and what is pure under both sanitizers
	Tests/Sanitizers/run.sh address
	Tests/Sanitizers/run.sh thread

deb: setup ## Build the Debian package and its debug symbols into .build-deb
	@deploy/setup-debian.sh deb
	@deploy/debian/build.sh

deb-check: ## Build the packages a second time, in another folder, and compare them byte by byte with those of `make deb`
	@deploy/debian/check.sh

lint: ## Check the style of all Swift files
	swift format lint --strict --recursive --parallel --configuration .swift-format $(SWIFT_FILES)

format: ## Bring all Swift files into style
	swift format --in-place --recursive --parallel --configuration .swift-format $(SWIFT_FILES)

docs: ## Make the readable page of openapi.yaml
	@deploy/setup-debian.sh test
	@.build/python/bin/python Sources/Gateway/Pages/render_docs.py

clean: ## Remove everything that was built
	rm -rf .build .build-address .build-thread .build-deb .build-deploy

setup:
	@deploy/setup-debian.sh
