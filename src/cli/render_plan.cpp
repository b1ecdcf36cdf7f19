// A plan as JSON and as text.
#include <algorithm>
#include <map>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/render.hpp"
#include "host/target.hpp"

namespace hpcenv::cli {
namespace {

base::Json records_to_json(const std::vector<conda::PackageRecord>& records) {
  base::Json list = base::Json::array();
  for (const conda::PackageRecord& record : records) {
    list.push_back(package_to_json(record));
  }
  return list;
}

base::Json budget_to_json(const ops::Cost& cost) {
  base::Json budget;
  budget["download_bytes"] = cost.download_bytes;
  budget["bytes"] = cost.bytes;
  budget["inodes"] = cost.inodes;
  budget["estimated"] = cost.precision == ops::Cost::Precision::estimated;
  budget["free_bytes"] = cost.free_bytes;
  budget["free_inodes"] = cost.free_inodes ? base::Json(*cost.free_inodes) : base::Json(nullptr);
  return budget;
}

base::Json machine_to_json(const ops::Machine& machine) {
  base::Json value;
  value["machine"] = machine.name;
  value["platform"] = machine.subdir;
  value["runs_here"] = machine.runs_here();
  if (!machine.target.empty()) {
    value["target"] = machine.target;
    value["nodes"] = machine.nodes;
    value["taken_at"] = machine.taken_at;
    value["age_days"] = machine.age_days ? base::Json(*machine.age_days) : base::Json(nullptr);
  }
  value["virtual_packages"] = virtual_packages_to_json(machine.virtual_packages);
  return value;
}

/// What becomes of one name.
struct Change {
  const conda::PackageRecord* before = nullptr;
  const conda::PackageRecord* after = nullptr;
};

std::map<std::string, Change> changes_of(const prefix::Plan& plan) {
  std::map<std::string, Change> changes;
  for (const conda::PackageRecord& record : plan.unlink) {
    changes[record.name].before = &record;
  }
  for (const conda::PackageRecord& record : plan.link) {
    changes[record.name].after = &record;
  }
  return changes;
}

std::string arrow(const std::string& before, const std::string& after) {
  return before == after ? after : before + " -> " + after;
}

std::string channel_cell(const conda::PackageRecord& record) {
  return short_channel(record.channel) + "/" + record.subdir;
}

std::string size_cell(const conda::PackageRecord& record) {
  return record.size ? base::human_bytes(*record.size) : "";
}

std::vector<std::string> row_of(const Change& change) {
  const conda::PackageRecord* before = change.before;
  const conda::PackageRecord* after = change.after;
  if (before == nullptr && after == nullptr) {
    return {};
  }
  if (after == nullptr) {
    return {"-", before->name, before->version, before->build, channel_cell(*before), ""};
  }
  if (before == nullptr) {
    return {"+",          after->name,          after->version,
            after->build, channel_cell(*after), size_cell(*after)};
  }
  return {"~",
          after->name,
          arrow(before->version, after->version),
          arrow(before->build, after->build),
          channel_cell(*after),
          before->dist_name() == after->dist_name() ? "linked again" : size_cell(*after)};
}

Style style_of(char sign) {
  switch (sign) {
    case '+':
      return Style::green;
    case '-':
      return Style::red;
    case '~':
      return Style::yellow;
    default:
      return Style::plain;
  }
}

/// The sign of each line of the table gets its colour, after the columns were counted.
std::string coloured(const std::string& table, const Output& output) {
  std::string text;
  for (const std::string_view line : base::split_lines(table)) {
    const std::size_t at = line.find_first_not_of(' ');
    const bool has_sign = at != std::string_view::npos && line.substr(at + 1).starts_with("  ");
    if (!has_sign) {
      text += fmt::format("{}\n", line);
      continue;
    }
    text += fmt::format("{}{}{}\n", line.substr(0, at),
                        output.styled(style_of(line[at]), line.substr(at, 1)), line.substr(at + 1));
  }
  return text;
}

std::string table_of(const std::map<std::string, Change>& changes) {
  std::vector<std::vector<std::string>> rows{
      {"", "Package", "Version", "Build", "Channel", "Size"}};
  for (const char sign : {'-', '~', '+'}) {
    for (const auto& [name, change] : changes) {
      std::vector<std::string> row = row_of(change);
      if (!row.empty() && row.front().front() == sign) {
        rows.push_back(std::move(row));
      }
    }
  }
  return table_text(rows);
}

std::string count_text(const std::map<std::string, Change>& changes) {
  std::size_t added = 0;
  std::size_t changed = 0;
  for (const auto& [name, change] : changes) {
    added += change.before == nullptr ? 1 : 0;
    changed += change.before != nullptr && change.after != nullptr ? 1 : 0;
  }
  const std::size_t removed = changes.size() - added - changed;
  std::vector<std::string> parts;
  const auto part = [&](std::size_t count, const char* what) {
    if (count != 0) {
      parts.push_back(fmt::format("{} to {}", count, what));
    }
  };
  part(added, "install");
  part(changed, "change");
  part(removed, "remove");
  return base::join(parts, ", ");
}

std::string cost_text(const ops::ChangeDecision& decision) {
  const ops::Cost& cost = decision.cost;
  if (decision.plan.link.empty()) {
    return "";
  }
  std::string text = cost.fetch.empty() ? std::string("nothing to download")
                                        : fmt::format("{} to download ({})", cost.fetch.size(),
                                                      base::human_bytes(cost.download_bytes));
  const bool is_estimate = cost.precision == ops::Cost::Precision::estimated;
  // How many files a package has cannot be told from its size: 30 in 400 MB, or 4,000 in 12.
  const std::string files =
      is_estimate ? "" : fmt::format(" and {} file{}", cost.inodes, cost.inodes == 1 ? "" : "s");
  return text + fmt::format("; {}{}{} in the environment, {} free", is_estimate ? "about " : "",
                            base::human_bytes(cost.bytes), files,
                            base::human_bytes(cost.free_bytes));
}

std::string machine_text(const ops::Machine& machine) {
  std::string text;
  for (const host::VirtualPackage& package : machine.virtual_packages.packages) {
    if (package.name == "__unix") {
      continue;
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", package.name,
                        package.name == "__archspec" ? package.build : package.version);
    if (package.origin != host::VirtualPackage::Origin::detected) {
      text += fmt::format(" ({})", name_of(package.origin));
    }
  }
  if (machine.target.empty()) {
    return fmt::format("{} ({})", machine.name, text);
  }
  return fmt::format("target {}: {}, profiled {} ({})", machine.name,
                     base::join(machine.nodes, ", "), host::age_text(machine.age_days), text);
}

}  // namespace

base::Json plan_to_json(const ops::ChangeDecision& decision) {
  base::Json plan;
  plan["link"] = records_to_json(decision.plan.link);
  plan["unlink"] = records_to_json(decision.plan.unlink);
  plan["fetch"] = records_to_json(decision.cost.fetch);
  plan["budget"] = budget_to_json(decision.cost);
  plan["solved_for"] = decision.machine ? machine_to_json(*decision.machine) : base::Json(nullptr);
  plan["notes"] = decision.notes;
  return plan;
}

std::string plan_text(const ops::ChangeDecision& decision, const Output& output) {
  std::string text =
      fmt::format("Environment  {}\n", output.styled(Style::bold, decision.plan.prefix.string()));
  if (decision.machine) {
    text += fmt::format("Solved for   {}\n", machine_text(*decision.machine));
  }
  const auto changes = changes_of(decision.plan);
  if (!changes.empty()) {
    text += "\n" + coloured(table_of(changes), output);
    text += fmt::format("\n{}", count_text(changes));
    const std::string cost = cost_text(decision);
    text += cost.empty() ? "\n" : "; " + cost + "\n";
  }
  if (decision.machine && !decision.machine->runs_here()) {
    text += output.styled(Style::yellow, "note:") + " for " + decision.machine->subdir +
            ": nothing of it runs here, so no Python files are compiled\n";
  }
  return text + notes_text(decision, output);
}

std::string kept_text(const ops::ChangeDecision& decision) {
  std::string text = fmt::format("Not of the packages, and moved to {}/.hpcenv/kept:\n",
                                 decision.plan.prefix.string());
  for (const std::string& path : decision.kept) {
    text += fmt::format("  {}\n", path);
  }
  return text;
}

std::string notes_text(const ops::ChangeDecision& decision, const Output& output) {
  std::string text;
  for (const std::string& note : decision.notes) {
    text += output.styled(Style::yellow, "note:") + " " + note + "\n";
  }
  return text;
}

std::string end_text(const ops::ChangeDone& done, NamedBy named_by) {
  const std::string prefix = done.decision.plan.prefix.string();
  if (done.end == ops::ChangeDone::End::nothing_to_do) {
    return fmt::format("Nothing to do: {} is as you ask for it\n", prefix);
  }
  if (done.decision.action != ops::Action::create) {
    return fmt::format("Changed {}\n", prefix);
  }
  const std::string which = named_by == NamedBy::prefix
                                ? "-p " + prefix
                                : "-n " + done.decision.plan.prefix.filename().string();
  return fmt::format("Created {}\nRun a program in it with: hpcenv run {} PROGRAM\n", prefix,
                     which);
}

}  // namespace hpcenv::cli
