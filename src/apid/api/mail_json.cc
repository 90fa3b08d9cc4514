// SPDX-License-Identifier: ISC
#include "apid/api/mail_json.h"

#include <algorithm>
#include <string_view>

#include "shared/mail/message.h"

namespace restante::apid {

void append_listed_mail(std::string& json, const store::ListedMail& mail, bool with_bodies) {
  std::string_view rest = mail.bodies;
  if (!with_bodies) {  // the half of the summary that the other list leaves out (message.h)
    rest = mail.summary;
    rest.remove_prefix(std::min(rest.size(), rest.find('\n')));
    if (!rest.empty()) rest.remove_prefix(1);
  }
  mail::append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary, rest);
}

std::string page_json(const store::Page& page, bool with_bodies) {
  std::size_t size = 2;
  for (const store::ListedMail& mail : page.mails)
    size += mail.summary.size() + mail.bodies.size() + 80;
  std::string json;
  json.reserve(size);
  json.push_back('[');
  for (const store::ListedMail& mail : page.mails) {
    if (json.size() > 1) json.push_back(',');
    append_listed_mail(json, mail, with_bodies);
  }
  json.push_back(']');
  return json;
}

std::string mail_json(const store::StoredMail& mail) {
  std::string rest = mail.bodies;
  if (!mail.details.empty()) rest += "," + mail.details;
  std::string json;
  mail::append_listed_message(json, mail.id.text(), mail.id.received_at(), mail.summary, rest);
  return json;
}

}  // namespace restante::apid
