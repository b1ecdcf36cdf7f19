#include "packages/fetch.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "net/url.hpp"
#include "packages/byte_queue.hpp"
#include "packages/unpack.hpp"

namespace hpcenv::packages {

namespace {

/// A worker holds a decoder's window (8 MiB and more); beyond the processors only a few are of use,
/// to hide the waiting for network file systems.
constexpr std::size_t most_workers = 8;
constexpr std::size_t spare_workers = 2;
constexpr std::size_t queue_limit = std::size_t{1} << 20U;

/// One package that has to come.
struct Order {
  const conda::PackageRecord* record = nullptr;
  PackageCache::Existing existing = PackageCache::Existing::keep;
  std::string url = {};  ///< the channel's, or of an archive that a cache holds
};

using Outcomes = std::vector<Result<net::HttpResponse>>;

class Fetcher;

/// One package on its way: the client's thread puts bytes in, a worker takes them out.
class Delivery final : public net::BodySink {
 public:
  Delivery(const Order& order, Fetcher& fetcher);
  Result<> begin(const net::HttpResponse& head) override;
  Result<bool> write(std::span<const std::byte> bytes) override;
  Result<> end() override;
  void abandon(const Error& error) override;
  std::optional<Error> given_up() const override;

  const conda::PackageRecord& record() const { return record_; }
  PackageCache::Existing existing() const { return existing_; }
  const std::string& url() const { return url_; }
  ByteQueue& queue() { return queue_; }
  const std::string& name() const { return name_; }
  std::optional<conda::UnpackedPackage> package;  ///< set by the worker

 private:
  void tell() const;

  const conda::PackageRecord& record_;
  PackageCache::Existing existing_;
  const std::string& url_;
  std::string name_;
  std::uint64_t received_ = 0;
  Fetcher& fetcher_;
  ByteQueue queue_;
};

class Fetcher {
 public:
  Fetcher(const PackageCache& cache, net::HttpClient& client, base::Reporter& reporter,
          SafetyChecks safety)
      : cache_(cache), client_(client), reporter_(reporter), safety_(safety) {}

  /// Packages in the order of `orders`, which is the order in which they are fetched.
  Result<std::vector<conda::UnpackedPackage>> run(const std::vector<Order>& orders,
                                                  std::size_t workers);

  // For deliveries.
  void hand_to_worker(Delivery& delivery);
  Result<> check_stopped() const;
  /// Notes the first failure and ends everything else: without all packages there is nothing to
  /// install.
  void stop(Error error);
  void count(std::size_t bytes);
  void tell(const std::string& name, std::uint64_t done, std::uint64_t total) {
    reporter_.part(name, done, total, base::Unit::bytes);
  }
  void wake() { client_.wake(); }

 private:
  void work();
  Delivery* next_delivery();
  Result<> start_workers(std::size_t count);
  void join_workers();
  Outcomes transfer(std::deque<Delivery>& deliveries);
  static Result<std::vector<conda::UnpackedPackage>> collect(const Outcomes& outcomes,
                                                             std::deque<Delivery>& deliveries);

  const PackageCache& cache_;
  net::HttpClient& client_;
  base::Reporter& reporter_;
  SafetyChecks safety_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<std::thread> workers_;
  std::deque<Delivery*> waiting_;
  bool finished_ = false;
  std::optional<Error> failure_;  ///< the first one
  std::atomic<bool> stopped_{false};
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> unpacked_{0};
  std::uint64_t orders_ = 0;
};

Delivery::Delivery(const Order& order, Fetcher& fetcher)
    : record_(*order.record),
      existing_(order.existing),
      url_(order.url),
      name_(order.record->dist_name()),
      fetcher_(fetcher),
      queue_(queue_limit, [&fetcher] { fetcher.wake(); }) {}

Result<> Delivery::begin(const net::HttpResponse& head) {
  HPCENV_TRY(fetcher_.check_stopped());
  if (head.size.has_value() && record_.size.has_value() && *head.size != *record_.size) {
    Failure failure = fail_hint(
        ErrorKind::refused,
        fmt::format("{}: wrong size: the channel's index says {} bytes, the server offers {}",
                    conda::without_credentials(record_.url), *record_.size, *head.size),
        "run the command again; if it stays, the index is out of date: tell the channel or the "
        "mirror");
    fetcher_.stop(failure.error());
    return failure;
  }
  tell();
  fetcher_.hand_to_worker(*this);
  return {};
}

Result<bool> Delivery::write(std::span<const std::byte> bytes) {
  HPCENV_TRY(fetcher_.check_stopped());
  if (!queue_.push(bytes)) return false;
  received_ += bytes.size();
  fetcher_.count(bytes.size());
  tell();
  return true;
}

void Delivery::tell() const { fetcher_.tell(name_, received_, record_.size.value_or(0)); }

Result<> Delivery::end() {
  queue_.close();
  return {};
}

void Delivery::abandon(const Error& error) {
  queue_.fail(error);
  fetcher_.stop(error);
}

/// A transfer that hangs must not outlive the failure of another package.
std::optional<Error> Delivery::given_up() const {
  Result<> stopped = fetcher_.check_stopped();
  return stopped.has_value() ? std::nullopt : std::optional(std::move(stopped).error());
}

void Fetcher::hand_to_worker(Delivery& delivery) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(&delivery);
  news_.notify_one();
}

Result<> Fetcher::check_stopped() const {
  if (!stopped_.load()) return {};
  return fail(ErrorKind::io, "stopped because another package failed");
}

void Fetcher::count(std::size_t bytes) {
  done_ += bytes;
  reporter_.progress(done_, total_, base::Unit::bytes);
}

Delivery* Fetcher::next_delivery() {
  std::unique_lock lock(mutex_);
  news_.wait(lock, [this] { return finished_ || !waiting_.empty(); });
  if (waiting_.empty()) return nullptr;
  Delivery* delivery = waiting_.front();
  waiting_.pop_front();
  return delivery;
}

void Fetcher::stop(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.has_value()) failure_ = std::move(error);
  }
  stopped_.store(true);
  client_.wake();
}

