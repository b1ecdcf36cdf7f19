#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fs.hpp"

namespace hpcenv::base {

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

// The first call decides for the whole process; later ones that ask for the configuration are
// ignored by libcrypto.
void ignore_openssl_configuration() { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); }

// A digest can only fail for lack of memory; then finish() gives "" which equals no checksum.
Hasher::Hasher(HashKind kind) : state_(std::make_unique<State>()) {
  ignore_openssl_configuration();
  const EVP_MD* digest = kind == HashKind::sha256 ? EVP_sha256() : EVP_md5();
  if (state_->context != nullptr && EVP_DigestInit_ex(state_->context, digest, nullptr) != 1) {
    EVP_MD_CTX_free(state_->context);
    state_->context = nullptr;
  }
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  if (state_->context != nullptr) EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

void Hasher::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

std::string Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (state_->context == nullptr ||
      EVP_DigestFinal_ex(state_->context, digest.data(), &length) != 1) {
    return {};
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  hex.reserve(std::size_t{length} * 2);
  for (const unsigned char byte : std::span(digest).first(length)) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

std::string hash_text(HashKind kind, std::string_view text) {
  Hasher hasher(kind);
  hasher.update(text);
  return hasher.finish();
}

Result<std::string> hash_file(HashKind kind, const std::filesystem::path& path) {
  HPCENV_ASSIGN(const Fd fd, open_read(path));
  Hasher hasher(kind);
  std::string buffer(std::size_t{256} * 1024, '\0');
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", path.native()));
    if (got == 0) return hasher.finish();
    hasher.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

}  // namespace hpcenv::base
