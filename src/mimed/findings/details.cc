// SPDX-License-Identifier: ISC
#include "mimed/findings/details.h"

#include <string>
#include <utility>
#include <vector>

#include "mimed/findings/codes.h"
#include "mimed/findings/links.h"
#include "mimed/findings/snippet.h"
#include "mimed/header/addresses.h"
#include "mimed/header/encoded_word.h"
#include "mimed/header/fields.h"
#include "mimed/header/parameters.h"
#include "mimed/text/html_text.h"
#include "shared/base/ascii.h"
#include "shared/base/utf8.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kValueLimit = std::size_t{16} * 1024;  // bytes of a field's value
constexpr std::size_t kUsualFields = 16;
constexpr std::size_t kContentLimit =
    std::size_t{256} * 1024;  // bytes of a body that are looked at

std::vector<mail::NamedAddress>* addresses_of(std::string_view name,
                                              mail::HeaderAddresses& addresses) {
  const std::pair<std::string_view, std::vector<mail::NamedAddress>*> rows[] = {
      {"from", &addresses.from}, {"sender", &addresses.sender}, {"reply-to", &addresses.reply_to},
      {"to", &addresses.to},     {"cc", &addresses.cc},         {"bcc", &addresses.bcc},
  };
  for (const auto& [row, list] : rows) {
    if (equal_ignoring_case(row, name)) return list;
  }
  return nullptr;
}

}  // namespace

void read_header(std::string_view header, std::size_t field_limit, CharsetConverter& converter,
                 mail::Message& message) {
  HeaderReader reader(header, OnJunk::kEndsHeader);
  HeaderField field;
  message.headers.reserve(kUsualFields);
  while (message.headers.size() < field_limit && reader.next(field)) {
    std::string value = decode_header_text(converter, field.value);
    value.resize(cut_utf8(value, kValueLimit).size());
    if (equal_ignoring_case(field.name, "message-id") && !message.message_id) {
      message.message_id = value;
    }
    if (equal_ignoring_case(field.name, "date") && !message.date) message.date = value;
    if (auto* list = addresses_of(field.name, message.addresses)) {
      append_addresses(converter, field.value, *list);
    }
    message.headers.push_back({std::string(field.name), std::move(value)});
  }
}

void read_content(mail::Message& message) {
  const std::string_view text = cut_utf8(message.body_text, kContentLimit);
  const std::string_view html = cut_utf8(message.body_html, kContentLimit);
  message.links = find_links(html, text);
  const bool is_blank = text.find_first_not_of(" \t\n") == std::string_view::npos;
  const std::string converted = is_blank ? html_to_text(html) : std::string();
  const std::string_view seen = is_blank ? std::string_view(converted) : text;
  message.snippet = make_snippet(seen);
  message.codes = find_codes(message.subject, seen);
}

}  // namespace restante::mimed
