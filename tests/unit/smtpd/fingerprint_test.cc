// SPDX-License-Identifier: ISC
// Fingerprints: equal for the same delivery tried again, and for nothing else.
#include "smtpd/fingerprint.h"

#include "testing.h"

namespace {

using namespace restante::smtpd;

constexpr std::string_view kMail = "Subject: a\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n";

TEST(the_same_bytes_from_the_same_sender_have_one_fingerprint) {
  assert_int_equal(fingerprint("s@x.test", kMail).size(), 32);
  assert_same(fingerprint("s@x.test", Exact(kMail).view()), fingerprint("s@x.test", kMail));
}

TEST(another_sender_or_another_byte_gives_another_one) {
  const std::string changed = std::string(kMail) + " ";
  assert_true(fingerprint("s@x.test", kMail) != fingerprint("t@x.test", kMail));
  assert_true(fingerprint("s@x.test", kMail) != fingerprint("s@x.test", changed));
}

TEST(the_field_name_is_found_in_any_case_and_at_any_place_of_the_header) {
  assert_false(fingerprint("", "message-id: <1@x.test>\r\n\r\n").empty());
  assert_false(fingerprint("", "A: b\nMESSAGE-ID: <1@x.test>").empty());
}

TEST(a_mail_without_message_id_has_none) {
  for (const std::string_view mail : {"", "\r\n", "Subject: a\r\n\r\nMessage-ID: <in.the@body>\r\n",
                                      "X-Message-ID: <1@x>\r\n\r\n", "just a line", "Message-I"}) {
    assert_same(fingerprint("s@x.test", Exact(mail).view()), "");
  }
}

}  // namespace
