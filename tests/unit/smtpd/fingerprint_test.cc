// SPDX-License-Identifier: ISC
// Fingerprints: equal for the same delivery tried again, and for nothing else.
#include "smtpd/fingerprint.h"

#include "testing.h"

namespace {

using namespace restante::smtpd;

constexpr std::string_view kMail = "Subject: a\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n";

void the_same_bytes_from_the_same_sender_have_one_fingerprint(void**) {
  assert_int_equal(fingerprint("s@x.test", kMail).size(), 32);
  assert_same(fingerprint("s@x.test", Exact(kMail).view()), fingerprint("s@x.test", kMail));
}

void another_sender_or_another_byte_gives_another_one(void**) {
  const std::string changed = std::string(kMail) + " ";
  assert_true(fingerprint("s@x.test", kMail) != fingerprint("t@x.test", kMail));
  assert_true(fingerprint("s@x.test", kMail) != fingerprint("s@x.test", changed));
}

void the_field_name_is_found_in_any_case_and_at_any_place_of_the_header(void**) {
  assert_false(fingerprint("", "message-id: <1@x.test>\r\n\r\n").empty());
  assert_false(fingerprint("", "A: b\nMESSAGE-ID: <1@x.test>").empty());
}

void a_mail_without_message_id_has_none(void**) {
  for (const std::string_view mail : {"", "\r\n", "Subject: a\r\n\r\nMessage-ID: <in.the@body>\r\n",
                                      "X-Message-ID: <1@x>\r\n\r\n", "just a line", "Message-I"}) {
    assert_same(fingerprint("s@x.test", Exact(mail).view()), "");
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_same_bytes_from_the_same_sender_have_one_fingerprint),
      cmocka_unit_test(another_sender_or_another_byte_gives_another_one),
      cmocka_unit_test(the_field_name_is_found_in_any_case_and_at_any_place_of_the_header),
      cmocka_unit_test(a_mail_without_message_id_has_none),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
