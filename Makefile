# restante: receive-only mail server.   `make help` lists the targets.
#
#   VARIANT=release|debug|asan|tsan|coverage   which flags; each variant has its own folder in build/
#   PREFIX, DESTDIR, CXX, CXXFLAGS, LDFLAGS    the packager's; only appended to
#   V=1                                        show the commands
VARIANT ?= release
BUILD   ?= build/$(VARIANT)
PREFIX  ?= /usr
SYSCONFDIR ?= /etc
VERSION := 0.1.0

ROLES    := smtpd apid mimed
FOLDERS  := shared master $(ROLES)
PROGRAMS := $(BUILD)/restante $(ROLES:%=$(BUILD)/restante-%)

CXX ?= g++
CXXFLAGS ?= -O2 -g
FLAGS_release  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
FLAGS_debug    := -Og
FLAGS_asan     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan     := -fsanitize=thread
FLAGS_coverage := -O0 --coverage
LINK_release   := -pie -Wl,-z,relro,-z,now

PACKAGES_shared := fmt libcjson hiredis libevent libsystemd
PACKAGES_master := fmt libsystemd
PACKAGES_smtpd  := openssl libzstd $(PACKAGES_shared)
PACKAGES_mimed  := gmime-3.0 $(PACKAGES_shared)
PACKAGES_apid   := libmicrohttpd $(PACKAGES_shared)

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror
override CXXFLAGS += -std=c++23 $(WARNINGS) -MMD -MP -Isrc $(FLAGS_$(VARIANT)) \
	-DRESTANTE_VERSION='"$(VERSION)"' -DRESTANTE_LIBEXECDIR='"$(PREFIX)/lib/restante"' \
	-DRESTANTE_SYSCONFDIR='"$(SYSCONFDIR)/restante"'
override LDFLAGS += $(FLAGS_$(VARIANT)) $(LINK_$(VARIANT))
Q := $(if $(V),,@)
cflags = $(shell pkg-config --cflags $(PACKAGES_$(1)) | sed 's/-I/-isystem /g')
libs   = $(shell pkg-config --libs $(PACKAGES_$(1)))

objects = $(patsubst src/%.cc,$(BUILD)/%.o,$(wildcard src/$(1)/*.cc))
archive_objects = $(filter-out %/main.o,$(call objects,$(1)))
UNIT_TESTS := $(patsubst tests/unit/%.cc,$(BUILD)/unit/%,$(wildcard tests/unit/*/*_test.cc))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all
all: $(PROGRAMS) ## build the programs

define folder_rules
CFLAGS_$(1) := $$(call cflags,$(1))
LIBS_$(1)   := $$(call libs,$(1))
$(BUILD)/$(1)/%.o: src/$(1)/%.cc | deps-quiet
	@mkdir -p $$(@D)
	$$(if $(V),,@echo "  CXX  $$<")
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -c -o $$@ $$<
$(BUILD)/lib$(1).a: $(call archive_objects,$(1))
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/unit/$(1)/%: tests/unit/$(1)/%.cc $(BUILD)/lib$(1).a $(BUILD)/libshared.a
	@mkdir -p $$(@D)
	$$(if $(V),,@echo "  TEST $$<")
	$(Q)$(CXX) $$(CXXFLAGS) $$(CFLAGS_$(1)) -Itests/unit -o $$@ $$< $(BUILD)/lib$(1).a $(BUILD)/libshared.a \
		$$(LDFLAGS) $$(LIBS_$(1)) -lcmocka
endef
$(foreach folder,$(FOLDERS),$(eval $(call folder_rules,$(folder))))
.PHONY: deps-quiet
deps-quiet:

$(BUILD)/restante: $(BUILD)/master/main.o $(BUILD)/libmaster.a $(BUILD)/libshared.a
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CXX) -o $@ $^ $(LDFLAGS) $(LIBS_master)
$(ROLES:%=$(BUILD)/restante-%): $(BUILD)/restante-%: $(BUILD)/%/main.o $(BUILD)/lib%.a $(BUILD)/libshared.a
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CXX) -o $@ $^ $(LDFLAGS) $(LIBS_$*)

.PHONY: unit
unit: $(UNIT_TESTS) ## run the unit tests
	@for test in $(UNIT_TESTS); do $$test || exit 1; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
