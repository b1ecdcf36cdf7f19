#include "cli/doctor_text.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cli/printable.hpp"
#include "cli/wrap.hpp"

namespace hpcenv::cli {
namespace {

using doctor::Finding;
using doctor::Severity;

Style style_of(Severity severity) {
  switch (severity) {
    case Severity::pass:
      return Style::green;
    case Severity::warning:
      return Style::yellow;
    case Severity::failure:
      return Style::red;
    case Severity::info:
    case Severity::unavailable:
      return Style::dim;
  }
  return Style::plain;
}

std::string padded(std::string text, std::size_t cells) {
  text.append(cells - std::min(cells, cells_of(text)), ' ');
  return text;
}

/// Where something is wrong only how much of that.
std::string line_of(const ReportGroup& group) {
  FindingCounts counts = group.counts;
  if (!counts.is_well()) counts.passed = counts.infos = counts.unavailable = 0;
  return counts_text(counts);
}

class Writer {
 public:
  Writer(const ReportLook& look, const Output& output)
      : look_(look),
        output_(output),
        mark_cells_(cells_of(mark_of(Severity::pass, look.glyphs))),
        indent_(mark_cells_ + 3, ' ') {}

  void add_title(const std::string& text) {
    text_ += output_.styled(Style::bold, printable(text)) + "\n\n";
  }

  void add_group(const ReportGroup& group) {
    const bool shows_all = look_.detail == ReportLook::Detail::all;
    const bool is_told = !shows_all && group.headline != nullptr;
    const std::string first =
        padded(fmt::format("[{}]", mark_of(group.state, look_.glyphs)), mark_cells_ + 3);
    add_marked(
        "", group.state, first,
        fmt::format("{}: {}", group.group->title, is_told ? group.headline->text : line_of(group)));
    const std::size_t before = text_.size();
    for (const Finding* finding : group.findings) {
      if (is_told && finding == group.headline) {
        if (is_worth_reading(*finding)) add_advice(*finding, indent_);
      } else if (shows_all || is_worth_reading(*finding)) {
        add_finding(*finding);
      }
    }
    if (text_.size() > before) text_ += '\n';
  }

  void add_end(const DoctorReport& report, std::size_t hidden) {
    if (!text_.ends_with("\n\n")) text_ += '\n';
    text_ += hanging("", printable(report_summary(report)) + ".", look_.columns);
    add_step(next_step(report));
    if (hidden > 0) add_step({"To see all findings", report.command + " -v"});
  }

  std::string text() && { return std::move(text_); }

 private:
  /// The mark that `first` begins with gets its colour after lines were broken.
  void add_marked(const std::string& indent, Severity severity, const std::string& first,
                  const std::string& text) {
    const std::string lines = hanging(indent + first, printable(text), look_.columns);
    const std::string mark = first.substr(0, first.find(' '));
    text_ += indent + output_.styled(style_of(severity), mark);
    text_ += std::string_view(lines).substr(indent.size() + mark.size());
  }

  void add_finding(const Finding& finding) {
    const std::string first = fmt::format(
        "{} {}  ", padded(mark_of(finding.severity, look_.glyphs), mark_cells_), finding.id);
    add_marked(indent_, finding.severity, first, finding.text);
    add_advice(finding, indent_ + std::string(cells_of(first), ' '));
  }

  /// What follows the sentence of a finding.
  void add_advice(const Finding& finding, const std::string& inner) {
    if (finding.severity != Severity::pass) {
      for (const std::string& line : new_evidence(finding)) {
        text_ += hanging(inner + "- ", printable(line), look_.columns);
      }
    }
    if (!finding.remedy) return;
    const char* arrow = look_.glyphs == Glyphs::unicode ? "\u2192 " : "-> ";
    text_ += hanging(inner + arrow, printable(finding.remedy->text), look_.columns);
    for (const std::string& command : finding.remedy->commands) {
      text_ += inner + std::string(cells_of(arrow), ' ') +
               output_.styled(Style::bold, printable(command)) + '\n';
    }
  }

  /// The command stays whole: behind the text, or where there is no room on a line of its own.
  void add_step(const NextStep& step) {
    if (step.command.empty()) {
      text_ += hanging("", step.text, look_.columns);
      return;
    }
    const std::string text = step.text + ":";
    const std::string command = printable(step.command);
    const bool fits = cells_of(text) + 1 + cells_of(command) <= look_.columns;
    text_ += fits ? text + " " : hanging("", text, look_.columns) + "  ";
    text_ += output_.styled(Style::bold, command) + '\n';
  }

  const ReportLook& look_;
  const Output& output_;
  std::size_t mark_cells_;  ///< of the widest mark
  std::string indent_;      ///< of findings, below the group's title
  std::string text_;
};

}  // namespace

ReportLook look_for(const Output& output, ReportLook::Detail detail) {
  constexpr std::size_t widest = 100;
  ReportLook look;
  look.detail = detail;
  look.columns = std::min(output.stdout_columns(), widest);
  const bool draws = output.stdout_is_terminal() && output.is_utf8();
  look.glyphs = draws ? Glyphs::unicode : Glyphs::ascii;
  return look;
}

std::string report_text(const DoctorReport& report, const ReportLook& look, const Output& output) {
  Writer writer(look, output);
  writer.add_title(report_title(report));
  for (const ReportGroup& group : groups_of(report)) writer.add_group(group);
  const bool shows_all = look.detail == ReportLook::Detail::all;
  const auto hidden = std::ranges::count_if(
      report.findings, [&](const Finding& finding) { return !is_worth_reading(finding); });
  writer.add_end(report, shows_all ? 0 : static_cast<std::size_t>(hidden));
  return std::move(writer).text();
}

}  // namespace hpcenv::cli
