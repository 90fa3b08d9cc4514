// SPDX-License-Identifier: ISC
#include "smtpd/protocol/framing.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "shared/base/utf8.h"
#include "smtpd/protocol/release_memory.h"

namespace restante::smtpd {
namespace {

// An idle client keeps no more buffer than this.
constexpr std::size_t kIdleCapacity = 256;
// Announced sizes are only believed this far at first: announcing is free. Whoever has sent this
// much is believed the rest, so that a large message is not copied again and again as it grows.
constexpr std::uint64_t kMaxReserve = std::uint64_t{1} << 20U;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// U+0080 to U+009F, which are C2 and a second byte in UTF-8. Among them are line ends and what
// begins the escape sequences of a terminal.
bool has_c1_control(std::string_view utf8) {
  const auto begins = [](char lead, char next) {
    return lead == '\xC2' && static_cast<unsigned char>(next) < 0xA0;
  };
  return std::ranges::adjacent_find(utf8, begins) != utf8.end();
}

Line::Kind kind_of(std::string_view text) {
  if (std::ranges::any_of(text, is_control) || !is_valid_utf8(text)) return Line::Kind::kBad;
  return has_c1_control(text) ? Line::Kind::kBad : Line::Kind::kCommand;
}

constexpr std::string_view kMark = "\r\n.";  // what an end of the message or a doubled dot is in

// Where it stands. In whole blocks by vector instructions: a message may be all line ends and dots.
std::size_t find_mark(std::string_view text) {
  constexpr std::size_t kBlock = 64;
  std::size_t at = 0;
  for (; at + kBlock + kMark.size() <= text.size(); at += kBlock) {
    const char* const block = text.data() + at;
    int found = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      found |=
          int{block[i] == kMark[0]} & int{block[i + 1] == kMark[1]} & int{block[i + 2] == kMark[2]};
    }
    // cppcheck-suppress knownConditionTrueFalse  ; the loop above may have set it
    if (found != 0) break;
  }
  return text.find(kMark, at);
}

void append_expecting(std::string& data, std::string_view text, std::uint64_t expected) {
  if (data.size() + text.size() > data.capacity() && expected > data.capacity()) {
    data.reserve(static_cast<std::size_t>(expected));
  }
  data += text;
}

}  // namespace

void LineReader::append(std::string_view bytes) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  buffer_ += bytes;
}

Line LineReader::next() {
  const std::size_t lf = buffer_.find('\n', scanned_);
  if (lf == std::string::npos) {
    scanned_ = buffer_.size();
    drop_overlong();
    if (dropped_ + buffer_.size() - start_ > kMaxDrain) return {Line::Kind::kEndless, {}};
    if (empty() && buffer_.capacity() > kIdleCapacity) clear();
    return {};
  }
  const std::string_view line = std::string_view(buffer_).substr(start_, lf + 1 - start_);
  const std::size_t length = dropped_ + line.size();
  start_ = scanned_ = lf + 1;
  dropped_ = 0;
  if (length > kMaxDrain) return {Line::Kind::kEndless, {}};
  if (!line.ends_with("\r\n")) return {Line::Kind::kBareLf, {}};
  if (length > kMaxLine) return {Line::Kind::kTooLong, {}};
  const std::string_view text = line.substr(0, line.size() - 2);
  return {kind_of(text), text};
}

void LineReader::clear() {
  release_memory(buffer_);
  start_ = scanned_ = dropped_ = 0;
}

void LineReader::skip(std::size_t octets) {
  start_ += octets;
  scanned_ = start_;
}

// Of a line that is too long already only the last byte matters: it may be the CR before the LF.
void LineReader::drop_overlong() {
  const std::size_t length = buffer_.size() - start_;
  if (dropped_ + length <= kMaxLine || length == 0) return;
  dropped_ += length - 1;
  buffer_.erase(0, buffer_.size() - 1);
  start_ = 0;
  scanned_ = buffer_.size();
}

void DataReader::start(std::uint64_t limit, std::uint64_t expected) {
  clear();
  limit_ = limit;
  expected_ = std::min(expected, limit);
  data_.reserve(static_cast<std::size_t>(std::min(expected_, kMaxReserve)));
  size_ = 0;
  position_ = Position::kLineStart;
}

DataReader::Status DataReader::consume(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (position_ == Position::kText) {
      consume_text(bytes);
    } else if (consume_edge(bytes)) {
      return Status::kDone;
    }
    if (size_ > limit_ && size_ - limit_ > limit_ / 2) return Status::kTooMuch;
  }
  return Status::kMore;
}

