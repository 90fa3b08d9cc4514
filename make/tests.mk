# What `make check` runs, and the tests that take longer.
.PHONY: check check-all programs-of-tests programs-of-units fuzz fuzz-run fuzz-replay unit integration senders interop \
	coverage coverage-run faults attacks bench bench-session golden-update rows run smoke deb-test

# What tests read JSON with, of whatever folder.
TEST_LIBS := -lcjson
# Those of tests/interop that are part of `make check`: they install in seconds and start nothing.
LIGHT_SENDERS := swaks curl smtplib msmtp
ATTACK_PROGRAMS := $(patsubst tests/attacks/%.cc,$(BUILD)/attacks/%,$(wildcard tests/attacks/*.cc))

$(BUILD)/unit/main.o: tests/unit/main.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS) -c -o $@ $<

# The unit tests and fuzz targets of a folder are linked with what it is linked with. A fuzz target is an ordinary
# program that replays its corpus; `make fuzz` gives it a fuzzer (clang 19). Fuzz targets, benches and attacks may
# include the headers of tests/unit.
define test_rules
$(BUILD)/unit/$(1)/%: tests/unit/$(1)/%.cc $(BUILD)/unit/main.o $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  TEST  $$<")
	$(Q)$$(CXX) $$(CXXFLAGS) $$(call cflags,$(1)) -Itests/unit -o $$@ $$(filter %.cc %.o %.a,$$^) $$(LDFLAGS) $$(call libs,$(1)) -lcmocka $$(TEST_LIBS)
$(BUILD)/replay/$(1)/%: tests/fuzz/$(1)/fuzz_%.cc tests/fuzz/replay.cc $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  FUZZ  $$<")
	$(Q)$$(CXX) $$(CXXFLAGS) -Wno-missing-declarations -Itests/unit $$(call cflags,$(1)) -o $$@ $$(filter %.cc %.a,$$^) $$(LDFLAGS) $$(call libs,$(1)) $$(TEST_LIBS)
$(BUILD)/fuzz/$(1)/%: tests/fuzz/$(1)/fuzz_%.cc $(call archives,$(1))
	@mkdir -p $$(@D)
	$(Q)$$(CXX) $$(CXXFLAGS) $$(call cflags,$(1)) -Wno-missing-declarations -Itests/unit -fsanitize=fuzzer -o $$@ $$(filter %.cc %.a,$$^) $$(LDFLAGS) $$(call libs,$(1)) $$(TEST_LIBS)
endef
$(foreach room,$(ROOMS),$(eval $(call test_rules,$(room))))

check: check-deps ## install what is missing, build, run every test
	@$(PARALLEL_MAKE) all programs-of-tests
	@$(MAKE) --no-print-directory check-all
programs-of-units: $(UNIT_TESTS)
programs-of-tests: programs-of-units $(FUZZ_TARGETS:%=$(BUILD)/replay/%)
check-all: layers headers man unit fuzz-replay integration senders

unit: $(UNIT_TESTS) ## run the unit tests (no sockets)
	@failed=; for test in $(sort $(UNIT_TESTS)); do \
		$$test >$(BUILD)/unit/log 2>&1 || { cat $(BUILD)/unit/log; failed="$$failed $$test"; continue; }; \
		printf '%-40s' $${test#$(BUILD)/unit/}; grep PASSED $(BUILD)/unit/log; done; \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/replay/%) ## run the fuzz targets over their corpora
	@for target in $(FUZZ_TARGETS); do printf '%-40s' fuzz/$$target; \
		$(BUILD)/replay/$$target tests/fuzz/$$target.corpus || exit 1; done

FUZZ_SECONDS ?= 60
# Processor time in ms that the parser may take for 64 KB; with the sanitizers it takes three times as much as without.
FUZZ_PARSE_MS ?= 20
fuzz: ## fuzz each target for FUZZ_SECONDS; findings are kept in tests/fuzz
	@$(MAKE) --no-print-directory VARIANT=fuzz CXX=clang++-19 fuzz-run
fuzz-run: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	@for target in $(FUZZ_TARGETS); do mkdir -p $(BUILD)/corpus/$$target; \
		RESTANTE_PARSE_MS=$(FUZZ_PARSE_MS) $(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -dict=tests/fuzz/$$target.dict \
			-artifact_prefix=tests/fuzz/$$target-crash- -print_final_stats=1 -verbosity=0 \
			$(BUILD)/corpus/$$target tests/fuzz/$$target.corpus || exit 1; done

# The other tests that `make coverage` runs, as targets: with COVERAGE_TESTS= the unit tests alone.
COVERAGE_TESTS ?= fuzz-replay integration senders
COVERAGE = /usr/bin/python3 make/coverage.py $(BUILD)
coverage: ## print which lines the unit tests run, and all tests; writes build/coverage/table.txt
	@$(PARALLEL_MAKE) VARIANT=coverage all $(if $(COVERAGE_TESTS),programs-of-tests,programs-of-units)
	@$(MAKE) --no-print-directory VARIANT=coverage coverage-run
coverage-run: # a test that fails does not keep the table back
	@$(COVERAGE) start
	@failed=; GOLDEN_CUTS=0 $(MAKE) --no-print-directory unit || failed=" unit"; $(COVERAGE) keep unit; \
		for tests in $(COVERAGE_TESTS); do $(MAKE) --no-print-directory $$tests || failed="$$failed $$tests"; done; \
		$(if $(COVERAGE_TESTS),$(COVERAGE) keep all;) $(COVERAGE) table unit $(if $(COVERAGE_TESTS),all); \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

# Debian's own Python, since pytest is Debian's.
PYTEST = RESTANTE_BUILD=$(abspath $(BUILD)) RESTANTE_TEST_SLOW=$(if $(filter release,$(VARIANT)),1,4) \
	/usr/bin/python3 -m pytest -q -p no:cacheprovider
TESTS ?= tests/integration
integration: all ## run the tests of the whole daemon with real clients and a real Redis
	@$(PYTEST) $(TESTS)

senders: all ## run the tests with those senders of others that install in seconds
	@$(PYTEST) $(LIGHT_SENDERS:%=tests/interop/%_test.py)

interop: interop-deps ## run the tests with all senders of others (installs Postfix)
	@$(PARALLEL_MAKE) all
	@$(PYTEST) -rs tests/interop

FAULT_SECONDS ?= 60
faults: faults-deps ## let mail flow through FAULT_SECONDS of every fault, and compare (as root)
	@$(PARALLEL_MAKE) all
	@FAULT_SECONDS=$(FAULT_SECONDS) $(PYTEST) -rs tests/faults

attacks: attacks-deps ## try what an attacker would, on both doors (as root)
	@$(PARALLEL_MAKE) all $(ATTACK_PROGRAMS) $(BUILD)/unit/smtpd/golden_test $(BUILD)/replay/mimed/mime
	@$(PYTEST) -rs tests/attacks

bench-session: $(BUILD)/bench/bench_session ## print what the SMTP session alone costs
	@$<
BENCH ?=
bench: bench-deps ## measure beside smtp-sink, Postfix and nginx; writes tests/bench/RESULTS.md
	@$(PARALLEL_MAKE) all $(BUILD)/bench/smtp_load
	@PYTHONPATH=tests RESTANTE_BUILD=$(abspath $(BUILD)) /usr/bin/python3 -m bench.run $(BENCH)
$(BUILD)/bench/%: tests/bench/%.cc $(call archives,smtpd)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BENCH $<")
	$(Q)$(CXX) $(CXXFLAGS) $(call cflags,smtpd) -Itests/unit -o $@ $(filter %.cc %.a,$^) $(LDFLAGS) $(call libs,smtpd) -levent_openssl -levent

$(BUILD)/attacks/%: tests/attacks/%.cc $(call archives,smtpd apid)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  ATTACK $<")
	$(Q)$(CXX) $(CXXFLAGS) $(call cflags,smtpd) $(call cflags,apid) -Itests/unit -o $@ $(filter %.cc %.a,$^) $(LDFLAGS) $(call libs,smtpd apid)

golden-update: $(BUILD)/unit/mimed/mime_test ## rewrite the golden JSON files; then read the diff
	GOLDEN_UPDATE=1 $<

rows: ## list the rows of the SMTP conformance list and their dialogues
	@tests/golden/smtp/rows.sh

run: deps ## build, start a demo, send it a mail, show it; Ctrl-C ends it
	@$(PARALLEL_MAKE) all
	@tests/tour.sh $(BUILD) stay

smoke: deps ## as run, but end with success or failure
	@$(PARALLEL_MAKE) all
	@tests/tour.sh $(BUILD) leave

DEB_SUITES ?= bookworm trixie
deb-test: ## try the package in fresh roots of DEB_SUITES (root, network, systemd-container)
	@tests/deb/run.sh $(DEB_SUITES)