void Fetcher::work() {
  while (Delivery* delivery = next_delivery()) {
    ByteQueue& queue = delivery->queue();
    const base::ByteSource source = [this, &queue]() -> Result<std::span<const std::byte>> {
      HPCENV_TRY(check_stopped());
      return queue.pop();
    };
    Result<conda::UnpackedPackage> package = unpack_into(
        cache_, delivery->record(), source, UnpackRules{delivery->existing(), safety_, &reporter_});
    reporter_.part_end(delivery->name());
    if (package.has_value()) {
      reporter_.progress(++unpacked_, orders_, base::Unit::items);
      delivery->package = std::move(package).value();
    } else {
      stop(std::move(package).error());
    }
  }
}

Outcomes Fetcher::transfer(std::deque<Delivery>& deliveries) {
  std::vector<net::Transfer> transfers;
  transfers.reserve(deliveries.size());
  for (Delivery& delivery : deliveries) {
    net::Transfer& transfer = transfers.emplace_back();
    transfer.request.url = delivery.url();
    transfer.sink = &delivery;
  }
  return client_.get_all(transfers);
}

Result<> Fetcher::start_workers(std::size_t count) {
  try {
    while (workers_.size() < count) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    if (workers_.empty()) return fail(ErrorKind::io, "cannot start a thread: {}", error.what());
  }
  return {};
}

void Fetcher::join_workers() {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    news_.notify_all();
  }
  for (std::thread& worker : workers_) worker.join();
}

Result<std::vector<conda::UnpackedPackage>> Fetcher::run(const std::vector<Order>& orders,
                                                         std::size_t workers) {
  std::deque<Delivery> deliveries;  // a deque: sinks must not move
  for (const Order& order : orders) {
    deliveries.emplace_back(order, *this);
    total_ += order.record->size.value_or(0);
  }
  orders_ = orders.size();
  reporter_.progress(0, orders_, base::Unit::items);
  HPCENV_TRY(start_workers(workers));
  const Outcomes outcomes = transfer(deliveries);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    // A worker may still wait for the rest of a transfer that failed. The others end what they have
    // begun: their bytes are all here.
    if (!outcomes[i].has_value()) deliveries[i].queue().fail(outcomes[i].error());
  }
  join_workers();
  HPCENV_TRY(base::check_interrupt());
  if (failure_.has_value()) return Failure(std::move(*failure_));
  return collect(outcomes, deliveries);
}

Result<std::vector<conda::UnpackedPackage>> Fetcher::collect(const Outcomes& outcomes,
                                                             std::deque<Delivery>& deliveries) {
  std::vector<conda::UnpackedPackage> packages;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].has_value()) return Failure(outcomes[i].error());
    if (!deliveries[i].package.has_value()) {
      return fail(ErrorKind::bug, "{} was fetched but not unpacked", deliveries[i].record().url);
    }
    packages.push_back(std::move(*deliveries[i].package));
  }
  return packages;
}

void warn_of_missing_checksums(const std::vector<Order>& orders, base::Reporter& reporter) {
  for (const auto& [record, existing, url] : orders) {
    if (!record->sha256.empty() || !record->md5.empty()) continue;
    reporter.warning(
        fmt::format("{}: the channel's index has no checksum of it; it is used unverified",
                    conda::without_credentials(record->url)));
  }
}

Result<> check_offline(const std::vector<Order>& orders) {
  constexpr std::size_t most_named = 5;
  std::vector<std::string> remote;
  for (const auto& [record, existing, url] : orders) {
    if (!net::is_file_url(url)) remote.push_back(record->file_name);
  }
  if (remote.empty()) return {};
  const std::size_t count = remote.size();
  std::sort(remote.begin(), remote.end());
  remote.resize(std::min(count, most_named));
  return fail_hint(ErrorKind::not_found,
                   fmt::format("offline, and {} not in the package cache: {}{}",
                               count == 1 ? "1 package is" : fmt::format("{} packages are", count),
                               base::join(remote, ", "), count > most_named ? ", ..." : ""),
                   "run the command once without --offline");
}

