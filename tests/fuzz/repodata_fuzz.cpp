#include "fuzz/fuzz.hpp"
#include "index/repodata_reader.hpp"

namespace {

using namespace hpcenv;

/// What a reader told, as one text.
class Journal final : public index::RepodataEvents {
 public:
  Result<> entry(const index::RepodataEntry& entry) override {
    text += fmt::format("{} {} {}\n", entry.file_name, entry.name, entry.needed.size());
    return {};
  }
  void unreadable(std::string_view file_name, std::string_view reason) override {
    text += fmt::format("! {} {}\n", file_name, reason);
  }
  void removed(std::string_view file_name) override { text += fmt::format("- {}\n", file_name); }
  void base_url(std::string_view url) override { text += fmt::format("@ {}\n", url); }

  std::string text;
};

bool read(std::span<const std::span<const std::byte>> pieces, Journal& journal) {
  index::RepodataReader reader("fuzz", journal);
  for (const auto piece : pieces) {
    if (!reader.push(piece)) {
      return false;
    }
  }
  return reader.finish().has_value();
}

}  // namespace

// Where the stream is cut changes nothing. The first byte says where.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const std::size_t cut = bytes.size() * data[0] / 256;
  Journal whole;
  Journal cut_once;
  const std::span<const std::byte> one[] = {bytes};
  const std::span<const std::byte> two[] = {bytes.first(cut), bytes.subspan(cut)};
  const bool read_whole = read(one, whole);
  fuzz::require(read_whole == read(two, cut_once));
  fuzz::require(!read_whole || whole.text == cut_once.text);
  return 0;
}
