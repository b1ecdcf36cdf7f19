#include "host/target_store.hpp"

#include <chrono>
#include <functional>

#include "base/file_lock.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"

namespace hpcenv::host {

namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr std::chrono::milliseconds lock_patience{20000};

fs::path file_of(const std::string& name, const fs::path& directory) {
  return directory / (name + ".json");
}

Json new_document() { return {{"format", 1}, {"nodes", Json::array()}, {"reach", Json::object()}}; }

/// What the file says, members that this hpcenv does not know included; nothing: a new one.
Result<Json> read_document(const fs::path& file) {
  const auto text = base::read_file(file);
  if (!text && text.error().kind == ErrorKind::not_found) return new_document();
  if (!text) return Failure(text.error());
  HPCENV_TRY(parse_target(*text, file));
  HPCENV_ASSIGN(Json document, base::parse_json(*text, file.string()));
  if (document.contains("nodes")) return document;
  // A profile that somebody put there as it came.
  Json target = new_document();
  target["nodes"].push_back(document.contains("profile") ? document["profile"] : document);
  return target;
}

/// Nothing is written where `edit` fails, or leaves what is no target.
Result<Target> change(const std::string& name, const fs::path& directory,
                      const std::function<Result<>(Json& document)>& edit) {
  HPCENV_ASSIGN(const base::FileLock lock,
                base::FileLock::acquire(directory / ".lock", lock_patience));
  const fs::path file = file_of(name, directory);
  HPCENV_ASSIGN(Json document, read_document(file));
  HPCENV_TRY(edit(document));
  const std::string text = base::dump_json(document) + "\n";
  HPCENV_ASSIGN(Target target, parse_target(text, file));
  HPCENV_TRY(subdir_of(target));
  HPCENV_TRY(base::write_file(file, text, 0666, base::Durable::yes));
  return target;
}

void put_node(Json& nodes, const NodeProfile& node) {
  for (Json& known : nodes) {
    // Those without a name are not known to be the same.
    if (node.hostname.empty() || base::string_or(known, "hostname") != node.hostname) continue;
    known = profile_to_json(node);
    return;
  }
  nodes.push_back(profile_to_json(node));
}

}  // namespace

Result<Target> store_nodes(const std::string& name, const std::vector<NodeProfile>& nodes,
                           Storing storing, const fs::path& directory) {
  HPCENV_TRY(base::make_directories(directory));
  return change(name, directory, [&](Json& document) -> Result<> {
    if (storing == Storing::replace) document["nodes"] = Json::array();
    for (const NodeProfile& node : nodes) put_node(document["nodes"], node);
    return {};
  });
}

Result<Target> store_probed(const std::string& name, const ProbedTarget& probed,
                            const fs::path& directory) {
  HPCENV_TRY(base::make_directories(directory));
  return change(name, directory, [&](Json& document) -> Result<> {
    document["nodes"] = Json::array();
    for (const NodeProfile& node : probed.nodes) put_node(document["nodes"], node);
    document["reach"] = probed.reach;
    document["probed"] = probed.probed;
    return {};
  });
}

Result<Target> remove_node(const std::string& name, const std::string& hostname,
                           const fs::path& directory) {
  if (!base::path_exists(file_of(name, directory))) {
    return fail(ErrorKind::not_found, "{} is not there", file_of(name, directory).string());
  }
  return change(name, directory, [&](Json& document) -> Result<> {
    Json left = Json::array();
    for (const Json& node : document["nodes"]) {
      if (base::string_or(node, "hostname") != hostname) left.push_back(node);
    }
    if (left.size() == document["nodes"].size()) {
      return fail_hint(ErrorKind::not_found,
                       fmt::format("target {} has no node {}", name, hostname),
                       "list them with: hpcenv target show " + name);
    }
    if (left.empty()) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} is the only node of target {}", hostname, name),
                       "remove the target: hpcenv target remove " + name);
    }
    document["nodes"] = std::move(left);
    return {};
  });
}

Result<> remove_target(const std::string& name, const fs::path& directory) {
  HPCENV_ASSIGN(const base::FileLock lock,
                base::FileLock::acquire(directory / ".lock", lock_patience));
  const fs::path file = file_of(name, directory);
  std::error_code error;
  if (fs::remove(file, error)) return {};
  if (!error) return fail(ErrorKind::not_found, "{} is not there", file.string());
  return fail(ErrorKind::io, "{} cannot be removed: {}", file.string(), error.message());
}

}  // namespace hpcenv::host
