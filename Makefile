# The front door: everything that a person or CI runs is a target here. `make help` lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo build test check fmt clippy tidy doc generated unit e2e parts test-long fuzz bench generate

# The versions of the lock file, always: a build is the same tomorrow.
CARGO := cargo
LOCKED := --workspace --locked
XTASK := $(CARGO) run --quiet --locked --package xtask --
# Cases of each property in `make fuzz`; a run of the tests takes 256 of most.
FUZZ_CASES ?= 20000
# How long `make fuzz` runs each target in fuzz/.
FUZZ_SECONDS ?= 60

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Shows the whole product on a throwaway database; KEEP=1 leaves the service running
	scripts/demo

build: ## The program, as it is shipped: target/release/backstop
	$(CARGO) build --release --locked --package backstop

test: check unit e2e ## Everything, from a fresh clone: check, unit, e2e; installs what it needs

check: fmt clippy tidy generated doc ## Format, lints, tidy, generated files, documentation; needs no network or root

fmt:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

clippy:
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings

tidy: ## The rules of this repository that no compiler knows
	$(XTASK) tidy

generated:
	$(XTASK) generate --check

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --no-deps --quiet

unit: ## Tests inside the crates and examples in documentation; needs no network, server or root
	$(CARGO) test $(LOCKED) --lib --bins
	$(CARGO) test $(LOCKED) --doc

e2e: parts ## The crates' tests from outside: real servers, real clients of the API, crashes, restores
	$(CARGO) test $(LOCKED) --test '*'

parts: ## Installs what the tests need beside the toolchain: Debian packages, and caches outside the tree
	scripts/test-parts test

test-long: parts ## The tests with ten times as many frames where size matters; an hour or more
	BACKSTOP_SCALE=10 $(CARGO) test $(LOCKED) --test '*'

fuzz: ## The fuzz targets for FUZZ_SECONDS each (60), the property tests with FUZZ_CASES cases each (20000)
	FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) test $(LOCKED) --lib
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) test $(LOCKED) --test '*' propert

bench: ## Measures against pgBackRest on this machine, as ratios
	scripts/test-parts bench
	$(CARGO) build --release --locked --package backstop --package bench
	scripts/bench

generate: ## Writes the generated files anew
	$(XTASK) generate
