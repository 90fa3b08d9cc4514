# restante: a receive-only mail server.   `make help` lists the targets.
#
#   VARIANT=release|debug|asan|tsan|coverage   which flags; each variant has its own folder in build/
#   CXX, CXXFLAGS, LDFLAGS, PREFIX, DESTDIR    the packager's; only appended to
#   V=1                                        show the commands
VARIANT ?= release
BUILD   ?= build/$(VARIANT)
PREFIX  ?= /usr
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
VERSION := 0.1.0

# One program a role, one folder a program; shared/ is the library of all of them.
ROLES    := smtpd apid mimed
FOLDERS  := shared master ctl $(ROLES)
PROGRAMS := $(BUILD)/restante $(BUILD)/restantectl $(ROLES:%=$(BUILD)/restante-%)

# What each folder is compiled and linked with. The master has no protocol and so no library of one.
# Where hiredis is 1.1 or newer there is TLS to Redis.
REDIS_TLS := $(shell pkg-config --exists hiredis_ssl 2>/dev/null && echo hiredis_ssl openssl)
LIBRARIES_shared := fmt hiredis libevent libidn2 libseccomp libsystemd libzstd $(REDIS_TLS)
LIBRARIES_master := fmt libidn2 libsystemd
# libunistring, which libidn2 is built on, has no .pc file.
UNISTRING := -lunistring
LIBRARIES_ctl    := $(LIBRARIES_shared) libcjson libcrypto
LIBRARIES_smtpd  := $(LIBRARIES_shared) openssl
LIBRARIES_mimed  := $(LIBRARIES_shared) gmime-3.0
LIBRARIES_apid   := $(LIBRARIES_shared) libmicrohttpd gnutls zlib

# What tests read JSON with, of whatever folder.
TEST_LIBS := -lcjson

# The Debian packages of all that: to build it and to run the demo.
PACKAGES := g++ make pkg-config libfmt-dev libcjson-dev libhiredis-dev libevent-dev libidn2-dev \
	libunistring-dev libseccomp-dev libsystemd-dev libssl-dev libzstd-dev libgmime-3.0-dev libmicrohttpd-dev \
	libgnutls28-dev zlib1g-dev redis-server openssl swaks libnet-ssleay-perl curl
# What `make check` needs besides. Where systemd runs, apt starts haproxy, which listens nowhere. The
# last has the mails of Python's own tests: libpython3.11-testsuite in Debian 12, 3.13 in Debian 13.
CHECK_PACKAGES := libcmocka-dev jq python3 python3-pytest procps mandoc haproxy msmtp valgrind \
	libpython3.*-testsuite
# What `make interop` needs besides. Postfix takes the place of another MTA, and apt starts it on
# port 25: for machines to throw away. Exim and OpenSMTPD cannot stand beside it; the tests unpack
# them.
INTEROP_PACKAGES := postfix nodejs python3-venv

# What `make bench` needs besides: the peers, and what drives and counts.
BENCH_PACKAGES := postfix nginx-light wrk strace valgrind python3

# What `make faults` needs besides: to make a network, and disks that can be copied at an instant.
FAULT_PACKAGES := iproute2 xfsprogs
# What `make lint` needs besides.
LINT_PACKAGES := clang-tidy-19 cppcheck
# What `make hardening` needs besides.
HARDENING_PACKAGES := devscripts binutils
# What `make attacks` needs besides: a network, and a scanner of TLS.
ATTACK_PACKAGES := iproute2 sslscan

CXX ?= g++
CXXFLAGS ?= -O2 -g
# Jumps and returns go where they may alone, where the processor sees to it.
BRANCHES_x86_64  := -fcf-protection
BRANCHES_aarch64 := -mbranch-protection=standard
MACHINE := $(firstword $(subst -, ,$(shell $(CXX) -dumpmachine 2>/dev/null)))
FLAGS_release  := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong \
	-fstack-clash-protection $(BRANCHES_$(MACHINE)) -fPIE
FLAGS_debug    := -Og
FLAGS_asan     := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan     := -fsanitize=thread
# With clang the stable_sort of GCC 12's library warns of itself; GCC says with that macro that there is a
# sanitizer.
FLAGS_fuzz     := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-Wno-deprecated-declarations -D__SANITIZE_ADDRESS__
FLAGS_coverage := -O0 --coverage -DRESTANTE_COVERAGE
LINK_release   := -pie -Wl,-z,relro,-z,now

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror
override CXXFLAGS += -std=c++23 $(WARNINGS) -MMD -MP -Isrc $(FLAGS_$(VARIANT)) \
	-DRESTANTE_VERSION='"$(VERSION)"' -DRESTANTE_LIBEXECDIR='"$(PREFIX)/lib/restante"' \
	-DRESTANTE_SYSCONFDIR='"$(SYSCONFDIR)/restante"' $(if $(REDIS_TLS),-DRESTANTE_REDIS_TLS)
