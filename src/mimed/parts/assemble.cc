// SPDX-License-Identifier: ISC
#include "mimed/parts/assemble.h"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <utility>
#include <vector>

#include "mimed/header/encoded_word.h"
#include "mimed/header/fields.h"
#include "mimed/parts/flowed.h"
#include "mimed/parts/html_charset.h"
#include "mimed/text/digest.h"
#include "mimed/text/html_text.h"
#include "mimed/text/transfer_encoding.h"
#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kRoughSteps = 200;                               // boundaries looked at
constexpr std::size_t kRoughTextLimit = std::size_t{1024} * 1024;      // bytes of one text
constexpr std::size_t kForwardedHeaderLimit = std::size_t{64} * 1024;  // bytes, for its subject
constexpr std::size_t kSubjectNameLimit = 100;                         // bytes of it in a file name
constexpr std::size_t kShownValueLimit = 998;                          // bytes of a type or an id

bool is_text(const Part& part) {
  return part.type.value == "text/plain" || part.type.value == "text/html";
}

// RFC 2183 section 2.8: an unknown disposition is to be treated as `attachment`.
bool is_attachment(const Part& part) {
  const std::string& disposition = part.disposition.value;
  if (!disposition.empty()) return disposition != "inline";
  return std::ranges::any_of(part.type.parameters, [](const Parameter& parameter) {
    return parameter.name == "name" || parameter.name.starts_with("name*");
  });
}

bool is_alternative(const Part& part) { return part.type.value == "multipart/alternative"; }
bool is_related(const Part& part) { return part.type.value == "multipart/related"; }

// Parts side by side, which all belong to what is shown.
bool is_compound(const Part& part) {
  return part.is_multipart() && !is_alternative(part) && !is_related(part);
}

// What is behind a `\r` moves up to the next one, a line at a time.
void normalise_line_ends(std::string& text) {
  std::size_t at = text.find('\r');
  std::size_t to = at;
  while (at < text.size()) {
    at += std::string_view(text).substr(at).starts_with("\r\n") ? 2 : 1;
    text[to++] = '\n';
    const std::size_t next = std::min(text.find('\r', at), text.size());
    std::memmove(text.data() + to, text.data() + at, next - at);
    to += next - at;
    at = next;
  }
  if (to < text.size()) text.resize(to);
}

std::string_view transfer_encoding(const Part& part) {
  return find_field(part.header, "content-transfer-encoding");
}

std::string bytes_of(const Part& part) {
  return decode_transfer(part.content, transfer_encoding(part));
}

// The label of a text. For HTML without one the text itself may have it, but UTF-8 is taken for
// what it is, and what could be read so far is neither UTF-16 nor UTF-32.
std::string charset_of(const Part& part, std::string_view bytes, CharsetConverter& converter) {
  std::string charset = part.type.text(converter, "charset");
  if (!charset.empty() || part.type.value != "text/html") return charset;
  const bool is_ascii = std::ranges::all_of(bytes, [](char c) { return (c & 0x80) == 0; });
  if (!is_ascii && is_valid_utf8(bytes)) return charset;
  charset = html_charset(bytes);
  const bool is_wide =
      starts_ignoring_case(charset, "utf-16") || starts_ignoring_case(charset, "utf-32");
  return is_wide ? std::string() : charset;
}

std::string text_of(const Part& part, CharsetConverter& converter) {
  std::string bytes = bytes_of(part);
  const std::string charset = charset_of(part, bytes, converter);
  std::string text = converter.to_utf8(std::move(bytes), charset);
  normalise_line_ends(text);
  if (!is_flowed(part.type)) return text;
  return unflow(text, equal_ignoring_case(part.type.plain("delsp"), "yes"));
}

struct Ending {
  std::string_view type, ending;
};
constexpr Ending kEndings[] = {
    {"application/gzip", ".gz"},
    {"application/json", ".json"},
    {"application/msword", ".doc"},
    {"application/pdf", ".pdf"},
    {"application/pgp-signature", ".asc"},
    {"application/pkcs7-signature", ".p7s"},
    {"application/rtf", ".rtf"},
    {"application/xml", ".xml"},
    {"application/zip", ".zip"},
    {"audio/mpeg", ".mp3"},
    {"image/gif", ".gif"},
    {"image/jpeg", ".jpg"},
    {"image/png", ".png"},
    {"image/svg+xml", ".svg"},
    {"image/webp", ".webp"},
    {"message/rfc822", ".eml"},
    {"text/calendar", ".ics"},
    {"text/csv", ".csv"},
    {"text/html", ".html"},
    {"text/vcard", ".vcf"},
    {"text/xml", ".xml"},
    {"video/mp4", ".mp4"},
};

