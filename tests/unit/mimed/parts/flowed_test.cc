// SPDX-License-Identifier: ISC
// format=flowed: what is joined and what is not.
#include "mimed/parts/flowed.h"

#include <string>

#include "testing.h"

namespace {

using namespace restante::mimed;

struct Row {
  const char* name;
  const char* text;
  const char* expected;
  const char* without_space;  // with DelSp=yes
};

const Row kRows[] = {
    {"lines that flow are joined", "one \ntwo \nthree\nfour\n", "one two three\nfour\n",
     "onetwothree\nfour\n"},
    {"an empty line parts paragraphs", "one \n\ntwo\n", "one \ntwo\n", "one\ntwo\n"},
    {"stuffed spaces go", " From here\n  two\n >x\n", "From here\n two\n>x\n",
     "From here\n two\n>x\n"},
    {"a quote keeps its marks, once", "> a \n> b\n>> c \n>> d\n", "> a b\n>> c d\n",
     "> ab\n>> cd\n"},
    {"marks may stand without a space", ">a \n>b\n>\nc\n", "> a b\n>\nc\n", "> ab\n>\nc\n"},
    {"another depth ends a paragraph", "> a \nb \n> c\n", "> a \nb \n> c\n", "> a\nb\n> c\n"},
    {"a signature's line stays", "one \n-- \nBob \nJones\n", "one \n-- \nBob Jones\n",
     "one\n-- \nBobJones\n"},
    {"so it does in a quote", "> -- \n> Bob\n", "> -- \n> Bob\n", "> -- \n> Bob\n"},
    {"the last line may have no end", "one \ntwo", "one two", "onetwo"},
    {"nor need it go on", "one ", "one \n", "one\n"},
    {"nothing is nothing", "", "", ""},
};

TEST_EACH(a_text_is_unflowed, kRows, name) {
  assert_same(unflow(Exact(row.text).view(), false), row.expected);
  assert_same(unflow(Exact(row.text).view(), true), row.without_space);
}

TEST(only_a_flowed_text_is_one) {
  assert_true(is_flowed(parse_value("text/plain; Format=\"Flowed\"; DelSp=yes")));
  assert_false(is_flowed(parse_value("text/html; format=flowed")));
  assert_false(is_flowed(parse_value("text/plain; format=fixed")));
  assert_false(is_flowed(parse_value("text/plain")));
}

}  // namespace
