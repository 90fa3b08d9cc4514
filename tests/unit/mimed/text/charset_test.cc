// SPDX-License-Identifier: ISC
// Any bytes under any label become valid UTF-8.
#include "mimed/text/charset.h"

#include <string>
#include <string_view>

#include "shared/base/utf8.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;
using namespace std::string_view_literals;

struct Row {
  const char* name;
  std::string_view input;
  std::string_view label;
  std::string_view expected;
};

const Row kRows[] = {
    {"UTF-8 stays", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x8E\x89", "utf-8",
     "gr\xC3\xBC\xC3\x9F \xF0\x9F\x8E\x89"},
    {"a bad byte in UTF-8 becomes U+FFFD", "h\xE9llo", "UTF-8", "h\xEF\xBF\xBDllo"},
    {"a cut sequence becomes one U+FFFD", "\xE4\xB8", "utf8", "\xEF\xBF\xBD"},
    {"an overlong sequence is not believed", "\xC0\xAF", "utf-8", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"a surrogate is not believed", "\xED\xA0\x80", "utf-8",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"nothing lies above U+10FFFF", "\xF4\x90\x80\x80", "utf-8",
     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"NUL becomes U+FFFD", "a\0b"sv, "utf-8",
     "a\xEF\xBF\xBD"
     "b"},
    {"NUL becomes U+FFFD in windows-1252 too", "a\0\xE9"sv, "iso-8859-1", "a\xEF\xBF\xBD\xC3\xA9"},
    {"NUL becomes U+FFFD behind iconv too", "a\0b"sv, "koi8-r",
     "a\xEF\xBF\xBD"
     "b"},
    {"a byte order mark goes", "\xEF\xBB\xBFx", "utf-8", "x"},
    {"without a label valid UTF-8 is UTF-8", "\xC3\xA9", "", "\xC3\xA9"},
    {"without a label other bytes are windows-1252", "\xE9\x80", "", "\xC3\xA9\xE2\x82\xAC"},
    {"us-ascii with 8-bit bytes is guessed", "\xE9", "US-ASCII", "\xC3\xA9"},
    {"an unknown label is guessed", "\xE9", "x-martian", "\xC3\xA9"},
    {"a very long label is unknown", "\xE9", "iso-8859-1-iso-8859-1-iso-8859-1-iso-8859-1",
     "\xC3\xA9"},
    {"iso-8859-1 is windows-1252", "\x93\x94", "ISO-8859-1", "\xE2\x80\x9C\xE2\x80\x9D"},
    {"what windows-1252 lacks becomes U+FFFD", "\x81", "windows-1252", "\xEF\xBF\xBD"},
    {"koi8-r is converted", "\xF0\xD2\xC9", "KOI8-R", "\xD0\x9F\xD1\x80\xD0\xB8"},
    {"gb2312 is gb18030", "\xC4\xE3\x95\x32\x82\x36", "gb2312", "\xE4\xBD\xA0\xF0\xA0\x80\x80"},
    {"iso-2022-jp is converted", "\x1B$B$3\x1B(B!", "iso-2022-jp", "\xE3\x81\x93!"},
    {"bad bytes behind iconv become U+FFFD",
     "a\xFF\xFF"
     "b",
     "gbk",
     "a\xEF\xBF\xBD\xEF\xBF\xBD"
     "b"},
    {"a character cut off at the end becomes U+FFFD", "a\xC4", "gbk", "a\xEF\xBF\xBD"},
    {"utf-16 is read by its mark", "\xFE\xFF\0a\x03\xA9"sv, "utf-16", "a\xCE\xA9"},
    {"utf-16 without a mark is guessed", "a\0b\0"sv, "utf-16", "ab"},
    {"a lone surrogate of utf-16 becomes U+FFFD",
     "\0\xD8"
     "a\0"sv,
     "utf-16le",
     "\xEF\xBF\xBD"
     "a"},
    {"half a unit of utf-16 becomes U+FFFD", "a\0b"sv, "utf-16le", "a\xEF\xBF\xBD"},
    {"utf-7 is not decoded", "+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"},
    {"the last letter of windows-1255 is there", "\xF9\xEC", "windows-1255", "\xD7\xA9\xD7\x9C"},
    {"a letter of windows-1255 stays before the error behind it", "\xF9\xFF\xEC", "windows-1255",
     "\xD7\xA9\xEF\xBF\xBD\xD7\x9C"},
    {"the last letter of windows-1258 is there", "a\xEA", "windows-1258", "a\xC3\xAA"},
    {"the last letter of big5-hkscs is there", "\x88\x66", "big5", "\xC3\x8A"},
    {"an error in iso-2022-jp does not end its shift", "\x1b$B$\"\xFF$\"\x1b(B", "iso-2022-jp",
     "\xE3\x81\x82\xEF\xBF\xBD\xE3\x81\x82"},
    {"a label of Python's for gb2312", "\xC4\xE3", "eucgb2312_cn", "\xE4\xBD\xA0"},
    {"a label of Python's for big5", "\xA7\x41", "big5_tw", "\xE4\xBD\xA0"},
    {"a label of Windows", "\xCF", "cp1251", "\xD0\x9F"},
    {"quotes around a label are passed over", "\xE9", "\"latin1\"", "\xC3\xA9"},
};

TEST_EACH(bytes_become_utf8, kRows, name) {
  CharsetConverter converter;
  // Twice: a descriptor that is kept must not remember the first text.
  (void)converter.to_utf8(std::string(row.input), row.label);
  assert_same(converter.to_utf8(std::string(row.input), row.label), row.expected);
}

TEST(random_bytes_become_valid_utf8_under_every_label) {
  CharsetConverter converter;
  std::uint32_t random = 1;
  int wrong = 0;
  for (std::string_view label :
       {"utf-8", "", "iso-8859-1", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr",
        "iso-2022-jp", "iso-2022-kr", "koi8-u", "utf-16", "utf-32le", "windows-1255",
        "windows-1258", "macintosh"}) {
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (int i = 0; i < 100; ++i) {
        random = random * 1664525U + 1013904223U;
        text += static_cast<char>(random >> 24);
      }
      const std::string got = converter.to_utf8(text, label);
      wrong += !is_valid_utf8(got) || got.find('\0') != std::string::npos;
    }
  }
  assert_int_equal(wrong, 0);
}

TEST(a_long_run_of_errors_does_not_grow) {
  CharsetConverter converter;
  const std::string bad(1'000'000, '\xFF');
  const std::size_t as_utf8 = converter.to_utf8(bad, "utf-8").size();
  const std::size_t as_gbk = converter.to_utf8(bad, "gbk").size();
  assert_true(as_utf8 < 20'000);
  assert_true(as_gbk < 20'000);
}

TEST(a_cut_is_never_inside_a_character) {
  const std::string got(cut_utf8("a\xE4\xBD\xA0", 3));
  assert_same(got, "a");
  assert_same(std::string(cut_utf8("a\xE4\xBD\xA0", 4)), "a\xE4\xBD\xA0");
}

TEST(every_charset_of_the_list_is_known_to_iconv) {
  CharsetConverter converter;
  assert_true(converter.open_all());
}

}  // namespace
