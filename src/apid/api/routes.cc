// SPDX-License-Identifier: ISC
#include "apid/api/routes.h"

#include <array>

#include "apid/api/claim_handlers.h"
#include "apid/api/event_handlers.h"
#include "apid/api/mail_handlers.h"
#include "apid/api/mailbox_handlers.h"
#include "apid/api/service_handlers.h"

namespace restante::apid {
namespace {

// A pattern stands before the less specific ones. man/restante-api.7 and openapi.json describe
// each row.
// clang-format off
constexpr auto kRoutes = std::to_array<RouteRow>({
    {"GET", "/emails/USER", Access::kWithKey, list_mails},
    {"DELETE", "/emails/USER", Access::kWithKey, clear_mailbox},
    {"POST", "/emails/USER/claim", Access::kWithKey, claim_mail},
    {"GET", "/emails/USER/events", Access::kWithKey, stream_events},
    {"GET", "/emails/USER/ID", Access::kWithKey, get_mail},
    {"GET", "/emails/USER/ID/raw", Access::kWithKey, get_raw},
    {"GET", "/emails/USER/ID/attachments/NUMBER", Access::kWithKey, get_attachment},
    {"DELETE", "/emails/USER/ID", Access::kWithKey, delete_mail},
    {"GET", "/.well-known/mta-sts.txt", Access::kAnyone, get_mta_sts_policy},
    {"GET", "/openapi.json", Access::kAnyone, get_openapi},
    {"GET", "/metrics", Access::kWithKeyOrToken, get_metrics},
    {"GET", "/healthz", Access::kAnyoneUncounted, get_health},
    {"GET", "/readyz", Access::kAnyoneUncounted, get_readiness},
});
// clang-format on

}  // namespace

std::span<const RouteRow> all_routes() { return kRoutes; }

}  // namespace restante::apid
