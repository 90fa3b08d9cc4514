# The folders of src, in an order in which each uses only those before it. See ARCHITECTURE.md.
#
#   USES_x    the folders whose headers a file of x may include; for shared/x the short name is used
#   DOORS_x   the headers of x that other folders may include; without it: all
#   LIBS_x    the libraries whose headers a file of x may include, by their names for pkg-config
#   SEES_x    those that it gets to see through headers of others, and does not include itself
#
# `make layers` checks all of it; archives, link order and compiler flags are made of the same words.
SHARED := base log net mail config memory worker redis store parser
ROOMS  := $(SHARED:%=shared/%) smtpd/protocol smtpd mimed/text mimed/header mimed/findings mimed/parts mimed \
	apid/http apid/public apid/api apid ctl master

# Where hiredis is 1.1 or newer there is TLS to Redis.
REDIS_TLS := $(shell pkg-config --exists hiredis_ssl 2>/dev/null && echo hiredis_ssl)

USES_base   :=
LIBS_base   := fmt
USES_log    := base
USES_net    := base log
LIBS_net    := libevent
USES_mail   := base
LIBS_mail   := libidn2 libunistring
USES_config := base log net mail
USES_memory := base log
USES_worker := base log net config memory
LIBS_worker := libseccomp libsystemd
SEES_worker := libevent
USES_redis  := base log net config memory
LIBS_redis  := hiredis openssl $(REDIS_TLS)
SEES_redis  := libevent
DOORS_redis := client durability reply tls
USES_store  := base net mail redis
LIBS_store  := libzstd
SEES_store  := libevent
USES_parser := base log net mail memory
SEES_parser := libevent

USES_smtpd/protocol := base net mail config
BANS_smtpd/protocol := io
USES_smtpd := smtpd/protocol $(SHARED)
LIBS_smtpd := openssl
SEES_smtpd := libevent

USES_mimed/text     := base
LIBS_mimed/text     := glib-2.0
USES_mimed/header   := base mail mimed/text
USES_mimed/findings := base mail mimed/text mimed/header
USES_mimed/parts    := base mail mimed/text mimed/header
USES_mimed := base log mail config memory worker parser mimed/text mimed/header mimed/findings mimed/parts
LIBS_mimed := gmime-3.0

USES_apid/http   := base log net mail memory
LIBS_apid/http   := libmicrohttpd gnutls zlib
SEES_apid/http   := libevent
USES_apid/public := base config apid/http
USES_apid/api    := base log net mail config memory redis store parser apid/http apid/public
LIBS_apid/api    := gnutls
SEES_apid/api    := libevent libzstd
SEES_apid := libevent libzstd
USES_apid := apid/http apid/public apid/api $(SHARED)

USES_ctl := base log net mail config memory worker redis store
LIBS_ctl := libcjson libcrypto libevent resolv
SEES_ctl := libzstd
USES_master := base log net config memory worker
LIBS_master := libsystemd
