// SPDX-License-Identifier: ISC
// What is taken for the compressed form of a mail, and how much memory it may ask for.
#include "apid/raw_mail.h"

#include <zstd.h>

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using restante::apid::decompress;

std::string compressed(std::string_view content, bool with_size = true) {
  std::string out(ZSTD_compressBound(content.size()), '\0');
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), content.data(), content.size()));
  ZSTD_freeCCtx(context);
  return out;
}

// The content, or "none".
std::string content_of(std::string_view frame, std::size_t limit = 1000) {
  return decompress(Exact(frame).view(), limit).value_or("none");
}

void a_frame_gives_its_content(void**) {
  for (const std::string& content : {std::string(), std::string("a\0\n\xff", 4)}) {
    assert_true(content_of(compressed(content)) == content);
  }
}

void the_limit_is_that_of_the_content(void**) {
  const std::string content(1000, 'a');
  assert_true(content_of(compressed(content), 1000) == content);
  assert_true(content_of(compressed(content), 999) == "none");
  assert_true(content_of(compressed(std::string(50'000'000, 'a'))) == "none");
}

void what_is_no_whole_frame_is_none(void**) {
  const std::string frame = compressed("hello, hello, hello");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    assert_true(content_of(frame.substr(0, size)) == "none");
  }
  assert_true(content_of("hello, hello, hello") == "none");
  assert_true(content_of(frame + "more") == "none");
  assert_true(content_of(frame + frame) == "none");
  assert_true(content_of(compressed(std::string(300, 'a'), /*with_size=*/false)) == "none");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_gives_its_content),
      cmocka_unit_test(the_limit_is_that_of_the_content),
      cmocka_unit_test(what_is_no_whole_frame_is_none),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
