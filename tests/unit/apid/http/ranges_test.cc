// SPDX-License-Identifier: ISC
// Range, If-Range and If-None-Match: which bytes a client is given.
#include "apid/http/ranges.h"

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using namespace restante::apid;

// "whole", "unsatisfiable" or "FIRST+SIZE".
std::string range(std::string_view field, std::uint64_t size = 100) {
  const ByteRange found = parse_range(Exact(field).view(), size);
  if (found.kind == ByteRange::Kind::kWhole) return "whole";
  if (found.kind == ByteRange::Kind::kUnsatisfiable) return "unsatisfiable";
  return fmt::format("{}+{}", found.first, found.size);
}

TEST(a_range_has_its_first_and_last_byte) {
  assert_same(range("bytes=0-0"), "0+1");
  assert_same(range("bytes=10-19"), "10+10");
  assert_same(range("bytes=99-99"), "99+1");
  assert_same(range("Bytes= 10-19\t"), "10+10");
  assert_same(range("bytes=007-9"), "7+3");
}

TEST(a_range_ends_with_the_bytes) {
  assert_same(range("bytes=0-"), "0+100");
  assert_same(range("bytes=40-"), "40+60");
  assert_same(range("bytes=40-100"), "40+60");
  assert_same(range("bytes=40-99999999999999999999999999"), "40+60");
}

TEST(a_suffix_is_of_the_last_bytes) {
  assert_same(range("bytes=-1"), "99+1");
  assert_same(range("bytes=-100"), "0+100");
  assert_same(range("bytes=-101"), "0+100");
  assert_same(range("bytes=-99999999999999999999999999"), "0+100");
  assert_same(range("bytes=-5", 0), "whole");
}

TEST(a_range_behind_the_end_cannot_be_had) {
  for (const char* field : {"bytes=100-", "bytes=100-200", "bytes=-0", "bytes=-000",
                            "bytes=18446744073709551615-", "bytes=99999999999999999999999-"}) {
    assert_same(range(field), "unsatisfiable");
  }
  assert_same(range("bytes=0-", 0), "unsatisfiable");
}

TEST(what_is_no_single_range_is_ignored) {
  for (const char* field : {"",
                            "bytes",
                            "bytes=",
                            "bytes=-",
                            "bytes=a-b",
                            "bytes=1",
                            "bytes=2-1",
                            "bytes=1-2,4-5",
                            "bytes=1-2,",
                            "bytes=,1-2",
                            "bytes=1 -2",
                            "bytes=1- 2",
                            "bytes=+1-2",
                            "bytes=--1",
                            "bytes=1--2",
                            "bytes =1-2",
                            "lines=1-2",
                            "bytes=0x1-2",
                            "bytes=1-2, bytes=4-5",
                            "=1-2"}) {
    assert_same(range(field), "whole");
  }
}

TEST(an_etag_is_found_in_a_list) {
  for (const char* field : {"\"a-1\"", "W/\"a-1\"", "\"b\", \"a-1\"", "\"b\",W/\"a-1\",\"c\"", "*",
                            " * ", "\"x,y\", \"a-1\""}) {
    assert_true(names_etag(Exact(field).view(), "\"a-1\""));
  }
  for (const char* field :
       {"", "a-1", "\"a-1", "a-1\"", "\"a\"", "\"a-11\"", "\"b, \"a-1\"", "**"}) {
    assert_false(names_etag(Exact(field).view(), "\"a-1\""));
  }
}

struct Asked {
  std::string if_none_match, if_range, range;
  std::string method = "GET";
};

// "STATUS BODY", and the header fields that tell of it.
std::string served(const Asked& asked, unsigned status = 200) {
  Request request;
  request.method = asked.method;
  request.fields["if-none-match"] = asked.if_none_match;
  request.fields["if-range"] = asked.if_range;
  request.fields["range"] = asked.range;
  Response whole{.status = status,
                 .headers = {{"Content-Type", "a/b"}, {"Cache-Control", "no-store"}},
                 .body = "0123456789"};
  const Response response = serve(std::move(whole), "\"e\"", Conditions(request));
  std::string text = fmt::format("{} {}", response.status, response.body);
  for (const auto& [name, value] : response.headers) {
    const std::string_view field = name;
    if (field == "ETag") text += " etag";
    if (field == "Accept-Ranges") text += " accept";
    if (field == "Content-Type") text += " type";
    if (field == "Cache-Control") text += " cache";
    if (field == "Content-Range") text += " " + value;
  }
  return text;
}

constexpr std::string_view kWhole = "200 0123456789 type cache etag accept";
constexpr std::string_view kPart = "206 12 type cache etag accept bytes 1-2/10";

TEST(without_conditions_all_is_given) {
  assert_same(served({}), kWhole);
  assert_same(served({.range = "bytes=5-1"}), kWhole);
  assert_same(served({.if_none_match = "\"f\""}), kWhole);
  assert_same(served({.range = "bytes=1-2", .method = "HEAD"}), kWhole);
}

TEST(a_part_is_206) {
  assert_same(served({.range = "bytes=1-2"}), kPart);
  assert_same(served({.if_none_match = "\"f\"", .range = "bytes=1-2"}), kPart);
}

TEST(a_part_is_given_only_while_if_range_holds) {
  assert_same(served({.if_range = "\"e\"", .range = "bytes=1-2"}), kPart);
  for (const char* condition : {"\"f\"", "W/\"e\"", "Wed, 25 Nov 2026 08:00:00 GMT", "e"}) {
    assert_same(served({.if_range = condition, .range = "bytes=1-2"}), kWhole);
  }
  assert_same(served({.if_range = "\"f\"", .range = "bytes=10-"}), kWhole);
}

TEST(what_the_client_has_is_304) {
  assert_same(served({.if_none_match = "\"e\""}), "304 0123456789 cache etag");
  assert_same(served({.if_none_match = "*", .range = "bytes=1-2"}), "304 0123456789 cache etag");
  assert_same(served({.if_none_match = "\"e\"", .method = "HEAD"}), "304 0123456789 cache etag");
}

TEST(what_cannot_be_had_is_416) {
  assert_same(served({.range = "bytes=10-"}),
              "416 {\"error\":\"there are 10 bytes\"} type cache bytes */10");
}

TEST(an_error_stays_as_it_is) {
  assert_same(served({.if_none_match = "*", .range = "bytes=1-2"}, 404),
              "404 0123456789 type cache");
}

TEST(a_part_of_a_file_moves_its_start) {
  Request request;
  request.method = "GET";
  request.fields["range"] = "bytes=-3";
  Response whole{.status = 200,
                 .headers = {},
                 .body = {},
                 .file = FileBody{.fd = {}, .offset = 7, .size = 10}};
  const Response response = serve(std::move(whole), "\"e\"", Conditions(request));
  assert_int_equal(response.file->offset, 14);
  assert_int_equal(response.file->size, 3);
}

}  // namespace
