// Which names are masked in what is sent to others: captures of a machine and shared reports.
#pragma once

#include "host/masking.hpp"
#include "host/reader.hpp"
#include "ops/locations.hpp"

namespace hpcenv::ops {

/// The user, this host, the user's folders and the root of hpcenv.
host::Masking masking_for(const Locations& locations, const host::HostReader& reader);

}  // namespace hpcenv::ops
