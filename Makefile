# "make" lists the targets. "make run" and "make test" need Go and nothing else.

GO        ?= go
LISTEN    ?= 127.0.0.1:8080
DATABASE  ?= sparekey.db
FUZZTIME  ?= 10000x
BIN       := bin/sparekey
LINT      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help
.PHONY: help run build test check fmt vet words unit deps wordpress browser screenshots fuzz short conformance bench lint tidy clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/sparekey
	$(GO) build -trimpath -o $(BIN) ./cmd/sparekey

run: build ## start a server on http://127.0.0.1:8080 with its data in sparekey.db
	$(BIN) serve --listen $(LISTEN) --database $(DATABASE)

test: check deps build ## everything that CI runs; the slow suites side by side
	$(MAKE) --jobs=3 --keep-going --output-sync=target unit browser short

short: lint conformance fuzz

check: fmt vet tidy words ## formatting, vet, tidy go.mod, words of docs/words.md

# The browser tests and the examples with frameworks are modules of their own, so that importers
# do not get what those need.
MODULES = . e2e examples/frameworks

fmt:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt on: $$unformatted"; exit 1; fi

vet:
	for d in $(MODULES); do (cd $$d && $(GO) vet ./...) || exit 1; done

words: ## look for phrases that docs/words.md rules out
	$(GO) run ./internal/wordlint

tidy:
	for d in $(MODULES); do (cd $$d && $(GO) mod tidy -diff) || exit 1; done

deps: ## what the tests with other programs need (WordPress, proxies, applications, clients, Redis), where root can install it
	scripts/wordpress-deps
	scripts/proxies
	scripts/applications
	scripts/clients
	scripts/redis
	command -v jq >/dev/null && command -v curl >/dev/null && command -v wget >/dev/null || scripts/apt-install jq curl wget

unit: deps ## all tests, with the race detector
	$(GO) test -race -timeout=40m -shuffle=on ./...
	cd examples/frameworks && $(GO) test ./...

wordpress: deps ## the tests on a live WordPress, which unit runs, too
	$(GO) test -count=1 -timeout=20m ./internal/wptest ./internal/wplive

browser: build deps ## every page and journey in a real Chromium, where one can be had
	GO="$(GO)" scripts/browser $(BIN)

screenshots: build ## docs/screenshots/*.png, from the same browser
	mkdir -p docs/screenshots
	GO="$(GO)" SCREENSHOTS="$(CURDIR)/docs/screenshots" scripts/browser $(BIN) -run '^TestScreenshots$$'

fuzz: ## each fuzz target for FUZZTIME (10000x: so many executions; 1m: so long)
	GO="$(GO)" scripts/fuzz $(FUZZTIME)

conformance: build ## a fresh server against the recorded answers of WordPress 7.1, where those are at hand
	scripts/conformance $(BIN)

bench: ## benchmarks; the ratios of docs/explanation/benchmarks.md come from here
	GO="$(GO)" scripts/bench

lint: ## golangci-lint, which is fetched and built on first use
	for d in $(MODULES); do (cd $$d && $(GO) run $(LINT) run) || exit 1; done

clean: ## remove what was built
	rm -rf bin