/// What the decoders' windows took is not needed for linking, which has its own peak.
void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

std::size_t useful_workers() {
  return std::min(base::available_processors() + spare_workers, most_workers);
}

/// What a cache has of each record, and what is wrong with it.
struct Found {
  std::optional<conda::UnpackedPackage> package;
  std::string damage;
  std::optional<std::filesystem::path> archive;  ///< to unpack, where there is no sound package
};

/// Archives that other tools left, as long as they are what the record says.
std::optional<std::filesystem::path> sound_archive(const PackageCache& cache,
                                                   const conda::PackageRecord& record,
                                                   base::Reporter& reporter) {
  std::optional<std::filesystem::path> archive = cache.find_archive(record);
  if (!archive.has_value() || is_archive_of(*archive, record)) return archive;
  reporter.detail(
      fmt::format("{} is not used: the channel's index has another checksum", archive->native()));
  return std::nullopt;
}

/// Whether a cached package may be used as it is; notes what is wrong with it where it may not.
bool is_sound(Found& found, const FetchOptions& options, base::Reporter& reporter) {
  if (options.safety == SafetyChecks::disabled) return true;
  auto sound = check_cached(found.package->directory, options.check);
  if (sound.has_value()) {
    found.package->paths = std::move(*sound);
    return true;
  }
  if (options.safety == SafetyChecks::warn) {
    reporter.warning(
        fmt::format("a package in the cache is damaged and is used (safety_checks: "
                    "warn): {}",
                    sound.error().message));
    return true;
  }
  found.damage = sound.error().message;
  return false;
}

Result<std::vector<Found>> look_into(const PackageCache& cache,
                                     const std::vector<conda::PackageRecord>& records,
                                     const FetchOptions& options, base::Reporter& reporter) {
  std::vector<Found> found(records.size());
  HPCENV_TRY(base::parallel_for(records.size(), base::available_processors(),
                                [&](std::size_t i) -> Result<> {
                                  found[i].package = cache.find(records[i]);
                                  const bool is_there = found[i].package.has_value();
                                  if (is_there && is_sound(found[i], options, reporter)) return {};
                                  found[i].archive = sound_archive(cache, records[i], reporter);
                                  return {};
                                }));
  return found;
}

/// What has to come, the largest first: what takes longest must not start last.
std::vector<std::size_t> missing_of(const std::vector<Found>& found,
                                    const std::vector<conda::PackageRecord>& records,
                                    base::Reporter& reporter) {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i].damage.empty()) {
      reporter.warning(fmt::format("a package in the cache is damaged and is fetched again: {}",
                                   found[i].damage));
    }
    if (!found[i].package.has_value() || !found[i].damage.empty()) missing.push_back(i);
  }
  std::stable_sort(missing.begin(), missing.end(), [&](std::size_t a, std::size_t b) {
    return records[a].size.value_or(0) > records[b].size.value_or(0);
  });
  return missing;
}

Order order_of(const conda::PackageRecord& record, const Found& found) {
  using Existing = PackageCache::Existing;
  return {&record, found.damage.empty() ? Existing::keep : Existing::replace,
          found.archive.has_value() ? net::file_url(found.archive->native()) : record.url};
}

}  // namespace

Result<std::vector<conda::UnpackedPackage>> ensure_unpacked(
    const std::vector<conda::PackageRecord>& records, PackageCache& cache, net::HttpClient& client,
    base::Reporter& reporter, const FetchOptions& options) {
  HPCENV_ASSIGN(std::vector<Found> found, look_into(cache, records, options, reporter));
  const std::vector<std::size_t> missing = missing_of(found, records, reporter);
  if (!missing.empty()) {
    std::vector<Order> orders;
    orders.reserve(missing.size());
    for (const std::size_t i : missing) orders.push_back(order_of(records[i], found[i]));
    if (options.offline == FetchOptions::Offline::yes) HPCENV_TRY(check_offline(orders));
    warn_of_missing_checksums(orders, reporter);
    const bool all_here =
        std::ranges::all_of(missing, [&](std::size_t i) { return found[i].archive.has_value(); });
    reporter.step(all_here ? "Unpacking packages" : "Fetching packages");
    const std::size_t workers =
        std::min(options.workers > 0 ? options.workers : useful_workers(), orders.size());
    HPCENV_ASSIGN(std::vector<conda::UnpackedPackage> fetched,
                  Fetcher(cache, client, reporter, options.safety).run(orders, workers));
    for (std::size_t i = 0; i < missing.size(); ++i) {
      found[missing[i]].package = std::move(fetched[i]);
    }
    give_memory_back();
  }
  std::vector<conda::UnpackedPackage> packages;
  packages.reserve(found.size());
  for (Found& one : found) packages.push_back(std::move(*one.package));
  return packages;
}

}  // namespace hpcenv::packages
