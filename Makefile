# swarm: `make help` says what can be made. Everything a target needs beyond Swift and make itself
# is installed by it, where that is possible, and named where it is not.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
SECONDS_OF_FUZZING := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),60)
SECONDS_OF_SOAKING := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),3600)
TARGET ?= bencode
ROUNDS ?= 5
SEED ?= 1

# A room may import only what its line in Package.swift names; the build itself checks it.
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# Programs bring Swift's own libraries along, so that they run where no Swift is installed.
RELEASE_FLAGS := $(SWIFT_FLAGS) -c release --static-swift-stdlib
RELEASE_BIN = $(shell swift build $(RELEASE_FLAGS) --show-bin-path)

.PHONY: help
help: ## Say what can be made
	@echo "swarm: a BitTorrent client, library and seedbox"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PREFIX=/usr/local DESTDIR=   where install puts things"
	@echo "  FILTER=Suite                 test: only the suites whose names match"
	@echo "  TARGET=bencode SECONDS=60    fuzz: what, and for how long"
	@echo "  BENCH=path/to/duel.py        bench: the instrument; ROUNDS=5"
	@echo "  FLOOD=path/to/krpcflood.c    dhtbench: the instrument"

.PHONY: build
build: packages ## Build the release binary
	swift build $(RELEASE_FLAGS) --product swarm

.PHONY: demo
demo: packages ## Share a folder by its magnet link alone: a DHT, a seed and a fetch on this machine
	swift build $(RELEASE_FLAGS) --product swarm
	SWARM="$(RELEASE_BIN)/swarm" Tests/Support/demo.sh

.PHONY: test
test: testpackages ## Run every test, those against other clients included (under 15 minutes)
	swift build $(SWIFT_FLAGS) --build-tests
	SWIFT_FLAGS="$(SWIFT_FLAGS)" Tests/Support/run-tests.sh "$(FILTER)"

.PHONY: simulate
simulate: packages ## Run every scenario of Fixtures/Scenarios in the simulator (SEED=1)
	swift build $(RELEASE_FLAGS) --product swarm-sim
	@failed=; for scenario in Fixtures/Scenarios/*.scenario; do \
	    "$(RELEASE_BIN)/swarm-sim" run "$$scenario" --seed $(SEED) || failed=1; echo; \
	done; [ -z "$$failed" ]

.PHONY: install
install: packages ## Install the programs, their man pages, completions and systemd units
	swift build $(RELEASE_FLAGS) --product swarm
	swift build $(RELEASE_FLAGS) --product swarm-sim
	SWARM="$(RELEASE_BIN)/swarm" SWARM_SIM="$(RELEASE_BIN)/swarm-sim" \
	    Tests/Support/install.sh "$(DESTDIR)$(PREFIX)" "$(PREFIX)"

.PHONY: fmt
fmt: ## Format the sources
	swift format --in-place --recursive --parallel Package.swift Sources Tests

.PHONY: lint
lint: ## Check the format and the house rules
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	SWARM_ROOMS=Tidy swift test --scratch-path .build/tidy

.PHONY: bench
bench: packages ## Measure this client beside libtorrent, and write Docs/PERFORMANCE.md
	swift build $(RELEASE_FLAGS) --product swarm
	SWARM="$(RELEASE_BIN)/swarm" python3 Tests/Bench/sitting.py \
	    --instrument "$(or $(BENCH),$(error say which instrument: make bench BENCH=path/to/duel.py))" \
	    --rounds $(ROUNDS) --write Docs/PERFORMANCE.md

.PHONY: dhtbench
dhtbench: packages ## Measure our DHT node beside libtorrent's, and write Docs/PERFORMANCE.md
	swift build $(RELEASE_FLAGS) --product swarm
	SWARM="$(RELEASE_BIN)/swarm" python3 Tests/Bench/krpc.py \
	    --flood "$(or $(FLOOD),$(error say which instrument: make dhtbench FLOOD=path/to/krpcflood.c))" \
	    --rounds $(ROUNDS) --write Docs/PERFORMANCE.md

.PHONY: seedboxbench
seedboxbench: testpackages ## Hold 10,000 seeds beside Transmission, and write Docs/PERFORMANCE.md
	swift build $(RELEASE_FLAGS) --product swarm
	SWARM="$(RELEASE_BIN)/swarm" python3 Tests/Bench/seedbox.py \
	    --rounds $(ROUNDS) --write Docs/PERFORMANCE.md

.PHONY: soak
soak: testpackages ## Drive a daemon under load, and see that it stays as it is: SECONDS=3600
	swift build $(RELEASE_FLAGS) --product swarm
	SWARM="$(RELEASE_BIN)/swarm" python3 Tests/Bench/soak.py --seconds "$(SECONDS_OF_SOAKING)"

.PHONY: fuzz
fuzz: packages ## Fuzz one parser: TARGET=bencode SECONDS=600
	Tests/Fuzz/fuzz.sh "$(TARGET)" "$(SECONDS_OF_FUZZING)"

.PHONY: clean
clean: ## Remove what was built
	rm -rf .build .build-tools

.PHONY: packages testpackages
packages:
	@Tests/Support/install-packages.sh build
testpackages:
	@Tests/Support/install-packages.sh build test
