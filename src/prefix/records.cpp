#include "prefix/records.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/history.hpp"
#include "conda/match_spec.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view unset_mark = "***unset***";

/// A new file whose contents are on the disk; its name is once the directory is synced.
Result<> write_synced(const fs::path& path, std::string_view text) {
  base::fault_point("conda_meta.create");
  HPCENV_ASSIGN(base::Fd fd, base::create_new(path, 0666));
  base::fault_point("conda_meta.write");
  HPCENV_TRY(base::write_all(fd.get(), text, path));
  if (fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS) {
    return fail_errno(errno, fmt::format("cannot sync {}", path.native()));
  }
  if (close(fd.release()) != 0 && errno != EINTR) {
    return fail_errno(errno, fmt::format("cannot write {}", path.native()));
  }
  return {};
}

/// Credentials in urls among the words of a command line are nobody's business later.
std::string clean_words(const std::string& text) {
  const std::vector<std::string_view> split = base::split(text, ' ');
  std::vector<std::string> words;
  words.reserve(split.size());
  for (const std::string_view word : split) {
    words.push_back(conda::without_credentials(word));
  }
  return base::join(words, " ");
}

std::vector<std::string> clean_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> clean;
  clean.reserve(texts.size());
  for (const std::string& text : texts) clean.push_back(clean_words(text));
  return clean;
}

std::string record_text(conda::PrefixRecord record) {
  record.record.channel = conda::without_credentials(record.record.channel);
  record.record.url = conda::without_credentials(record.record.url);
  record.requested_specs = clean_texts(record.requested_specs);
  return conda::prefix_record_text(record);
}

/// "conda-forge/linux-64::python-3.11.2-h1_0"
std::string dist_in_channel(const conda::PackageRecord& record) {
  return fmt::format("{}/{}::{}", conda::without_credentials(record.channel), record.subdir,
                     record.dist_name());
}

}  // namespace

std::vector<std::string> specs_naming(const std::vector<std::string>& specs,
                                      const std::string& package) {
  std::vector<std::string> naming;
  for (const std::string& text : specs) {
    const Result<conda::MatchSpec> spec = conda::MatchSpec::parse(text);
    if (spec.has_value() && spec->name.is_exact() && spec->name.matches(package)) {
      naming.push_back(text);
    }
  }
  return naming;
}

std::string history_block(const Plan& plan, std::int64_t now, const std::string& tool) {
  conda::HistoryBlock block;
  block.time = now;
  block.command = clean_words(plan.command_line);
  block.tool = tool;
  for (const conda::PackageRecord& record : plan.unlink) {
    block.unlinked.push_back(dist_in_channel(record));
  }
  for (const conda::PackageRecord& record : plan.link) {
    block.linked.push_back(dist_in_channel(record));
  }
  block.recipes = plan.recipes;
  block.update_specs = clean_texts(plan.requested_specs);
  block.remove_specs = clean_texts(plan.removed_specs);
  return conda::history_text(block);
}

std::string state_text(const std::string& before, const std::vector<StateVariable>& variables) {
  if (variables.empty()) return {};
  base::Json state = base::Json::object();
  if (const auto old = base::parse_json(before, "state"); old.has_value() && old->is_object()) {
    state = *old;
  }
  base::Json& values = state["env_vars"];
  if (!values.is_object()) values = base::Json::object();
  for (const StateVariable& variable : variables) {
    values[variable.name] = variable.value.value_or(std::string(unset_mark));
  }
  return base::dump_json(state);
}

Result<> write_conda_meta(const fs::path& directory,
                          const std::vector<conda::PrefixRecord>& records, const MetaTexts& texts,
                          std::size_t jobs) {
  const fs::path folder = directory / meta_folder;
  HPCENV_TRY(base::parallel_for(records.size(), jobs, [&](std::size_t index) {
    const conda::PrefixRecord& record = records[index];
    return write_synced(folder / (record.record.dist_name() + ".json"), record_text(record));
  }));
  HPCENV_TRY(write_synced(directory / history_file, texts.history));
  for (const auto& [name, text] : texts.others) HPCENV_TRY(write_synced(folder / name, text));
  if (!texts.state.empty()) HPCENV_TRY(write_synced(directory / state_file, texts.state));
  return base::sync_directory(folder);
}

}  // namespace hpcenv::prefix
