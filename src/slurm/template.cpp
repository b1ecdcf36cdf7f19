#include "slurm/template.hpp"

#include "base/embedded.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_slurm();

namespace hpcenv::slurm {

std::string filled_template(std::string_view name, const Values& values) {
  std::string_view text =
      base::embedded_file(*hpcenv_embedded_slurm(), "slurm/" + std::string(name)).value_or("");
  if (text.starts_with("# shellcheck ")) text.remove_prefix(text.find('\n') + 1);
  std::string out;
  while (!text.empty()) {
    std::size_t first = std::string_view::npos;
    const Values::value_type* found = nullptr;
    for (const auto& value : values) {
      const std::size_t at = text.find(value.first);
      if (at < first) {
        first = at;
        found = &value;
      }
    }
    out += text.substr(0, first);
    if (found == nullptr) break;
    out += found->second;
    text.remove_prefix(first + found->first.size());
  }
  return out;
}

}  // namespace hpcenv::slurm
