// Failed transfers in words: what failed, where, what to do next. Urls lose their credentials here.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/curl.hpp"

namespace hpcenv::net {

/// 404 and 410: not_found; 401, 403 and 407: refused; everything else: network.
Error status_error(std::string_view url, int status);
/// Of a transfer that ended without a whole answer; `act` is what could not be done with the url.
Error transfer_error(std::string_view url, const CurlOutcome& outcome,
                     std::string_view act = "fetch");
Error offline_error(std::string_view url);
Error no_address_error(std::string_view url);
/// Without credentials and without what follows `?`: links that are signed carry a secret there.
std::string shown_url(std::string_view url);
/// `error` after so many attempts.
Error after_attempts(Error error, int attempts);

}  // namespace hpcenv::net
