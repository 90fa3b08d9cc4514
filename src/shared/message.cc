// SPDX-License-Identifier: ISC
// Writes a mail's fragments of JSON, and joins them. cJSON does the escaping.
#include "shared/message.h"

#include <cjson/cJSON.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "shared/c_ptr.h"

namespace restante {
namespace {

using JsonPtr = CPtr<cJSON, cJSON_Delete>;

constexpr std::size_t kSnippetCharacters = 120;
// cJSON_PrintPreallocated asks for up to five bytes more than it writes.
constexpr std::size_t kPrintSlack = 8;

// The size of `text` as a JSON string: known beforehand, so that nothing is written twice.
std::size_t escaped_size(std::string_view text) {
  std::size_t size = text.size() + 2;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20) {
      size += byte == '"' || byte == '\\';
    } else {
      const bool is_short =
          byte == '\b' || byte == '\f' || byte == '\n' || byte == '\r' || byte == '\t';
      size += is_short ? 1 : 5;
    }
  }
  return size;
}

void append_json_string(std::string& out, const std::string& text) {
  const std::size_t start = out.size();
  const std::size_t room = escaped_size(text) + kPrintSlack;
  const JsonPtr item(cJSON_CreateStringReference(text.c_str()));
  out.resize(start + room);
  const bool printed = item && cJSON_PrintPreallocated(item.get(), out.data() + start,
                                                       static_cast<int>(room), 0) != 0;
  if (printed) {
    out.resize(start + std::strlen(out.data() + start));
  } else {
    out.resize(start);
    out += "\"\"";
  }
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Collects characters, white space folded to one space each, until there are enough of them.
class SnippetWriter {
 public:
  // False once the snippet is full.
  bool add(char c) {
    if (is_space(c)) {
      pending_space_ = !text_.empty();
      return true;
    }
    const bool starts_character = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts_character) {
      if (characters_ + pending_space_ >= kSnippetCharacters) return false;
      if (pending_space_) text_ += ' ';
      characters_ += 1U + pending_space_;
      pending_space_ = false;
    }
    text_ += c;
    return true;
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t characters_ = 0;
  bool pending_space_ = false;
};

bool starts_with_name(std::string_view tag, std::string_view name) {
  if (tag.size() < name.size()) return false;
  return std::equal(name.begin(), name.end(), tag.begin(),
                    [](char a, char b) { return a == (b | 0x20); });
}

// Where the content of <style>, <script>, <head> or a comment ends that begins at `open`; else the
// end of the tag.
std::size_t end_of_markup(std::string_view html, std::size_t open) {
  const std::string_view tag = html.substr(open + 1);
  std::string_view close = ">";
  if (tag.starts_with("!--")) close = "-->";
  if (starts_with_name(tag, "style")) close = "</style>";
  if (starts_with_name(tag, "script")) close = "</script>";
  if (starts_with_name(tag, "title")) close = "</title>";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; };
  const auto found = std::search(tag.begin(), tag.end(), close.begin(), close.end(), same);
  if (found == tag.end()) return html.size();
  return open + 1 + static_cast<std::size_t>(found - tag.begin()) + close.size();
}

// Whether a tag stands inside a word or line, so that taking it away leaves no gap.
bool is_inline_tag(std::string_view tag) {
  constexpr std::string_view kInline[] = {"a",   "b",   "i",    "u",    "s",    "em",    "tt",
                                          "sub", "sup", "code", "font", "span", "small", "strong"};
  if (tag.starts_with('/')) tag.remove_prefix(1);
  return std::ranges::any_of(kInline, [tag](std::string_view name) {
    if (!starts_with_name(tag, name) || tag.size() == name.size()) return false;
    const char next = tag[name.size()];
    return next == '>' || is_space(next);
  });
}

struct Entity {
  std::string_view name, text;
};
constexpr Entity kEntities[] = {{"&nbsp;", " "},  {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},
                                {"&quot;", "\""}, {"&#39;", "'"}, {"&apos;", "'"}, {"&zwnj;", ""},
                                {"&#160;", " "},  {"&shy;", ""}};

// A rough look through the tags: enough for a line in a list, never shown as HTML.
std::string snippet_of_html(std::string_view html) {
  SnippetWriter writer;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '<') {
      const bool is_inline = is_inline_tag(html.substr(at + 1, 16));
      at = end_of_markup(html, at);
      if (!is_inline) writer.add(' ');
      continue;
    }
    std::string_view text = html.substr(at, 1);
    std::size_t taken = 1;
    if (html[at] == '&') {
      for (const Entity& entity : kEntities) {
        if (!html.substr(at).starts_with(entity.name)) continue;
        text = entity.text;
        taken = entity.name.size();
      }
    }
    for (char c : text) {
      if (!writer.add(c)) return writer.take();
    }
    at += taken;
  }
  return writer.take();
}

std::string snippet_of(const Message& message) {
  SnippetWriter writer;
  for (char c : message.body_text) {
    if (!writer.add(c)) break;
  }
  std::string snippet = writer.take();
  return snippet.empty() ? snippet_of_html(message.body_html) : snippet;
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

void append_member(std::string& out, std::string_view name, const std::string& text) {
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
  std::string out = "\"size\":" + std::to_string(message.size);
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

Fragments make_fragments(const Message& message) {
  const std::string_view parse_error = message.parse_error ? ",\"parse_error\":true" : "";
  Fragments made{.summary = {},
                 .bodies = {},
                 .details = details_of(message),
                 .parse_error = message.parse_error};
  std::string& summary = made.summary;
  summary += "\"subject\":";
  append_json_string(summary, message.subject);
  summary += "\n\"size\":" + std::to_string(message.size) + ",\"snippet\":";
  append_json_string(summary, snippet_of(message));
  summary += ",\"attachments\":" + std::to_string(message.attachments.size());
  summary += parse_error;

  std::string& bodies = made.bodies;
  bodies.reserve(message.body_text.size() + message.body_html.size() + 256);
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
  append_json_string(out, std::string(text));
  return out;
}

std::string envelope_fragment(std::string_view from, std::string_view to, std::string_view tag) {
  std::string out = "\"from\":";
  append_json_string(out, std::string(from));
  out += ",\"to\":";
  append_json_string(out, std::string(to));
  if (!tag.empty()) {
    out += ",\"tag\":";
    append_json_string(out, std::string(tag));
  }
  out += ',';
  return out;
}

std::string details_envelope(std::string_view from, std::string_view to,
                             const Transport& transport) {
  std::string out;
  append_member(out, "\"envelope\":{\"from\":", std::string(from));
  append_member(out, ",\"to\":", std::string(to));
  append_member(out, ",\"client_ip\":", transport.client_ip);
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

}  // namespace restante
