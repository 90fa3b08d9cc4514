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

# One program a role. make/rooms.mk has the folders, and what each may use.
ROLES    := smtpd apid mimed
PROGRAMS := $(BUILD)/restante $(BUILD)/restantectl $(ROLES:%=$(BUILD)/restante-%)
include make/rooms.mk

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

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wmissing-declarations -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror
override CXXFLAGS += -std=c++23 $(WARNINGS) -MMD -MP -Isrc $(FLAGS_$(VARIANT)) \
	-DRESTANTE_VERSION='"$(VERSION)"' -DRESTANTE_LIBEXECDIR='"$(PREFIX)/lib/restante"' \
	-DRESTANTE_SYSCONFDIR='"$(SYSCONFDIR)/restante"' $(if $(REDIS_TLS),-DRESTANTE_REDIS_TLS)
override LDFLAGS += $(FLAGS_$(VARIANT)) $(LINK_$(VARIANT)) -Wl,--as-needed
Q := $(if $(V),,@)
PARALLEL_MAKE = $(MAKE) --no-print-directory -j$(shell nproc)

TESTS_OF_UNITS := $(sort $(foreach room,$(ROOMS),$(wildcard tests/unit/$(room)/*_test.cc)))
UNIT_TESTS   := $(TESTS_OF_UNITS:tests/unit/%.cc=$(BUILD)/unit/%)
FUZZ_TARGETS := $(subst fuzz_,,$(patsubst tests/fuzz/%.cc,%,$(foreach room,$(ROOMS),$(wildcard tests/fuzz/$(room)/fuzz_*.cc))))
SOURCES := $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.cc))
HEADERS := $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.h))

.DELETE_ON_ERROR:
.PHONY: all clean help
all: $(PROGRAMS) ## build the programs into build/VARIANT

# The short name of a folder, as make/rooms.mk writes it; that of a file's folder; a folder's archive.
short   = $(1:shared/%=%)
room_of = $(patsubst %/,%,$(dir $(1)))
archive = $(BUILD)/lib/$(subst /,-,$(1)).a

# With those that it uses, and those that these use: UNDER_x in an order that a linker wants.
define closure
UNDER_$(1) := $(sort $(1) $(USES_$(1)) $(foreach used,$(USES_$(1)),$(UNDER_$(used))))
endef
$(foreach room,$(ROOMS),$(eval $(call closure,$(call short,$(room)))))
reverse  = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
BACKWARD := $(call reverse,$(ROOMS))
under    = $(foreach room,$(BACKWARD),$(if $(filter $(call short,$(room)),$(foreach top,$(1),$(UNDER_$(call short,$(top))))),$(room)))
archives = $(foreach room,$(call under,$(1)),$(call archive,$(room)))
cflags   = $(foreach lib,$(LIBS_$(call short,$(1))) $(SEES_$(call short,$(1))),$(call pkg_cflags,$(lib)))
libs     = $(foreach lib,$(sort $(foreach room,$(call under,$(1)),$(LIBS_$(call short,$(room))))),$(call pkg_libs,$(lib)))
# Asked of pkg-config once a library. Two have no .pc file.
pkg_libs_libunistring := -lunistring
pkg_libs_resolv := -lresolv
pkg_cflags_libunistring :=
pkg_cflags_resolv :=
ask_pkg    = $(if $(filter undefined,$(flavor pkg_$(1)_$(2))),$(eval pkg_$(1)_$(2) := $(shell pkg-config --$(1) $(2) | sed 's/-I/-isystem /g')))$(pkg_$(1)_$(2))
pkg_cflags = $(call ask_pkg,cflags,$(1))
pkg_libs   = $(call ask_pkg,libs,$(1))

$(BUILD)/%.o: src/%.cc
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CXX   $<")
	$(Q)$(CXX) $(CXXFLAGS) $(call cflags,$(call room_of,$*)) -c -o $@ $<
# Embedded files, which -MMD does not see.
$(BUILD)/apid/api/openapi.o: src/apid/api/openapi.json
$(BUILD)/shared/store/scripts.o: $(wildcard src/shared/store/scripts/*.lua)

# An archive a folder, of all but main.o.
define room_rules
$(call archive,$(1)): $(patsubst src/%.cc,$(BUILD)/%.o,$(filter-out %/main.cc,$(wildcard src/$(1)/*.cc)))
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rules,$(room))))

# A program is linked with its folder and what that uses, and so a call into another program does not link.
define program_rules
$(1): $(BUILD)/$(2)/main.o $(call archives,$(2))
	$$(if $$(V),,@echo "  LINK  $$@")
	$(Q)$$(CXX) -o $$@ $$^ $$(LDFLAGS) $$(call libs,$(2))
endef
$(eval $(call program_rules,$(BUILD)/restante,master))
$(eval $(call program_rules,$(BUILD)/restantectl,ctl))
$(foreach role,$(ROLES),$(eval $(call program_rules,$(BUILD)/restante-$(role),$(role))))

include make/packages.mk make/tests.mk make/checks.mk make/install.mk

clean: ## remove all that was built
	rm -rf build compile_commands.json

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
