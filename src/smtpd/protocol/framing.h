// SPDX-License-Identifier: ISC
// Where commands and message data end in the stream of bytes, however the network cuts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace restante::smtpd {

// 512 octets (RFC 5321 section 4.5.3.1.4) and all that extensions add to it, CRLF included.
inline constexpr std::size_t kMaxLine = 2048;
// How far a line is followed that is longer than that, to find where it ends.
inline constexpr std::size_t kMaxDrain = 65536;

struct Line {
  enum class Kind : std::uint8_t {
    kNone,     // no whole line yet
    kCommand,  // `text`, without its CRLF: printable ASCII or valid UTF-8
    kBad,      // a whole line with a NUL, another control byte or malformed UTF-8 in it
    kTooLong,  // a whole line that was too long; none of it was kept
    kBareLf,   // LF without CR: the two sides disagree where a line ends; the end of the session
    kEndless,  // kMaxDrain octets and no end; the end of the session
  };
  Kind kind = Kind::kNone;
  std::string_view text;  // until the next call of the reader
};

// Cuts command lines out of the stream. Only CRLF ends a line (RFC 5321 section 2.3.8), and what
// is behind the limit of a long line never begins a new one. Keeps at most one read of the driver
// and kMaxLine octets; nothing when idle.
class LineReader {
 public:
  void append(std::string_view bytes);
  [[nodiscard]] Line next();
  // No byte is waiting, not even of half a line.
  [[nodiscard]] bool empty() const { return start_ == buffer_.size() && dropped_ == 0; }
  void clear();

  // What waits behind the line that was taken last, for whoever knows that it is no line (BDAT).
  [[nodiscard]] std::string_view waiting() const {
    return std::string_view(buffer_).substr(start_);
  }
  void skip(std::size_t octets);  // of what waits

 private:
  void drop_overlong();

  std::string buffer_;
  std::size_t start_ = 0;    // first byte of the current line
  std::size_t scanned_ = 0;  // no LF in the line before here
  std::size_t dropped_ = 0;  // octets of the current line that are no longer in the buffer
};

// Collects a message up to CRLF.CRLF, the only end of DATA, and takes the dots off that were put
// in (RFC 5321 section 4.5.2). All other bytes are kept as they came: lines of any length, bare
// LF and CR, NUL. Past the limit nothing is kept, but the end is still looked for.
class DataReader {
 public:
  enum class Status : std::uint8_t {
    kMore,     // all was taken, the end is yet to come
    kDone,     // the end was taken; what follows it is left
    kTooMuch,  // half as much again as the limit: not worth waiting for the end
  };

  // Begins a message of at most `limit` octets, of which `expected` were announced (0: unknown).
  void start(std::uint64_t limit, std::uint64_t expected);
  // Takes bytes off the front of `bytes`.
  [[nodiscard]] Status consume(std::string_view& bytes);
  [[nodiscard]] bool over_limit() const { return size_ > limit_; }
  // Octets held, for whoever adds up what is in flight.
  [[nodiscard]] std::size_t held() const { return data_.size(); }
  [[nodiscard]] std::string extract();
  void clear();

 private:
  // What the bytes before this one were.
  enum class Position : std::uint8_t {
    kLineStart,  // CRLF, or nothing yet
    kDot,        // a dot at the start of a line
    kDotCr,      // … and a CR behind it
    kCr,         // a CR
    kText,       // anything else
  };

  void keep(std::string_view text);
  void consume_text(std::string_view& bytes);
  [[nodiscard]] bool consume_edge(std::string_view& bytes);

  std::string data_;
  std::uint64_t limit_ = 0;
  std::uint64_t expected_ = 0;  // as announced, at most limit_
  std::uint64_t size_ = 0;      // as RFC 1870 section 6 counts it; also of what was not kept
  Position position_ = Position::kLineStart;
};

// Line ends that are none: LF without CR in front, CR without LF behind (RFC 5321 section 2.3.8).
struct BareNewlines {
  std::uint64_t lf = 0, cr = 0;

  [[nodiscard]] bool none() const { return lf == 0 && cr == 0; }
};
[[nodiscard]] BareNewlines count_bare_newlines(std::string_view message);

// The message with `bare`, all that was counted in it, made harmless: CRLF for each such LF, a
// blank for each such CR. A CR is no line end, since it would make a header field out of the rest
// of one.
[[nodiscard]] std::string normalize_newlines(std::string_view message, BareNewlines bare);

// Collects a message out of chunks whose length was told (RFC 3030): every octet is kept as it came
// or, of a chunk that was refused, dropped. Nothing in a chunk ends it.
class ChunkReader {
 public:
  // Begins a message of at most `limit` octets, of which `expected` were announced (0: unknown).
  void start(std::uint64_t limit, std::uint64_t expected);
  // The next `octets` of the stream are a chunk: of the message, or to be dropped.
  void keep(std::uint64_t octets);
  void drop(std::uint64_t octets);
  // Takes bytes off the front of `bytes`; true: that was the end of the chunk.
  [[nodiscard]] bool consume(std::string_view& bytes);
  // Whether the message stays within its limit with `octets` more.
  [[nodiscard]] bool has_room_for(std::uint64_t octets) const { return octets <= limit_ - size_; }
  [[nodiscard]] std::size_t held() const { return data_.size(); }
  [[nodiscard]] std::string extract();
  void clear();

 private:
  std::string data_;
  std::uint64_t limit_ = 0;
  std::uint64_t expected_ = 0;  // as announced, at most limit_
  std::uint64_t size_ = 0;      // of the chunks begun, at most limit_
  std::uint64_t left_ = 0;      // of the chunk
  bool dropping_ = false;
};

}  // namespace restante::smtpd
