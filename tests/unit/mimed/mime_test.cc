// SPDX-License-Identifier: ISC
// Whole mails: golden pairs in tests/golden/mime, and mail bombs that are made here.
#include "mimed/mime.h"

#include <cjson/cJSON.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mimed/text/digest.h"
#include "shared/base/c_ptr.h"
#include "shared/mail/message.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;
namespace fs = std::filesystem;

using JsonPtr = CPtr<cJSON, cJSON_Delete>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasure = false;  // sanitizers cost time and memory of their own
#else
constexpr bool kMeasure = true;
#endif

MimeParser& parser() {
  static MimeParser the_parser{PrescanLimits()};
  return the_parser;
}

ParsedMail parse(std::string_view raw) { return parser().parse(Exact(raw).view()); }

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The fragments of a mail as one JSON object, with its snippet, a field a line.
std::string listing(const mail::Message& message) {
  const mail::Fragments made = mail::make_fragments(message);
  const std::size_t half = made.summary.find('\n');
  const JsonPtr rest(cJSON_Parse(("{" + made.summary.substr(half + 1) + "}").c_str()));
  const JsonPtr listed(
      cJSON_Parse(("{" + made.summary.substr(0, half) + "," + made.bodies + "}").c_str()));
  cJSON* details = cJSON_Parse(("{" + made.details + "}").c_str());
  if (rest == nullptr || listed == nullptr || details == nullptr) {
    cJSON_Delete(details);
    return "not JSON: " + made.summary + made.bodies + made.details;
  }
  cJSON_AddItemToObject(listed.get(), "snippet",
                        cJSON_DetachItemFromObjectCaseSensitive(rest.get(), "snippet"));
  cJSON_AddItemToObject(listed.get(), "details", details);
  const CPtr<char, cJSON_free> printed(cJSON_Print(listed.get()));
  return std::string(printed.get()) + "\n";
}

fs::path golden_directory() {
  const char* root = std::getenv("RESTANTE_GOLDEN");
  return fs::path(root == nullptr ? "tests/golden" : root) / "mime";
}

// The names of the mails that do not give what their JSON says.
std::vector<std::string> compare_golden(std::size_t& seen) {
  const bool update = std::getenv("GOLDEN_UPDATE") != nullptr;
  std::vector<std::string> wrong;
  for (const auto& entry : fs::directory_iterator(golden_directory())) {
    if (entry.path().extension() != ".eml") continue;
    ++seen;
    const std::string got = listing(parse(read_file(entry.path())).message);
    const fs::path expected = fs::path(entry.path()).replace_extension(".json");
    if (update) {
      std::ofstream(expected, std::ios::binary) << got;
    } else if (read_file(expected) != got) {
      wrong.push_back(entry.path().filename().string() + " gives\n" + got);
    }
  }
  std::ranges::sort(wrong);
  return wrong;
}

TEST(every_golden_mail_gives_its_json) {
  std::size_t seen = 0;
  const auto wrong = compare_golden(seen);
  for (const std::string& text : wrong) print_error("%s", text.c_str());
  assert_true(seen >= 30);
  assert_int_equal(wrong.size(), 0);
}

// What extract() gives that parse() does not describe so, "" where they agree.
std::string disagreement(std::string_view raw, std::size_t& seen) {
  const Exact exact(raw);
  const std::vector<mail::Attachment> told = parser().parse(exact.view()).message.attachments;
  for (std::size_t i = 0; i < told.size(); ++i, ++seen) {
    const Extraction found = parser().extract(exact.view(), i + 1);
    if (!found.part || found.count != told.size()) return "none of number " + std::to_string(i + 1);
    const ExtractedPart& part = *found.part;
    if (part.name != told[i].name || part.type != told[i].type ||
        part.bytes.size() != told[i].size || sha256_hex(part.bytes) != told[i].sha256) {
      return "another one: " + part.name + " " + part.type;
    }
  }
  for (const std::size_t number : {std::size_t{0}, told.size() + 1, SIZE_MAX}) {
    const Extraction found = parser().extract(exact.view(), number);
    if (found.part || found.count != told.size()) return "one too many";
  }
  return "";
}

std::string golden_disagreements(std::size_t& seen) {
  std::string wrong;
  for (const auto& entry : fs::directory_iterator(golden_directory())) {
    if (entry.path().extension() != ".eml") continue;
    const std::string what = disagreement(read_file(entry.path()), seen);
    if (!what.empty()) wrong += entry.path().filename().string() + ": " + what + "\n";
  }
  return wrong;
}

TEST(every_attachment_of_the_golden_mails_comes_out_as_described) {
  std::size_t seen = 0;
  assert_same(golden_disagreements(seen), "");
  assert_true(seen >= 20);
}

std::string extracted(std::string_view raw, std::size_t number) {
  const Extraction found = parser().extract(Exact(raw).view(), number);
  if (!found.part) return "none of " + std::to_string(found.count);
  return found.part->name + "|" + found.part->type + "|" + found.part->bytes;
}

TEST(an_attachment_is_its_decoded_bytes) {
  const std::string_view mail =
      "Content-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\n\r\ntext\r\n"
      "--X\r\nContent-Type: application/pdf; name=a.pdf\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nAAECDQo=\r\n"
      "--X\r\nContent-Type: Image/PNG\r\n\r\nas it is \xff\r\n--X--\r\n";
  assert_same(extracted(mail, 1), std::string_view("a.pdf|application/pdf|\0\1\2\r\n", 27));
  assert_same(extracted(mail, 2), "attachment-2.png|image/png|as it is \xff");
  assert_same(extracted(mail, 3), "none of 2");
  assert_same(extracted("Content-Type: text/csv\r\n\r\n1,2", 1), "attachment-1.csv|text/csv|1,2");
  assert_same(extracted("Subject: none\r\n\r\nbody", 1), "none of 0");
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

constexpr std::string_view kMixed =
    "Subject: bomb\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n";

std::string nested(std::size_t levels) {
  std::string mail = "Subject: bomb\r\n";
  for (std::size_t i = 0; i < levels; ++i) {
    const std::string name = "b" + std::to_string(i);
    mail += "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n";
  }
  return mail + "\r\ninnermost\r\n";
}

struct Bomb {
  const char* name;
  std::string (*make)();
  Exceeded exceeded;
};

const Bomb kBombs[] = {
    {"10^6 empty parts",
     [] { return std::string(kMixed) + "--X\r\n\r\nhello\r\n" + repeated("--X\n\n\n", 1'000'000); },
     Exceeded::kParts},
    {"60,000 nested multiparts", [] { return nested(60'000); }, Exceeded::kDepth},
    {"300,000 header fields",
     [] { return "Subject: bomb\r\n" + repeated("a:b\r\n", 300'000) + "\r\nbody\r\n"; },
     Exceeded::kHeaderFields},
    {"300,000 header fields of a part",
     [] {
       return std::string(kMixed) + "--X\r\n" + repeated("a:b\r\n", 300'000) +
              "\r\nbody\r\n--X--\r\n";
     },
     Exceeded::kHeaderFields},
    {"300,000 lines that are no header fields",
     [] { return std::string(kMixed) + "--X\r\n" + repeated("ab\r\n", 300'000) + "\r\nbody\r\n"; },
     Exceeded::kHeaderFields},
    {"100,000 parameters",
     [] {
       return "Subject: bomb\r\nContent-Type: multipart/mixed; boundary=X" +
              repeated(";a=b", 100'000) + "\r\n\r\n--X\r\n\r\nhello\r\n";
     },
     Exceeded::kHeaderBytes},
    {"41,000 groups inside one another",
     [] { return "Subject: bomb\r\nTo: " + repeated("g:", 41'000) + "\r\n\r\nbody\r\n"; },
     Exceeded::kAddressNesting},
    {"41,000 groups in a mail inside the mail",
     [] {
       return std::string(kMixed) +
              "--X\r\nContent-Type: message/rfc822\r\n\r\nTo: " + repeated("g:", 41'000) +
              "\r\n\r\nbody\r\n--X--\r\n";
     },
     Exceeded::kNothing},
    {"60,000 mails inside one another",
     [] { return "Subject: bomb\r\n" + repeated("Content-Type: message/rfc822\r\n\r\n", 60'000); },
     Exceeded::kNothing},
    {"lines that look like boundaries, at 99 levels",
     [] { return nested(99) + repeated("--\n", 2'000'000); }, Exceeded::kComparisons},
    {"a subject of 120,000 word starts",
     [] { return "Subject: bomb" + repeated("=?", 120'000) + "\r\n\r\nx"; }, Exceeded::kNothing},
    {"200,000 comments that stay open",
     [] {
       return "Subject: bomb\r\nContent-Type: text/plain" + repeated("(", 200'000) + "\r\n\r\nx";
     },
     Exceeded::kNothing},
    {"60,000 addresses",
     [] { return "Subject: bomb\r\nTo: " + repeated("a@b,", 60'000) + "\r\n\r\nbody\r\n"; },
     Exceeded::kNothing},
    {"2000 fields of addresses",
     [] { return "Subject: bomb\r\n" + repeated("To: a@b,c@d,e@f\r\n", 1'990) + "\r\nbody\r\n"; },
     Exceeded::kNothing},
    {"4 MB of links and codes",
     [] {
       return "Subject: bomb\r\nContent-Type: text/html\r\n\r\n" +
              repeated("code 123456 <a href='http://x.test/?&amp;'>&amp;</a>\r\n", 80'000);
     },
     Exceeded::kNothing},
    {"990 attachments with ids of 4 KB",
     [] {
       return std::string(kMixed) + repeated("--X\r\nContent-Type: a/b\r\nContent-ID: <" +
                                                 std::string(4'000, 'i') + ">\r\n\r\nx\r\n",
                                             990);
     },
     Exceeded::kNothing},
    {"5 MB of NUL", [] { return "Subject: bomb\r\n\r\n" + std::string(5'000'000, '\0'); },
     Exceeded::kNothing},
};

TEST_EACH(a_mail_bomb_is_cheap_and_keeps_its_subject, kBombs, name) {
  const std::string raw = row.make();
  const auto [parsed, seconds] = timed([&raw] { return parse(raw); });
  const bool marked = parsed.message.parse_error;
  assert_true(parsed.message.subject.starts_with("bomb"));
  assert_int_equal(static_cast<int>(parsed.exceeded), static_cast<int>(row.exceeded));
  assert_int_equal(marked, row.exceeded != Exceeded::kNothing);
  if (kMeasure) assert_true(seconds < 1.0);
}

TEST(all_bombs_together_take_at_most_64_mb) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  if (kMeasure) assert_true(usage.ru_maxrss < 64L * 1024);
}

TEST(the_first_text_of_a_bomb_is_still_read) {
  const std::string text = parse(kBombs[0].make()).message.body_text;
  const std::string deep = parse(nested(101)).message.body_text;
  assert_string_equal(text.c_str(), "hello\n");
  assert_string_equal(deep.c_str(), "innermost\n");
}

// A mail cut off anywhere is parsed, to valid JSON, and never to more than there was.
TEST(a_mail_cut_at_any_byte_is_parsed) {
  std::size_t wrong = 0;
  for (const auto& entry : fs::directory_iterator(golden_directory())) {
    if (entry.path().extension() != ".eml") continue;
    const std::string raw = read_file(entry.path());
    const std::size_t step = raw.size() > 2000 ? 97 : 7;
    for (std::size_t size = 0; size < raw.size(); size += step) {
      const mail::Message message = parse(std::string_view(raw).substr(0, size)).message;
      wrong += listing(message).starts_with("not JSON") || message.size != size;
    }
  }
  assert_int_equal(wrong, 0);
}

}  // namespace
