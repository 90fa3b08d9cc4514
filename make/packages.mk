# The Debian packages that are needed, and the targets that install those that are missing.
#
# To build it and to run the demo.
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

DEPS := deps check-deps interop-deps faults-deps attacks-deps bench-deps lint-deps hardening-deps
.PHONY: $(DEPS)
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
