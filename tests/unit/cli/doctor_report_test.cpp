#include "cli/doctor_report.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/text.hpp"
#include "cli/doctor_text.hpp"
#include "doctor/make_finding.hpp"

namespace hpcenv::cli {
namespace {

using doctor::Finding;
using doctor::Severity;

Finding of(std::string id, Finding finding) {
  finding.id = std::move(id);
  return finding;
}

DoctorReport report_of(std::vector<Finding> findings) {
  DoctorReport report;
  report.machine = "node1";
  report.command = "hpcenv doctor";
  report.findings = std::move(findings);
  return report;
}

std::string text_of(const DoctorReport& report, ReportLook look = {}) {
  return report_text(report, look, Output(base::Environment{}, Output::Format::text));
}

Finding full_disk() {
  return doctor::with_evidence(
      doctor::failure("there is not enough room",
                      {"Keep them on scratch.", {"export HPCENV_ROOT=/scratch/hpcenv"}}),
      {"home: 15 files free", "not enough"});
}

TEST_CASE("a group is as its worst finding") {
  const auto state = [](std::vector<Finding> findings) {
    const DoctorReport report = report_of(std::move(findings));
    const auto groups = groups_of(report);
    REQUIRE(groups.size() == 1);
    return groups.front().state;
  };
  const Finding pass = of("F01", doctor::pass("p"));
  const Finding info = of("F02", doctor::info("i"));
  const Finding none = of("F03", doctor::unavailable("u"));
  const Finding warning = of("F04", doctor::warning("w", {"Do.", {}}));
  const Finding failure = of("F05", doctor::failure("f", {"Do.", {}}));
  CHECK(state({pass, info, none}) == Severity::pass);
  CHECK(state({info, none}) == Severity::info);
  CHECK(state({none, of("F01", none)}) == Severity::unavailable);
  CHECK(state({pass, warning, none}) == Severity::warning);
  CHECK(state({pass, warning, failure}) == Severity::failure);
}

TEST_CASE("a group in which nothing is wrong is told by one of its findings") {
  const Finding version = of("D08", doctor::pass("driver 580.1 supports CUDA up to 13.0"));
  CHECK(text_of(report_of({of("D01", doctor::pass("2 GPUs")), version}))
            .find("[ok] NVIDIA driver: driver 580.1 supports CUDA up to 13.0\n") !=
        std::string::npos);
  // Where that one has no answer, the line says so and is not marked well.
  CHECK(text_of(report_of({of("P01", doctor::unavailable("no driver to compare with")),
                           of("P08", doctor::pass("one source"))}))
            .find("[?]  Environment and GPU: no driver to compare with\n") != std::string::npos);
  // Where something is wrong, that counts.
  const std::string bad =
      text_of(report_of({of("D01", doctor::warning("old", {"Wait.", {}})), version}));
  CHECK(bad.find("[!]  NVIDIA driver: 1 warning\n") != std::string::npos);
  CHECK(bad.find("supports CUDA") == std::string::npos);
}

TEST_CASE("below a group stands what is not well, with evidence, advice and commands") {
  CHECK(text_of(report_of({of("F01", doctor::pass("fine")), of("F03", full_disk()),
                           of("H01", doctor::pass("glibc")), of("H03", doctor::info("old"))})) ==
        "Machine node1\n"
        "\n"
        "[x]  Storage: 1 failure\n"
        "     x  F03  there is not enough room\n"
        "             - home: 15 files free\n"
        "             -> Keep them on scratch.\n"
        "                export HPCENV_ROOT=/scratch/hpcenv\n"
        "\n"
        "[ok] Operating system: 1 passed, 1 note\n"
        "\n"
        "4 checks on node1: 1 failure, 2 passed, 1 note.\n"
        "Begin with what failed, then ask again: hpcenv doctor F03\n"
        "To see all findings: hpcenv doctor -v\n");
}

TEST_CASE("a note with advice is shown, and said once") {
  Finding folded = of("D01", doctor::info("no NVIDIA GPU on this node"));
  folded.remedy = doctor::Remedy{"Ask where jobs run.", {"srun hpcenv doctor"}};
  const std::string text = text_of(report_of({folded}));
  CHECK(text.find("[i]  NVIDIA driver: no NVIDIA GPU on this node\n"
                  "     -> Ask where jobs run.\n"
                  "        srun hpcenv doctor\n") != std::string::npos);
  CHECK(text.find("To see all") == std::string::npos);
}

TEST_CASE("on request every finding is there") {
  ReportLook look;
  look.detail = ReportLook::Detail::all;
  look.glyphs = Glyphs::unicode;
  const std::string text = text_of(
      report_of({of("D08", doctor::pass("CUDA 13")), of("D09", doctor::unavailable("unknown"))}),
      look);
  CHECK(text.find("[\u2713] NVIDIA driver: 1 passed, 1 not possible here\n"
                  "    \u2713 D08  CUDA 13\n"
                  "    ? D09  unknown\n") != std::string::npos);
  CHECK(text.find("To see all") == std::string::npos);
}

TEST_CASE("lines fit, and a command is never broken") {
  Finding finding = full_disk();
  finding.text = "many words that go on and on until the line is full and the next one begins";
  const std::string command = "export PATH=" + std::string(90, 'x') + " and more";
  finding.remedy->commands = {command};
  for (const std::size_t columns : {40U, 60U, 80U, 100U}) {
    ReportLook look;
    look.columns = columns;
    const std::string text = text_of(report_of({of("F03", finding)}), look);
    CHECK(text.find(command + "\n") != std::string::npos);
    for (const std::string_view line : base::split_lines(text)) {
      INFO(line);
      CHECK((line.size() <= columns || line.find("export PATH") != std::string::npos));
    }
  }
}

TEST_CASE("texts of others do not reach the terminal's cursor") {
  DoctorReport report = report_of({of("F03", full_disk())});
  report.machine = "evil\x1b[2J";
  report.findings[0].text = "red \x1b[31m";
  report.findings[0].evidence = {"\x07 rings"};
  report.findings[0].remedy->commands = {"rm \x1b]0;title\x07"};
  const std::string text = text_of(report);
  CHECK(text.find_first_of("\x1b\x07") == std::string::npos);
  CHECK(text.find("\\x1b[31m") != std::string::npos);
}

TEST_CASE("the title says of what it is") {
  DoctorReport report = report_of({});
  CHECK(report_title(report) == "Machine node1");
  report.environment = "gpu";
  CHECK(report_title(report) == "Environment gpu on machine node1");
  report.target = "a100";
  report.age_days = 1;
  CHECK(report_title(report) == "Environment gpu on target a100, profiled 1 day ago");
  report.environment.clear();
  report.age_days = 0;
  CHECK(report_title(report) == "Target a100, profiled today");
}

TEST_CASE("the end says what to do next") {
  const Finding warning = of("E01", doctor::warning("w", {"Do.", {}}));
  const Finding pass = of("F01", doctor::pass("p"));
  CHECK(next_step(report_of({warning, of("F03", full_disk()), of("H01", full_disk())})).command ==
        "hpcenv doctor F03 H01");
  CHECK(next_step(report_of({warning, pass})).command == "hpcenv doctor E01");
  CHECK(next_step(report_of({pass})).command == "hpcenv doctor -n NAME");
  DoctorReport judged = report_of({pass});
  judged.environment = "gpu";
  CHECK(next_step(judged).command.empty());
  CHECK(report_summary(judged) == "1 check on node1: 1 passed");
}

}  // namespace
}  // namespace hpcenv::cli
