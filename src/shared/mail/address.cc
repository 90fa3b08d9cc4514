// SPDX-License-Identifier: ISC
#include "shared/mail/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "shared/base/ascii.h"
#include "shared/base/utf8.h"
#include "shared/mail/domain.h"

namespace restante::mail {
namespace {

// RFC 5321 section 4.5.3.1.1 to .3.
constexpr std::size_t kMaxLocal = 64;
constexpr std::size_t kMaxDomain = 255;
constexpr std::size_t kMaxPath = 256;

using Parsed = std::expected<std::string, PathFault>;
using Syntax = std::unexpected<PathFault>;

constexpr Syntax syntax_fault() { return Syntax(PathFault::kSyntax); }

constexpr bool is_high(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }
constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

// atext of RFC 5322 section 3.2.3, with the UTF-8 of RFC 6531 section 3.3.
constexpr bool is_atext(char c) {
  return is_alphanumeric(c) || is_high(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), ascii_lower);
  return result;
}

// Quoted-string = DQUOTE *QcontentSMTP DQUOTE. Takes it off `text` and gives what it stands for.
Parsed consume_quoted(std::string_view& text) {
  std::string local;
  for (std::size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') {
      text.remove_prefix(i + 1);
      return local;
    }
    if (c == '\\') {
      ++i;
      if (i == text.size() || !is_printable(text[i])) return syntax_fault();
      c = text[i];
    } else if (!is_printable(c) && !is_high(c)) {
      return syntax_fault();
    }
    local += c;
  }
  return syntax_fault();
}

// Dot-string = Atom *("." Atom), where "\x" stands for x.
Parsed consume_dot_string(std::string_view& text) {
  std::string local;
  std::size_t atom = 0;  // octets of the atom so far
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (atom == 0) return syntax_fault();
      atom = 0;
      local += '.';
      continue;
    }
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || !is_printable(text[i])) return syntax_fault();
    } else if (!is_atext(text[i])) {
      break;
    }
    ++atom;
    local += text[i];
  }
  if (atom == 0) return syntax_fault();
  text.remove_prefix(i);
  return local;
}

// The limit is on the octets as they are written, quotes and all. A mailbox without a name could
// be written to, yet never be read, so `""` is not taken.
Parsed consume_local(std::string_view& text) {
  const std::size_t before = text.size();
  Parsed local = text.starts_with('"') ? consume_quoted(text) : consume_dot_string(text);
  if (!local) return local;
  if (before - text.size() > kMaxLocal) return Syntax(PathFault::kTooLong);
  if (local->empty()) return syntax_fault();
  return local;
}

bool is_literal_content(std::string_view content) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  constexpr std::string_view kIpv6 = "ipv6:";
  if (equal_ignoring_case(content.substr(0, kIpv6.size()), kIpv6)) {
    return inet_pton(AF_INET6, std::string(content.substr(kIpv6.size())).c_str(), &address) == 1;
  }
  return inet_pton(AF_INET, std::string(content).c_str(), &address) == 1;
}

// address-literal of RFC 5321 section 4.1.3. No general literal is registered, so none is taken.
Parsed consume_literal(std::string_view& text) {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return syntax_fault();
  const std::string_view content = text.substr(1, end - 1);
  // inet_pton reads C strings: it must not see a NUL that is not the end.
  if (content.size() > kMaxDomain || !std::ranges::all_of(content, is_printable) ||
      !is_literal_content(content)) {
    return syntax_fault();
  }
  std::string literal = lower_case(text.substr(0, end + 1));
  text.remove_prefix(end + 1);
  return literal;
}

// Domain, in which a label may be a U-label (RFC 6531 section 3.3).
Parsed consume_domain(std::string_view& text) {
  if (text.starts_with('[')) return consume_literal(text);
  const auto* end = std::ranges::find_if_not(text, [](char c) {
    return is_alphanumeric(c) || is_high(c) || c == '-' || c == '_' || c == '.';
  });
  const std::string_view domain = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  if (domain.size() > kMaxDomain) return Syntax(PathFault::kTooLong);
  const bool ascii = is_ascii(domain);
  if (ascii ? !is_domain(domain) : !is_valid_utf8(domain)) return syntax_fault();
  auto name = domain_to_ascii(domain);
  if (!name) return Syntax(PathFault::kBadLabel);
  text.remove_prefix(domain.size());
  return std::move(*name);
}

