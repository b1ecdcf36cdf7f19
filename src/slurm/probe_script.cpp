#include "slurm/probe_script.hpp"

#include "base/embedded.hpp"
#include "base/text.hpp"
#include "shell/activation.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_slurm();

namespace hpcenv::slurm {

std::string probe_script(const std::string& folder, const std::string& digest,
                         const std::string& version) {
  std::string text(base::embedded_file(*hpcenv_embedded_slurm(), "slurm/probe.sh").value_or(""));
  text = base::replace_all(std::move(text), "@VERSION@", version);
  text = base::replace_all(std::move(text), "'@DIGEST@'", shell::quote_posix(digest));
  return base::replace_all(std::move(text), "'@FOLDER@'", shell::quote_posix(folder));
}

}  // namespace hpcenv::slurm
