#include "prefix/state.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Few records say more before their paths.
constexpr std::size_t usual_head = 8192;

/// What conda writes for a variable that has to be absent.
constexpr std::string_view unset_mark = "***unset***";

void set_variable(std::vector<StateVariable>& variables, StateVariable variable) {
  const auto known = std::ranges::find(variables, variable.name, &StateVariable::name);
  if (known == variables.end()) {
    variables.push_back(std::move(variable));
  } else {
    known->value = std::move(variable.value);
  }
}

Result<> add_variables(std::vector<StateVariable>& variables, const base::Json& object,
                       const fs::path& file) {
  if (!object.is_object()) {
    return fail(ErrorKind::refused, "{}: the variables are no object", file.native());
  }
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) {
      return fail(ErrorKind::refused, "{}: the value of {} is no text", file.native(), name);
    }
    // conda reserves PATH: activation alone builds it.
    if (name == "PATH") continue;
    auto text = value.get<std::string>();
    std::optional<std::string> wanted;
    if (text != unset_mark) wanted = std::move(text);
    set_variable(variables, {name, std::move(wanted)});
  }
  return {};
}

/// An empty list where the directory is missing.
Result<std::vector<std::string>> names_in(const fs::path& directory) {
  Result<std::vector<std::string>> names = base::list_directory(directory);
  if (!names.has_value() && names.error().kind == ErrorKind::not_found) {
    return std::vector<std::string>();
  }
  return names;
}

Result<std::vector<std::string>> json_names(const fs::path& directory) {
  HPCENV_ASSIGN(std::vector<std::string> names, names_in(directory));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".json"); });
  return names;
}

Result<> add_package_variables(std::vector<StateVariable>& variables, const fs::path& prefix) {
  const fs::path directory = prefix / "etc/conda/env_vars.d";
  HPCENV_ASSIGN(const std::vector<std::string> names, json_names(directory));
  for (const std::string& name : names) {
    const fs::path file = directory / name;
    HPCENV_ASSIGN(const std::string text, base::read_file(file));
    HPCENV_ASSIGN(const base::Json object, base::parse_json(text, file.native()));
    HPCENV_TRY(add_variables(variables, object, file));
  }
  return {};
}

/// At most `size` bytes: fewer where the file, or one read of it, ends before.
Result<std::string> read_beginning(const fs::path& file, std::size_t size) {
  HPCENV_ASSIGN(const base::Fd fd, base::open_read(file));
  std::string text(size, '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", file.native()));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

Result<conda::PrefixRecord> read_record(const fs::path& file, Detail detail) {
  if (detail == Detail::without_paths) {
    HPCENV_ASSIGN(const std::string beginning, read_beginning(file, usual_head));
    if (auto head = conda::parse_record_head(beginning)) return std::move(*head);
  }
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  return conda::parse_prefix_record(text, file.native());
}

/// All of conda-meta, each with its record or why there is none.
Result<std::vector<Result<conda::PrefixRecord>>> read_records(const fs::path& prefix,
                                                              Detail detail) {
  HPCENV_ASSIGN(const std::vector<std::string> names, json_names(prefix / meta_folder));
  std::vector<Result<conda::PrefixRecord>> records(names.size());
  // Threads cost more than they save on a handful of records.
  const std::size_t jobs = names.size() < 32 ? 1 : base::available_processors();
  HPCENV_TRY(base::parallel_for(names.size(), jobs, [&](std::size_t index) -> Result<> {
    records[index] = read_record(prefix / meta_folder / names[index], detail);
    return {};
  }));
  return records;
}

Result<PrefixState> begin_state(const fs::path& prefix) {
  if (!is_environment(prefix)) {
    return fail_hint(ErrorKind::not_found, fmt::format("{} is no environment", prefix.native()),
                     "hpcenv env list shows the environments");
  }
  PrefixState state;
  state.prefix = prefix;
  HPCENV_ASSIGN(state.fingerprint, fingerprint(prefix));
  return state;
}

void sort_by_name(PrefixState& state) {
  std::ranges::sort(state.packages, {},
                    [](const conda::PrefixRecord& package) { return package.record.name; });
}

Result<> add_own_variables(std::vector<StateVariable>& variables, const fs::path& prefix) {
  const fs::path file = prefix / state_file;
  const Result<std::string> text = base::read_file(file);
  if (!text.has_value()) {
    if (text.error().kind == ErrorKind::not_found) return {};
    return Failure(text.error());
  }
  HPCENV_ASSIGN(const base::Json document, base::parse_json(*text, file.native()));
  if (document.is_object() && document.contains("env_vars")) {
    HPCENV_TRY(add_variables(variables, document["env_vars"], file));
  }
  return {};
}

}  // namespace

bool is_environment(const fs::path& prefix) { return base::path_exists(prefix / history_file); }

Result<MetaFingerprint> fingerprint(const fs::path& prefix) {
  const fs::path folder = prefix / meta_folder;
  HPCENV_ASSIGN(const std::vector<std::string> names, names_in(folder));
  MetaFingerprint result;
  for (const std::string& name : names) {
    struct stat status{};
    if (lstat((folder / name).c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // its tool has just removed it
      return fail_errno(errno, fmt::format("cannot examine {}", (folder / name).native()));
    }
    if (S_ISDIR(status.st_mode)) continue;
    result.text += fmt::format("{}/{} {}.{:09}\n", name, status.st_size, status.st_mtim.tv_sec,
                               status.st_mtim.tv_nsec);
  }
  return result;
}

Result<PrefixState> read_state(const fs::path& prefix, Detail detail) {
  HPCENV_ASSIGN(PrefixState state, begin_state(prefix));
  HPCENV_ASSIGN(std::vector<Result<conda::PrefixRecord>> records, read_records(prefix, detail));
  for (Result<conda::PrefixRecord>& record : records) {
    if (!record) return Failure(record.error());
    state.packages.push_back(*std::move(record));
  }
  sort_by_name(state);
  return state;
}

Result<PrefixState> read_state_leniently(const fs::path& prefix,
                                         std::vector<std::string>& unreadable) {
  HPCENV_ASSIGN(PrefixState state, begin_state(prefix));
  HPCENV_ASSIGN(std::vector<Result<conda::PrefixRecord>> records,
                read_records(prefix, Detail::everything));
  for (Result<conda::PrefixRecord>& record : records) {
    if (record) {
      state.packages.push_back(*std::move(record));
    } else {
      unreadable.push_back(record.error().message);
    }
  }
  sort_by_name(state);
  return state;
}

Result<std::vector<StateVariable>> state_variables(const fs::path& prefix) {
  std::vector<StateVariable> variables;
  HPCENV_TRY(add_package_variables(variables, prefix));
  HPCENV_TRY(add_own_variables(variables, prefix));
  return variables;
}

Result<std::vector<StateVariable>> own_variables(const fs::path& prefix) {
  std::vector<StateVariable> variables;
  HPCENV_TRY(add_own_variables(variables, prefix));
  return variables;
}

}  // namespace hpcenv::prefix
