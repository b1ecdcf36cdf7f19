// One blob on its way into a registry: a conversation in which each answer names the address of
// the next request (distribution specification, "Pushing blobs").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "image/registry.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::image {

/// "0-1023" -> 1024 bytes; nothing for what is no such range.
std::optional<std::uint64_t> bytes_of_range(std::string_view range);

class Upload {
 public:
  /// All outlive it. `mount_from` is the path of a repository, or empty.
  Upload(RegistryConnection& connection, const Reference& target, std::string mount_from,
         const Descriptor& blob, const BlobBytes& source, const BlobProgress& progress);
  Result<Arrival> run();

 private:
  /// What came of a step.
  enum class Step {
    moved,   ///< bytes are through
    done,    ///< the blob is in
    unsure,  ///< the registry has to be asked where it is
    lost,    ///< the session is of no use: begin anew
  };

  Result<bool> is_there();
  Result<Step> begin();
  Result<Step> go_on();
  Result<Step> send_part();
  Result<Step> meet_part(const net::ExchangeAnswer& answer, std::uint64_t size);
  Result<Step> believe_range(std::string_view range, std::uint64_t size);
  Result<Step> close();
  Result<Step> meet_close(const net::ExchangeAnswer& answer);
  Result<Step> meet_too_large(const net::ExchangeAnswer& answer, std::uint64_t size);
  Result<Step> meet_trouble(const net::ExchangeAnswer& answer);
  /// Asks how far the registry is.
  Result<Step> locate();
  Result<> take_location(const net::ExchangeAnswer& answer);
  net::ExchangeRequest request_of(net::Method method, std::string url, std::uint64_t size) const;
  std::string closing_url() const;
  std::string act() const;
  Result<> count_failure(Error error);

  RegistryConnection& connection_;
  const Reference& target_;
  std::string mount_from_;
  const Descriptor& blob_;
  const BlobBytes& source_;
  const BlobProgress& progress_;
  std::string location_;
  std::uint64_t offset_ = 0;      ///< what the registry has
  std::uint64_t furthest_ = 0;    ///< it ever had
  std::uint64_t part_;            ///< the largest that is sent in one request
  std::uint64_t least_part_ = 0;  ///< that the registry takes
  bool mounted_ = false;
  bool in_one_piece_ = false;  ///< with the request that closes
  bool no_parts_ = false;      ///< the registry knows none
  bool closing_ = false;       ///< whether the request in doubt is the one that closes
  bool digest_refused_ = false;
  int failures_ = 0;  ///< since the last progress
};

}  // namespace hpcenv::image
