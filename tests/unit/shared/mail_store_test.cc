// SPDX-License-Identifier: ISC
// Ids of mails, in their two forms, and addresses of Redis.
#include "shared/mail_store.h"

#include "shared/redis_address.h"
#include "testing.h"

namespace {

using namespace restante;

void an_id_is_its_stream_id_as_one_number(void**) {
  const auto id = MailId::from_stream("1795397936145-7");
  assert_true(id.has_value());
  assert_same(id->text(), "1795397936145000007");
  assert_same(id->stream_id(), "1795397936145-7");
  assert_int_equal(id->received_at(), 1795397936);
}

void an_id_comes_back_from_its_text(void**) {
  const auto id = MailId::parse("1795397936145999999");
  assert_true(id.has_value());
  assert_same(id->stream_id(), "1795397936145-999999");
}

void what_is_not_nineteen_digits_is_no_id(void**) {
  for (const std::string_view text :
       {"", "1", "179539793614500000", "17953979361450000000", "179539793614500000x",
        "-795397936145000000", " 795397936145000000", "1795397936145-00007"}) {
    assert_false(MailId::parse(Exact(text).view()).has_value());
  }
}

void what_is_not_two_numbers_is_no_stream_id(void**) {
  for (const std::string_view text : {"", "-", "1-", "-1", "1", "1-2-3", "a-1", "1-a"}) {
    assert_false(MailId::from_stream(Exact(text).view()).has_value());
  }
}

struct AddressCase {
  const char* text;
  const char* expected;  // "user:password@host:port/database", the path, or "" when refused
};

std::string outcome(std::string_view text) {
  const auto address = parse_redis_address(Exact(text).view());
  if (!address) return "";
  if (!address->path.empty()) return address->path;
  return fmt::format("{}:{}@{}:{}/{}", address->user, address->password, address->host,
                     address->port, address->database);
}

void addresses_of_redis_are_read_in_all_their_forms(void**) {
  const AddressCase cases[] = {
      {"localhost", ":@localhost:6379/0"},
      {"localhost:6380", ":@localhost:6380/0"},
      {"[::1]:6380", ":@::1:6380/0"},
      {"unix:/run/redis.sock", "/run/redis.sock"},
      {"/run/redis.sock", "/run/redis.sock"},
      {"redis://redis.test", ":@redis.test:6379/0"},
      {"redis://:secret@redis.test:1/2", ":secret@redis.test:1/2"},
      {"redis://user:p@ss@redis.test", "user:p@ss@redis.test:6379/0"},
      {"redis://redis.test/", ":@redis.test:6379/0"},
      {"", ""},
      {"host:", ""},
      {"host:0", ""},
      {"host:65536", ""},
      {"host:1x", ""},
      {":6379", ""},
      {"unix:", ""},
      {"redis://user@host", ""},
      {"redis://host/x", ""},
      {"rediss://host", ""},
      {"[::1", ""},
  };
  for (const AddressCase& row : cases) assert_same(outcome(row.text), row.expected);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_id_is_its_stream_id_as_one_number),
      cmocka_unit_test(an_id_comes_back_from_its_text),
      cmocka_unit_test(what_is_not_nineteen_digits_is_no_id),
      cmocka_unit_test(what_is_not_two_numbers_is_no_stream_id),
      cmocka_unit_test(addresses_of_redis_are_read_in_all_their_forms),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
