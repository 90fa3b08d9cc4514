// SPDX-License-Identifier: ISC
#include "shared/mail/fragment_form.h"

#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::mail {
namespace {

// A form is the text itself but for: S, a string; O, a string or null; N, a number; [x], an array
// whose elements have the form x; ? at its end, the member parse_error or nothing.
constexpr std::string_view kSummary = "\"subject\":S\n\"size\":N,\"snippet\":S,\"attachments\":N?";
constexpr std::string_view kBodies = R"("body_text":S,"body_html":S,"attachments":[S]?)";
constexpr std::string_view kDetails =
    R"("size":N,"message_id":O,"date":O,"headers":[{"name":S,"value":S}],"addresses":{)"
    R"("from":[{"name":S,"address":S}],"sender":[{"name":S,"address":S}],)"
    R"("reply_to":[{"name":S,"address":S}],"to":[{"name":S,"address":S}],)"
    R"("cc":[{"name":S,"address":S}],"bcc":[{"name":S,"address":S}]},)"
    R"("attachment_details":[{"number":N,"name":S,"type":S,"size":N,"content_id":O,)"
    R"("disposition":O,"sha256":S}],"links":[{"url":S,"text":S}],"codes":[S])";
constexpr std::string_view kParseError = R"(,"parse_error":true)";

// No other capital letter is in a form.
constexpr bool is_mark(char c) { return c == '[' || c == '?' || (c >= 'A' && c <= 'Z'); }

constexpr std::size_t kLongestNumber = 20;  // digits

class Matcher {
 public:
  explicit Matcher(std::string_view text) : at_(text.begin()), end_(text.end()) {}

  [[nodiscard]] bool is_at_end() const { return at_ == end_; }

  // `form` has no `]` but those of its own arrays.
  bool match(std::string_view form) {
    for (;;) {
      std::size_t literal = 0;
      while (literal < form.size() && !is_mark(form[literal])) ++literal;
      if (!skip(form.substr(0, literal))) return false;
      form.remove_prefix(literal);
      if (form.empty()) return true;
      std::size_t matched = 1;
      if (form.front() == '[') {
        matched = form.find(']') + 1;  // no array is inside another
        if (!match_array(form.substr(1, matched - 2))) return false;
      } else if (!match_one(form.front())) {
        return false;
      }
      form.remove_prefix(matched);
    }
  }

 private:
  bool match_one(char form) {
    switch (form) {
      case 'S':
        return match_string();
      case 'O':
        return skip("null") || match_string();
      case 'N':
        return match_number();
      case '?':
        return skip(kParseError) || is_at_end();
      default:
        if (at_ == end_ || *at_ != form) return false;
        ++at_;
        return true;
    }
  }

  bool match_array(std::string_view element) {
    if (!match_one('[')) return false;
    if (match_one(']')) return true;
    do {
      if (!match(element)) return false;
    } while (match_one(','));
    return match_one(']');
  }

  bool match_number() {
    const char* const start = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    const auto digits = static_cast<std::size_t>(at_ - start);
    return digits == 1 || (digits > 1 && digits <= kLongestNumber && *start != '0');
  }

  bool match_string() {
    if (!match_one('"')) return false;
    for (;;) {
      at_ += plain_json_size(rest());
      if (match_one('"')) return true;
      if (!match_one('\\') || !match_escape()) return false;
    }
  }

  // Behind the backslash. Beyond control bytes nothing needs \u, so no half of a surrogate is
  // there.
  bool match_escape() {
    if (at_ == end_) return false;
    if (*at_ != 'u') return std::string_view("\"\\/bfnrt").contains(*at_++);
    ++at_;
    return skip("00") && match_hex() && match_hex();
  }

  bool match_hex() {
    if (at_ == end_ || !std::string_view("0123456789abcdefABCDEF").contains(*at_)) return false;
    ++at_;
    return true;
  }

  bool skip(std::string_view text) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(text))
      return false;
    at_ += text.size();
    return true;
  }

  [[nodiscard]] std::string_view rest() const { return {at_, end_}; }

  const char *at_, *end_;
};

bool has_form(std::string_view text, std::string_view form) {
  Matcher matcher(text);
  return matcher.match(form) && matcher.is_at_end() && is_valid_utf8(text);
}

}  // namespace

bool have_form(const Fragments& fragments) {
  return has_form(fragments.summary, kSummary) && has_form(fragments.bodies, kBodies) &&
         has_form(fragments.details, kDetails);
}

}  // namespace restante::mail
