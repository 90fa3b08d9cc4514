// SPDX-License-Identifier: ISC
#include "mimed/header/parameters.h"

#include <algorithm>
#include <charconv>

#include "mimed/header/encoded_word.h"
#include "mimed/header/fields.h"
#include "mimed/text/transfer_encoding.h"
#include "shared/base/hex.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kFileNameLimit = 255;  // NAME_MAX of Linux file systems
constexpr std::size_t kEndingLimit = 16;

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lowered;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\r\n") + 1 - start);
}

// Windows drops dots and blanks at the end of a file name; `.` and `..` go with them.
std::string_view without_tail(std::string_view name) {
  return name.substr(0, name.find_last_not_of(". ") + 1);
}

// A cursor over a structured value.
class ValueReader {
 public:
  explicit ValueReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  // Up to one of the stops, comments (RFC 5322 section 3.2.2) left out.
  [[nodiscard]] std::string read_until(char stop, char other_stop = ';') {
    std::string out;
    for (; !at_end() && text_[at_] != stop && text_[at_] != other_stop; ++at_) {
      if (text_[at_] == '(') {
        skip_comment();
        continue;
      }
      out += text_[at_];
    }
    return std::string(trimmed(out));
  }

  // A quoted string, or what stands before the next `;`: writers forget the quotes.
  [[nodiscard]] std::string read_parameter_value() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    if (at_end() || text_[at_] != '"') return read_until(';');
    std::string out;
    for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      if (text_[at_] != '\r' && text_[at_] != '\n') out += text_[at_];
    }
    (void)read_until(';');
    return out;
  }

  // True if the character under the cursor is `c`, which is then passed.
  bool skip(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

 private:
  // Leaves the cursor on the closing bracket, or at the opening one if nothing closes it.
  void skip_comment() {
    std::size_t depth = 0;
    for (std::size_t at = at_; at < text_.size() && !unclosed_; ++at) {
      if (text_[at] == '\\') {
        ++at;
      } else if (text_[at] == '(') {
        ++depth;
      } else if (text_[at] == ')' && --depth == 0) {
        at_ = at;
        return;
      }
    }
    unclosed_ = true;  // and so are all that follow: no need to look again
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool unclosed_ = false;
};

std::string percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '%' && at + 2 < text.size();
    const int byte = escape ? hex_byte(text[at + 1], text[at + 2]) : -1;
    if (byte >= 0) {
      out += static_cast<char>(byte);
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

// One piece of a parameter value: `name*3*=…` is section 3, extended (RFC 2231 sections 3 and 4).
struct Section {
  unsigned number;
  bool extended;
  std::string_view value;
};

// The piece that `parameter` is of `name`, if it is one in a starred form.
bool section_of(const Parameter& parameter, std::string_view name, Section& section) {
  std::string_view rest = parameter.name;
  if (!rest.starts_with(name)) return false;
  rest.remove_prefix(name.size());
  if (!rest.starts_with('*')) return false;
  rest.remove_prefix(1);
  section = {0, rest.empty(), parameter.value};
  if (rest.empty()) return true;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), section.number);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  section.extended = rest == "*";
  return rest.empty() || section.extended;
}

// charset'language'text
std::string_view consume_charset(std::string_view& value) {
  const std::size_t first = value.find('\'');
  if (first == std::string_view::npos) return {};
  const std::size_t second = value.find('\'', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view charset = value.substr(0, first);
  value.remove_prefix(second + 1);
  return charset;
}

// U+061C, U+200B … U+200F, U+202A … U+202E, U+2060 … U+206F, U+FEFF: they make a name look like
// another (`exe.fdp` read backwards). And all of C0 and C1.
bool is_hidden(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7f;
  const auto second = static_cast<unsigned char>(character[1]);
  if (character.size() == 2) return (lead == 0xC2 && second < 0xA0) || character == "\xD8\x9C";
  if (character.size() != 3) return false;
  const auto third = static_cast<unsigned char>(character[2]);
  if (lead == 0xE2 && second == 0x80) {
    return (third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE);
  }
  return (lead == 0xE2 && second == 0x81 && third >= 0xA0 && third <= 0xAF) ||
         character == "\xEF\xBB\xBF";
}

}  // namespace

ParsedValue parse_value(std::string_view raw) {
  ParsedValue parsed;
  ValueReader reader(raw);
  parsed.value = lower_case(reader.read_until(';'));
  std::erase_if(parsed.value,
                [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
  while (reader.skip(';') && parsed.parameters.size() < kParameterLimit) {
    std::string name = lower_case(reader.read_until('='));
    if (!reader.skip('=')) continue;
    parsed.parameters.push_back({std::move(name), reader.read_parameter_value()});
  }
  return parsed;
}

std::string_view ParsedValue::plain(std::string_view name) const {
  for (const Parameter& parameter : parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return {};
}

std::string ParsedValue::text(CharsetConverter& converter, std::string_view name) const {
  std::vector<Section> sections;
  Section section{};
  for (const Parameter& parameter : parameters) {
    if (section_of(parameter, name, section)) sections.push_back(section);
  }
  if (sections.empty()) return decode_header_text(converter, plain(name));
  std::ranges::stable_sort(sections, {}, &Section::number);
  std::string_view charset;
  if (sections.front().extended) charset = consume_charset(sections.front().value);
  std::string bytes;
  for (const Section& piece : sections) {
    bytes += piece.extended ? percent_decoded(piece.value) : std::string(piece.value);
  }
  return converter.to_utf8(std::move(bytes), charset);
}

std::string safe_file_name(std::string_view name) {
  const std::size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe;
  while (!name.empty()) {
    std::size_t size = 1;
    while (size < name.size() && (static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80) ++size;
    if (!is_hidden(name.substr(0, size))) safe += name.substr(0, size);
    name.remove_prefix(size);
  }
  const std::string_view kept = without_tail(trimmed(safe));
  if (kept.size() <= kFileNameLimit) return std::string(kept);
  const std::size_t dot = kept.rfind('.');
  const bool has_ending = dot != std::string_view::npos && kept.size() - dot <= kEndingLimit;
  const std::string_view ending = has_ending ? kept.substr(dot) : std::string_view();
  std::string cut(cut_utf8(kept, kFileNameLimit - ending.size()));
  cut += ending;
  return std::string(without_tail(cut));
}

}  // namespace restante::mimed