std::string_view ending_of(std::string_view type) {
  for (const Ending& row : kEndings) {
    if (row.type == type) return row.ending;
  }
  return type.starts_with("text/") || type.starts_with("message/") ? ".txt" : ".bin";
}

// The subject of a forwarded mail as a file name, or empty. Its content may itself be encoded,
// though RFC 2046 section 5.2.1 forbids it.
std::string forwarded_name(const Part& part, CharsetConverter& converter) {
  const std::string inner =
      decode_transfer(part.content.substr(0, kForwardedHeaderLimit), transfer_encoding(part));
  std::string subject = decode_header_text(converter, find_field(inner, "subject"));
  std::ranges::replace(subject, '/', '_');
  std::ranges::replace(subject, '\\', '_');
  const std::string name = safe_file_name(cut_utf8(subject, kSubjectNameLimit));
  return name.empty() ? name : name + ".eml";
}

class Assembler {
 public:
  Assembler(const Part& root, CharsetConverter& converter) : converter_(converter) {
    choose(root);
    list(root, false);
  }

  [[nodiscard]] const std::vector<const Part*>& attachments() const { return attachments_; }

  void write(mail::Message& message) const {
    if (text_ != nullptr) message.body_text = text_of(*text_, converter_);
    if (html_ != nullptr) message.body_html = text_of(*html_, converter_);
    for (std::size_t i = 0; i < attachments_.size(); ++i) {
      message.attachments.push_back(describe(*attachments_[i], i + 1));
    }
  }

  [[nodiscard]] ExtractedPart extract(std::size_t number) const {
    const Part& part = *attachments_[number - 1];
    return {.name = name_of_attachment(part, number),
            .type = shown(part.type.value),
            .bytes = bytes_of(part)};
  }

 private:
  // Finds the bodies.
  void choose(const Part& part) {
    if (!part.is_multipart()) {
      if (!is_text(part) || is_attachment(part)) return;
      const Part*& body = part.type.value == "text/plain" ? text_ : html_;
      if (body == nullptr) body = &part;
    } else if (is_alternative(part)) {
      for (const Part& form : part.children | std::views::reverse) {
        if (!is_compound(form)) choose(form);
      }
      for (const Part& form : part.children | std::views::reverse) {
        if (is_compound(form)) choose(form);
      }
    } else if (is_related(part)) {
      if (!part.children.empty()) choose(root_of(part));
    } else {
      for (const Part& child : part.children) choose(child);
    }
  }

  // Finds all that is neither a body nor another form of one.
  void list(const Part& part, bool is_form) {
    if (part.is_multipart()) {
      if (is_alternative(part)) is_form = is_form || has_body(part);
      const bool passes_on = is_form && is_alternative(part);
      const Part* root =
          is_form && is_related(part) && !part.children.empty() ? &root_of(part) : nullptr;
      for (const Part& child : part.children) list(child, passes_on || &child == root);
      return;
    }
    if (&part == text_ || &part == html_) return;
    if (is_form && is_text(part) && !is_attachment(part)) return;
    attachments_.push_back(&part);
  }

  // RFC 2387 section 3.2: the part that `start` names by its Content-ID, else the first.
  [[nodiscard]] static const Part& root_of(const Part& related) {
    const std::string_view start = related.type.plain("start");
    if (start.empty()) return related.children.front();
    const auto is_start = [start](const Part& child) {
      return first_token(find_field(child.header, "content-id")) == start;
    };
    const auto found = std::ranges::find_if(related.children, is_start);
    return found == related.children.end() ? related.children.front() : *found;
  }

  [[nodiscard]] bool has_body(const Part& part) const {
    if (!part.is_multipart()) return &part == text_ || &part == html_;
    return std::ranges::any_of(part.children,
                               [this](const Part& child) { return has_body(child); });
  }