std::string DataReader::extract() { return std::exchange(data_, {}); }

void DataReader::clear() { release_memory(data_); }

void DataReader::keep(std::string_view text) {
  size_ += text.size();
  if (size_ <= limit_) {
    append_expecting(data_, text, expected_);
  } else if (!data_.empty()) {
    clear();  // it will be refused: others need the memory more
  }
}

// Text up to and including the next CRLF that a dot follows, or all of it.
void DataReader::consume_text(std::string_view& bytes) {
  const std::size_t length = find_mark(bytes);
  if (length != bytes.npos) {
    keep(bytes.substr(0, length + 2));
    bytes.remove_prefix(length + kMark.size());
    position_ = Position::kDot;
    return;
  }
  if (bytes.ends_with("\r\n")) {
    position_ = Position::kLineStart;
  } else if (bytes.ends_with('\r')) {
    position_ = Position::kCr;
  }
  keep(bytes);
  bytes = {};
}

// The few bytes around the end of a line, where what they mean depends on those before them.
// True: that was the end of the message.
bool DataReader::consume_edge(std::string_view& bytes) {
  const char c = bytes.front();
  switch (position_) {
    case Position::kLineStart:
      position_ = Position::kText;
      if (c != '.') return false;
      position_ = Position::kDot;
      break;
    case Position::kDot:
      position_ = Position::kText;  // the dot is dropped, what follows it is text, even another dot
      if (c != '\r') return false;
      position_ = Position::kDotCr;
      break;
    case Position::kDotCr:
      if (c == '\n') {
        bytes.remove_prefix(1);
        return true;
      }
      position_ = Position::kCr;  // not the end after all: the CR is text
      keep("\r");
      return false;
    case Position::kCr:
      position_ = Position::kText;
      if (c != '\n') return false;
      keep("\n");
      position_ = Position::kLineStart;
      break;
    case Position::kText:
      return false;
  }
  bytes.remove_prefix(1);
  return false;
}

// A message may be all line ends, and then a search for each would hold up all other clients.
// Blocks of a fixed size are counted by vector instructions, in bytes that cannot overflow.
BareNewlines count_bare_newlines(std::string_view message) {
  constexpr std::size_t kBlock = 128;
  BareNewlines all;  // for now with those of CRLF
  std::uint64_t pairs = 0;
  while (message.size() > kBlock) {
    std::uint8_t lf = 0, cr = 0, both = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      lf += static_cast<std::uint8_t>(message[i] == '\n');
      cr += static_cast<std::uint8_t>(message[i] == '\r');
      both += static_cast<std::uint8_t>(int{message[i] == '\r'} & int{message[i + 1] == '\n'});
    }
    all.lf += lf;
    all.cr += cr;
    pairs += both;
    message.remove_prefix(kBlock);
  }
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\n') ++all.lf;
    if (message[i] == '\r') ++all.cr;
    if (message.substr(i).starts_with("\r\n")) ++pairs;
  }
  return {all.lf - pairs, all.cr - pairs};
}

std::string normalize_newlines(std::string_view message, BareNewlines bare) {
  std::string normal(message.size() + bare.lf, '\0');
  char* to = normal.data();
  char before = '\0';
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (c == '\n' && before != '\r') *to++ = '\r';
    const bool is_bare_cr = c == '\r' && (i + 1 == message.size() || message[i + 1] != '\n');
    *to++ = is_bare_cr ? ' ' : c;
    before = c;
  }
  return normal;
}

void ChunkReader::start(std::uint64_t limit, std::uint64_t expected) {
  clear();
  limit_ = limit;
  expected_ = std::min(expected, limit);
  data_.reserve(static_cast<std::size_t>(std::min(expected_, kMaxReserve)));
}

void ChunkReader::keep(std::uint64_t octets) {
  size_ += octets;
  left_ = octets;
  dropping_ = false;
}

void ChunkReader::drop(std::uint64_t octets) {
  left_ = octets;
  dropping_ = true;
}

void ChunkReader::clear() {
  release_memory(data_);
  *this = {};
}

bool ChunkReader::consume(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
  if (!dropping_) append_expecting(data_, part, expected_);
  left_ -= part.size();
  bytes.remove_prefix(part.size());
  return left_ == 0;
}

std::string ChunkReader::extract() { return std::exchange(data_, {}); }

}  // namespace restante::smtpd
