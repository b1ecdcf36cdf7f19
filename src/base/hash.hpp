// Digests (OpenSSL).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::base {

/// Keeps libcrypto from reading any openssl.cnf (a host's may name providers that a static program
/// cannot load). Digests do it themselves; whoever uses OpenSSL through another library calls it
/// first.
void ignore_openssl_configuration();

enum class HashKind { sha256, md5 };

/// An incremental digest; move-only.
class Hasher {
 public:
  explicit Hasher(HashKind kind);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  /// Lower-case hex; the hasher is used up.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hash_text(HashKind kind, std::string_view text);
Result<std::string> hash_file(HashKind kind, const std::filesystem::path& path);

}  // namespace hpcenv::base
