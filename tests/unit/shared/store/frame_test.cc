// SPDX-License-Identifier: ISC
// The stored form of a mail: what goes in comes out, however it is cut.
#include "shared/store/frame.h"

#include <algorithm>
#include <string>

#include "testing.h"

namespace {

using namespace restante;

std::string noise(std::size_t size) {
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += static_cast<char>('a' + (state >> 24) % 16);
  }
  return text;
}

struct Sample {
  std::string bodies, data;
  std::string transport = R"("helo":"h",)", details = R"("size":1)", trace = "Received: x\r\n";

  [[nodiscard]] store::MailFrame frame() const {
    return store::FrameWriter().write({.bodies = bodies,
                                       .transport = transport,
                                       .details = details,
                                       .trace = trace,
                                       .data = data});
  }
  [[nodiscard]] std::string content() const {
    return bodies + "\n" + transport + details + "\n" + trace + data;
  }
};

Sample sample(std::size_t size) {
  const std::string text = noise(size);
  return {.bodies = text, .data = text + "\r\n"};
}

std::string content_of(std::string_view frame, std::size_t piece,
                       store::FrameReader::Status& status) {
  store::FrameReader reader;
  std::string content;
  auto last = store::FramePart::kBodies;
  reader.begin(frame);
  status = store::FrameReader::Status::kMore;
  for (std::size_t at = 0; at < frame.size() && status == store::FrameReader::Status::kMore;
       at += piece) {
    status = reader.read(Exact(frame.substr(at, piece)).view(),
                         [&](store::FramePart part, std::string_view text) {
                           if (part != last) content += '\n';
                           last = part;
                           content += text;
                           return true;
                         });
  }
  return content;
}

TEST(a_frame_gives_its_content) {
  for (const std::size_t size : {0, 1, 2000, 8100, 8300, 100'000, 3'000'000}) {
    const Sample mail = sample(size);
    const store::MailFrame frame = mail.frame();
    assert_int_equal(store::FrameReader::content_size(frame.bytes).value_or(0),
                     mail.content().size());
    for (const std::size_t piece : {std::size_t{1} << 20, frame.bytes.size(), frame.head}) {
      store::FrameReader::Status status{};
      assert_true(content_of(frame.bytes, piece, status) == mail.content());
      assert_int_equal(status, store::FrameReader::Status::kComplete);
    }
  }
}

TEST(its_head_gives_bodies_and_details) {
  store::FrameReader reader;
  for (const std::size_t size : {0, 1, 2000, 8100, 8300, 100'000, 3'000'000}) {
    const Sample mail = sample(size);
    const store::MailFrame frame = mail.frame();
    const auto head = reader.head(Exact(frame.bytes.substr(0, frame.head)).view());
    assert_true(head.has_value());
    assert_true(head->bodies == mail.bodies);
    assert_same(head->details, mail.transport + mail.details);
  }
}

TEST(what_is_no_head_is_none) {
  const store::MailFrame frame = sample(2000).frame();
  store::FrameReader reader;
  assert_false(reader.head("").has_value());
  assert_false(reader.head("no frame").has_value());
  assert_false(reader.head(Exact(frame.bytes.substr(0, frame.head / 2)).view()).has_value());
  assert_true(reader.head(frame.bytes).has_value());  // a bad one spoils none that comes later
}

TEST(the_raw_mail_takes_little_behind_its_text) {
  for (const std::size_t size : {2000, 100'000}) {
    const Sample twice = sample(size);
    const store::MailFrame frame = twice.frame();
    assert_in_range(frame.bytes.size(), size / 2, size * 6 / 10);
  }
}

TEST(what_stands_behind_the_end_is_damage) {
  store::FrameReader::Status status{};
  const std::string frame = sample(100).frame().bytes;
  (void)content_of(frame + "x", SIZE_MAX, status);
  assert_int_equal(status, store::FrameReader::Status::kDamaged);
  (void)content_of(frame.substr(0, frame.size() - 1), SIZE_MAX, status);
  assert_int_equal(status, store::FrameReader::Status::kMore);
}

}  // namespace
