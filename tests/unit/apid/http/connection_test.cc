// SPDX-License-Identifier: ISC
// What counts as a sound request.
#include "apid/http/connection.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;

using Fields = std::vector<std::pair<std::string, std::string>>;

// 0 for a request that is sound, else the status of the answer.
unsigned framing(const Fields& fields, std::string_view version = "HTTP/1.1",
                 const char* method = "GET", const char* target = "/emails/bob") {
  Client client;
  client.request.method = method;
  read_target(client.request, target);
  for (const auto& [name, value] : fields) read_field(client, name, value);
  const std::optional<Response> refused = check_framing(client, version);
  return refused ? refused->status : 0;
}

void a_sound_request_passes(void**) {
  assert_int_equal(framing({{"Host", "a"}}), 0);
  assert_int_equal(framing({{"HOST", "a:1"}, {"x-api-key", "k"}, {"Content-Length", "0"}}), 0);
  assert_int_equal(framing({}, "HTTP/1.0"), 0);
  assert_int_equal(framing({{"Host", ""}}), 0);
  assert_int_equal(framing({{"Host", "a"}, {"Content-Length", "5"}}, "HTTP/1.1", "POST"), 0);
}

void a_request_that_can_be_read_in_two_ways_is_refused(void**) {
  const std::pair<std::string, std::string> host{"Host", "a"};
  assert_int_equal(framing({}), 400);
  assert_int_equal(framing({host, {"host", "a"}}), 400);
  assert_int_equal(framing({{"Host", "a/b"}}), 400);
  assert_int_equal(framing({host, {"Transfer-Encoding", "chunked"}}), 400);
  assert_int_equal(framing({host, {"transfer-encoding", "identity"}}), 400);
  assert_int_equal(framing({host, {"Content-Length", "0"}, {"content-length", "0"}}), 400);
  assert_int_equal(framing({host, {"Content-Length", "5"}}), 400);
  assert_int_equal(framing({host, {"Content-Length", "00"}}), 400);
  assert_int_equal(framing({host, {"Content-Length", "5"}}, "HTTP/1.1", "DELETE"), 400);
  assert_int_equal(framing({host, {"X-API-KEY", "a"}, {"X-Api-Key", "a"}}), 400);
  assert_int_equal(framing({host, {"Content-Length ", "5"}}), 400);
  assert_int_equal(framing({host, {" X", "5"}}), 400);
  assert_int_equal(framing({host, {"X", "a\rContent-Length: 5"}}), 400);
  assert_int_equal(framing({host, {"", "a"}}), 400);
}

void a_bad_request_line_is_refused(void**) {
  const Fields host{{"Host", "a"}};
  assert_int_equal(framing(host, "HTTP/1.2"), 400);
  assert_int_equal(framing(host, "HTTP/2.0"), 505);
  assert_int_equal(framing(host, ""), 505);
  for (const char* method : {"", "Content-Length:", "GE T", "GET,", "G\xC3\x89T"}) {
    assert_int_equal(framing(host, "HTTP/1.1", method, "/emails/a"), 400);
  }
  for (const char* target :
       {"*", "", "http://evil/emails/a", "/a b", "/a\x7f", "/\xff", "/a?b c"}) {
    assert_int_equal(framing(host, "HTTP/1.1", "GET", target), 400);
  }
}

unsigned status_of_size(std::size_t target, std::size_t head) {
  Client client;
  client.request.method = "GET";
  client.request.host = "a";
  read_target(client.request, "/?" + std::string(target - 1, 'a'));
  client.head_size = head;
  client.fields.host = 1;
  const std::optional<Response> refused = check_framing(client, "HTTP/1.1");
  return refused ? refused->status : 0;
}

void a_request_that_is_too_large_is_refused(void**) {
  assert_int_equal(status_of_size(kMaxTarget, kMaxHead), 0);
  assert_int_equal(status_of_size(kMaxTarget + 1, kMaxHead), 414);
  assert_int_equal(status_of_size(100, kMaxHead + 1), 431);
}

// Splits `head` at its line ends and colons, as 0.9.75 does, and says whether bytes were lost.
bool loses_bytes(std::string_view head, std::initializer_list<std::string_view> pieces) {
  Client client;
  client.read_up_to = head.data();
  std::size_t gap = 1;
  for (std::string_view piece : pieces) {
    check_gap(client, head.substr(head.find(piece), piece.size()), std::exchange(gap, 2));
  }
  check_gap(client, head.substr(head.size()), 4);
  return client.fields.bytes_lost;
}

void bytes_that_the_library_skips_are_noticed(void**) {
  assert_false(loses_bytes(" HTTP/1.1\r\nA: b\r\n\r\n", {"HTTP/1.1", "A: b"}));
  assert_true(loses_bytes("  HTTP/1.1\r\nA: b\r\n\r\n", {"HTTP/1.1", "A: b"}));
  for (const char* head :
       {" HTTP/1.1\nA: b\r\n\r\n", " HTTP/1.1\r\nA: b\n\r\n", " HTTP/1.1\r\nA: b\r\n\n",
        " HTTP/1.1\rA: b\r\n\r\n", " HTTP/1.1\r\nA: b\r\r\n"}) {
    assert_true(loses_bytes(head, {"HTTP/1.1", "A: b"}));
  }
  assert_true(loses_bytes(" HTTP/1.1\r\nA: b1234\r\nC\r\n\r\n", {"HTTP/1.1", "A: b", "C"}));
  assert_true(loses_bytes(" HTTP/1.1\r\nA: b12\r\n\r\n", {"HTTP/1.1", "A: b"}));
  assert_true(loses_bytes(" HTTP/1.1\r\nA: b\r\nC\r\n\r\n", {"HTTP/1.1", "C", "A: b"}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_sound_request_passes),
      cmocka_unit_test(a_request_that_can_be_read_in_two_ways_is_refused),
      cmocka_unit_test(a_bad_request_line_is_refused),
      cmocka_unit_test(a_request_that_is_too_large_is_refused),
      cmocka_unit_test(bytes_that_the_library_skips_are_noticed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
