// One blob on its way out of a registry, resumed where the connection breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/hash.hpp"
#include "base/result.hpp"
#include "image/image_file.hpp"
#include "image/oci.hpp"
#include "image/registry_connection.hpp"

namespace hpcenv::image {

class BlobDownload {
 public:
  /// All outlive it.
  BlobDownload(RegistryConnection& connection, std::string url, const Descriptor& blob,
               const ByteSink& sink);
  /// Kinds of Repository::read_blob, and those of the sink.
  Result<> run();

 private:
  Result<net::ExchangeAnswer> attempt();
  Result<> take(const net::ExchangeAnswer& head, std::span<const std::byte> bytes);
  void meet_head(const net::ExchangeAnswer& head);
  Result<> hand_on(std::span<const std::byte> bytes);
  Result<> judge(const net::ExchangeAnswer& answer, std::uint64_t before);
  std::string act() const;

  RegistryConnection& connection_;
  std::string url_;
  const Descriptor& blob_;
  const ByteSink& sink_;
  base::Hasher hasher_{base::HashKind::sha256};
  std::uint64_t received_ = 0;
  std::uint64_t skip_ = 0;   ///< of this attempt's body: the sink has it
  bool met_head_ = false;    ///< of this attempt
  bool other_part_ = false;  ///< another part came than was asked for
  bool whole_only_ = false;  ///< parts are not asked for any more
  int failures_ = 0;         ///< since the last progress
};

}  // namespace hpcenv::image
