#include "conda/condarc.hpp"
#include "fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const hpcenv::base::Environment environment({{"HOME", "/h"}, {"X", "$X"}});
  (void)hpcenv::conda::parse_condarc(hpcenv::fuzz::text_of(data, size), "fuzz",
                                     hpcenv::conda::RcDialect::hpcenv, environment);
  for (const hpcenv::conda::RcKey& key : hpcenv::conda::rc_keys()) {
    (void)hpcenv::conda::parse_rc_value(key, hpcenv::fuzz::text_of(data, size), "X");
  }
  return 0;
}
