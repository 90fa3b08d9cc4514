// SPDX-License-Identifier: ISC
#include "ctl/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>

#include "shared/base/c_ptr.h"

namespace restante::ctl {

Result<std::int64_t> certificate_expiry(const std::string& path) {
  const CPtr<std::FILE, std::fclose> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    const int error_number = errno;
    return fail(ErrorKind::kConfig, "cannot read {}: {}", path, errno_text(error_number));
  }
  const CPtr<X509, X509_free> leaf(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  std::tm time{};
  if (leaf == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(leaf.get()), &time) != 1) {
    return fail(ErrorKind::kConfig, "{}: no certificate in it", path);
  }
  return timegm(&time);
}

}  // namespace restante::ctl
