// SPDX-License-Identifier: ISC
// Encoded words, parameters and file names.
#include "mimed/header/parameters.h"

#include <string>
#include <string_view>

#include "mimed/header/encoded_word.h"
#include "testing.h"

namespace {

using namespace restante::mimed;
using namespace std::string_view_literals;

struct Row {
  const char* name;
  std::string_view input, expected;
};

const Row kHeaders[] = {
    {"plain text stays", " Hello  there ", "Hello  there"},
    {"folds are undone", "one\r\n two\n\tthree", "one two three"},
    {"neighbours with padding are both shown",
     "=?utf-8?B?w6k=?= =?utf-8?B?w6k=?=", "\xC3\xA9\xC3\xA9"},
    {"a character split between words is joined",
     "=?utf-8?B?5pel5pys?=\r\n =?UTF-8?B?6A==?= =?utf-8?B?qp4=?=",
     "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"},
    {"a character split between B and Q words is joined",
     "=?utf-8?B?w?= =?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\xC3\xA9"},
    {"space between words of different charsets goes",
     "=?iso-8859-1?Q?=E9?= =?koi8-r?Q?=F0?=", "\xC3\xA9\xD0\x9F"},
    {"space between a word and text stays", "a =?utf-8?Q?b?= c", "a b c"},
    {"words without space between are decoded", "=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},
    {"a language behind the charset is passed over", "=?utf-8*de?Q?a?=", "a"},
    {"a line end in a word becomes a space", "=?utf-8?Q?a=0D=0Ab?=", "a  b"},
    {"C1 controls and line separators become spaces",
     "a\xC2\x85"
     "b\xE2\x80\xA8"
     "c",
     "a  b   c"},
    {"a word with a blank is shown as it is", "=?utf-8?Q?a b?=", "=?utf-8?Q?a b?="},
    {"a word that does not end is shown as it is", "=?utf-8?Q?ab", "=?utf-8?Q?ab"},
    {"a word of an unknown encoding is shown as it is", "=?utf-8?X?ab?=", "=?utf-8?X?ab?="},
    {"a word without a charset is shown as it is", "=??Q?ab?=", "=??Q?ab?="},
    {"a word of an unknown charset is guessed", "=?x-martian?Q?=E9?=", "\xC3\xA9"},
    {"an empty word is nothing",
     "a=?utf-8?Q?"
     "?=b",
     "ab"},
    {"raw bytes are UTF-8 if they can be", "caf\xC3\xA9", "caf\xC3\xA9"},
    {"other raw bytes are windows-1252", "caf\xE9 \x80", "caf\xC3\xA9 \xE2\x82\xAC"},
    {"NUL becomes U+FFFD", "a\0b"sv,
     "a\xEF\xBF\xBD"
     "b"},
};

const Row kFileNames[] = {
    {"a quoted name is read", "attachment; filename=\"a;b \\\"c\\\".pdf\"", "a;b \"c\".pdf"},
    {"a name without quotes goes up to the semicolon", "attachment; filename=my file.pdf ; x=y",
     "my file.pdf"},
    {"the name of a parameter is read in any case", "attachment; FileName = a.pdf", "a.pdf"},
    {"comments are passed over", "attachment (why); (not filename=b) filename=a.pdf (c)", "a.pdf"},
    {"an extended name is decoded", "attachment; filename*=utf-8'de'%C3%9C%20x.pdf",
     "\xC3\x9C x.pdf"},
    {"an extended name goes before a plain one", "attachment; filename=a; filename*=utf-8''b", "b"},
    {"pieces are put in order", "attachment; filename*2=c; filename*0*=utf-8''%61; filename*1*=b%",
     "ab%c"},
    {"a piece with a bad number is not one", "attachment; filename*x=c; filename=a", "a"},
    {"an extended name without a charset is guessed", "attachment; filename*=%E9", "\xC3\xA9"},
    {"encoded words in a name are decoded", "attachment; filename=\"=?utf-8?Q?=C3=A9?=\"",
     "\xC3\xA9"},
    {"a quote that does not end is read to the end", "attachment; filename=\"abc", "abc"},
    {"a parameter without a value is none", "attachment; filename; filename=a", "a"},
};

const Row kSafeNames[] = {
    {"a plain name is safe", "a b.pdf", "a b.pdf"},
    {"a path loses its directories", "../../etc/passwd", "passwd"},
    {"a path of Windows loses its directories", "C:\\x\\a.doc", "a.doc"},
    {"dots alone are no name", "..", ""},
    {"a directory alone is no name", "a/", ""},
    {"dots and blanks at the end go", " a.txt. . ", "a.txt"},
    {"control characters go",
     "a\r\n\x07"
     "b\x7F\xC2\x9F.txt",
     "ab.txt"},
    {"direction characters go",
     "a\xE2\x80\xAE"
     "fdp.exe\xE2\x81\xA9\xD8\x9C",
     "afdp.exe"},
    {"letters like them stay", "\xD8\x9B\xE2\x80\x93\xE2\x82\xAC",
     "\xD8\x9B\xE2\x80\x93\xE2\x82\xAC"},
    {"a hidden file stays", ".profile", ".profile"},
};

TEST_EACH(a_header_becomes_a_line_of_text, kHeaders, name) {
  CharsetConverter converter;
  assert_same(decode_header_text(converter, row.input), row.expected);
}

TEST_EACH(a_file_name_is_found, kFileNames, name) {
  CharsetConverter converter;
  const ParsedValue parsed = parse_value(row.input);
  assert_same(parsed.value, "attachment");
  assert_same(parsed.text(converter, "filename"), row.expected);
}

TEST_EACH(a_file_name_is_made_safe, kSafeNames, name) {
  assert_same(safe_file_name(row.input), row.expected);
}

TEST(a_long_name_keeps_its_ending) {
  std::string name;
  for (int i = 0; i < 200; ++i) name += "\xC3\xA9";
  const std::string safe = safe_file_name(name + ".pdf");
  assert_int_equal(safe.size(), 254);  // 255 would cut a character in two
  assert_true(safe.ends_with("\xC3\xA9.pdf"));
}

TEST(a_name_that_is_cut_ends_in_no_blank) {
  const std::string safe = safe_file_name(std::string(254, 'x') + " yyy");
  assert_same(safe, std::string(254, 'x'));
}

TEST(parameters_are_counted_up_to_a_limit) {
  std::string value = "text/plain";
  for (int i = 0; i < 1000; ++i) value += "; a=b";
  assert_int_equal(parse_value(value).parameters.size(), kParameterLimit);
}

}  // namespace
