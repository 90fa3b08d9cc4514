-: src/smtpd/worker.h src/shared/event_loop.h src/shared/c_ptr.h \
 src/shared/mail_store.h src/shared/error.h src/shared/redis.h \
 src/shared/redis_address.h src/shared/segment.h src/shared/rate_table.h \
 src/shared/worker_context.h src/shared/config.h src/shared/log.h \
 src/smtpd/connection.h src/shared/client_address.h src/smtpd/delivery.h \
 src/smtpd/mime_client.h src/shared/message.h src/smtpd/session.h \
 src/shared/address.h src/smtpd/commands.h src/smtpd/replies.h \
 src/smtpd/framing.h src/smtpd/tls.h
src/shared/event_loop.h:
src/shared/c_ptr.h:
src/shared/mail_store.h:
src/shared/error.h:
src/shared/redis.h:
src/shared/redis_address.h:
src/shared/segment.h:
src/shared/rate_table.h:
src/shared/worker_context.h:
src/shared/config.h:
src/shared/log.h:
src/smtpd/connection.h:
src/shared/client_address.h:
src/smtpd/delivery.h:
src/smtpd/mime_client.h:
src/shared/message.h:
src/smtpd/session.h:
src/shared/address.h:
src/smtpd/commands.h:
src/smtpd/replies.h:
src/smtpd/framing.h:
src/smtpd/tls.h:
