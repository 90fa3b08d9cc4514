// SPDX-License-Identifier: ISC
// Each bound of the pre-scan: kept when just reached, reported when passed.
#include "mimed/parts/prescan.h"

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using namespace restante::mimed;
using namespace std::string_view_literals;

constexpr PrescanLimits kSmall = {.parts = 3,
                                  .depth = 2,
                                  .header_bytes = 200,
                                  .header_fields = 5,
                                  .all_header_bytes = 1000,
                                  .all_header_fields = 12,
                                  .parameters = 4,
                                  .address_nesting = 6,
                                  .comparisons = 20};

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string multipart(std::string_view boundary, std::string_view body) {
  return "Content-Type: multipart/mixed; boundary=" + std::string(boundary) + "\r\n\r\n" +
         std::string(body);
}

struct Row {
  const char* name;
  std::string mail;
  Exceeded expected;
};

const Row kRows[] = {
    {"an empty mail is within bounds", "", Exceeded::kNothing},
    {"the body of a plain mail is not looked at", "A: b\r\n\r\n" + repeated("--x\r\na: b\r\n", 99),
     Exceeded::kNothing},
    {"as many parts as allowed", multipart("X", repeated("--X\r\n\r\nx\r\n", 3) + "--X--\r\n"),
     Exceeded::kNothing},
    {"a part too many", multipart("X", repeated("--X\n\nx\n", 4)), Exceeded::kParts},
    {"parts without an empty line count", multipart("X", repeated("--X\n", 4)), Exceeded::kParts},
    {"parts in quoted boundaries count", multipart("\"a b\"", repeated("--a b\n\n", 4)),
     Exceeded::kParts},
    {"lines behind the last boundary do not count",
     multipart("X", "--X\n\nx\n--X--\n" + repeated("--X\n", 9)), Exceeded::kNothing},
    {"as deep as allowed", multipart("A", "--A\n" + multipart("B", "--B\n\nx\n")),
     Exceeded::kNothing},
    {"a level too deep", multipart("A", "--A\n" + multipart("B", "--B\n" + multipart("C", ""))),
     Exceeded::kDepth},
    {"siblings are not deeper",
     multipart("A", "--A\n" + multipart("B", "--B--\n") + "--A\n" + multipart("C", "--C--\n")),
     Exceeded::kNothing},
    {"as many fields as allowed", repeated("a: b\r\n", 5) + "\r\n", Exceeded::kNothing},
    {"a field too many", repeated("a: b\r\n", 6) + "\r\n", Exceeded::kHeaderFields},
    {"lines that are no fields count as some", "a: b\n" + repeated("junk\n", 5),
     Exceeded::kHeaderFields},
    {"fields of a part too many", multipart("X", "--X\n" + repeated("a:\n", 6)),
     Exceeded::kHeaderFields},
    {"fields of all parts too many",
     multipart("X", repeated("--X\n" + repeated("a:\n", 4) + "\n", 3)), Exceeded::kHeaderFields},
    {"a header too large", "a: " + std::string(200, 'x') + "\n\n", Exceeded::kHeaderBytes},
    {"folded lines count", "a: b" + repeated("\n b", 70) + "\n\n", Exceeded::kHeaderBytes},
    {"too many parameters", "Content-Type: text/plain" + repeated(";a=b", 5) + "\n\n",
     Exceeded::kParameters},
    {"too many parameters of a disposition", "Content-Disposition: x" + repeated(";a=b", 5) + "\n",
     Exceeded::kParameters},
    {"groups within bounds", "To: " + repeated("g:", 6) + ";\n\n", Exceeded::kNothing},
    {"groups out of bounds", "to : " + repeated("g:", 7) + "\n\n", Exceeded::kAddressNesting},
    {"comments out of bounds", "Resent-Sender: " + repeated("(", 7) + "\n\n",
     Exceeded::kAddressNesting},
    {"groups over folds out of bounds", "CC: g:" + repeated("\r\n g:", 6) + "\n\n",
     Exceeded::kAddressNesting},
    {"colons elsewhere are no matter", "Subject: " + repeated("g:", 50) + "\n\n",
     Exceeded::kNothing},
    {"groups in a part out of bounds", multipart("X", "--X\nFrom: " + repeated("g:", 7) + "\n\n"),
     Exceeded::kAddressNesting},
    {"two boundaries can be read in two ways", multipart("X; boundary=Y", "--X\n\n"),
     Exceeded::kBoundary},
    {"two fields with boundaries can be read in two ways",
     "Content-Type: multipart/mixed; boundary=X\n" + multipart("Y", "--X\n\n"),
     Exceeded::kBoundary},
    {"a starred boundary can be read in two ways",
     "Content-Type: multipart/mixed; boundary*=utf-8''X\n\n--X\n\n", Exceeded::kBoundary},
    {"a multipart without a subtype is one",
     "Content-Type: MultiPart; boundary=X\n\n" + repeated("--X\n\n", 4), Exceeded::kParts},
    {"too many lines that might be boundaries", multipart("X", repeated("--\n", 21)),
     Exceeded::kComparisons},
};

TEST_EACH(a_bound_is_kept_or_reported, kRows, name) {
  const Exceeded whole = prescan(std::string(row.mail), kSmall);
  if (whole != row.expected) print_error("got %s\n", std::string(name_of(whole)).c_str());
  assert_int_equal(static_cast<int>(whole), static_cast<int>(row.expected));
}

TEST(a_mail_of_25_mib_takes_little_time) {
  const std::string line = std::string(76, 'A') + "\r\n";
  const std::string mail = multipart("X", "--X\r\n\r\n" + repeated(line, 336'000) + "--X--\r\n");
  const auto [got, seconds] = timed([&mail] { return prescan(mail, PrescanLimits()); });
  print_message("25 MiB in %.1f ms\n", seconds * 1000);
  assert_int_equal(static_cast<int>(got), static_cast<int>(Exceeded::kNothing));
  assert_true(seconds < 0.5);  // a tenth is usual; machines that test are slow
}

}  // namespace
