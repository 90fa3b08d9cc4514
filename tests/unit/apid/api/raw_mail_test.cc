// SPDX-License-Identifier: ISC
// What is taken for the compressed form of a mail, and how much memory it may ask for.
#include "apid/api/raw_mail.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "shared/store/frame.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::apid;

// The frame of a mail with this for its raw form.
std::string compressed(std::string_view content) {
  return store::FrameWriter()
      .write({.bodies = R"("body_text":"\n")",
              .transport = R"("helo":"h",)",
              .details = R"("size":1)",
              .trace = content.substr(0, content.size() / 2),
              .data = content.substr(content.size() / 2)})
      .bytes;
}

constexpr std::size_t kTraceHeader = 64 * 1024;  // what a mail may be larger by than the limit

struct Read {
  std::string content = "none";
  bool in_file = false;
  std::size_t pieces = 0;  // that it wanted
};

DownloadRoom::Taker taker(std::string_view client = "192.0.2.1", std::string_view key = "a") {
  Request request;
  request.client.rate_key = client;
  request.api_key = key;
  return DownloadRoom::Taker(request);
}

// What comes of a frame that is given in pieces of `size` bytes.
Read read_frame(std::string_view frame, std::size_t limit, std::size_t size = SIZE_MAX,
                RawReader::Into into = RawReader::Into::kMemoryWhileSmall,
                std::optional<std::uint64_t> mail_size = {}) {
  DownloadRoom room(SIZE_MAX);
  RawReader reader(limit, into, room, taker());
  Read read;
  bool more = true;
  for (std::size_t at = 0; more && at < frame.size(); ++read.pieces) {
    const Exact piece(frame.substr(at, size));
    more = reader.append({{1700000002000, 3}, mail_size}, piece.view());
    at += piece.view().size();
  }
  const Response response = reader.finish();
  if (response.status != 200) return read;
  read.in_file = response.file.has_value();
  read.content = read.in_file ? read_all(response.file->fd->get()).value_or("-") : response.body;
  if (read.in_file && response.file->size != read.content.size()) read.content = "wrong size";
  return read;
}

std::string content_of(std::string_view frame, std::size_t limit = 1000) {
  return read_frame(frame, limit).content;
}

TEST(a_frame_gives_its_content) {
  for (const std::string& content : {std::string(), std::string("a\0\n\xff", 4)}) {
    assert_true(content_of(compressed(content)) == content);
  }
}

// 3 MB that a compressor makes little of.
std::string noise() {
  std::string content(3'000'000, '\0');
  std::uint32_t state = 1;
  for (char& c : content) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return content;
}

TEST(it_does_not_matter_where_a_frame_is_cut) {
  const std::string small = "hello, hello, hello";
  const std::string frame = compressed(small);
  for (std::size_t size = frame.size() / 2; size < frame.size(); ++size) {
    assert_true(read_frame(frame, 1000, size).content == small);
  }
  const std::string large = noise();
  const Read read = read_frame(compressed(large), large.size(), std::size_t{1024} * 1024);
  assert_true(read.content == large);
  assert_true(read.in_file);
  assert_int_equal(read.pieces, 3);
}

TEST(a_large_mail_is_in_a_file_and_a_small_one_where_it_is_wanted) {
  const std::string small = compressed(std::string(65535, 'a'));
  assert_false(read_frame(small, 65536).in_file);
  assert_true(read_frame(small, 65536, SIZE_MAX, RawReader::Into::kFileWithoutTrace).in_file);
  assert_true(read_frame(compressed(std::string(65536, 'a')), 65536).in_file);
  assert_true(
      read_frame(compressed(""), 1, SIZE_MAX, RawReader::Into::kFileWithoutTrace).content.empty());
}

