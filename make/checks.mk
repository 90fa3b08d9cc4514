# Checks that run no program of ours: layers, headers, manual, lint, hardening.
.PHONY: layers headers man format lint lint-bytes cppcheck tidy compile_commands.json hardening reproducible print-flags

layers: ## check that each file includes only what its folder may use
	@printf '%s\n' $(foreach room,$(ROOMS),'$(room)|$(strip $(foreach list,USES DOORS LIBS SEES BANS,$($(list)_$(call short,$(room)))|))') \
		| /usr/bin/python3 make/layers.py

headers: $(HEADERS:src/%.h=$(BUILD)/headers/%.ok) ## check that each header stands alone
$(BUILD)/headers/%.ok: src/%.h
	@mkdir -p $(@D)
	$(Q)echo | $(CXX) $(filter-out -MMD -MP,$(CXXFLAGS)) $(call cflags,$(call room_of,$*)) -fsyntax-only -include $< -x c++ - && touch $@

man: ## check the manual pages
	@# Which other manuals are there is a matter of this machine.
	@out=$$(mandoc -T lint man/*.[1-8] 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db'); \
		test -z "$$out" || { echo "$$out"; exit 1; }

HARDENED = tests/supply/hardening.sh "$(filter -f% -m%,$(FLAGS_release))"
hardening: hardening-deps ## check that the release programs are hardened
	@$(PARALLEL_MAKE) VARIANT=release all
	@$(HARDENED) $(PROGRAMS:$(BUILD)/%=build/release/%)

reproducible: hardening-deps ## build the Debian package twice, in other circumstances, and compare
	@tests/supply/reproducible.sh $(CURDIR)/build/reproducible
	@$(HARDENED) $(PROGRAMS:$(BUILD)/%=build/reproducible/one/source/build/release/%)

format: ## format the sources (clang-format 19)
	clang-format-19 -i $(SOURCES) $(HEADERS) $(TESTS_OF_UNITS) $(wildcard tests/unit/*.h tests/*/*.cc) $(shell find tests/unit -name '*.h')

# Those that read bytes of others: the analyzer looks at them too, and .ci/run has time for them alone.
BYTES := $(addprefix src/,$(addprefix smtpd/protocol/,framing.cc session.cc parameters.cc proxy_header.cc) \
	shared/mail/address.cc shared/config/config.cc mimed/parts/prescan.cc mimed/mime.cc apid/http/uri.cc apid/http/request_head.cc)
LINTED ?= $(SOURCES)
lint: lint-deps ## look for bugs: cppcheck, and clang-tidy 19 in those of LINTED that have changed
	@$(PARALLEL_MAKE) cppcheck tidy
lint-bytes: ## the same, but with clang-tidy only where bytes of others are read
	@$(MAKE) --no-print-directory lint LINTED='$(BYTES)'
cppcheck:
	@cppcheck -q -j$(shell nproc) --std=c++20 --enable=warning,performance,portability,style --inline-suppr \
		--suppressions-list=.cppcheck --error-exitcode=1 -Isrc -DRESTANTE_VERSION='""' src
tidy: $(LINTED:src/%.cc=$(BUILD)/lint/%.ok)
$(BYTES:src/%.cc=$(BUILD)/lint/%.ok): TIDY_FLAGS = --checks='clang-analyzer-*'
# After the compiler, which knows what a file includes.
$(BUILD)/lint/%.ok: src/%.cc $(BUILD)/%.o .clang-tidy
	@mkdir -p $(@D)
	$(if $(V),,@echo "  TIDY  $<")
	$(Q)clang-tidy-19 --quiet $(TIDY_FLAGS) $< -- $(CXXFLAGS) -Wno-deprecated-declarations $(call cflags,$(call room_of,$*)) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

compile_commands.json:
	@{ echo '['; for source in $(SOURCES); do folder=$$(dirname $${source#src/}); \
		flags=$$($(MAKE) -s --no-print-directory print-flags FOLDER=$$folder); \
		printf '{"directory":"%s","file":"%s","arguments":["%s"' "$(CURDIR)" $$source $(CXX); \
		for flag in $$flags; do printf ',"%s"' "$$(echo $$flag | sed 's/"/\\"/g')"; done; \
		printf ',"-c","%s"]},\n' $$source; done | sed '$$ s/,$$//'; echo ']'; } > $@
print-flags:
	@printf '%s ' $(foreach flag,$(CXXFLAGS) $(call cflags,$(FOLDER)),'$(subst ',,$(flag))')
