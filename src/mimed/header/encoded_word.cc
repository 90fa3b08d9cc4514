// SPDX-License-Identifier: ISC
// One pass that gathers neighbours before it converts.
#include "mimed/header/encoded_word.h"

#include <optional>

#include "mimed/header/fields.h"
#include "mimed/text/transfer_encoding.h"
#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

struct EncodedWord {
  std::string_view charset;
  std::string bytes;
  std::size_t size;  // of the word as written
};

// encoded-word = "=?" charset "?" encoding "?" encoded-text "?="   (section 2)
// RFC 2231 section 5 puts a language behind a star after the charset.
std::optional<EncodedWord> word_at(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 3 >= text.size()) return std::nullopt;
  std::string_view charset = text.substr(2, charset_end - 2);
  if (charset.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  charset = charset.substr(0, charset.find('*'));
  if (charset.empty()) return std::nullopt;
  const char encoding = static_cast<char>(text[charset_end + 1] | 0x20);
  if ((encoding != 'b' && encoding != 'q') || text[charset_end + 2] != '?') return std::nullopt;
  const std::size_t start = charset_end + 3;
  const std::size_t end = text.find_first_of("? \t\r\n", start);
  if (end == std::string_view::npos || !text.substr(end).starts_with("?=")) return std::nullopt;
  const std::string_view encoded = text.substr(start, end - start);
  return EncodedWord{charset, encoding == 'b' ? decode_base64(encoded) : decode_q(encoded),
                     end + 2};
}

class TextWriter {
 public:
  explicit TextWriter(CharsetConverter& converter) : converter_(converter) {}

  void add_word(EncodedWord word) {
    if (!word_charset_.empty() && equal_ignoring_case(word_charset_, word.charset)) {
      word_bytes_ += word.bytes;
    } else {
      flush_words();
      word_charset_ = word.charset;
      word_bytes_ = std::move(word.bytes);
    }
  }
  void add_plain(std::string_view plain) {
    flush_words();
    out_ += converter_.to_utf8(std::string(plain), "");
  }
  [[nodiscard]] std::string extract() {
    flush_words();
    return std::move(out_);
  }

 private:
  void flush_words() {
    if (word_charset_.empty()) return;
    out_ += converter_.to_utf8(std::move(word_bytes_), word_charset_);
    word_charset_ = {};
    word_bytes_.clear();
  }

  CharsetConverter& converter_;
  std::string out_;
  std::string_view word_charset_;
  std::string word_bytes_;
};

// Control characters become spaces, C1 (U+0080 … U+009F) too; line and paragraph separators also.
// The ends are trimmed.
std::string one_line(std::string text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) text[at] = ' ';
    if (byte == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0) {
      text[at] = text[at + 1] = ' ';
    }
    if (byte == 0xE2 && text[at + 1] == '\x80' && (text[at + 2] & 0xFE) == 0xA8) {
      text[at] = text[at + 1] = text[at + 2] = ' ';
    }
  }
  const std::size_t start = text.find_first_not_of(' ');
  if (start == std::string::npos) return {};
  text.erase(text.find_last_not_of(' ') + 1);
  text.erase(0, start);
  return text;
}

// Section 2.2.3 of RFC 5322: the line ends of folds go, the white space behind them stays.
std::string unfold(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size(); ++at) {
    const bool fold = raw[at] == '\n' || (raw[at] == '\r' && raw.substr(at + 1).starts_with('\n'));
    if (!fold) text += raw[at];
  }
  return text;
}

// Whether there is nothing to decode, as in most values: what is not printable ASCII is looked at
// closely, and so is what may be an encoded word.
bool is_plain(std::string_view raw) {
  bool plain = true;
  for (const char c : raw) plain = plain && c >= ' ' && c < '\x7f';
  return plain && !raw.contains("=?");
}

}  // namespace

std::string decode_header_text(CharsetConverter& converter, std::string_view raw) {
  if (is_plain(raw)) return std::string(trim_blanks(raw));
  const std::string unfolded = unfold(raw);
  std::string_view rest = unfolded;
  TextWriter writer(converter);
  bool after_word = false;
  while (!rest.empty()) {
    std::size_t start = rest.find("=?");
    while (start != std::string_view::npos) {
      if (auto word = word_at(rest.substr(start))) {
        const std::string_view plain = rest.substr(0, start);
        // White space between two encoded words is not shown (RFC 2047 section 6.2).
        const bool only_space = plain.find_first_not_of(" \t\r\n") == std::string_view::npos;
        if (!plain.empty() && !(after_word && only_space)) writer.add_plain(plain);
        rest.remove_prefix(start + word->size);
        writer.add_word(std::move(*word));
        after_word = true;
        break;
      }
      start = rest.find("=?", start + 2);
    }
    if (start != std::string_view::npos) continue;
    writer.add_plain(rest);
    break;
  }
  return one_line(writer.extract());
}

}  // namespace restante::mimed
