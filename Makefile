# `make` builds every program into bin/; `make help` lists the targets below.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := build

GO       ?= go
PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZTIME ?= 10s
ROUNDS   ?= 50

PROGRAMS := $(patsubst %/main.go,%,$(wildcard */main.go))
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X govtl/internal/daemon.version=$(VERSION)
BUILD    := $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)'

# Tests that need the guest kernel (Debian package user-mode-linux) have this tag.
E2E := $(GO) test -tags e2e -count=1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build every program into bin/
	@mkdir -p bin
	$(BUILD) -o bin/ $(PROGRAMS:%=./%)
	$(BUILD) -o bin/vtl-units ./systemd/units

.PHONY: run
run: build ## build, then start the suite in the foreground
	bin/vtlcmd up

.PHONY: test
test: deps build vet unit e2e qemu systemd optical-short crash-short ## everything that CI runs

.PHONY: vet
vet:
	$(GO) vet -tags e2e ./...

.PHONY: unit
unit: build ## the tests that need nothing but Go
	$(GO) test ./...

.PHONY: e2e
e2e: build ## the suite on a real Linux kernel: st, ch, sg, open-iscsi, tar, mtx, mt, sg3-utils
	$(E2E) -timeout 15m ./etc ./internal/helptext ./internal/mhvtl ./test/guest ./test/initiators ./test/e2e

.PHONY: qemu
qemu: build ## the suite as the tape library of a virtual machine: QEMU's own iSCSI initiator
	scripts/qemu-kernel
	$(E2E) -timeout 8m ./test/qemu

.PHONY: optical
optical: build ## optical drives on a real Linux kernel: xorriso, growisofs, wodim, cdrskin, cdrdao, mount, ch
	$(E2E) -timeout 60m ./test/optical

.PHONY: optical-short
optical-short: build
	$(E2E) -timeout 8m -run 'TestImage|TestEmptyFile|TestJukebox|TestFullAndClosed' ./test/optical

.PHONY: systemd
systemd: build ## the suite as a service of systemd, in the guest
	$(E2E) -timeout 12m ./test/systemd

.PHONY: crash-short
crash-short: build
	VTL_CRASH_ROUNDS=4 $(E2E) -timeout 4m ./test/crash

.PHONY: crash
crash: build ## power cuts under a streaming backup; ROUNDS=200 for a long run
	VTL_CRASH_ROUNDS=$(ROUNDS) $(E2E) -timeout 0 -v ./test/crash

.PHONY: race
race: build ## the unit tests with the race detector
	$(GO) test -race ./...

.PHONY: lint
lint: ## the house rules
	$(GO) test -count=1 ./internal/lint

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz

.PHONY: compare
compare: build ## measure a drive beside tgtd's (Debian's tgt; as root)
	$(GO) run ./test/compare

.PHONY: bench
bench: ## every benchmark
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: golden
golden: ## rewrite the golden files; the diff is the review
	scripts/golden

.PHONY: deps
deps: ## install the Debian packages that the tests need, or say what is missing
	scripts/deps

.PHONY: install
install: build ## install programs, units, manual pages and examples below DESTDIR/PREFIX
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install install

.PHONY: uninstall
uninstall: ## remove what install installed; configuration and cartridges stay
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install uninstall

.PHONY: dist
dist: ## a .deb, an .rpm and a tarball for amd64 and arm64 in dist/
	scripts/dist

.PHONY: packages
packages: ## look at the packages; install, upgrade and remove the Debian one in the guest
	scripts/deps packages
	VERSION=0.0.1-test.1 scripts/dist >/dev/null
	VERSION=0.0.1-test.2 scripts/dist >/dev/null
	$(E2E) -timeout 15m ./test/packages/...

.PHONY: software
software: build ## Bacula, Amanda, tar, dump, xfsdump ... on the suite as docs/attach says, in the guest
	scripts/deps software
	$(E2E) -timeout 40m ./test/software

.PHONY: image
image: ## the container image govtl, with podman (ENGINE=docker; BASE=local without a registry)
	scripts/image

.PHONY: image-test
image-test: ## build the image without a registry, and run it without root
	scripts/deps image
	BASE=local scripts/image
	$(E2E) -timeout 10m ./test/image

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
