// SPDX-License-Identifier: ISC
#include "master/service.h"

#include <utility>

namespace restante::master {
namespace {

// Runs one step of a sequence of fallible ones that fill in members.
template <class T>
Result<void> into(T& member, Result<T> made) {
  if (!made) return std::unexpected(made.error());
  member = std::move(*made);
  return {};
}

bool is_smtp(std::string_view listener) {
  return listener == worker::fd_name::kSmtp || listener == worker::fd_name::kSmtpProxy;
}

}  // namespace

Result<Service> Service::make_as_root(const config::Config& config, const Identity& identity) {
  Service service;
  const std::string segment = config.runtime_dir + "/segment";
  if (auto done = into(service.listeners_, bind_listeners(config, identity)); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = make_private_directory(config.runtime_dir, identity); !done) {
    return fail(done.error().kind, "runtime_dir: {}", done.error().what);
  }
  if (config.redis == "private") {
    if (auto done = make_private_directory(config.redis_directory, identity); !done) {
      return fail(done.error().kind, "redis_directory: {}", done.error().what);
    }
  }
  if (auto done =
          into(service.segment_, memory::Segment::create(segment, identity.uid, identity.gid));
      !done) {
    return std::unexpected(done.error());
  }
  auto mapped = memory::Segment::map(service.segment_.get());
  if (!mapped) return std::unexpected(mapped.error());
  if (auto done = into(service.segment_head_, mapped->seal_head()); !done) {
    return std::unexpected(done.error());
  }
  service.segment_map_ = std::move(*mapped);
  return service;
}

Result<void> Service::make_as_user() {
  auto keys = memory::TicketKeys::create();
  if (!keys) return std::unexpected(keys.error());
  ticket_keys_ = std::move(*keys);
  return {};
}

std::vector<Inherited> Service::for_smtpd() const {
  std::vector<Inherited> result = {{worker::fd_name::kTicketKeys, ticket_keys_->fd()},
                                   {worker::fd_name::kSegment, segment_.get()},
                                   {worker::fd_name::kSegmentHead, segment_head_.get()}};
  for (const worker::NamedFd& listener : listeners_.fds) {
    if (is_smtp(listener.name)) result.push_back({listener.name, listener.fd.get()});
  }
  return result;
}

std::vector<Inherited> Service::for_apid() const {
  std::vector<Inherited> result = {{worker::fd_name::kSegment, segment_.get()},
                                   {worker::fd_name::kSegmentHead, segment_head_.get()}};
  for (const worker::NamedFd& listener : listeners_.fds) {
    if (!is_smtp(listener.name)) result.push_back({listener.name, listener.fd.get()});
  }
  return result;
}

void Service::rotate_ticket_keys() { ticket_keys_->rotate(); }

void Service::remove_sockets(const config::Config& config) const {
  if (!listeners_.passed(worker::fd_name::kHttpApi)) remove_unix_sockets(config);
}

std::uint16_t Service::port_of(std::string_view listener) const {
  for (const worker::NamedFd& candidate : listeners_.fds) {
    if (candidate.name == listener) return bound_port(candidate.fd.get());
  }
  return 0;
}

}  // namespace restante::master
