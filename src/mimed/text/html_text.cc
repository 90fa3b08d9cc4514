// SPDX-License-Identifier: ISC
#include "mimed/text/html_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "mimed/text/charset.h"
#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::string_view kBlank = " \t\r\n\f";
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
constexpr std::size_t kEntityLimit = 12;  // bytes between `&` and `;`

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }
bool may_be_blank(char c) { return is_blank(c) || c == kNoBreakSpace.front(); }

// Where a tag ends: a `>` inside of a quoted value does not count.
std::size_t tag_end(std::string_view tag) {
  char quote = '\0';
  bool may_quote = false;  // only behind a `=`
  for (std::size_t at = 0; at < tag.size(); ++at) {
    const char c = tag[at];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '>') {
      return at;
    } else if (may_quote && (c == '"' || c == '\'')) {
      quote = c;
    }
    may_quote = c == '=' || (may_quote && is_blank(c));
  }
  return tag.size();
}

// Where `name` stands behind a `</`; npos if nowhere.
std::size_t find_end_tag(std::string_view html, std::string_view name) {
  for (std::size_t at = html.find("</"); at != std::string_view::npos;
       at = html.find("</", at + 2)) {
    if (starts_ignoring_case(html.substr(at + 2), name)) return at;
  }
  return std::string_view::npos;
}

struct Entity {
  std::string_view name;
  char32_t code_point;
};
constexpr Entity kEntities[] = {
    {"amp", '&'},      {"apos", '\''},    {"bull", 0x2022},   {"emsp", 0x2003},
    {"ensp", 0x2002},  {"euro", 0x20AC},  {"gt", '>'},        {"hellip", 0x2026},
    {"larr", 0x2190},  {"ldquo", 0x201C}, {"lsaquo", 0x2039}, {"lsquo", 0x2018},
    {"lt", '<'},       {"mdash", 0x2014}, {"ndash", 0x2013},  {"oelig", 0x153},
    {"quot", '"'},     {"rarr", 0x2192},  {"rdquo", 0x201D},  {"rsaquo", 0x203A},
    {"rsquo", 0x2019}, {"sbquo", 0x201A}, {"thinsp", 0x2009}, {"trade", 0x2122},
    {"zwj", 0x200D},   {"zwnj", 0x200C},  {"bdquo", 0x201E},  {"OElig", 0x152},
};

// U+00A0 and on, in their order.
constexpr auto kLatin1 = std::to_array<std::string_view>(
    {"nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
     "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
     "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
     "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
     "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
     "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
     "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
     "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
     "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
     "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
     "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"});
static_assert(kLatin1.size() == 96);

// What `&name;` stands for; 0 if nothing is known.
char32_t code_point_of(std::string_view name) {
  if (name.starts_with('#')) {
    name.remove_prefix(1);
    const bool hex = name.starts_with('x') || name.starts_with('X');
    if (hex) name.remove_prefix(1);
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(name.data(), name.data() + name.size(), number, hex ? 16 : 10);
    if (name.empty() || end != name.data() + name.size()) return 0;
    const bool is_character = error == std::errc() && number != 0 && number < 0x110000 &&
                              (number < 0xD800 || number > 0xDFFF);
    return is_character ? number : 0xFFFD;
  }
  for (const Entity& row : kEntities) {
    if (row.name == name) return row.code_point;
  }
  const auto* found = std::ranges::find(kLatin1, name);
  return found == kLatin1.end() ? 0 : 0xA0 + static_cast<char32_t>(found - kLatin1.begin());
}

// Whether a tag stands inside a line, so that what is behind it goes on there.
bool is_inline_tag(std::string_view name) {
  constexpr std::string_view kInline[] = {"a",    "abbr", "b",    "big", "code", "em",     "font",
                                          "i",    "img",  "ins",  "kbd", "mark", "s",      "small",
                                          "span", "sub",  "sup",  "tt",  "u",    "strong", "wbr",
                                          "bdi",  "bdo",  "cite", "del", "q",    "samp",   "var"};
  if (name.starts_with('/')) name.remove_prefix(1);
  return std::ranges::any_of(
      kInline, [name](std::string_view known) { return equal_ignoring_case(known, name); });
}

}  // namespace

void HtmlReader::skip_past(std::string_view end) {
  const std::size_t at = html_.find(end);
  html_.remove_prefix(at == std::string_view::npos ? html_.size() : at + end.size());
}