TEST(what_was_put_on_top_is_left_out_where_that_is_wanted) {
  const std::string large = noise();
  const std::string frame = compressed(large);
  const auto without = RawReader::Into::kFileWithoutTrace;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, large.size() - 200'000, large.size() - 1, large.size()}) {
    const std::string_view wanted = std::string_view(large).substr(large.size() - size);
    assert_true(read_frame(frame, large.size(), 500'000, without, size).content == wanted);
  }
  assert_true(read_frame(frame, large.size(), 500'000, without, large.size() + 1).content ==
              "none");
  const auto whole = RawReader::Into::kMemoryWhileSmall;
  assert_true(read_frame(frame, large.size(), 500'000, whole, 10).content == large);
}

TEST(the_limit_is_that_of_the_content) {
  const std::string content(1000 + kTraceHeader, 'a');
  assert_true(content_of(compressed(content), 1000) == content);
  assert_true(content_of(compressed(content), 999) == "none");
  assert_true(content_of(compressed(std::string(50'000'000, 'a'))) == "none");
  const std::string large = compressed(noise());
  assert_int_equal(read_frame(large, 1000, std::size_t{1024} * 1024).pieces, 1);
}

TEST(what_is_no_whole_frame_is_none) {
  const std::string frame = compressed("hello, hello, hello");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    assert_true(content_of(frame.substr(0, size)) == "none");
  }
  assert_true(content_of("hello, hello, hello") == "none");
  assert_true(content_of(frame + "more") == "none");
  assert_true(content_of(frame + frame) == "none");
  // A frame without a size, with one that is wrong, and one in which fragments are missing.
  constexpr std::string_view kNoSize("\x28\xB5\x2F\xFD\x00\x58\x19\x00\x00\n\na", 12);
  constexpr std::string_view kNoDetails("\x28\xB5\x2F\xFD\x20\x03\x19\x00\x00\nab", 12);
  constexpr std::string_view kSound("\x28\xB5\x2F\xFD\x20\x03\x19\x00\x00\n\na", 12);
  assert_true(content_of(kNoSize) == "none");
  assert_true(content_of(kNoDetails) == "none");
  assert_true(content_of(kSound) == "a");
  std::string wrong = frame;  // of a size that it does not say
  ++wrong[5];
  assert_true(content_of(wrong) == "none");
}

TEST(room_is_taken_until_an_answer_goes) {
  DownloadRoom room(1000);
  auto only = room.acquire(5000, taker());  // the only one always has room
  assert_non_null(only.get());
  assert_null(room.acquire(1, taker("192.0.2.2", "b")).get());
  only.reset();
  const auto first = room.acquire(400, taker());
  assert_non_null(first.get());
  assert_null(room.acquire(601, taker("192.0.2.2", "b")).get());
  assert_null(room.acquire(UINT64_MAX, taker("192.0.2.2", "b")).get());
  assert_non_null(room.acquire(300, taker("192.0.2.2", "b")).get());
}

TEST(one_client_takes_three_quarters_of_the_room_and_one_key_nearly_all) {
  DownloadRoom room(3600);
  std::vector<std::shared_ptr<void>> held;
  const auto take = [&](std::uint64_t bytes, const DownloadRoom::Taker& who) {
    std::uint64_t taken = 0;
    while (auto one = room.acquire(bytes, who)) held.push_back(std::move(one)), taken += bytes;
    return taken;
  };
  assert_int_equal(take(50, taker("192.0.2.1", "a")), 2700);
  assert_int_equal(take(50, taker("192.0.2.2", "a")), 650);  // with the same key
  assert_int_equal(take(50, taker("192.0.2.3", "a")), 0);
  assert_int_equal(take(50, taker("192.0.2.1", "b")), 0);  // with another key
  assert_int_equal(take(50, taker("192.0.2.3", "b")), 150);
  held.clear();
  assert_int_equal(take(50, taker("192.0.2.3", "b")), 2700);
}

TEST(what_has_no_room_is_not_read) {
  const std::string frame = compressed(std::string(100'000, 'x'));
  DownloadRoom room(150'000);
  using enum RawReader::Into;
  RawReader first(200'000, kMemoryWhileSmall, room, taker());
  RawReader second(200'000, kMemoryWhileSmall, room, taker());
  RawReader third(200'000, kMemoryWhileSmall, room, taker());
  assert_false(first.append({}, frame));
  assert_false(second.append({}, frame));
  assert_int_equal(second.finish().status, 503);
  assert_int_equal(first.finish().status, 200);  // which goes at once
  assert_false(third.append({}, frame));
  assert_int_equal(third.finish().status, 200);
}

}  // namespace
