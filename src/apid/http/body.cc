// SPDX-License-Identifier: ISC
#include "apid/http/body.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "apid/http/catching.h"
#include "shared/base/unique_fd.h"

namespace restante::apid {
namespace {

constexpr std::size_t kStreamBlock = 16 * 1024;  // bytes of one read from a stream
constexpr std::size_t kFileBlock = 64 * 1024;    // bytes of one read from a file

void free_body(void* body) noexcept {
  std::unique_ptr<std::string>(static_cast<std::string*>(body));
}

// The library sends from the string that the handler built, and frees it with the response.
ResponsePtr from_memory(std::string&& text) {
  auto body = std::make_unique<std::string>(std::move(text));
  ResponsePtr response(MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), free_body, body.get()));
  if (response) (void)body.release();
  return response;
}

// With TLS the library by itself would read 4 KiB at a time, and send each in a record of its own.
ssize_t read_file(void* context, std::uint64_t position, char* room, std::size_t size) noexcept {
  const auto& file = *static_cast<const FileBody*>(context);
  const ssize_t got = pread(file.fd->get(), room, size, static_cast<off_t>(file.offset + position));
  return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

void free_file(void* context) noexcept {
  std::unique_ptr<FileBody>(static_cast<FileBody*>(context));
}

ResponsePtr from_file_in_blocks(const FileBody& from) {
  auto file = std::make_unique<FileBody>(from);
  const std::uint64_t block = std::clamp<std::uint64_t>(file->size, 1, kFileBlock);
  ResponsePtr response(
      MHD_create_response_from_callback(file->size, block, read_file, file.get(), free_file));
  if (response) (void)file.release();
  return response;
}

// The kernel sends the file. The library closes the descriptor, so it gets a duplicate.
ResponsePtr from_file(const FileBody& file) {
  UniqueFd fd(fcntl(file.fd->get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return nullptr;
  ResponsePtr response(MHD_create_response_from_fd_at_offset64(file.size, fd.get(), file.offset));
  if (response) (void)fd.release();
  return response;
}

struct Reading {
  std::shared_ptr<EventStream> stream;
  std::function<void(bool more)> read;
};

ssize_t read_stream(void* context, std::uint64_t, char* room, std::size_t size) noexcept {
  const auto& reading = *static_cast<Reading*>(context);
  const std::size_t got = reading.stream->read({room, size});
  if (got == 0 && reading.stream->has_ended()) return MHD_CONTENT_READER_END_OF_STREAM;
  if (!catching([&] { reading.read(got > 0); })) return MHD_CONTENT_READER_END_WITH_ERROR;
  return static_cast<ssize_t>(got);
}

void free_reading(void* context) noexcept {
  std::unique_ptr<Reading>(static_cast<Reading*>(context));
}

ResponsePtr from_stream(std::shared_ptr<EventStream> stream, std::function<void(bool more)> read) {
  auto reading = std::make_unique<Reading>(Reading{std::move(stream), std::move(read)});
  ResponsePtr response(MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlock,
                                                         read_stream, reading.get(), free_reading));
  if (response) (void)reading.release();
  return response;
}

}  // namespace

ResponsePtr make_library_response(Response&& from, bool tls, std::function<void(bool more)> read) {
  ResponsePtr response = from.stream        ? from_stream(std::move(from.stream), std::move(read))
                         : from.file && tls ? from_file_in_blocks(*from.file)
                         : from.file        ? from_file(*from.file)
                                            : from_memory(std::move(from.body));
  if (!response) return nullptr;
  // Without its headers a browser would show an attachment as a page. Then no response is better.
  for (const auto& [name, value] : from.headers) {
    const bool added = MHD_add_response_header(response.get(), name, value.c_str()) == MHD_YES;
    if (!added && !value.empty()) return nullptr;
  }
  return response;
}

}  // namespace restante::apid
