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
DOORS_log := log shared_file
USES_net    := base log
LIBS_net    := libevent
USES_mail   := base
LIBS_mail   := libidn2 libunistring
USES_config := base log net mail
DOORS_config := api_key config redis_address setting_value
USES_memory := base log
USES_worker := base log net config memory
LIBS_worker := libseccomp libsystemd
SEES_worker := libevent
DOORS_worker := client_log context heartbeat landlock redis_sandbox run_main sandbox sandbox_state
USES_redis  := base log net config memory
LIBS_redis  := hiredis openssl $(REDIS_TLS)
SEES_redis  := libevent
DOORS_redis := client durability reply tls
USES_store  := base net mail redis
LIBS_store  := libzstd
SEES_store  := libevent
DOORS_store := claims frame mail_id reader redis_claims redis_reader redis_watch redis_writer survey watch writer
USES_parser := base log net mail memory
SEES_parser := libevent

USES_smtpd/protocol := base net mail config
BANS_smtpd/protocol := io
DOORS_smtpd/protocol := proxy_header release_memory session time_limits
USES_smtpd := smtpd/protocol $(SHARED)
LIBS_smtpd := openssl
SEES_smtpd := libevent

USES_mimed/text     := base
LIBS_mimed/text     := glib-2.0
DOORS_mimed/text := charset digest html_text transfer_encoding
USES_mimed/header   := base mail mimed/text
USES_mimed/findings := base mail mimed/text mimed/header
DOORS_mimed/findings := details
USES_mimed/parts    := base mail mimed/text mimed/header
DOORS_mimed/parts := assemble part prescan
USES_mimed := base log mail config memory worker parser mimed/text mimed/header mimed/findings mimed/parts
LIBS_mimed := gmime-3.0

USES_apid/http   := base log net mail memory
LIBS_apid/http   := libmicrohttpd gnutls zlib
SEES_apid/http   := libevent
DOORS_apid/http := compression cors forwarded ranges request responder response server uri
USES_apid/public := base config apid/http
USES_apid/api    := base log net mail config memory redis store parser apid/http apid/public
LIBS_apid/api    := gnutls
SEES_apid/api    := libevent
DOORS_apid/api := api metrics
USES_apid := apid/http apid/public apid/api $(SHARED)
SEES_apid := libevent

USES_ctl := base log net mail config memory worker redis store
LIBS_ctl := libcjson libcrypto libevent resolv
USES_master := base log net config memory worker
LIBS_master := libsystemd
