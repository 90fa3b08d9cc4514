// SPDX-License-Identifier: ISC
#include "mimed/findings/links.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "mimed/text/charset.h"
#include "mimed/text/html_text.h"
#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::string_view kSchemes[] = {"http://", "https://", "mailto:"};

bool has_scheme(std::string_view url) {
  return std::ranges::any_of(kSchemes, [url](std::string_view scheme) {
    return starts_ignoring_case(url, scheme) && url.size() > scheme.size();
  });
}

// As browsers do (URL Standard, "basic URL parser"): blanks around go, line ends inside too.
std::string cleaned(std::string url) {
  std::erase_if(url, [](char c) { return c == '\t' || c == '\r' || c == '\n'; });
  const auto is_outside = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!url.empty() && is_outside(url.back())) url.pop_back();
  url.erase(url.begin(), std::ranges::find_if_not(url, is_outside));
  return url;
}

class Links {
 public:
  [[nodiscard]] bool full() const { return links_.size() >= kLinkLimit; }

  void add(std::string url, std::string_view text) {
    while (text.ends_with(' ')) text.remove_suffix(1);
    text = cut_utf8(text, kLinkTextLimit);
    const auto [place, is_new] = places_.emplace(std::move(url), links_.size());
    if (is_new) {
      links_.push_back({place->first, std::string(text)});
    } else if (mail::Link& known = links_[place->second]; known.text.empty()) {
      known.text = text;
    }
  }
  [[nodiscard]] std::vector<mail::Link> extract() { return std::move(links_); }

 private:
  std::vector<mail::Link> links_;
  std::map<std::string, std::size_t> places_;  // of a URL in the list
};

void find_in_html(std::string_view html, Links& links) {
  HtmlReader reader(html);
  HtmlPiece piece;
  std::string url, text;
  const auto finish = [&] {
    if (!url.empty()) links.add(std::exchange(url, {}), text);
    text.clear();
  };
  while (!links.full() && reader.next(piece)) {
    if (piece.kind == HtmlPiece::Kind::kText) {
      if (!url.empty() && text.size() <= kLinkTextLimit) {
        append_folded(text, decode_entities(piece.text));
      }
    } else if (equal_ignoring_case(piece.name, "/a")) {
      finish();
    } else if (equal_ignoring_case(piece.name, "a")) {
      finish();
      url = cleaned(html_attribute(piece.attributes, "href"));
      if (!has_scheme(url) || url.size() > kUrlLimit) url.clear();
    }
  }
  if (!links.full()) finish();
}

// An ASCII character that does, or the first byte of another.
bool may_end_url(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' || byte >= 0x7f || c == '<' || c == '>' || c == '"' || c == '`' || c == '{' ||
         c == '}' || c == '|' || c == '\\' || c == '^';
}

// Where a URL in a text ends: at white space, a bracket or quotation mark that writers put around
// it, or typographic punctuation (U+00A0, U+2000 … U+206F, U+3000 … U+303F).
std::size_t url_end(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!may_end_url(text[at])) continue;
    if ((text[at] & 0x80) == 0) return at;
    const std::string_view rest = text.substr(at, 2);
    for (const std::string_view stop : {"\xC2\xA0", "\xE2\x80", "\xE2\x81", "\xE3\x80"}) {
      if (rest == stop) return at;
    }
  }
  return text.size();
}

// Without the punctuation of the sentence that it stands in, and a bracket that opened before it.
std::string_view without_punctuation(std::string_view url) {
  auto unopened = std::ranges::count(url, ')') - std::ranges::count(url, '(');
  while (!url.empty()) {
    const bool unbalanced = url.back() == ')' && unopened-- > 0;
    if (!unbalanced && !std::string_view(".,;:!?'*_]").contains(url.back())) break;
    url.remove_suffix(1);
  }
  return url;
}

void find_in_text(std::string_view text, Links& links) {
  for (std::size_t at = text.find(':'); at != std::string_view::npos && !links.full();
       at = text.find(':', at + 1)) {
    for (const std::string_view scheme : kSchemes) {
      const std::size_t name = scheme.find(':');
      if (at < name || !starts_ignoring_case(text.substr(at - name), scheme)) continue;
      const char before = at == name ? ' ' : ascii_lower(text[at - name - 1]);
      if (before >= 'a' && before <= 'z') continue;
      const std::string_view rest = text.substr(at - name);
      const std::size_t size = url_end(rest);
      // A URL inside of this one is part of it.
      at += std::max(size - name, std::size_t{1}) - 1;
      if (size > kUrlLimit) break;
      const std::string_view url = without_punctuation(rest.substr(0, size));
      if (has_scheme(url)) links.add(std::string(url), {});
      break;
    }
  }
}

}  // namespace

std::vector<mail::Link> find_links(std::string_view html, std::string_view text) {
  Links links;
  find_in_html(html, links);
  find_in_text(text, links);
  return links.extract();
}

}  // namespace restante::mimed
