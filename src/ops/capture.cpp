#include "ops/capture.hpp"

#include <utility>

#include "base/apart.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "doctor/finding.hpp"
#include "host/recording_reader.hpp"
#include "ops/asked_facts.hpp"
#include "ops/examination.hpp"
#include "ops/masking.hpp"

namespace hpcenv::ops {
namespace {

/// Findings are thrown away: what counts is what was asked for them. No server is asked.
void ask_for_checks(const host::NodeProfile& profile, const Locations& locations,
                    const LocalSeams& seams, host::HostRecorder& recorder) {
  doctor::Subject subject;
  subject.profile = &profile;
  subject.reader = &seams.reader;
  subject.now = profile.taken_at;
  const AskRequest questions{examined_places({}, locations, seams.reader), nullptr};
  ask_others(doctor::all_checks(), questions, seams, subject);
  for (const doctor::Check& check : doctor::all_checks()) {
    if (check.needs_environment || check.cost == doctor::Cost::deep) continue;
    if (check.cost == doctor::Cost::quick) {
      static_cast<void>(check.examine(subject));
      continue;
    }
    const base::ApartResult apart = base::run_apart(
        [&] {
          static_cast<void>(check.examine(subject));
          return recorder.packed();
        },
        doctor::slow_deadline);
    if (apart.end == base::ApartResult::End::answered) recorder.add(apart.answer);
  }
}

Result<host::NodeProfile> masked(const host::NodeProfile& profile, const host::Masking& masking) {
  return host::profile_from_json(masking.json(host::profile_to_json(profile)), "the profile");
}

}  // namespace

Result<Captured> capture_machine(const std::filesystem::path& folder, host::ProbeDepth depth,
                                 const Locations& locations, const LocalSeams& seams) {
  HPCENV_TRY(host::require_free_folder(folder));
  host::HostRecorder recorder(seams.reader, seams.runner);
  recorder.set_variable("HPCENV_ROOT", locations.root.string());
  const LocalSeams recorded{recorder.reader(), recorder.runner(), seams.reporter, seams.clock};
  seams.reporter.step("Looking at this machine");
  HPCENV_ASSIGN(const host::NodeProfile profile,
                host::probe_node(recorded.reader, recorded.runner, recorded.clock, depth));
  ask_for_checks(profile, locations, recorded, recorder);
  HPCENV_TRY(base::check_interrupt());
  const host::Masking masking = masking_for(locations, seams.reader);
  const host::CaptureFiles files = recorder.files(masking, profile.taken_at);
  HPCENV_TRY(host::write_capture(files, folder));
  Captured captured;
  HPCENV_ASSIGN(captured.profile, masked(profile, masking));
  captured.files = files.size();
  for (const auto& [name, text] : files) captured.bytes += text.size();
  return captured;
}

}  // namespace hpcenv::ops
