# SPDX-License-Identifier: Apache-2.0
# Targets are described by the comment behind "##"; `make` alone lists them.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   = -s -w -X main.version=$(VERSION)
BUILD     = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
CORPUS   ?=
# Pinned: a new release of a linter is a change of its own.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
NFPM        = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
GORELEASER  = github.com/goreleaser/goreleaser/v2@v2.15.1
TOOLS       = $(CURDIR)/.cache/tools
SUDO        = $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets.
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/murano-agent and bin/murano-controller for this machine.
	$(BUILD) -o bin/ ./cmd/...

.PHONY: setup
setup: ## Install what the tests need (RabbitMQ, cloud-init's parser, ShellCheck) from Debian's packages.
	$(SUDO) test/setup.sh

.PHONY: demo
demo: build ## Run the whole product in one process: deploy two applications, fetch the page, delete.
	test/demo.sh

.PHONY: test
test: setup ## Run every test with the race detector, RabbitMQ included.
	MURANO_TEST_REQUIRE_BROKER=1 $(GO) test -race -timeout 20m ./...

.PHONY: test-puppet
test-puppet: ## Run Puppet classes with the real puppet, in a Debian tree of its own (root; 2 min).
	$(SUDO) env PATH="$$PATH" test/puppet.sh

.PHONY: conformance
conformance: setup ## Compare the agent with the recorded answers of the old one (CORPUS=dir for another corpus).
	@MURANO_TEST_REQUIRE_BROKER=1 CORPUS='$(CORPUS)' test/conformance/run.sh

.PHONY: faults
faults: setup ## Kill the agent at each of its numbered points, over a scenario of plans, with a real RabbitMQ (5 min).
	MURANO_TEST_REQUIRE_BROKER=1 MURANO_TEST_FAULTS=1 $(GO) test ./test/faults -run Points -v -count 1 -timeout 40m

.PHONY: chaos
chaos: setup ## 10,000 plans while connections are cut, broker and agent killed, the disk filled (root, for the disk; 10 min).
	MURANO_TEST_REQUIRE_BROKER=1 MURANO_TEST_CHAOS=1 $(GO) test ./test/faults -run Chaos -v -count 1 -timeout 30m

.PHONY: fuzz
fuzz: ## Fuzz the plan parser and the Body for a minute each.
	$(GO) test ./plans -run '^$$' -fuzz FuzzParse$$ -fuzztime 60s
	$(GO) test ./plans/body -run '^$$' -fuzz FuzzParse -fuzztime 60s
	$(GO) test ./plans/body -run '^$$' -fuzz FuzzRun -fuzztime 60s

.PHONY: e2e
e2e: build package-deb ## Real RabbitMQ, a booted systemd guest, no OpenStack (root; 3 min).
	$(SUDO) test/e2e.sh

.PHONY: e2e-agent
e2e-agent: build package-deb ## The agent in booted guests: watchdog, reboots, stops, journal, group, limits, power cuts (root; 8 min).
	$(SUDO) test/e2e.sh agent

.PHONY: e2e-openstack
e2e-openstack: build package-deb ## A real OpenStack, a real VM, a real Apache (root; about 10 min).
	$(SUDO) test/e2e-openstack.sh

.PHONY: bench
bench: build ## Print the agent's figures beside the old agent's, in one run.
	$(GO) run ./test/bench

.PHONY: lint
lint: $(TOOLS)/staticcheck ## Run the linters; staticcheck.conf explains the list.
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...
	test/shellcheck.sh

.PHONY: check
check: lint ## Formatting, tidiness, linters, builds for every platform, units, packaging.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these'; exit 1; }
	$(GO) mod tidy -diff
	$(MAKE) --no-print-directory cross
	test/units.sh

.PHONY: cross
cross: ## Build for linux amd64, arm64 and windows amd64 without cgo.
	GOOS=linux GOARCH=amd64 $(BUILD) -o dist/linux-amd64/ ./cmd/...
	GOOS=linux GOARCH=arm64 $(BUILD) -o dist/linux-arm64/ ./cmd/...
	GOOS=windows GOARCH=amd64 $(BUILD) -o dist/windows-amd64/ ./cmd/...

.PHONY: package
package: $(TOOLS)/nfpm ## Build the .deb and .rpm of the agent and the controller for amd64 and arm64 into dist/.
	ARCH='amd64 arm64' VERSION='$(VERSION)' NFPM=$(TOOLS)/nfpm packaging/build.sh deb rpm

.PHONY: package-deb
package-deb: $(TOOLS)/nfpm ## Build the .deb packages for this machine into dist/.
	VERSION='$(VERSION)' NFPM=$(TOOLS)/nfpm packaging/build.sh deb

.PHONY: package-rpm
package-rpm: $(TOOLS)/nfpm ## Build the .rpm packages for this machine into dist/.
	VERSION='$(VERSION)' NFPM=$(TOOLS)/nfpm packaging/build.sh rpm

.PHONY: package-test
package-test: $(TOOLS)/nfpm ## Install, upgrade and remove the packages in a Debian tree, .deb, .rpm, image element, bootstrap (root; 2 min).
	$(SUDO) env NFPM=$(TOOLS)/nfpm PATH="$$PATH" test/packaging/test.sh

.PHONY: release-check
release-check: $(TOOLS)/goreleaser ## Check goreleaser.yaml and build a release that is not published (the tool alone: 4 min of CPU).
	$(TOOLS)/goreleaser check
	$(TOOLS)/goreleaser release --snapshot --clean

$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) $(GO) install $(STATICCHECK)

$(TOOLS)/nfpm:
	GOBIN=$(TOOLS) $(GO) install $(NFPM)

$(TOOLS)/goreleaser:
	GOBIN=$(TOOLS) $(GO) install $(GORELEASER)

.PHONY: golden
golden: ## Write the golden files anew (bodies need python3 of 3.11).
	$(GO) test ./plans -update
	$(GO) test ./controller/api -run OpenAPI -update
	python3 plans/body/testdata/generate.py golden >plans/body/testdata/golden.json.new
	mv plans/body/testdata/golden.json.new plans/body/testdata/golden.json

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin dist .cache
