// SPDX-License-Identifier: ISC
// The settings of a session that is driven by a test, a bench or a fuzzer. They are the defaults of
// restante, without TLS and for one domain; a caller changes what its test is about.
#pragma once

#include "smtpd/protocol/session.h"

namespace restante::smtpd {

inline SessionSettings session_settings(std::uint64_t message_size_limit = 26214400,
                                        std::uint64_t recipient_limit = 100,
                                        HeaderLimits header_limits = {
                                            .bytes = 262144, .fields = 2000, .hops = 100}) {
  return {.hostname = "mx.test",
          .domains = {"example.com"},
          .message_size_limit = message_size_limit,
          .recipient_limit = recipient_limit,
          .recipient_size_limit = 268435456,
          .error_limit = 20,
          .mailbox_case = mail::MailboxCase::kFold,
          .header_limits = header_limits,
          .bare_newline = config::BareNewline::kKeep,
          .tls_available = false,
          .tls_required = false};
}

}  // namespace restante::smtpd
