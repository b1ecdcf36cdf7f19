#include "index/index_builder.hpp"

#include <unistd.h>

#include <utility>

namespace hpcenv::index {

class IndexBuilder::Events final : public RepodataEvents {
 public:
  explicit Events(IndexWriter to) : writer(std::move(to)) {}
  Result<> entry(const RepodataEntry& entry) override { return writer.add(entry); }
  void unreadable(std::string_view file_name, std::string_view reason) override {
    if (built.unreadable++ == 0) {
      built.first_unreadable = fmt::format("{}: {}", file_name, reason);
    }
  }
  void removed(std::string_view file_name) override { writer.add_removed(file_name); }
  void base_url(std::string_view url) override { writer.set_base_url(url); }

  IndexWriter writer;
  BuiltIndex built;
};

IndexBuilder::IndexBuilder(std::filesystem::path path, std::string name, IndexWriter writer)
    : path_(std::move(path)),
      name_(std::move(name)),
      events_(std::make_unique<Events>(std::move(writer))),
      reader_(name_, *events_) {}

IndexBuilder::~IndexBuilder() {
  if (!finished_) ::unlink(path_.c_str());
}

Result<std::unique_ptr<IndexBuilder>> IndexBuilder::create(const std::filesystem::path& path,
                                                           std::string name, Packing packing) {
  HPCENV_ASSIGN(IndexWriter writer, IndexWriter::create(path));
  std::unique_ptr<IndexBuilder> builder(new IndexBuilder(path, std::move(name), std::move(writer)));
  if (packing == Packing::zstd) {
    builder->decoder_.emplace([target = builder.get()](std::span<const std::byte> bytes) {
      return target->reader_.push(bytes);
    });
  }
  return builder;
}

Result<> IndexBuilder::push(std::span<const std::byte> bytes) {
  if (!decoder_.has_value()) return reader_.push(bytes);
  Result<> pushed = decoder_->push(bytes);
  return pushed.has_value() ? pushed : Failure(named(std::move(pushed).error()));
}

/// The reader behind the decoder names the file itself, the decoder does not.
Error IndexBuilder::named(Error error) const {
  if (error.kind != ErrorKind::refused || error.message.contains(name_)) return error;
  error.message = fmt::format("{}: {}", name_, error.message);
  error.hints.emplace_back("try again later; the channel's own files may be damaged");
  return error;
}

Result<BuiltIndex> IndexBuilder::finish() {
  if (decoder_.has_value()) {
    Result<> ended = decoder_->finish();
    if (!ended.has_value()) return Failure(named(std::move(ended).error()));
  }
  HPCENV_TRY(reader_.finish());
  HPCENV_ASSIGN(events_->built.checksum, events_->writer.finish());
  finished_ = true;
  return std::move(events_->built);
}

}  // namespace hpcenv::index
