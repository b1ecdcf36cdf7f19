#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/compress.hpp"
#include "index/index_file.hpp"
#include "index/index_format.hpp"

namespace hpcenv::index {

namespace {

/// No honest table comes near; bounds what a damaged tail can ask for.
constexpr std::uint64_t largest_table = 1ULL << 30U;

Result<std::string> read_at(const base::Fd& file, std::uint64_t begin, std::size_t size,
                            const std::filesystem::path& path) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(begin + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, "cannot read " + path.string());
    if (count == 0) return fail(ErrorKind::refused, "{} is truncated", path.string());
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace

std::uint64_t checksum_of(std::string_view bytes) {
  constexpr std::uint64_t factor = 0x9E3779B97F4A7C15ULL;
  std::uint64_t sum = bytes.size() * factor;
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    bytes.remove_prefix(size);
    sum = (sum ^ word) * factor;
    sum ^= sum >> 29U;
  }
  return sum;
}

Result<IndexReader> IndexReader::open(const std::filesystem::path& path) {
  IndexReader reader;
  reader.path_ = path;
  HPCENV_ASSIGN(reader.file_, base::open_read(path));
  struct stat facts{};
  if (fstat(reader.file_.get(), &facts) != 0)
    return fail_errno(errno, "cannot read " + path.string());
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const auto doubt = [&] { return fail(ErrorKind::refused, "{} is damaged", path.string()); };
  if (size < format::tail_size) return doubt();
  const std::uint64_t tail_begin = size - format::tail_size;
  HPCENV_ASSIGN(const std::string tail, read_at(reader.file_, tail_begin, format::tail_size, path));
  format::Input input(tail);
  const std::uint64_t begin = input.wide_number();
  const std::uint64_t packed_size = input.wide_number();
  const std::uint64_t whole_size = input.wide_number();
  reader.checksum_ = input.wide_number();
  if (!tail.ends_with(format::magic) || begin > tail_begin || packed_size != tail_begin - begin ||
      whole_size > largest_table) {
    return doubt();
  }
  HPCENV_ASSIGN(const std::string packed, read_at(reader.file_, begin, packed_size, path));
  if (checksum_of(packed) != reader.checksum_) return doubt();
  HPCENV_ASSIGN(const std::string table, base::zstd_decompress(packed, whole_size));
  if (table.size() != whole_size || !reader.read_table(table) || !reader.is_sound(begin)) {
    return doubt();
  }
  return reader;
}

bool IndexReader::read_table(std::string_view table) {
  format::Input in(table);
  base_url_ = in.text();
  for (std::uint32_t left = in.count(4); left > 0; --left) removed_.emplace_back(in.text());
  std::uint64_t begin = 0;
  for (std::uint32_t left = in.count(16); left > 0; --left) {
    BlockPlace& place = blocks_.emplace_back();
    place.begin = begin;
    place.packed_size = in.number();
    place.size = in.number();
    place.checksum = in.wide_number();
    begin += place.packed_size;
  }
  const std::uint32_t count = in.count(12);
  for (auto* offsets : {&name_offsets_, &run_offsets_, &needed_offsets_}) {
    offsets->reserve(count + 1);
  }
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    letters_ += in.text();
    for (std::uint32_t left = in.count(16); left > 0; --left) {
      Run& run = runs_.emplace_back();
      run.block = in.number();
      run.begin = in.number();
      run.size = in.number();
      run.section = in.number() == 0 ? Section::tar_bz2 : Section::conda;
    }
    for (std::uint32_t left = in.count(4); left > 0; --left) needed_.push_back(in.number());
    name_offsets_.push_back(static_cast<std::uint32_t>(letters_.size()));
    run_offsets_.push_back(static_cast<std::uint32_t>(runs_.size()));
    needed_offsets_.push_back(static_cast<std::uint32_t>(needed_.size()));
  }
  return !in.failed() && in.at_end();
}

/// Everything that is used as an index later lies within its bounds.
bool IndexReader::is_sound(std::uint64_t blocks_end) const {
  const std::uint64_t end = blocks_.empty() ? 0 : blocks_.back().begin + blocks_.back().packed_size;
  if (end != blocks_end) return false;
  const bool runs_fit = std::ranges::all_of(runs_, [this](const Run& run) {
    return run.block < blocks_.size() && run.begin <= blocks_[run.block].size &&
           run.size <= blocks_[run.block].size - run.begin;
  });
  const bool ids_fit = std::ranges::all_of(needed_, [this](Id id) { return id < name_count(); });
  return runs_fit && ids_fit;
}

std::string_view IndexReader::name(Id id) const {
  return std::string_view(letters_).substr(name_offsets_[id],
                                           name_offsets_[id + 1] - name_offsets_[id]);
}

std::optional<IndexReader::Id> IndexReader::find(std::string_view name_wanted) const {
  Id low = 0;
  Id high = static_cast<Id>(name_count());
  while (low < high) {
    const Id middle = low + (high - low) / 2;
    if (name(middle) < name_wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == name_count() || name(low) != name_wanted) return std::nullopt;
  return low;
}

std::span<const Run> IndexReader::runs(Id id) const {
  return std::span(runs_).subspan(run_offsets_[id], run_offsets_[id + 1] - run_offsets_[id]);
}

std::span<const IndexReader::Id> IndexReader::needed(Id id) const {
  return std::span(needed_).subspan(needed_offsets_[id],
                                    needed_offsets_[id + 1] - needed_offsets_[id]);
}

Result<std::string> IndexReader::block(std::uint32_t number) const {
  const BlockPlace& place = blocks_[number];
  HPCENV_ASSIGN(const std::string packed, read_at(file_, place.begin, place.packed_size, path_));
  if (checksum_of(packed) != place.checksum) {
    return fail(ErrorKind::refused, "{} is damaged", path_.string());
  }
  HPCENV_ASSIGN(std::string text, base::zstd_decompress(packed, place.size));
  if (text.size() != place.size) return fail(ErrorKind::refused, "{} is damaged", path_.string());
  return text;
}

}  // namespace hpcenv::index
