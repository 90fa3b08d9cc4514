// SPDX-License-Identifier: ISC
// Ids of mails, in their two forms.
#include "shared/store/mail_id.h"

#include "testing.h"

namespace {

using namespace restante;

TEST(an_id_is_its_stream_id_as_one_number) {
  const auto id = store::MailId::from_stream("1795397936145-7");
  assert_true(id.has_value());
  assert_same(id->text(), "1795397936145000007");
  assert_same(id->stream_id(), "1795397936145-7");
  assert_int_equal(id->received_at(), 1795397936);
}

TEST(an_id_comes_back_from_its_text) {
  const auto id = store::MailId::parse("1795397936145999999");
  assert_true(id.has_value());
  assert_same(id->stream_id(), "1795397936145-999999");
}

TEST(what_is_not_nineteen_digits_is_no_id) {
  for (const std::string_view text :
       {"", "1", "179539793614500000", "17953979361450000000", "179539793614500000x",
        "-795397936145000000", " 795397936145000000", "1795397936145-00007"}) {
    assert_false(store::MailId::parse(Exact(text).view()).has_value());
  }
}

TEST(what_is_not_two_numbers_is_no_stream_id) {
  for (const std::string_view text : {"", "-", "1-", "-1", "1", "1-2-3", "a-1", "1-a"}) {
    assert_false(store::MailId::from_stream(Exact(text).view()).has_value());
  }
}

}  // namespace
