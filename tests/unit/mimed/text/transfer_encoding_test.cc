// SPDX-License-Identifier: ISC
// Base64 and quoted-printable, whole and broken.
#include "mimed/text/transfer_encoding.h"

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using namespace restante::mimed;
using namespace std::string_view_literals;

struct Row {
  const char* name;
  std::string_view input;
  std::string_view label;
  std::string_view expected;
};

const Row kRows[] = {
    {"base64 is decoded", "SGVsbG8gd29ybGQ=", "base64", "Hello world"},
    {"the name of an encoding is read in any case", "QUJD", " \tBASE64 ; x", "ABC"},
    {"base64 over several lines is one", "SGVs\r\nbG8=\r\n", "base64", "Hello"},
    {"base64 goes on behind inner padding", "QUJD!!!\nREVG====\nR0hJ", "base64", "ABCDEFGHI"},
    {"base64 goes on behind a short group", "QQ==QkM=RA==", "base64", "ABCD"},
    {"base64 without its padding keeps its last bytes", "QUJDRA", "base64", "ABCD"},
    {"a lone base64 digit at the end is nothing", "QUJDR", "base64", "ABC"},
    {"base64 may be empty", "", "base64", ""},
    {"base64 may be padding alone", "====", "base64", ""},
    {"base64 gives any byte", "AP/+gA==", "base64", "\0\xFF\xFE\x80"sv},
    {"quoted-printable is decoded", "caf=C3=A9=3D", "quoted-printable", "caf\xC3\xA9="},
    {"lower case hexadecimal is tolerated", "=c3=a9", "quoted-printable", "\xC3\xA9"},
    {"a soft line break joins lines", "one=\r\ntwo=\nthree= \t\r\nfour", "quoted-printable",
     "onetwothreefour"},
    {"white space at the end of a line goes", "one \t\r\ntwo  ", "quoted-printable", "one\r\ntwo"},
    {"an encoded blank at the end stays", "one=20\r\n", "quoted-printable", "one \r\n"},
    {"a broken escape stays as it is", "=ZZ =4 =", "quoted-printable", "=ZZ =4 "},
    {"an escape is not read past the end", "x=4", "quoted-printable", "x=4"},
    {"an unknown encoding leaves the bytes as they are", "a=20b", "QP", "a=20b"},
    {"without an encoding the bytes are as they are", "a=20b", "", "a=20b"},
    {"a comment behind the name of an encoding is passed over", "QQ==", "base64(really)", "A"},
};

TEST_EACH(bytes_are_decoded, kRows, name) {
  assert_same(decode_transfer(row.input, row.label), row.expected);
}

TEST(underscore_is_a_space_in_q) { assert_same(decode_q("a_b=5F=C3=A9=Z"), "a b_\xC3\xA9=Z"); }

}  // namespace
