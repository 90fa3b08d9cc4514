// SPDX-License-Identifier: ISC
// gzip: who wants it, what is packed, and that it unpacks to what it was.
#include "apid/http/compression.h"

#include <zlib.h>

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using namespace restante::apid;

TEST(it_is_for_clients_that_ask) {
  for (const char* field : {"gzip", "GZIP", "x-gzip", "deflate, gzip, br", " gzip ; q=0.5 ",
                            "gzip;Q=1", "gzip;q=1.000", "gzip;q=0.001", "*", "br;q=1.0, *;q=0.1",
                            "identity;q=0.5, gzip;q=0.5", ",,gzip,", "identity;q=0, *"}) {
    const Exact exact(field);
    if (!prefers_gzip(exact.view())) fail_test(field);
  }
}

TEST(it_is_not_for_others) {
  for (const char* field : {"",
                            "identity",
                            "br",
                            "gzip;q=0",
                            "gzip;q=0.000",
                            "gzip;q=0, *",
                            "*;q=0",
                            "xgzip",
                            "gzip2",
                            "gzip;q=",
                            "gzip;q=x",
                            "gzip;q=2",
                            "gzip;q=1.001",
                            "gzip;q=0.0001",
                            "gzip;q=-1",
                            "gzip;v=1",
                            "gzip;q",
                            "identity, gzip;q=0.9",
                            "gz ip",
                            ";q=1",
                            "q=1",
                            ",",
                            ";",
                            "="}) {
    const Exact exact(field);
    if (prefers_gzip(exact.view())) fail_test(field);
  }
}

std::string field(const Response& response, std::string_view wanted) {
  std::string all;
  for (const auto& [name, value] : response.headers) {
    if (name == wanted) all += value + ";";
  }
  return all;
}

std::string unpack(const std::string& packed) {
  std::string text(4'000'000, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const bool whole = inflateInit2(&stream, 15 + 16) == Z_OK &&
                     inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
  text.resize(whole ? stream.total_out : 0);
  inflateEnd(&stream);
  return text;
}

std::string some_json(std::size_t size) {
  std::string text = "[";
  while (text.size() < size - 1) text += static_cast<char>('a' + text.size() * text.size() % 23);
  return text + "]";
}

// What encode makes of it: "BYTES VARY ENCODING", where BYTES is "same", "packed" or "other".
std::string encoded(Response response, bool is_wanted = true) {
  const std::string before = response.body;
  Gzip().encode(response, is_wanted);
  const std::string how = response.body == before           ? "same"
                          : unpack(response.body) == before ? "packed"
                                                            : "other";
  return how + " " + field(response, "Vary") + " " + field(response, "Content-Encoding");
}

TEST(json_of_some_size_is_packed) {
  for (const std::size_t size :
       {std::size_t{1024}, std::size_t{70'000}, std::size_t{1024 * 1024}}) {
    assert_same(encoded(json_response(200, some_json(size))), "packed Accept-Encoding; gzip;");
  }
  assert_same(encoded(json_response(404, some_json(2000))), "packed Accept-Encoding; gzip;");
}

TEST(who_does_not_ask_hears_that_others_get_something_else) {
  assert_same(encoded(json_response(200, some_json(2000)), false), "same Accept-Encoding; ");
}

TEST(small_and_huge_json_stays_as_it_is) {
  for (const std::size_t size : {std::size_t{2}, std::size_t{1023}, std::size_t{1024 * 1024 + 1}}) {
    assert_same(encoded(json_response(200, some_json(size))), "same  ");
  }
}

TEST(nothing_else_is_packed) {
  Response raw{
      .status = 200, .headers = {{"Content-Type", "message/rfc822"}}, .body = some_json(2000)};
  assert_same(encoded(raw), "same  ");
  Response validated = json_response(200, some_json(2000));
  validated.headers.emplace_back("ETag", "\"1\"");
  assert_same(encoded(validated), "same  ");
  Response part = json_response(206, some_json(2000));
  assert_same(encoded(part), "same  ");
  Response stream = json_response(200, some_json(2000));
  stream.stream = std::make_shared<EventStream>();
  assert_same(encoded(stream), "same  ");
  Response file = json_response(200, some_json(2000));
  file.file = FileBody{};
  assert_same(encoded(file), "same  ");
  assert_same(encoded({.status = 200, .headers = {}, .body = some_json(2000)}), "same  ");
}

TEST(one_gzip_packs_many_answers) {
  Gzip gzip;
  for (std::size_t size = 1024; size < 200'000; size *= 3) {
    Response response = json_response(200, some_json(size));
    gzip.encode(response, true);
    assert_same(unpack(response.body), some_json(size));
  }
}

}  // namespace
