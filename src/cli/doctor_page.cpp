#include "cli/doctor_page.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/printable.hpp"

namespace hpcenv::cli {
namespace {

using doctor::Finding;
using doctor::Severity;

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --page: #ffffff; --text: #1c2126; --dim: #59636d; --line: #d9dfe5; --box: #f4f6f8;
  --pass: #17713a; --warning: #8a5700; --failure: #bb2129; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181c; --text: #e4e8ec; --dim: #9aa5b0; --line: #333c45; --box: #1f252b;
    --pass: #5cc98a; --warning: #e5b04d; --failure: #ff8a80; }
}
* { box-sizing: border-box; overflow-wrap: anywhere; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .75rem; }
h2 small, .dim { color: var(--dim); font-weight: normal; }
p { margin: .35rem 0; }
ul { list-style: none; margin: 0; padding: 0; }
a { color: inherit; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .5rem 0 0; padding: .5rem .75rem; background: var(--page); border: 1px solid var(--line); border-radius: 4px;
  white-space: pre-wrap; user-select: all; }
.groups { margin: 1.25rem 0; border-top: 1px solid var(--line); }
.groups li, .rest li { display: grid; gap: 0 .75rem; padding: .4rem 0; border-bottom: 1px solid var(--line); }
.groups li { grid-template-columns: 6.5rem 12rem minmax(0, 1fr); }
.rest li { grid-template-columns: 6.5rem 3rem minmax(0, 1fr); font-size: .9375rem; }
.finding { margin: .75rem 0; padding: .75rem 1rem; background: var(--box); border-left: 4px solid var(--dim); border-radius: 4px; }
.finding .what { font-weight: 600; }
.finding ul { margin: .5rem 0; padding-left: 1rem; list-style: disc; color: var(--dim); font-size: .9375rem; }
.state { color: var(--dim); white-space: nowrap; font-weight: 600; }
.pass { color: var(--pass); } .warning { color: var(--warning); } .failure { color: var(--failure); }
.finding.warning { color: inherit; border-color: var(--warning); }
.finding.failure { color: inherit; border-color: var(--failure); }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--dim); font-size: .875rem; }
@media (max-width: 36rem) {
  .groups li, .rest li { grid-template-columns: 6.5rem minmax(0, 1fr); }
  .groups li > :last-child, .rest li > :last-child { grid-column: 1 / -1; }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; --text: #000000; --dim: #444444; --line: #bbbbbb; --box: #ffffff;
    --pass: #17713a; --warning: #8a5700; --failure: #bb2129; }
  main { max-width: none; padding: 0; } .finding, li { break-inside: avoid; } h2 { break-after: avoid; }
}
)";

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : printable(text)) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

/// Names of files and hosts may be any bytes: what is no UTF-8 becomes U+FFFD, as in --json.
std::string as_utf8(std::string text) {
  const auto valid = base::parse_json(base::dump_json_line(base::Json(text)), "page");
  return valid && valid->is_string() ? valid->get<std::string>() : std::move(text);
}

const char* word_of(Severity severity) {
  switch (severity) {
    case Severity::pass:
      return "passed";
    case Severity::info:
      return "note";
    case Severity::unavailable:
      return "unknown";
    case Severity::warning:
    case Severity::failure:
      break;
  }
  return name_of(severity);
}

std::string state(Severity severity) {
  return fmt::format(R"(<span class="state {}">{} {}</span>)", name_of(severity),
                     mark_of(severity, Glyphs::unicode), word_of(severity));
}

std::string group_line(const ReportGroup& group) {
  const std::string told =
      group.headline != nullptr ? group.headline->text : counts_text(group.counts);
  return fmt::format("<li>{}<a href=\"#{}\">{}</a><span>{}</span></li>\n", state(group.state),
                     group.group->name, escaped(group.group->title), escaped(told));
}

std::string whole_finding(const Finding& finding) {
  std::string text = fmt::format(
      "<article class=\"finding {}\" id=\"{}\">\n<p>{} <b>{}</b> <span "
      "class=\"dim\">{}</span></p>\n<p class=\"what\">{}</p>\n",
      name_of(finding.severity), escaped(finding.id), state(finding.severity), escaped(finding.id),
      escaped(finding.title), escaped(finding.text));
  if (const std::vector<std::string> evidence = new_evidence(finding); !evidence.empty()) {
    text += "<ul>\n";
    for (const std::string& line : evidence) text += fmt::format("<li>{}</li>\n", escaped(line));
    text += "</ul>\n";
  }
  if (finding.remedy) {
    text += fmt::format("<p>{}</p>\n", escaped(finding.remedy->text));
    for (const std::string& command : finding.remedy->commands) {
      text += fmt::format("<pre>{}</pre>\n", escaped(command));
    }
  }
  return text + "</article>\n";
}

std::string finding_line(const Finding& finding) {
  return fmt::format("<li id=\"{}\">{}<b title=\"{}\">{}</b><span>{}</span></li>\n",
                     escaped(finding.id), state(finding.severity), escaped(finding.title),
                     escaped(finding.id), escaped(finding.text));
}

std::string group_section(const ReportGroup& group) {
  std::string text =
      fmt::format("<section id=\"{}\">\n<h2>{} <small>{}</small></h2>\n", group.group->name,
                  escaped(group.group->title), counts_text(group.counts));
  std::string rest;
  for (const Finding* finding : group.findings) {
    if (is_worth_reading(*finding)) {
      text += whole_finding(*finding);
    } else {
      rest += finding_line(*finding);
    }
  }
  if (!rest.empty()) text += "<ul class=\"rest\">\n" + rest + "</ul>\n";
  return text + "</section>\n";
}

std::string head(const std::string& title) {
  return fmt::format(
      "<!DOCTYPE html>\n"
      "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"/>\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n",
      escaped(title), style);
}

std::string footer(const PageNotes& notes) {
  std::string text = fmt::format("<footer>Written by hpcenv {} on {} UTC.", HPCENV_VERSION,
                                 escaped(notes.made_at));
  if (notes.names == PageNotes::Names::masked) {
    text += " Names of the user, of hosts and of private paths are replaced by others.";
  }
  return text + "</footer>\n";
}

}  // namespace

std::string report_page(const DoctorReport& report, const PageNotes& notes) {
  const std::vector<ReportGroup> groups = groups_of(report);
  const std::string title = report_title(report);
  std::string page = head("hpcenv doctor: " + title);
  page += fmt::format("<body>\n<main>\n<h1>{}</h1>\n<p>{}.</p>\n", escaped(title),
                      escaped(report_summary(report)));
  const NextStep step = next_step(report);
  page += fmt::format("<p>{}{}</p>\n", escaped(step.text), step.command.empty() ? "" : ":");
  if (!step.command.empty()) page += fmt::format("<pre>{}</pre>\n", escaped(step.command));
  page += "<ul class=\"groups\">\n";
  for (const ReportGroup& group : groups) page += group_line(group);
  page += "</ul>\n";
  for (const ReportGroup& group : groups) page += group_section(group);
  return as_utf8(page + footer(notes) + "</main>\n</body>\n</html>\n");
}

}  // namespace hpcenv::cli
