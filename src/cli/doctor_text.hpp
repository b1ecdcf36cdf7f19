// The doctor's report as lines of text.
#pragma once

#include <string>

#include "cli/doctor_report.hpp"
#include "cli/output.hpp"

namespace hpcenv::cli {

struct ReportLook {
  enum class Detail { what_is_not_well, all };
  std::size_t columns = 80;
  Glyphs glyphs = Glyphs::ascii;
  Detail detail = Detail::what_is_not_well;
};

/// ASCII in 80 columns off a terminal, at most 100 columns on one.
ReportLook look_for(const Output& output, ReportLook::Detail detail);

/// A line for each group, below it what is not well, with evidence and advice; at the end the
/// counts and what to do next. Commands stand on lines of their own, unbroken.
std::string report_text(const DoctorReport& report, const ReportLook& look, const Output& output);

}  // namespace hpcenv::cli
