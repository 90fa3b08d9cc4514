// SPDX-License-Identifier: ISC
#include "shared/redis/reply_arena.h"

#include <hiredis/hiredis.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace restante::redis {
namespace {

constexpr std::size_t kBlock = std::size_t{16} * 1024;

// A reply, and the memory of everything that it contains.
struct Root : redisReply {
  alignas(std::max_align_t) std::array<std::byte, 512> first_block;
  std::byte* room = first_block.data();
  std::size_t left = first_block.size();
  std::vector<std::unique_ptr<std::byte[]>> blocks = {};

  // A large object gets a block of its own.
  [[nodiscard]] std::byte* allocate(std::size_t size) {
    size = (size + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
    const bool is_large = size > kBlock / 4;
    if (size > left) {
      blocks.push_back(std::make_unique_for_overwrite<std::byte[]>(is_large ? size : kBlock));
      if (is_large) return blocks.back().get();
      room = blocks.back().get();
      left = kBlock;
    }
    std::byte* const allocated = room;
    room += size;
    left -= size;
    return allocated;
  }
};

// Makes a reply, or an element of the reply being read. Null if there is no memory.
template <class Fill>
void* make(const redisReadTask& task, const Fill& fill) noexcept {
  try {
    std::unique_ptr<Root> fresh;
    Root* root = nullptr;
    redisReply* reply = nullptr;
    if (task.parent == nullptr) {
      fresh = std::make_unique<Root>();
      reply = root = fresh.get();
    } else {
      const redisReadTask* top = task.parent;
      while (top->parent != nullptr) top = top->parent;
      root = static_cast<Root*>(static_cast<redisReply*>(top->obj));
      reply = new (root->allocate(sizeof(redisReply))) redisReply{};
      static_cast<redisReply*>(task.parent->obj)->element[task.idx] = reply;
    }
    reply->type = task.type;
    fill(*root, *reply);
    (void)fresh.release();  // free_reply frees it
    return reply;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) noexcept {
  return make(*task, [=](Root& root, redisReply& reply) {
    reply.str = reinterpret_cast<char*>(root.allocate(size + 1));
    std::memcpy(reply.str, text, size);
    reply.str[size] = '\0';
    reply.len = size;
  });
}

template <class Size>
void* make_array(const redisReadTask* task, Size size) noexcept {
  // cppcheck-suppress throwInNoexceptFunction  ; make() catches it
  return make(*task, [=](Root& root, redisReply& reply) {
    const auto count = static_cast<std::size_t>(size);
    if (count > SIZE_MAX / sizeof(redisReply*)) throw std::bad_alloc();
    reply.element = new (root.allocate(count * sizeof(redisReply*))) redisReply* [count] {};
    reply.elements = count;
  });
}

void* make_integer(const redisReadTask* task, long long number) noexcept {
  return make(*task, [=](Root&, redisReply& reply) { reply.integer = number; });
}

void* make_nil(const redisReadTask* task) noexcept {
  return make(*task, [](Root&, redisReply& reply) { reply.type = REDIS_REPLY_NIL; });
}

void free_reply(void* reply) noexcept {
  delete static_cast<Root*>(static_cast<redisReply*>(reply));
}

#if HIREDIS_MAJOR >= 1
void* make_double(const redisReadTask* task, double, char* text, std::size_t size) noexcept {
  return make_text(task, text, size);
}

void* make_bool(const redisReadTask* task, int is_true) noexcept {
  return make_integer(task, is_true);
}

redisReplyObjectFunctions functions = {.createString = make_text,
                                       .createArray = make_array,
                                       .createInteger = make_integer,
                                       .createDouble = make_double,
                                       .createNil = make_nil,
                                       .createBool = make_bool,
                                       .freeObject = free_reply};
#else
redisReplyObjectFunctions functions = {.createString = make_text,
                                       .createArray = make_array,
                                       .createInteger = make_integer,
                                       .createNil = make_nil,
                                       .freeObject = free_reply};
#endif

}  // namespace

void keep_replies_together(redisReader& reader) { reader.fn = &functions; }

}  // namespace restante::redis
