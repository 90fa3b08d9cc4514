// SPDX-License-Identifier: ISC
// Any bytes as a mail: valid JSON, valid UTF-8, names that are safe, the same from the same, and
// attachments that come out as they are described.
#include <cjson/cJSON.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <source_location>
#include <string>
#include <string_view>

#include "mimed/header/parameters.h"
#include "mimed/mime.h"
#include "mimed/text/charset.h"
#include "mimed/text/digest.h"
#include "shared/base/c_ptr.h"
#include "shared/base/utf8.h"
#include "shared/mail/message.h"

using namespace restante;
using namespace restante::mimed;

namespace {

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "line %u does not hold\n", where.line());
  std::abort();
}

// CPU time of this thread, in seconds: what else the machine does is not the parser's fault.
double cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double time_to_parse(MimeParser& parser, std::string_view raw) {
  const double began = cpu_time();
  (void)mail::make_fragments(parser.parse(raw).message);
  return cpu_time() - began;
}

// RESTANTE_PARSE_MS is how long 64 KB may take. A shorter mail gets as much. What took too long is
// tried again: a library that was loaded at the first try is not the parser's fault either.
void check_time(MimeParser& parser, std::string_view raw, double took) {
  static const char* const limit = std::getenv("RESTANTE_PARSE_MS");
  static double most = 0;
  if (limit == nullptr) return;
  const double share = std::max(1.0, static_cast<double>(raw.size()) / 65536);
  for (int tries = 0; tries < 3 && 1000 * took / share > std::strtod(limit, nullptr); ++tries) {
    took = std::min(took, time_to_parse(parser, raw));
  }
  const double per_64_kb = 1000 * took / share;
  if (per_64_kb > most) {
    most = per_64_kb;
    std::fprintf(stderr, "%.1f ms for 64 KB: %zu bytes\n", most, raw.size());
  }
  require(per_64_kb <= std::strtod(limit, nullptr));
}

void check_text(const std::string& text) { require(is_valid_utf8(text) && !text.contains('\0')); }

void check_json(const std::string& fragment) {
  std::string object = "{" + fragment + "}";
  for (char& c : object) {
    if (c == '\n') c = ',';  // between the halves of a summary, and nowhere else
  }
  const CPtr<cJSON, cJSON_Delete> json(cJSON_ParseWithLength(object.data(), object.size()));
  require(json != nullptr);
}

void check_message(const mail::Message& message) {
  check_text(message.subject);
  check_text(message.body_text);
  check_text(message.body_html);
  for (const mail::Attachment& one : message.attachments) {
    check_text(one.name);
    check_text(one.type);
    require(one.name == safe_file_name(one.name) && !one.name.empty());
    require(one.sha256.size() == 64);
  }
  for (const mail::HeaderText& field : message.headers) check_text(field.value);
  for (const mail::Link& link : message.links) check_text(link.url + link.text);
  for (const std::string& code : message.codes) check_text(code);
}

// Every attachment comes out as the message describes it, and there is none behind the last.
void check_attachments(MimeParser& parser, std::string_view raw, const mail::Message& message) {
  const std::size_t count = message.attachments.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Extraction found = parser.extract(raw, i + 1);
    const mail::Attachment& told = message.attachments[i];
    require(found.part && found.count == count);
    require(found.part->name == told.name && found.part->type == told.type);
    require(found.part->bytes.size() == told.size && sha256_hex(found.part->bytes) == told.sha256);
  }
  for (const std::size_t number : {std::size_t{0}, count + 1, SIZE_MAX}) {
    const Extraction found = parser.extract(raw, number);
    require(!found.part && found.count == count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static MimeParser parser(PrescanLimits{.parts = 50, .depth = 20});  // one a process
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  const double began = cpu_time();
  const ParsedMail parsed = parser.parse(raw);
  const mail::Fragments fragments = mail::make_fragments(parsed.message);
  check_time(parser, raw, cpu_time() - began);
  require(parsed.message.size == size);
  check_message(parsed.message);
  check_json(fragments.summary);
  check_json(fragments.bodies);
  check_json(fragments.details);
  require(mail::make_fragments(parser.parse(raw).message).details == fragments.details);
  check_attachments(parser, raw, parsed.message);
  return 0;
}
