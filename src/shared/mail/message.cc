// SPDX-License-Identifier: ISC
#include "shared/mail/message.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "shared/base/utf8.h"

namespace restante::mail {
namespace {

// Bytes that are enough for most mails.
constexpr std::size_t kUsualDetails = 1024;
constexpr std::size_t kUsualSummary = 512;

// What stands behind the backslash of a byte that a JSON string cannot hold as it is (RFC 8259
// section 7); 'u' where there is no letter for it. 0: it can.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  std::fill_n(escapes.begin(), 0x20, 'u');
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

char escape_of(char c) { return kEscapes[static_cast<unsigned char>(c)]; }

// The one place that escapes.
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (true) {
    const std::size_t plain = plain_json_size(text);
    out += text.substr(0, plain);
    if (plain == text.size()) break;
    const char escape = escape_of(text[plain]);
    out += '\\';
    out += escape;
    if (escape == 'u') fmt::format_to(std::back_inserter(out), "{:04x}", text[plain]);
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

// Appends `name` (with its punctuation) and a string or null behind it.
void append_optional(std::string& out, std::string_view name,
                     const std::optional<std::string>& text) {
  out += name;
  if (text) {
    append_json_string(out, *text);
  } else {
    out += "null";
  }
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  append_json_string(out, text);
}

// `[…]` with what `append` writes for each item.
template <class Item, class Append>
void append_array(std::string& out, const std::vector<Item>& items, Append append) {
  out += '[';
  for (const Item& item : items) {
    if (&item != &items.front()) out += ',';
    append(item);
  }
  out += ']';
}

void append_addresses(std::string& out, std::string_view name,
                      const std::vector<NamedAddress>& addresses) {
  out += name;
  append_array(out, addresses, [&out](const NamedAddress& one) {
    append_member(out, "{\"name\":", one.name);
    append_member(out, ",\"address\":", one.address);
    out += '}';
  });
}

void append_attachments(std::string& out, const std::vector<Attachment>& attachments) {
  std::size_t number = 0;
  append_array(out, attachments, [&out, &number](const Attachment& one) {
    out += "{\"number\":" + std::to_string(++number);
    append_member(out, ",\"name\":", one.name);
    append_member(out, ",\"type\":", one.type);
    out += ",\"size\":" + std::to_string(one.size);
    append_optional(out, ",\"content_id\":", one.content_id);
    append_optional(out, ",\"disposition\":", one.disposition);
    append_member(out, ",\"sha256\":", one.sha256);
    out += '}';
  });
}

std::string details_of(const Message& message) {
  std::string out;
  out.reserve(kUsualDetails);
  out += "\"size\":" + std::to_string(message.size);
  append_optional(out, ",\"message_id\":", message.message_id);
  append_optional(out, ",\"date\":", message.date);
  out += ",\"headers\":";
  append_array(out, message.headers, [&out](const HeaderText& field) {
    append_member(out, "{\"name\":", field.name);
    append_member(out, ",\"value\":", field.value);
    out += '}';
  });
  const HeaderAddresses& addresses = message.addresses;
  append_addresses(out, ",\"addresses\":{\"from\":", addresses.from);
  append_addresses(out, ",\"sender\":", addresses.sender);
  append_addresses(out, ",\"reply_to\":", addresses.reply_to);
  append_addresses(out, ",\"to\":", addresses.to);
  append_addresses(out, ",\"cc\":", addresses.cc);
  append_addresses(out, ",\"bcc\":", addresses.bcc);
  out += "},\"attachment_details\":";
  append_attachments(out, message.attachments);
  out += ",\"links\":";
  append_array(out, message.links, [&out](const Link& link) {
    append_member(out, "{\"url\":", link.url);
    append_member(out, ",\"text\":", link.text);
    out += '}';
  });
  out += ",\"codes\":";
  append_array(out, message.codes,
               [&out](const std::string& code) { append_json_string(out, code); });
  return out;
}

}  // namespace

// Looks at sixteen bytes at a time, with the vectors of the compiler.
std::size_t plain_json_size(std::string_view text) {
  using Block [[gnu::vector_size(16)]] = unsigned char;
  // Of eight bytes that are 0, or 0xff where something was found: the index of the first such one.
  const auto first = [](std::uint64_t found) {
    const int bits = std::endian::native == std::endian::little ? std::countr_zero(found)
                                                                : std::countl_zero(found);
    return static_cast<std::size_t>(bits) / 8;
  };
  std::size_t at = 0;
  for (Block block; at + sizeof block <= text.size(); at += sizeof block) {
    std::memcpy(&block, text.data() + at, sizeof block);
    const auto special = (block < 0x20) | (block == '"') | (block == '\\');
    std::uint64_t found[2];
    std::memcpy(found, &special, sizeof found);
    if (found[0] != 0) return at + first(found[0]);
    if (found[1] != 0) return at + 8 + first(found[1]);
  }
  while (at < text.size() && escape_of(text[at]) == 0) ++at;
  return at;
}

Fragments make_fragments(const Message& message) {
  const std::string_view parse_error = message.parse_error ? ",\"parse_error\":true" : "";
  Fragments made{.summary = {},
                 .bodies = {},
                 .details = details_of(message),
                 .parse_error = message.parse_error};
  std::string& summary = made.summary;
  summary.reserve(kUsualSummary);
  summary += "\"subject\":";
  append_json_string(summary, cut_utf8(message.subject, kListedSubject));
  summary += "\n\"size\":" + std::to_string(message.size) + ",\"snippet\":";
  append_json_string(summary, message.snippet);
  summary += ",\"attachments\":" + std::to_string(message.attachments.size());
  summary += parse_error;

  std::string& bodies = made.bodies;
  const std::size_t size = message.body_text.size() + message.body_html.size();
  bodies.reserve(size + size / 16 + 256);  // with the escapes of most mails
  bodies += "\"body_text\":";
  append_json_string(bodies, message.body_text);
  bodies += ",\"body_html\":";
  append_json_string(bodies, message.body_html);
  bodies += ",\"attachments\":";
  append_array(bodies, message.attachments,
               [&bodies](const Attachment& one) { append_json_string(bodies, one.name); });
  bodies += parse_error;
  return made;
}

std::optional<std::uint64_t> size_in_summary(std::string_view summary) {
  constexpr std::string_view kSize = "\n\"size\":";
  const std::size_t at = summary.find(kSize);
  if (at == summary.npos) return std::nullopt;
  summary.remove_prefix(at + kSize.size());
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(summary.data(), summary.data() + summary.size(), size);
  if (error != std::errc{}) return std::nullopt;
  return size;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string envelope_fragment(std::string_view from, std::string_view to, std::string_view tag) {
  std::string out = "\"from\":";
  append_json_string(out, from);
  out += ",\"to\":";
  append_json_string(out, to);
  if (!tag.empty()) {
    out += ",\"tag\":";
    append_json_string(out, tag);
  }
  out += ',';
  return out;
}

std::string transport_fragment(const Transport& transport) {
  std::string out;
  append_member(out, "\"client_ip\":", transport.client_ip);
  append_member(out, ",\"helo\":", transport.helo);
  append_member(out, ",\"protocol\":", transport.protocol);
  out += ",\"tls\":";
  if (transport.tls_version.empty()) {
    out += "null";
  } else {
    append_member(out, "{\"version\":", transport.tls_version);
    append_member(out, ",\"cipher\":", transport.tls_cipher);
    out += '}';
  }
  out += "},";
  return out;
}

// Inside a string a quote has a backslash before it, so neither `","` nor `","to":"` is there.
std::string complete_details(std::string_view summary, std::string_view details) {
  if (details.empty()) return {};
  const std::string_view envelope =
      summary.substr(0, summary.find("\",\"", summary.find("\"to\":")));
  std::string out = "\"envelope\":{";
  out.append(envelope).append("\",").append(details);
  return out;
}

void append_listed_message(std::string& out, std::string_view id, std::int64_t received_at,
                           std::string_view summary, std::string_view bodies) {
  const std::string_view listed = summary.substr(0, summary.find('\n'));
  out.reserve(out.size() + listed.size() + bodies.size() + 96);
  out += "{\"id\":\"";
  out += id;
  out += "\",";
  out += listed;
  if (!bodies.empty()) {
    out += ',';
    out += bodies;
  }
  out += ",\"received_at\":";
  out += std::to_string(received_at);
  out += '}';
}

}  // namespace restante::mail