  [[nodiscard]] mail::Attachment describe(const Part& part, std::size_t number) const {
    const std::string bytes = bytes_of(part);
    mail::Attachment made{
        .name = name_of_attachment(part, number), .type = {}, .size = bytes.size()};
    made.type = shown(part.type.value);
    const std::string id = shown(find_field(part.header, "content-id"));
    const std::size_t start = id.starts_with('<') ? 1 : 0;
    const std::size_t end = id.ends_with('>') ? 1 : 0;
    if (id.size() > start + end) made.content_id = id.substr(start, id.size() - start - end);
    const std::string& disposition = part.disposition.value;
    if (!disposition.empty()) made.disposition = is_attachment(part) ? "attachment" : "inline";
    made.sha256 = sha256_hex(bytes);
    return made;
  }

  // A value of a header as text, with a bound.
  [[nodiscard]] std::string shown(std::string_view raw) const {
    return std::string(cut_utf8(decode_header_text(converter_, raw), kShownValueLimit));
  }

  [[nodiscard]] std::string name_of_attachment(const Part& part, std::size_t number) const {
    std::string name = safe_file_name(part.disposition.text(converter_, "filename"));
    if (name.empty()) name = safe_file_name(part.type.text(converter_, "name"));
    if (name.empty() && part.type.value == "message/rfc822") {
      name = forwarded_name(part, converter_);
    }
    if (!name.empty()) return name;
    name = "attachment-" + std::to_string(number);
    name += ending_of(part.type.value);
    return name;
  }

  CharsetConverter& converter_;
  std::vector<const Part*> attachments_;
  const Part* text_ = nullptr;
  const Part* html_ = nullptr;
};

// Where the next line begins that starts with `prefix`; npos if there is none.
std::size_t find_line(std::string_view text, std::string_view prefix) {
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(prefix)) return at;
    const std::size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos) break;
    at = newline + 1;
  }
  return std::string_view::npos;
}

}  // namespace

Part make_part(std::string_view header, std::string_view content, std::string_view default_type) {
  Part part;
  part.header = header;
  part.content = content;
  part.type = parse_value(find_field(header, "content-type"));
  part.disposition = parse_value(find_field(header, "content-disposition"));
  // RFC 2045 section 5.2; `text` alone is what some old writers send.
  if (part.type.value.empty()) part.type.value = default_type;
  if (part.type.value == "text") part.type.value = "text/plain";
  return part;
}

void assemble(const Part& root, CharsetConverter& converter, mail::Message& message) {
  Assembler(root, converter).write(message);
}

Extraction extract_attachment(const Part& root, CharsetConverter& converter, std::uint64_t number) {
  const Assembler assembler(root, converter);
  Extraction found{.count = assembler.attachments().size(), .part = {}};
  if (number >= 1 && number <= found.count) found.part = assembler.extract(number);
  return found;
}

void assemble_roughly(std::string_view body, CharsetConverter& converter, mail::Message& message) {
  // The search for the end of a part may reach over others, so the bytes that it reads have a
  // bound.
  const std::size_t most = 4 * body.size();
  std::size_t searched = 0;
  for (std::size_t step = 0; step < kRoughSteps && searched <= most; ++step) {
    const std::size_t start = find_line(body, "--");
    if (start == std::string_view::npos) return;
    body.remove_prefix(start);
    std::string_view boundary = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(boundary.size() + 1, body.size()));
    boundary = boundary.substr(0, boundary.find_last_not_of(" \t\r") + 1);

    HeaderReader reader(body, OnJunk::kEndsHeader);
    HeaderField field;
    while (reader.next(field)) {
    }
    const std::string_view content = body.substr(reader.position());
    Part part = make_part(body.substr(0, reader.position()), {});
    body = content;
    if (!is_text(part) || is_attachment(part)) continue;
    part.content = content.substr(0, kRoughTextLimit);
    searched += part.content.size();
    part.content = part.content.substr(0, find_line(part.content, boundary));
    std::string& text = part.type.value == "text/plain" ? message.body_text : message.body_html;
    if (text.empty()) text = text_of(part, converter);
  }
}

}  // namespace restante::mimed