override LDFLAGS += $(FLAGS_$(VARIANT)) $(LINK_$(VARIANT)) -Wl,--as-needed
Q := $(if $(V),,@)
PARALLEL_MAKE = $(MAKE) --no-print-directory -j$(shell nproc)

# Those of tests/interop that are part of `make check`: they install in seconds and start nothing.
LIGHT_SENDERS := swaks curl smtplib msmtp

UNIT_TESTS := $(patsubst tests/unit/%.cc,$(BUILD)/unit/%,$(wildcard tests/unit/*/*_test.cc))
FUZZ_TARGETS := $(subst fuzz_,,$(patsubst tests/fuzz/%.cc,%,$(wildcard tests/fuzz/*/fuzz_*.cc)))
ATTACK_PROGRAMS := $(patsubst tests/attacks/%.cc,$(BUILD)/attacks/%,$(wildcard tests/attacks/*.cc))
HEADERS    := $(wildcard src/*/*.h)

DEPS := deps check-deps interop-deps faults-deps attacks-deps bench-deps lint-deps hardening-deps

.DELETE_ON_ERROR:
.PHONY: all check check-all programs-of-tests fuzz fuzz-run fuzz-replay unit integration senders \
	interop faults attacks bench bench-session golden-update rows layers headers man $(DEPS) run smoke \
	format lint lint-bytes cppcheck tidy compile_commands.json hardening reproducible install deb deb-test clean help
all: $(PROGRAMS) ## build the programs into build/VARIANT

# Per folder: an archive of all but main.o, and unit tests and fuzz targets that link that archive and
# shared alone, so that a call into another program does not link. A fuzz target is an ordinary
# program that replays its corpus; `make fuzz` gives it a fuzzer (clang 19).
define folder_rules
CFLAGS_$(1) = $$(eval CFLAGS_$(1) := $$(shell pkg-config --cflags $(LIBRARIES_$(1)) | sed 's/-I/-isystem /g'))$$(CFLAGS_$(1))
LIBS_$(1)   = $$(eval LIBS_$(1) := $$(shell pkg-config --libs $(LIBRARIES_$(1))) $(UNISTRING))$$(LIBS_$(1))
$(BUILD)/$(1)/%.o: src/$(1)/%.cc
	@mkdir -p $$(@D)
	$$(if $(V),,@echo "  CXX   $$<")
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -c -o $$@ $$<
$(BUILD)/lib$(1).a: $(patsubst src/%.cc,$(BUILD)/%.o,$(filter-out %/main.cc,$(wildcard src/$(1)/*.cc)))
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/unit/$(1)/%: tests/unit/$(1)/%.cc $(BUILD)/lib$(1).a $(BUILD)/libshared.a
	@mkdir -p $$(@D)
	$$(if $(V),,@echo "  TEST  $$<")
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -Itests/unit -o $$@ $$< $(BUILD)/lib$(1).a \
		$(BUILD)/libshared.a $$(LDFLAGS) $$(LIBS_$(1)) -lcmocka $(TEST_LIBS)
$(BUILD)/replay/$(1)/%: tests/fuzz/$(1)/fuzz_%.cc tests/fuzz/replay.cc $(BUILD)/lib$(1).a $(BUILD)/libshared.a
	@mkdir -p $$(@D)
	$$(if $(V),,@echo "  FUZZ  $$<")
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -o $$@ $$(filter %.cc %.a,$$^) $$(LDFLAGS) $$(LIBS_$(1)) $(TEST_LIBS)
$(BUILD)/fuzz/$(1)/%: tests/fuzz/$(1)/fuzz_%.cc $(BUILD)/lib$(1).a $(BUILD)/libshared.a
	@mkdir -p $$(@D)
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -fsanitize=fuzzer -o $$@ $$(filter %.cc %.a,$$^) $$(LDFLAGS) $$(LIBS_$(1)) $(TEST_LIBS)
$(BUILD)/headers/$(1)/%.ok: src/$(1)/%.h
	@mkdir -p $$(@D)
	$(Q)echo | $(CXX) $$(filter-out -MMD -MP,$$(CXXFLAGS)) $$(CFLAGS_$(1)) -fsyntax-only -include $$< -x c++ - && touch $$@
endef
$(foreach folder,$(FOLDERS),$(eval $(call folder_rules,$(folder))))

$(BUILD)/apid/openapi.o: src/apid/openapi.json  # embedded, which -MMD does not see

$(BUILD)/restante: $(BUILD)/master/main.o $(BUILD)/libmaster.a $(BUILD)/libshared.a
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CXX) -o $@ $^ $(LDFLAGS) $(LIBS_master)
$(BUILD)/restantectl: $(BUILD)/ctl/main.o $(BUILD)/libctl.a $(BUILD)/libshared.a
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CXX) -o $@ $^ $(LDFLAGS) $(LIBS_ctl) -lresolv
$(ROLES:%=$(BUILD)/restante-%): $(BUILD)/restante-%: $(BUILD)/%/main.o $(BUILD)/lib%.a $(BUILD)/libshared.a
	$(if $(V),,@echo "  LINK  $@")
	$(Q)$(CXX) -o $@ $^ $(LDFLAGS) $(LIBS_$*)

check: check-deps ## install what is missing, build, run every test
	@$(PARALLEL_MAKE) all programs-of-tests
	@$(MAKE) --no-print-directory check-all
programs-of-tests: $(UNIT_TESTS) $(FUZZ_TARGETS:%=$(BUILD)/replay/%)
check-all: layers headers man unit fuzz-replay integration senders

unit: $(UNIT_TESTS) ## run the unit tests (no sockets)
	@for test in $(sort $(UNIT_TESTS)); do \
		$$test >$(BUILD)/unit/log 2>&1 || { cat $(BUILD)/unit/log; exit 1; }; \
		printf '%-40s' $${test#$(BUILD)/unit/}; grep PASSED $(BUILD)/unit/log; done

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/replay/%) ## run the fuzz targets over their corpora
	@for target in $(FUZZ_TARGETS); do printf '%-40s' fuzz/$$target; \
		$(BUILD)/replay/$$target tests/fuzz/$$target.corpus || exit 1; done

FUZZ_SECONDS ?= 60
fuzz: ## fuzz each target for FUZZ_SECONDS; findings are kept in tests/fuzz
	@$(MAKE) --no-print-directory VARIANT=fuzz CXX=clang++-19 fuzz-run
fuzz-run: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	@for target in $(FUZZ_TARGETS); do mkdir -p $(BUILD)/corpus/$$target; \
		$(BUILD)/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -dict=tests/fuzz/$$target.dict \
			-artifact_prefix=tests/fuzz/$$target-crash- -print_final_stats=1 -verbosity=0 \
			$(BUILD)/corpus/$$target tests/fuzz/$$target.corpus || exit 1; done

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
	@$(PARALLEL_MAKE) all $(ATTACK_PROGRAMS) $(BUILD)/unit/smtpd/golden_test
	@$(PYTEST) -rs tests/attacks

bench-session: $(BUILD)/bench/bench_session ## print what the SMTP session alone costs
	@$<
BENCH ?=
bench: bench-deps ## measure beside smtp-sink, Postfix and nginx; writes tests/bench/RESULTS.md
	@$(PARALLEL_MAKE) all $(BUILD)/bench/smtp_load
	@RESTANTE_BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/run.py $(BENCH)
$(BUILD)/bench/%: tests/bench/%.cc $(BUILD)/libsmtpd.a $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BENCH $<")
	$(Q)$(CXX) $(CXXFLAGS) $(CFLAGS_smtpd) -o $@ $(filter %.cc %.a,$^) $(LDFLAGS) $(LIBS_smtpd) -levent_openssl -levent

$(BUILD)/attacks/%: tests/attacks/%.cc $(BUILD)/libsmtpd.a $(BUILD)/libapid.a $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  ATTACK $<")
	$(Q)$(CXX) $(CXXFLAGS) $(CFLAGS_smtpd) $(CFLAGS_apid) -o $@ $(filter %.cc %.a,$^) $(LDFLAGS) $(LIBS_smtpd) $(LIBS_apid)

golden-update: $(BUILD)/unit/mimed/mime_test ## rewrite the golden JSON files; then read the diff
	GOLDEN_UPDATE=1 $<

rows: ## list the rows of the SMTP conformance list and their dialogues
	@tests/golden/smtp/rows.sh

# What a folder must not include. A rule that does not hold names file and line.
define forbid
	@! grep -nE '#include [<"]($(2))' $(1) || { echo "layers: not allowed there"; exit 1; }
endef
NO_IO := event2|sys/socket|sys/epoll|openssl|hiredis|poll\.h|ctime|unistd
layers: ## check that includes follow the arrows: programs use shared, shared uses none
	$(call forbid,src/shared/*,master/|smtpd/|mimed/|apid/|ctl/)
	$(call forbid,src/ctl/*,master/|smtpd/|mimed/|apid/|hiredis|gmime|glib|microhttpd)
	$(call forbid,$(filter-out src/ctl/mail_text.cc,$(wildcard src/*/*)),cjson)
	$(call forbid,$(filter-out src/ctl/certificate.cc src/ctl/key.cc,$(wildcard src/ctl/*)),openssl)
	$(call forbid,$(filter-out src/apid/api_keys.cc src/apid/tls_transport.cc,$(wildcard src/*/*)),gnutls/)
	$(call forbid,$(filter-out src/ctl/resolver.cc,$(wildcard src/*/*)),resolv\.h|arpa/nameser)
	$(call forbid,src/master/*,ctl/|smtpd/|mimed/|apid/|hiredis|gmime|glib|microhttpd|event2|pthread)
	$(call forbid,src/smtpd/*,ctl/|master/|mimed/|apid/|hiredis|gmime|glib|microhttpd)
	$(call forbid,src/mimed/*,ctl/|master/|smtpd/|apid/|hiredis|microhttpd|openssl|event2)
	$(call forbid,src/apid/*,ctl/|master/|smtpd/|mimed/|hiredis|gmime|glib|openssl)
	$(call forbid,$(filter-out src/apid/compression.cc,$(wildcard src/apid/*)),zlib)
	$(call forbid,src/smtpd/session.* src/smtpd/commands.* src/smtpd/framing.* src/smtpd/replies.* src/smtpd/parameters.* src/smtpd/header_check.* src/smtpd/proxy_header.* src/smtpd/time_limits.* src/smtpd/client_table.* src/shared/address.*,$(NO_IO))
	$(call forbid,$(filter-out src/shared/redis.cc src/shared/redis_arena.cc src/shared/redis_events.cc src/shared/redis_reply.cc src/shared/redis_tls.cc,$(wildcard src/shared/*)),hiredis)
	$(call forbid,$(filter-out src/shared/sandbox.cc,$(wildcard src/*/*)),seccomp)
	$(call forbid,$(filter-out src/shared/mail_frame.h src/shared/mail_frame.cc,$(wildcard src/*/*)),zstd\.h)
	$(call forbid,$(filter-out src/shared/domain.cc,$(wildcard src/*/*)),idn2|uninorm)
	$(call forbid,$(filter-out src/smtpd/tls.cc src/smtpd/fingerprint.cc,$(wildcard src/smtpd/*)),openssl)

headers: $(HEADERS:src/%.h=$(BUILD)/headers/%.ok) ## check that each header stands alone

man: ## check the manual pages
	@# Which other manuals are there is a matter of this machine.
	@out=$$(mandoc -T lint man/*.[1-8] 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db'); \
		test -z "$$out" || { echo "$$out"; exit 1; }

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
check-deps: MORE_PACKAGES = $(CHECK_PACKAGES)
attacks-deps: MORE_PACKAGES = $(CHECK_PACKAGES) $(ATTACK_PACKAGES)
faults-deps: MORE_PACKAGES = $(CHECK_PACKAGES) $(FAULT_PACKAGES)
bench-deps: MORE_PACKAGES = $(BENCH_PACKAGES)
lint-deps: MORE_PACKAGES = $(LINT_PACKAGES)
hardening-deps: MORE_PACKAGES = $(HARDENING_PACKAGES)
interop-deps: MORE_PACKAGES = $(CHECK_PACKAGES) $(INTEROP_PACKAGES)
deps: ## install the Debian packages that are missing (asks for sudo when not root)
check-deps: ## the same, and those that the tests need
$(DEPS):
	@missing=; for package in $(PACKAGES) $(MORE_PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || \
		missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing with apt:$$missing"; \
		$(SUDO) apt-get -q update >/dev/null && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing >/dev/null; \
	fi

run: deps ## build, start a demo, send it a mail, show it; Ctrl-C ends it
	@$(PARALLEL_MAKE) all
	@tests/tour.sh $(BUILD) stay

smoke: deps ## as run, but end with success or failure
	@$(PARALLEL_MAKE) all
	@tests/tour.sh $(BUILD) leave

install: all ## install into DESTDIR/PREFIX
	install -D -m 755 $(BUILD)/restante $(DESTDIR)$(PREFIX)/sbin/restante
	install -D -m 755 $(BUILD)/restantectl $(DESTDIR)$(PREFIX)/sbin/restantectl
	for role in $(ROLES); do \
		install -D -m 755 $(BUILD)/restante-$$role $(DESTDIR)$(PREFIX)/lib/restante/restante-$$role; done
	test -e $(DESTDIR)$(SYSCONFDIR)/restante/restante.conf || \
		install -D -m 640 etc/restante.conf $(DESTDIR)$(SYSCONFDIR)/restante/restante.conf
	for page in restante restantectl restante-smtpd restante-apid; do \
		install -D -m 644 man/$$page.8 $(DESTDIR)$(PREFIX)/share/man/man8/$$page.8 || exit 1; done
	install -D -m 644 etc/completion/restantectl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/restantectl
	install -D -m 644 etc/prometheus/restante.rules.yml $(DESTDIR)$(PREFIX)/share/doc/restante/restante.rules.yml
	install -D -m 644 etc/redis/restante-redis.conf $(DESTDIR)$(PREFIX)/share/doc/restante/restante-redis.conf
	install -D -m 644 etc/logrotate/restante $(DESTDIR)$(PREFIX)/share/doc/restante/logrotate
	install -D -m 644 etc/grafana/restante.json $(DESTDIR)$(PREFIX)/share/doc/restante/restante-dashboard.json
	install -D -m 644 man/restante-api.7 $(DESTDIR)$(PREFIX)/share/man/man7/restante-api.7
	install -D -m 644 man/restante.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/restante.conf.5
	install -D -m 755 etc/certbot-deploy $(DESTDIR)$(PREFIX)/share/restante/certbot-deploy
ifneq ($(UNITDIR),)
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|=/usr/sbin|=$(PREFIX)/sbin|' debian/restante.service >$(DESTDIR)$(UNITDIR)/restante.service
	chmod 644 $(DESTDIR)$(UNITDIR)/restante.service
endif
ifneq ($(SYSUSERSDIR),)
	install -D -m 644 debian/restante.sysusers $(DESTDIR)$(SYSUSERSDIR)/restante.conf
endif

DEB_SUITES ?= bookworm trixie
deb: ## build the Debian package, in build/deb
	@debian/build.sh $(CURDIR)/build/deb

HARDENED = tests/supply/hardening.sh "$(filter -f% -m%,$(FLAGS_release))"
hardening: hardening-deps ## check that the release programs are hardened
	@$(PARALLEL_MAKE) VARIANT=release all
	@$(HARDENED) $(PROGRAMS:$(BUILD)/%=build/release/%)

reproducible: hardening-deps ## build the Debian package twice, in other circumstances, and compare
	@tests/supply/reproducible.sh $(CURDIR)/build/reproducible
	@$(HARDENED) $(PROGRAMS:$(BUILD)/%=build/reproducible/one/source/build/release/%)

deb-test: ## try the package in fresh roots of DEB_SUITES (root, network, systemd-container)
	@tests/deb/run.sh $(DEB_SUITES)

format: ## format the sources (clang-format 19)
	clang-format-19 -i src/*/*.h src/*/*.cc tests/unit/*.h tests/unit/*/*.h tests/unit/*/*.cc tests/bench/*.cc tests/attacks/*.cc

# Those that read bytes of others: the analyzer looks at them too, and .ci/run has time for them alone.
BYTES := $(addprefix src/,smtpd/framing.cc smtpd/session.cc smtpd/parameters.cc smtpd/proxy_header.cc \
	shared/address.cc shared/config.cc mimed/prescan.cc mimed/mime.cc apid/uri.cc apid/http_client.cc)
LINTED ?= $(wildcard src/*/*.cc)
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
	$(Q)clang-tidy-19 --quiet $(TIDY_FLAGS) $< -- $(CXXFLAGS) -Wno-deprecated-declarations $(CFLAGS_$(notdir $(<D))) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

compile_commands.json:
	@{ echo '['; for source in src/*/*.cc; do folder=$$(basename $$(dirname $$source)); \
		flags=$$($(MAKE) -s --no-print-directory print-flags FOLDER=$$folder); \
		printf '{"directory":"%s","file":"%s","arguments":["%s"' "$(CURDIR)" $$source $(CXX); \
		for flag in $$flags; do printf ',"%s"' "$$(echo $$flag | sed 's/"/\\"/g')"; done; \
		printf ',"-c","%s"]},\n' $$source; done | sed '$$ s/,$$//'; echo ']'; } > $@
print-flags:
	@printf '%s ' $(foreach flag,$(CXXFLAGS) $(CFLAGS_$(FOLDER)),'$(subst ',,$(flag))')

clean: ## remove all that was built
	rm -rf build compile_commands.json

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
