// The doctor's report as a page that a browser shows and a user sends to support.
#pragma once

#include <string>

#include "cli/doctor_report.hpp"

namespace hpcenv::cli {

struct PageNotes {
  std::string made_at;  ///< "2026-11-26 01:02:03"
  enum class Names { as_they_are, masked };
  Names names = Names::as_they_are;
};

/// One HTML file, well-formed as XML too, that loads nothing and runs nothing: all findings, those
/// that are not well at length. Whatever the findings say is text in it, and valid UTF-8.
std::string report_page(const DoctorReport& report, const PageNotes& notes);

}  // namespace hpcenv::cli
