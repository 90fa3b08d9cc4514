// SPDX-License-Identifier: ISC
#include "ctl/mail_text.h"

#include <cjson/cJSON.h>
#include <fmt/format.h>

#include <algorithm>

#include "ctl/text.h"
#include "shared/base/c_ptr.h"
#include "shared/mail/message.h"

namespace restante::ctl {
namespace {

using Document = CPtr<cJSON, cJSON_Delete>;

Document parse(const std::string& json) { return Document(cJSON_Parse(json.c_str())); }

const cJSON* member(const cJSON* object, const char* name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

std::string text_of(const cJSON* object, const char* name, bool lines = false) {
  const char* const text = cJSON_GetStringValue(member(object, name));
  return text == nullptr ? std::string() : printable(text, lines);
}

std::string_view second_half(std::string_view summary) {
  summary.remove_prefix(std::min(summary.size(), summary.find('\n')));
  return summary.empty() ? summary : summary.substr(1);
}

std::string listed_json(const store::ListedMail& mail) {
  std::string json;
  mail::append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary,
                              second_half(mail.summary));
  return json;
}

std::string header_lines(const cJSON* mail) {
  const cJSON* const headers = member(mail, "headers");
  if (headers == nullptr) return fmt::format("Subject: {}\n", text_of(mail, "subject"));
  std::string text;
  for (const cJSON* field = headers->child; field != nullptr; field = field->next) {
    text += fmt::format("{}: {}\n", text_of(field, "name"), text_of(field, "value"));
  }
  return text;
}

std::string attachment_lines(const cJSON* mail) {
  const cJSON* const names = member(mail, "attachments");
  std::string text;
  for (const cJSON* name = names == nullptr ? nullptr : names->child; name; name = name->next) {
    const char* const value = cJSON_GetStringValue(name);
    text += fmt::format("[attachment: {}]\n", value == nullptr ? "" : printable(value));
  }
  return text;
}

}  // namespace

std::string inbox_text(const store::Page& page) {
  std::string text;
  for (const store::ListedMail& mail : page.mails) {
    const Document parsed = parse(listed_json(mail));
    text +=
        fmt::format("{}  {}  {}  {}\n", mail.id.text(), date_text(mail.id.received_at()),
                    fitted(text_of(parsed.get(), "from"), 28), text_of(parsed.get(), "subject"));
  }
  return text;
}

std::string inbox_json(const store::Page& page) {
  std::string json;
  for (const store::ListedMail& mail : page.mails)
    json += (json.empty() ? "" : ",") + listed_json(mail);
  return "[" + json + "]";
}

std::string mail_json(const store::StoredMail& mail) {
  std::string rest = mail.bodies, json;
  if (!mail.details.empty()) rest += "," + mail.details;
  mail::append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary, rest);
  return json;
}

std::string mail_text(const store::StoredMail& mail) {
  const Document parsed = parse(mail_json(mail));
  const cJSON* const root = parsed.get();
  std::string text =
      fmt::format("[{} received {} UTC, from <{}> to <{}>]\n", mail.id.text(),
                  date_text(mail.id.received_at()), text_of(root, "from"), text_of(root, "to"));
  text += header_lines(root) + attachment_lines(root) + "\n";
  const std::string body = text_of(root, "body_text", true);
  const std::string html = text_of(root, "body_html", true);
  text += body.empty() && !html.empty() ? "[HTML alone]\n" + html : body;
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace restante::ctl
