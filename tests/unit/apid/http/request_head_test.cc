// SPDX-License-Identifier: ISC
// What counts as a sound request.
#include "apid/http/request_head.h"

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

unsigned status_of(const std::optional<Response>& fault) { return fault ? fault->status : 0; }

// 0 for a request that is sound, else the status of the answer.
unsigned framing(const Fields& fields, std::string_view version = "HTTP/1.1",
                 const char* method = "GET", const char* target = "/emails/bob") {
  Request request;
  RequestHead head(request);
  head.begin(target);
  head.read_start_line(method, version);
  for (const auto& [name, value] : fields) head.read_field(name, value);
  head.finish(100, false);
  return status_of(head.find_fault(version));
}

TEST(a_sound_request_passes) {
  assert_int_equal(framing({{"Host", "a"}}), 0);
  assert_int_equal(framing({{"HOST", "a:1"}, {"x-api-key", "k"}, {"Content-Length", "0"}}), 0);
  assert_int_equal(framing({}, "HTTP/1.0"), 0);
  assert_int_equal(framing({{"Host", ""}}), 0);
  assert_int_equal(framing({{"Host", "a"}, {"Content-Length", "5"}}, "HTTP/1.1", "POST"), 0);
}

TEST(a_request_that_can_be_read_in_two_ways_is_refused) {
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

TEST(a_bad_request_line_is_refused) {
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
  Request request;
  RequestHead reader(request);
  const std::string text = "/?" + std::string(target - 1, 'a');
  reader.begin(text);
  reader.read_start_line("GET", "HTTP/1.1");
  reader.read_field("Host", "a");
  reader.finish(head, false);
  return status_of(reader.find_fault("HTTP/1.1"));
}

TEST(a_request_that_is_too_large_is_refused) {
  assert_int_equal(status_of_size(kMaxTarget, kMaxHead), 0);
  assert_int_equal(status_of_size(kMaxTarget + 1, kMaxHead), 414);
  assert_int_equal(status_of_size(100, kMaxHead + 1), 431);
}

// Whether bytes between the pieces of a head are noticed: `rest` follows "GET /", and has a version
// and the names and values of `fields`, as 0.9.75 finds them.
bool loses_bytes(std::string_view rest, const Fields& fields, bool in_place = true) {
  const std::string text = "GET /" + std::string(rest);
  const std::string_view whole = text;
  const auto piece = [whole](std::string_view word) {
    return whole.substr(whole.find(word), word.size());
  };
  Request request;
  RequestHead head(request);
  head.begin(piece("/"));
  head.read_start_line(piece("GET"), piece("HTTP/1.0"));
  for (const auto& [name, value] : fields) {
    head.read_field(piece(name), value.empty() ? std::string_view() : piece(value));
  }
  head.finish(whole.size(), in_place);
  return head.find_fault("HTTP/1.0").has_value();
}

TEST(bytes_that_the_library_skips_are_noticed) {
  const Fields one{{"A", "b"}};
  assert_false(loses_bytes(" HTTP/1.0\r\nA: b\r\n\r\n", one));
  assert_false(loses_bytes(" HTTP/1.0\r\nA:   b\r\n\r\n", one));
  assert_true(loses_bytes("  HTTP/1.0\r\nA: b\r\n\r\n", one));
  for (const char* rest :
       {" HTTP/1.0\nA: b\r\n\r\n", " HTTP/1.0\r\nA: b\n\r\n", " HTTP/1.0\r\nA: b\r\n\n",
        " HTTP/1.0\rA: b\r\n\r\n", " HTTP/1.0\r\nA: b\r\r\n"}) {
    assert_true(loses_bytes(rest, one));
  }
  const Fields two{{"A", "b"}, {"C", ""}};
  assert_false(loses_bytes(" HTTP/1.0\r\nA: b\r\nC\r\n\r\n", two));
  assert_true(loses_bytes(" HTTP/1.0\r\nA: b1234\r\nC\r\n\r\n", two));
  assert_true(loses_bytes(" HTTP/1.0\r\nA: b12\r\n\r\n", one));
  assert_true(loses_bytes(" HTTP/1.0\r\nA: b\r\nC\r\n\r\n", {{"C", ""}, {"A", "b"}}));
}

TEST(where_the_library_moves_bytes_none_are_missed) {
  assert_false(loses_bytes("  HTTP/1.0\r\nA: b\r\n\r\n", {{"A", "b"}}, false));
}

// What two equal requests, one after the other, leave in the Request.
std::string kept_of(const Fields& fields) {
  Request request;
  RequestHead head(request);
  for (int again = 0; again < 2; ++again) {
    head.begin("/a?b=c?d");
    head.read_start_line("POST", "HTTP/1.1");
    for (const auto& [name, value] : fields) head.read_field(name, value);
    head.finish(100, false);
  }
  std::string kept = request.method + ' ' + request.path + ' ' + request.query + ' ' +
                     request.host + ' ' + request.api_key + (request.has_body ? " body" : "");
  for (const auto& [name, value] : request.fields) (kept += '|').append(name) += '=' + value;
  return kept;
}

TEST(what_handlers_read_is_kept_of_one_request) {
  assert_same(kept_of({{"Host", "h"},
                       {"x-api-KEY", "k"},
                       {"Range", "a"},
                       {"RANGE", "b"},
                       {"Cookie", "c"},
                       {"Content-Length", "1"}}),
              "POST /a b=c?d h k body|range=a, b");
  assert_same(kept_of({}), "POST /a b=c?d  ");
}

}  // namespace
