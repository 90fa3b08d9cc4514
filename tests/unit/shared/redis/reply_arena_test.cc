// SPDX-License-Identifier: ISC
// Replies are what Redis sent, however it comes, and go as a whole.
#include "shared/redis/reply_arena.h"

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared/base/c_ptr.h"
#include "shared/redis/reply.h"
#include "testing.h"

namespace {

using restante::CPtr;
using restante::redis::Reply;

std::string shown(const Reply& reply) {
  if (reply.is_nil()) return "nil";
  if (reply.is_text()) return "'" + std::string(reply.text()) + "'";
  if (!reply.is_array()) return std::to_string(reply.integer());
  std::string text = "[";
  for (std::size_t i = 0; i < reply.size(); ++i) {
    text += (i == 0 ? "" : " ") + shown(reply.at(i));
  }
  return text + "]";
}

// The replies in `bytes`, which come so many at a time; then "error" if they are no replies.
std::string read(std::string_view bytes, std::size_t at_a_time) {
  const CPtr<redisReader, redisReaderFree> reader(redisReaderCreate());
  restante::redis::keep_replies_together(*reader);
  std::string all;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, at_a_time);
    bytes.remove_prefix(part.size());
    redisReaderFeed(reader.get(), part.data(), part.size());
    void* reply = nullptr;
    do {
      reply = nullptr;
      if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) return all + "error";
      if (reply == nullptr) break;
      all += shown(Reply(static_cast<redisReply*>(reply))) + ";";
      reader->fn->freeObject(reply);
    } while (true);
  }
  return all;  // the reader frees what has come in part
}

void check(std::string_view bytes, std::string_view expected) {
  assert_same(read(bytes, bytes.size()), expected);
  assert_same(read(bytes, 1), expected);
}

TEST(each_kind_is_read) {
  check("+OK\r\n:-42\r\n$5\r\na\r\nb.\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n",
        "'OK';-42;'a\r\nb.';'';nil;nil;[];");
}

TEST(arrays_hold_arrays) {
  check("*3\r\n*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n*0\r\n$1\r\nb\r\n:7\r\n",
        "[['a' [1 nil]] [] 'b'];7;");
}

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST(small_and_large_texts_stand_in_one_reply) {
  std::string bytes = "*600\r\n", expected = "[";
  for (int i = 0; i < 600; ++i) {
    const std::string text(static_cast<std::size_t>(i % 7 == 0 ? i * 100 : i % 40),
                           static_cast<char>('a' + i % 26));
    bytes += bulk(text);
    expected += (i == 0 ? "'" : " '") + text + "'";
  }
  expected += "];";
  assert_same(read(bytes, 16384), expected);
  assert_same(read(bulk(std::string(1 << 20, 'x')), 100'000),
              "'" + std::string(1 << 20, 'x') + "';");
}

TEST(what_is_no_reply_is_an_error) {
  check("*2\r\n$1\r\na\r\n?\r\n", "error");
  check(":1\r\n!\r\n", "1;error");
}

TEST(half_a_reply_goes_with_its_reader) {
  check("*2\r\n*2\r\n$1\r\na\r\n" + bulk(std::string(9000, 'x')) + "$5\r\nab", "");
}

}  // namespace