void HtmlReader::skip_content_of(std::string_view name) {
  for (const std::string_view hidden : {"style", "script", "title"}) {
    if (!equal_ignoring_case(name, hidden)) continue;
    html_.remove_prefix(std::min(find_end_tag(html_, hidden), html_.size()));
  }
}

bool HtmlReader::next(HtmlPiece& piece) {
  while (!html_.empty()) {
    if (html_.front() != '<') {
      piece = {.kind = HtmlPiece::Kind::kText, .text = html_.substr(0, html_.find('<'))};
      html_.remove_prefix(piece.text.size());
      return true;
    }
    const char second = html_.size() > 1 ? html_[1] : ' ';
    if (html_.starts_with("<!--")) {
      html_.remove_prefix(4);
      skip_past("-->");
    } else if (second == '!' || second == '?') {
      skip_past(">");
    } else if (is_letter(second) || second == '/') {
      const std::string_view tag = html_.substr(1, tag_end(html_.substr(1)));
      if (tag.size() + 1 == html_.size()) return false;  // it does not end: browsers drop it too
      html_.remove_prefix(tag.size() + 2);
      const std::size_t name_end = tag.find_first_of(" \t\r\n\f/", 1);
      piece = {.kind = HtmlPiece::Kind::kTag,
               .name = tag.substr(0, name_end),
               .attributes = tag.substr(std::min(name_end, tag.size()))};
      skip_content_of(piece.name);
      return true;
    } else {
      piece = {.kind = HtmlPiece::Kind::kText, .text = html_.substr(0, 1)};
      html_.remove_prefix(1);
      return true;
    }
  }
  return false;
}

std::string html_attribute(std::string_view attributes, std::string_view name) {
  while (!attributes.empty()) {
    attributes.remove_prefix(
        std::min(attributes.find_first_not_of(" \t\r\n\f/"), attributes.size()));
    const std::string_view found = attributes.substr(0, attributes.find_first_of(" \t\r\n\f/=", 1));
    attributes.remove_prefix(found.size());
    attributes.remove_prefix(std::min(attributes.find_first_not_of(kBlank), attributes.size()));
    if (!attributes.starts_with('=')) continue;
    attributes.remove_prefix(1);
    attributes.remove_prefix(std::min(attributes.find_first_not_of(kBlank), attributes.size()));
    std::string_view value;
    if (attributes.starts_with('"') || attributes.starts_with('\'')) {
      const std::size_t end = attributes.find(attributes.front(), 1);
      value = attributes.substr(1, end == std::string_view::npos ? end : end - 1);
      attributes.remove_prefix(std::min(value.size() + 2, attributes.size()));
    } else {
      value = attributes.substr(0, attributes.find_first_of(kBlank));
      attributes.remove_prefix(value.size());
    }
    if (equal_ignoring_case(found, name)) return decode_entities(value);
  }
  return {};
}

std::string decode_entities(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t start = text.find('&');
    out += text.substr(0, start);
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const std::size_t end = text.substr(0, kEntityLimit + 2).find(';');
    const char32_t known =
        end == std::string_view::npos ? U'\0' : code_point_of(text.substr(1, end - 1));
    if (known == 0) {
      out += '&';
      text.remove_prefix(1);
    } else {
      append_utf8(out, known);
      text.remove_prefix(end + 1);
    }
  }
  return out;
}

void append_folded(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto* const stop = std::ranges::find_if(text, may_be_blank);
    const auto plain = static_cast<std::size_t>(stop - text.begin());
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const bool no_break = text.starts_with(kNoBreakSpace);
    if (!no_break && !is_blank(text.front())) {
      out += text.front();
    } else if (!out.empty() && out.back() != ' ' && out.back() != '\n') {
      out += ' ';
    }
    text.remove_prefix(no_break ? kNoBreakSpace.size() : 1);
  }
}

std::string html_to_text(std::string_view html) {
  HtmlReader reader(html);
  HtmlPiece piece;
  std::string out;
  while (reader.next(piece)) {
    if (piece.kind == HtmlPiece::Kind::kText) {
      append_folded(out, decode_entities(piece.text));
    } else if (!is_inline_tag(piece.name)) {
      if (out.ends_with(' ')) out.pop_back();
      if (!out.empty() && out.back() != '\n') out += '\n';
    }
  }
  return out;
}

}  // namespace restante::mimed
