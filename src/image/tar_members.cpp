#include "image/tar_members.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::image {

namespace {

constexpr std::size_t block_size = 512;
/// Of the headers that only say more of the next entry.
constexpr std::uint64_t longest_extension = 1 << 20;
constexpr std::size_t most_members = 100'000;

using Block = std::array<char, block_size>;

/// Fields of a ustar header: where they begin and how long they are.
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field name_field{0, 100};
constexpr Field size_field{124, 12};
constexpr Field checksum_field{148, 8};
constexpr Field type_field{156, 1};
constexpr Field target_field{157, 100};
constexpr Field magic_field{257, 6};
constexpr Field prefix_field{345, 155};

std::string_view raw(const Block& block, Field field) {
  return std::string_view(block.data(), block.size()).substr(field.offset, field.size);
}

std::string text(const Block& block, Field field) {
  const std::string_view bytes = raw(block, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

/// Octal, or base 256 with the first bit set (GNU).
std::optional<std::uint64_t> number(const Block& block, Field field) {
  const std::string_view bytes = raw(block, field);
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(bytes.front()) & 0x80U) != 0) {
    for (const char byte : bytes.substr(bytes.size() - sizeof value)) {
      value = value << 8U | static_cast<unsigned char>(byte);
    }
    return value;
  }
  const std::string_view digits = base::trim(bytes.substr(0, bytes.find('\0')));
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool has_good_checksum(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_blank =
        i >= checksum_field.offset && i < checksum_field.offset + checksum_field.size;
    sum += is_blank ? ' ' : static_cast<unsigned char>(block.at(i));
  }
  return number(block, checksum_field) == sum;
}

std::string compressed_as(const Block& block) {
  const std::string_view bytes(block.data(), block.size());
  if (bytes.starts_with("\x1f\x8b")) return "gunzip";
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return "unzstd";
  if (bytes.starts_with("\xfd"
                        "7zXZ"))
    return "unxz";
  return "";
}

/// What the headers before an entry say of it.
struct Extension {
  std::string name;
  std::string target;
  std::optional<std::uint64_t> size;
};

/// Records of a pax header: "LENGTH KEY=VALUE\n".
void read_pax(std::string_view records, Extension& extension) {
  while (!records.empty()) {
    const std::size_t blank = records.find(' ');
    const auto length = base::parse_unsigned(records.substr(0, blank));
    if (!length || *length > records.size() || *length <= blank + 1) return;
    const std::string_view record = records.substr(blank + 1, *length - blank - 2);
    records.remove_prefix(*length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key == "path") extension.name = value;
    if (key == "linkpath") extension.target = value;
    if (key == "size") extension.size = base::parse_unsigned(value);
  }
}

std::string member_name(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

/// The name that a link's target has in the archive: relative to the link's folder for symlinks.
std::string link_target(const std::string& link, const std::string& target, bool is_symlink) {
  const std::filesystem::path from =
      is_symlink ? std::filesystem::path(link).parent_path() : std::filesystem::path();
  return (from / target).lexically_normal().native();
}

class Reader {
 public:
  Reader(const base::Fd& fd, const std::filesystem::path& file, std::uint64_t size)
      : fd_(fd), file_(file), file_size_(size) {}

  Result<std::map<std::string, BlobPlace>> read() {
    while (true) {
      HPCENV_ASSIGN(const bool goes_on, read_entry());
      if (!goes_on) break;
      if (members_.size() + links_.size() > most_members) return damaged("it has too many entries");
    }
    for (const auto& [link, target] : links_) {
      const auto found = members_.find(target);
      if (found != members_.end()) members_.emplace(link, found->second);
    }
    return std::move(members_);
  }

 private:
  Failure damaged(std::string_view what) const {
    return fail(ErrorKind::refused, "{} is damaged or no image archive: {}", file_.native(), what);
  }

  Result<> read_at(std::span<char> bytes, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                                static_cast<off_t>(offset + done));
      if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", file_.native()));
      if (got == 0) return damaged("it ends early");
      done += static_cast<std::size_t>(got);
    }
    return {};
  }

  Result<std::string> read_text(std::uint64_t offset, std::uint64_t size) const {
    if (size > longest_extension) return damaged("a name in it is too long");
    std::string text(size, '\0');
    HPCENV_TRY(read_at(text, offset));
    return text;
  }

  /// False at the end of the archive.
  Result<bool> read_entry() {
    if (position_ == file_size_ && position_ > 0) return false;
    Block block{};
    HPCENV_TRY(read_at(block, position_));
    if (std::ranges::all_of(block, [](char byte) { return byte == 0; })) return false;
    const auto size = number(block, size_field);
    if (!size || !has_good_checksum(block)) return no_header(block);
    const std::uint64_t data = position_ + block_size;
    const char type = raw(block, type_field).front();
    const std::uint64_t length = type == 'x' ? *size : extension_.size.value_or(*size);
    if (length > file_size_ - std::min(data, file_size_)) return damaged("it ends early");
    HPCENV_TRY(take(block, type, data, length));
    position_ = data + (length + block_size - 1) / block_size * block_size;
    return true;
  }

  Result<bool> no_header(const Block& block) const {
    if (position_ == 0 && std::string_view(block.data(), block.size()).starts_with("hsqs")) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} is a squashfs file, which has no layers", file_.native()),
                       "give the image that it was made of: an OCI archive, a directory or a name");
    }
    const std::string program = position_ == 0 ? compressed_as(block) : "";
    if (program.empty()) return damaged("it is no tar file");
    return fail_hint(ErrorKind::refused, fmt::format("{} is compressed", file_.native()),
                     fmt::format("unpack it first: {} {}", program, file_.native()));
  }

  Result<> take(const Block& block, char type, std::uint64_t data, std::uint64_t length) {
    if (type == 'x' || type == 'L' || type == 'K') {
      HPCENV_ASSIGN(const std::string text, read_text(data, length));
      if (type == 'x') read_pax(text, extension_);
      if (type == 'L') extension_.name = text.substr(0, text.find('\0'));
      if (type == 'K') extension_.target = text.substr(0, text.find('\0'));
      return {};
    }
    std::string name = extension_.name;
    if (name.empty()) {
      const bool is_ustar = raw(block, magic_field) == std::string_view("ustar\0", 6);
      const std::string front = is_ustar ? text(block, prefix_field) : "";
      name = front.empty() ? text(block, name_field) : front + "/" + text(block, name_field);
    }
    name = member_name(std::move(name));
    if (type == '0' || type == '\0') {
      members_.insert_or_assign(name, BlobPlace{file_, data, length});
    } else if (type == '1' || type == '2') {
      const std::string target =
          extension_.target.empty() ? text(block, target_field) : extension_.target;
      links_.insert_or_assign(name, link_target(name, target, type == '2'));
    }
    extension_ = {};
    return {};
  }

  const base::Fd& fd_;
  const std::filesystem::path& file_;
  std::uint64_t file_size_;
  std::uint64_t position_ = 0;
  Extension extension_;
  std::map<std::string, BlobPlace> members_;
  std::map<std::string, std::string> links_;
};

}  // namespace

Result<std::map<std::string, BlobPlace>> tar_members(const std::filesystem::path& file) {
  HPCENV_ASSIGN(const base::Fd fd, base::open_read(file));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", file.native()));
  }
  return Reader(fd, file, static_cast<std::uint64_t>(status.st_size)).read();
}

}  // namespace hpcenv::image
