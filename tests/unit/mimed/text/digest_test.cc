// SPDX-License-Identifier: ISC
// SHA-256 against the examples of FIPS 180-4.
#include "mimed/text/digest.h"

#include <string>

#include "testing.h"

namespace {

using restante::mimed::sha256_hex;

TEST(known_digests_are_given) {
  assert_same(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_same(sha256_hex(Exact("abc").view()),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_same(sha256_hex(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
