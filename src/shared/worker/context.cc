// SPDX-License-Identifier: ISC
// All that a worker is born with: unpacked from the descriptors that the master named.
#include "shared/worker/context.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "shared/base/secrets.h"

namespace restante {
namespace {

struct FreeStrings {
  void operator()(char** strings) const noexcept {
    for (char** s = strings; *s != nullptr; ++s) std::free(*s);
    std::free(strings);
  }
};

// The certificates and the keys come each in their order: the first belong together, and so on.
Result<std::vector<TlsPair>> read_tls_pairs(std::span<const NamedFd> fds) {
  std::vector<TlsPair> pairs;
  std::size_t keys = 0;
  for (const NamedFd& named : fds) {
    const bool is_key = named.name == fd_name::kTlsKey;
    if (!is_key && named.name != fd_name::kTlsCertificate) continue;
    auto pem = read_all(named.fd.get());
    if (!pem) return std::unexpected(pem.error());
    if (!is_key) {
      pairs.push_back({.certificate = std::move(*pem), .key = {}});
    } else if (keys < pairs.size()) {
      pairs[keys++].key = std::move(*pem);
    } else {
      return fail(ErrorKind::kSystem, "a TLS key without its certificate was handed over");
    }
  }
  if (keys == pairs.size()) return pairs;
  return fail(ErrorKind::kSystem, "a TLS certificate without its key was handed over");
}

UniqueFd take(std::vector<NamedFd>& fds, std::string_view name) {
  for (NamedFd& named : fds) {
    if (named.name == name) return std::move(named.fd);
  }
  return {};
}

bool is_listener(std::string_view name) {
  return name == fd_name::kSmtp || name == fd_name::kSmtpProxy || name == fd_name::kHttp ||
         name == fd_name::kHttps || name == fd_name::kHttpApi || name == fd_name::kMime;
}

}  // namespace

Result<UniqueFd> make_sealed_memfd(std::string_view name, std::string_view content) {
  UniqueFd fd(memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail(ErrorKind::kSystem, "memfd_create: {}", errno_text());
  if (!write_all(fd.get(), content)) {
    return fail(ErrorKind::kSystem, "memfd {}: {}", name, errno_text());
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
    return fail(ErrorKind::kSystem, "memfd {}: {}", name, errno_text());
  }
  return fd;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<std::string> read_all(int fd) {
  std::string content;
  struct stat status{};
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    content.reserve(static_cast<std::size_t>(status.st_size) + 1);
  }
  // Into its place, so that no second copy of a secret stays on the stack.
  constexpr std::size_t kPiece = 16384;
  for (;;) {
    const std::size_t had = content.size();
    ssize_t got = 0;
    int error_number = 0;
    content.resize_and_overwrite(
        std::max(content.capacity(), had + (had == content.capacity() ? kPiece : 0)),
        [&](char* bytes, std::size_t size) {
          got = pread(fd, bytes + had, size - had, static_cast<off_t>(had));
          error_number = errno;
          return had + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        });
    if (got < 0) return fail(ErrorKind::kSystem, "read: {}", errno_text(error_number));
    if (got == 0) return content;
  }
}

std::string mime_socket_path(std::string_view runtime_dir, std::uint64_t index) {
  return fmt::format("{}/mimed.{}.sock", runtime_dir, index);
}

std::string format_expiry(const FirstExpiry& expiry) {
  return fmt::format("{} {}", expiry.index, expiry.time);
}

std::optional<FirstExpiry> parse_expiry(std::string_view text) {
  FirstExpiry expiry;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, expiry.index);
  if (index.ec != std::errc() || index.ptr == end || *index.ptr != ' ') return {};
  const auto time = std::from_chars(index.ptr + 1, end, expiry.time);
  if (time.ec != std::errc() || time.ptr != end) return {};
  return expiry;
}

Result<WorkerContext> WorkerContext::unpack() {
  char** raw_names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &raw_names);
  const std::unique_ptr<char*, FreeStrings> names(raw_names);
  if (count <= 0) {
    return fail(ErrorKind::kSystem,
                "nothing was handed over: this program is started by restante(8), not by hand");
  }
  std::vector<NamedFd> fds;
  for (int i = 0; i < count; ++i) {
    fds.push_back({names.get()[i], UniqueFd(SD_LISTEN_FDS_START + i)});
  }

  WorkerContext context;
  const UniqueFd config_fd = take(fds, fd_name::kConfig);
  if (!config_fd) return fail(ErrorKind::kSystem, "no configuration was handed over");
  auto text = read_all(config_fd.get());
  if (!text) return std::unexpected(text.error());
  const WipedAtEnd has_keys(*text);
  ConfigReader reader;
  if (auto read = reader.read_file(*text, "configuration"); !read) {
    return std::unexpected(read.error());
  }
  context.config = reader.take();

  auto pairs = read_tls_pairs(fds);
  if (!pairs) return std::unexpected(pairs.error());
  context.tls_pairs = std::move(*pairs);
  context.segment = take(fds, fd_name::kSegment);
  context.ticket_keys = take(fds, fd_name::kTicketKeys);
  context.log_box = take(fds, fd_name::kLog);
  context.life = take(fds, fd_name::kLife);
  context.ready = take(fds, fd_name::kReady);
  for (NamedFd& named : fds) {
    if (is_listener(named.name)) context.listeners.push_back(std::move(named));
  }
  return context;
}

void WorkerContext::read_arguments(std::span<const char* const> arguments) {
  const auto read = [&](std::size_t index, auto& into) {
    if (arguments.size() <= index) return false;
    const std::string_view text = arguments[index];
    return std::from_chars(text.data(), text.data() + text.size(), into).ec == std::errc();
  };
  read(1, number);
  if (std::size_t slot = 0; read(2, slot)) board_slot = slot;
}

void WorkerContext::use_log() {
  log::set_level(config.log_level);
  if (log_box) log::to_file(std::move(log_box));
  if (config.log_to == "syslog") log::to_syslog();
}

void WorkerContext::announce_ready() {
  const pid_t pid = getpid();
  // The pipe is the master's and holds many pids; should it be full or gone, nobody is waiting.
  [[maybe_unused]] const ssize_t written = write(ready.get(), &pid, sizeof pid);
  ready.reset();
}

int WorkerContext::listener(std::string_view name) const {
  for (const NamedFd& named : listeners) {
    if (named.name == name) return named.fd.get();
  }
  return -1;
}

}  // namespace restante