std::expected<Address, PathFault> consume_mailbox(std::string_view& text) {
  Parsed local = consume_local(text);
  if (!local) return Syntax(local.error());
  if (!text.starts_with('@')) return syntax_fault();
  text.remove_prefix(1);
  Parsed domain = consume_domain(text);
  if (!domain) return Syntax(domain.error());
  return Address{std::move(*local), std::move(*domain)};
}

// A-d-l ":" = At-domain *( "," At-domain ) ":". RFC 5321 appendix C: recognised and ignored.
bool skip_source_route(std::string_view& text) {
  while (text.starts_with('@')) {
    text.remove_prefix(1);
    if (!consume_domain(text)) return false;
    if (text.starts_with(':')) {
      text.remove_prefix(1);
      return true;
    }
    if (!text.starts_with(",@")) return false;
    text.remove_prefix(1);
  }
  return true;
}

// The reserved name that needs no domain (RFC 5321 section 4.1.1.3).
bool consume_postmaster(std::string_view& text, Address& address) {
  constexpr std::string_view kPostmaster = "postmaster";
  const std::string_view name = text.substr(0, kPostmaster.size());
  if (!equal_ignoring_case(name, kPostmaster) || !text.substr(name.size()).starts_with('>')) {
    return false;
  }
  address.local = name;
  text.remove_prefix(name.size());
  return true;
}

// The UTF-8 rules for the part of the text that was an address.
std::expected<void, PathFault> check_utf8(std::string_view text, bool utf8) {
  if (is_ascii(text)) return {};
  if (!is_valid_utf8(text)) return syntax_fault();
  if (!utf8) return Syntax(PathFault::kNeedsSmtputf8);
  return {};
}

bool is_dot_string(std::string_view local) {
  if (local.empty() || local.front() == '.' || local.back() == '.') return false;
  return !local.contains("..") &&
         std::ranges::all_of(local, [](char c) { return c == '.' || is_atext(c); });
}

}  // namespace

std::string Address::text() const {
  if (is_null()) return {};
  std::string result;
  if (is_dot_string(local)) {
    result = local;
  } else {
    result = '"';
    for (const char c : local) {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
    result += '"';
  }
  if (!domain.empty()) result.append(1, '@').append(domain);
  return result;
}

std::expected<Address, PathFault> parse_mailbox(std::string_view text, bool utf8) {
  const std::string_view whole = text;
  std::expected<Address, PathFault> address = consume_mailbox(text);
  if (!address) return address;
  if (!text.empty()) return syntax_fault();
  if (auto checked = check_utf8(whole, utf8); !checked) return Syntax(checked.error());
  return address;
}

std::expected<Address, PathFault> parse_path(std::string_view text, bool utf8,
                                             std::string_view& rest) {
  const std::string_view whole = text;
  if (!text.starts_with('<')) return syntax_fault();
  text.remove_prefix(1);
  Address address;
  if (!text.starts_with('>')) {
    if (!skip_source_route(text)) return syntax_fault();
    if (!consume_postmaster(text, address)) {
      auto mailbox = consume_mailbox(text);
      if (!mailbox) return mailbox;
      address = std::move(*mailbox);
    }
  }
  if (!text.starts_with('>')) return syntax_fault();
  text.remove_prefix(1);
  const std::string_view path = whole.substr(0, whole.size() - text.size());
  if (path.size() > kMaxPath) return Syntax(PathFault::kTooLong);
  if (auto checked = check_utf8(path, utf8); !checked) return Syntax(checked.error());
  rest = text;
  return address;
}

bool has_route(std::string_view local) { return local.find_first_of("%!") != local.npos; }

}  // namespace restante::mail
