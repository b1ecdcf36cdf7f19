#include "image/base_look.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/tar_archive.hpp"
#include "base/text.hpp"
#include "image/blob_source.hpp"

namespace hpcenv::image {

namespace {

constexpr auto certificate_files = std::to_array<std::string_view>(
    {"etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem",
     "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "etc/ssl/ca-bundle.pem"});
/// glibc 2.35 and later have C.UTF-8 as a folder; before that distributions brought it, some in an
/// archive of all locales, which is not looked into.
constexpr auto utf8_folders =
    std::to_array<std::string_view>({"usr/lib/locale/C.utf8", "usr/lib/locale/C.UTF-8"});
/// What glibc says of itself when it is run as a program.
constexpr std::string_view release_words = "stable release version ";
constexpr std::size_t longest_small_file = std::size_t{64} << 10U;

std::string clean_path(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

std::string_view name_of_path(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string glibc_version(std::string_view bytes) {
  const std::size_t at = bytes.find(release_words);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = bytes.substr(at + release_words.size());
  std::string_view version = rest.substr(0, rest.find_first_not_of("0123456789."));
  while (version.ends_with('.')) version.remove_suffix(1);
  return std::string(version);
}

std::string pretty_name(std::string_view os_release) {
  for (const std::string_view line : base::split_lines(os_release)) {
    constexpr std::string_view key = "PRETTY_NAME=";
    if (!line.starts_with(key)) continue;
    std::string_view value = line.substr(key.size());
    if (value.size() >= 2 && value.front() == '"' && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return "";
}

class Looker final : public base::TarSink {
 public:
  explicit Looker(BaseFacts& facts) : facts_(facts) {}

  Result<> begin(const base::TarEntry& entry) override {
    path_ = clean_path(entry.path);
    kept_.clear();
    const std::string_view name = name_of_path(path_);
    is_libc_ = entry.type == base::TarEntry::Type::file && name == "libc.so.6";
    is_release_ = path_ == "etc/os-release" || path_ == "usr/lib/os-release";
    if (name.starts_with(".wh.")) return remove(name);
    if (entry.type == base::TarEntry::Type::symlink) {
      facts_.links.insert(path_);
    } else {
      facts_.links.erase(path_);
    }
    if (path_ == "bin/sh" || path_ == "usr/bin/sh") facts_.has_shell = true;
    if (std::ranges::find(certificate_files, path_) != certificate_files.end() &&
        (entry.size > 0 || entry.type != base::TarEntry::Type::file)) {
      facts_.has_certificates = true;
    }
    if (std::ranges::find(utf8_folders, path_) != utf8_folders.end()) facts_.has_utf8 = true;
    // musl has no other locale.
    if (name.starts_with("ld-musl-")) facts_.has_utf8 = true;
    return {};
  }

  Result<> data(std::span<const std::byte> bytes) override {
    if (!is_libc_ && !is_release_) return {};
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (is_release_ && kept_.size() < longest_small_file) kept_ += text;
    if (is_libc_ && found_glibc_.empty()) {
      kept_ += text;
      found_glibc_ = glibc_version(kept_);
      // Enough for the words to lie across two pieces.
      if (kept_.size() > longest_small_file) kept_.erase(0, kept_.size() - 64);
    }
    return {};
  }

  Result<> end() override {
    if (is_libc_ && !found_glibc_.empty()) facts_.glibc = std::exchange(found_glibc_, {});
    if (is_release_) facts_.system = pretty_name(kept_);
    return {};
  }

 private:
  Result<> remove(std::string_view name) {
    const std::string folder = path_.substr(0, path_.size() - name.size());
    facts_.links.erase(folder + std::string(name.substr(std::string_view(".wh.").size())));
    return {};
  }

  BaseFacts& facts_;
  std::string path_;
  std::string kept_;
  std::string found_glibc_;
  bool is_libc_ = false;
  bool is_release_ = false;
};

}  // namespace

Result<BaseFacts> look_into(const ImageFile& base) {
  BaseFacts facts;
  Looker looker(facts);
  for (const Descriptor& layer : base.manifest().layers) {
    HPCENV_ASSIGN(const LayerCompression compression, layer_compression(layer.media_type));
    HPCENV_ASSIGN(const base::ByteSource source, blob_source(base, layer));
    HPCENV_TRY(base::read_tar(source, unpacking(compression), looker,
                              fmt::format("{}: layer {}", base.path().native(), layer.digest)));
  }
  return facts;
}

std::optional<std::string> link_above(const BaseFacts& base, std::string_view path) {
  std::string_view above = path;
  while (above.starts_with('/')) above.remove_prefix(1);
  while (!above.empty()) {
    if (base.links.contains(above)) return std::string(above);
    const std::size_t slash = above.rfind('/');
    above = slash == std::string_view::npos ? std::string_view() : above.substr(0, slash);
  }
  return std::nullopt;
}

}  // namespace hpcenv::image
