#include "image/squashfs_writer.hpp"

#include <sqfs/block_processor.h>
#include <sqfs/block_writer.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>
#include <sqfs/xattr_writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "base/compress.hpp"
#include "base/fault.hpp"
#include "base/zlib_block.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;
using Type = base::TarEntry::Type;

constexpr std::uint32_t no_xattrs = 0xffffffff;
constexpr std::size_t blocks_in_flight = 8;  // a thread
constexpr int zstd_level = 3;
constexpr int gzip_level = 4;

struct Destroy {
  void operator()(void* object) const { sqfs_destroy(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Destroy>;

struct FreeInode {
  void operator()(sqfs_inode_generic_t* inode) const { sqfs_free(inode); }
};
using InodePointer = std::unique_ptr<sqfs_inode_generic_t, FreeInode>;

// The file, as the library writes it. What errno said is kept: the library knows only "io error".

struct OutputFile {
  sqfs_file_t base{};
  int fd = -1;
  std::uint64_t size = 0;
  int error = 0;
};

int read_at(sqfs_file_t* self, sqfs_u64 offset, void* buffer, std::size_t size) noexcept {
  auto& file = *reinterpret_cast<OutputFile*>(self);
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = pread(file.fd, to, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      file.error = got < 0 ? errno : EIO;
      return SQFS_ERROR_IO;
    }
    to += got;
    offset += static_cast<sqfs_u64>(got);
    size -= static_cast<std::size_t>(got);
  }
  return 0;
}

int write_at(sqfs_file_t* self, sqfs_u64 offset, const void* buffer, std::size_t size) noexcept {
  auto& file = *reinterpret_cast<OutputFile*>(self);
  const auto* from = static_cast<const char*>(buffer);
  base::fault_point("image.squashfs.write");
  while (size > 0) {
    const ssize_t put = pwrite(file.fd, from, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      file.error = errno;
      return SQFS_ERROR_IO;
    }
    from += put;
    offset += static_cast<sqfs_u64>(put);
    size -= static_cast<std::size_t>(put);
  }
  file.size = std::max<std::uint64_t>(file.size, offset);
  return 0;
}

sqfs_u64 size_of(const sqfs_file_t* self) noexcept {
  return reinterpret_cast<const OutputFile*>(self)->size;
}

int truncate_to(sqfs_file_t* self, sqfs_u64 size) noexcept {
  auto& file = *reinterpret_cast<OutputFile*>(self);
  base::fault_point("image.squashfs.truncate");
  if (ftruncate(file.fd, static_cast<off_t>(size)) != 0) {
    file.error = errno;
    return SQFS_ERROR_IO;
  }
  file.size = size;
  return 0;
}

void leave_to_owner(sqfs_object_t* /*object*/) noexcept {}

// Packing of one block; each thread of the library has a copy.

struct Packer {
  sqfs_compressor_t base{};
  SquashfsCompression compression = SquashfsCompression::gzip;
  base::ZstdPacker zstd{zstd_level};
  base::ZlibPacker gzip{gzip_level};
};

Packer* make_packer(SquashfsCompression compression) noexcept;

void destroy_packer(sqfs_object_t* self) noexcept { delete reinterpret_cast<Packer*>(self); }

sqfs_object_t* copy_packer(const sqfs_object_t* self) noexcept {
  const auto& packer = *reinterpret_cast<const Packer*>(self);
  return reinterpret_cast<sqfs_object_t*>(make_packer(packer.compression));
}

/// Nothing but the level could be noted, and no reader needs it.
int write_no_options(sqfs_compressor_t* /*self*/, sqfs_file_t* /*file*/) noexcept { return 0; }

/// 0: it does not get smaller.
sqfs_s32 hand_over(std::string_view bytes, sqfs_u8* out, sqfs_u32 room) {
  if (bytes.empty() || bytes.size() > room) return 0;
  std::memcpy(out, bytes.data(), bytes.size());
  return static_cast<sqfs_s32>(bytes.size());
}

sqfs_s32 pack_block(sqfs_compressor_t* self, const sqfs_u8* in, sqfs_u32 size, sqfs_u8* out,
                    sqfs_u32 room) noexcept {
  auto& packer = *reinterpret_cast<Packer*>(self);
  const std::string_view block(reinterpret_cast<const char*>(in), size);
  const std::string packed = packer.compression == SquashfsCompression::zstd
                                 ? packer.zstd.pack(block).value_or("")
                                 : packer.gzip.pack(block);
  return packed.size() < size ? hand_over(packed, out, room) : 0;
}

sqfs_s32 unpack_block(sqfs_compressor_t* self, const sqfs_u8* in, sqfs_u32 size, sqfs_u8* out,
                      sqfs_u32 room) noexcept {
  const auto& packer = *reinterpret_cast<Packer*>(self);
  const std::string_view block(reinterpret_cast<const char*>(in), size);
  const auto bytes = packer.compression == SquashfsCompression::zstd
                         ? base::zstd_decompress(block, room)
                         : base::zlib_decompress(block, room);
  return bytes.has_value() ? hand_over(*bytes, out, room)
                           : static_cast<sqfs_s32>(SQFS_ERROR_COMPRESSOR);
}

/// Null where there is no memory.
Packer* make_packer(SquashfsCompression compression) noexcept {
  auto* packer = new (std::nothrow) Packer;
  if (packer == nullptr) return nullptr;
  packer->compression = compression;
  packer->base.base.destroy = &destroy_packer;
  packer->base.base.copy = &copy_packer;
  packer->base.write_options = &write_no_options;
  packer->base.do_block = &pack_block;
  return packer;
}

mode_t type_bits(Type type) {
  switch (type) {
    case Type::directory:
      return S_IFDIR;
    case Type::symlink:
      return S_IFLNK;
    case Type::fifo:
      return S_IFIFO;
    default:
      return S_IFREG;
  }
}

/// Squashfs counts seconds from 1970 in 32 bits.
std::uint32_t squashfs_time(std::int64_t seconds) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::uint32_t>::max()));
}

/// What stays meaningful on another machine. Labels of SELinux and notes of overlays are their own
/// machine's.
bool is_kept(std::string_view xattr) {
  return xattr.starts_with("user.") || xattr == "security.capability";
}

InodePointer make_inode(std::size_t payload) {
  auto* inode =
      static_cast<sqfs_inode_generic_t*>(std::calloc(1, sizeof(sqfs_inode_generic_t) + payload));
  return InodePointer(inode);
}

}  // namespace

struct SquashfsWriter::State {
  fs::path path;
  SquashfsSettings settings;
  OutputFile file;
  sqfs_super_t super{};
  Owned<sqfs_compressor_t> packer;
  Owned<sqfs_compressor_t> unpacker;
  Owned<sqfs_frag_table_t> fragments;
  Owned<sqfs_block_writer_t> blocks;
  Owned<sqfs_block_processor_t> processor;
  /// The processor writes into them until it is finished: they must not move.
  std::deque<std::pair<std::size_t, sqfs_inode_generic_t*>> files;
  bool is_finished = false;

  ~State() {
    // libsquashfs loses the memory of blocks that are at work when it is taken down.
    if (processor != nullptr && !is_finished) {
      sqfs_block_processor_end_file(processor.get());
      sqfs_block_processor_finish(processor.get());
    }
    processor.reset();
    for (const auto& [number, inode] : files) sqfs_free(inode);
  }
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<> open();
  Result<> check(int code) const;
};

Result<> SquashfsWriter::State::check(int code) const {
  if (code == 0) return {};
  if (file.error != 0) return fail_errno(file.error, "cannot write " + path.native());
  if (code == SQFS_ERROR_ALLOC) {
    return fail(ErrorKind::io, "cannot write {}: out of memory", path.native());
  }
  return fail(ErrorKind::bug, "cannot write {}: error {} of libsquashfs", path.native(), code);
}

namespace {

std::uint64_t position_of(const sqfs_meta_writer_t* writer) {
  sqfs_u64 block = 0;
  sqfs_u32 offset = 0;
  sqfs_meta_writer_get_position(writer, &block, &offset);
  return block << 16U | offset;
}

/// What stands behind the contents: inodes, directories, owners, extended attributes.
class TableWriter {
 public:
  using State = SquashfsWriter::State;
  TableWriter(State& state, std::size_t inodes)
      : state_(state), links_(inodes), numbers_(inodes), places_(inodes), contents_(inodes) {}

  Result<> write(const RootNode& root);

 private:
  struct Entry {
    const std::string* name = nullptr;
    const RootNode* node = nullptr;
    std::uint32_t number = 0;
    std::uint64_t place = 0;
  };

  Result<> prepare();
  void count_links(const RootNode& node);
  Result<std::uint64_t> write_directory(const RootNode& node, std::uint32_t number,
                                        std::uint32_t parent);
  std::vector<Entry> entries_of(const RootNode& node);
  Result<> list(const std::vector<Entry>& entries);
  Result<std::uint64_t> write_leaf(const RootInode& inode);
  Result<InodePointer> leaf_of(const RootInode& inode);
  Result<std::uint64_t> write_inode(sqfs_inode_generic_t& made, const RootInode& inode,
                                    std::uint32_t number);
  Result<std::uint32_t> xattrs_of(const RootInode& inode);
  Result<std::uint16_t> owner(std::uint32_t id);
  Result<> write_tables();

  State& state_;
  Owned<sqfs_meta_writer_t> inode_table_;
  Owned<sqfs_meta_writer_t> directory_table_;
  Owned<sqfs_dir_writer_t> directories_;
  Owned<sqfs_id_table_t> owners_;
  Owned<sqfs_xattr_writer_t> xattrs_;
  std::uint32_t count_ = 0;
  // By the tree's number of an inode that is no directory.
  std::vector<std::uint32_t> links_;
  std::vector<std::uint32_t> numbers_;
  std::vector<std::uint64_t> places_;  ///< 0: not written yet
  std::vector<sqfs_inode_generic_t*> contents_;
};

Result<> TableWriter::prepare() {
  sqfs_file_t* file = &state_.file.base;
  inode_table_.reset(sqfs_meta_writer_create(file, state_.packer.get(), 0));
  directory_table_.reset(
      sqfs_meta_writer_create(file, state_.packer.get(), SQFS_META_WRITER_KEEP_IN_MEMORY));
  if (directory_table_ != nullptr) {
    directories_.reset(sqfs_dir_writer_create(directory_table_.get(), 0));
  }
  owners_.reset(sqfs_id_table_create(0));
  xattrs_.reset(sqfs_xattr_writer_create(0));
  for (const auto& [number, inode] : state_.files) contents_[number] = inode;
  const bool all = inode_table_ != nullptr && directories_ != nullptr && owners_ != nullptr &&
                   xattrs_ != nullptr;
  return state_.check(all ? 0 : static_cast<int>(SQFS_ERROR_ALLOC));
}

void TableWriter::count_links(const RootNode& node) {
  for (const auto& [name, child] : node.children) {
    if (child->is_directory()) {
      count_links(*child);
    } else {
      ++links_[child->inode->number];
    }
  }
}

Result<> TableWriter::write(const RootNode& root) {
  HPCENV_TRY(prepare());
  count_links(root);
  state_.super.inode_table_start = state_.file.size;
  const std::uint32_t number = ++count_;
  HPCENV_ASSIGN(state_.super.root_inode_ref, write_directory(root, number, number));
  state_.super.inode_count = count_;
  return write_tables();
}

/// Numbers go to all names of a directory before what lies deeper gets any: entries name inodes by
/// the small distances between them.
std::vector<TableWriter::Entry> TableWriter::entries_of(const RootNode& node) {
  std::vector<Entry> entries;
  entries.reserve(node.children.size());
  for (const auto& [name, child] : node.children) {
    Entry entry{&name, child.get()};
    if (child->is_directory()) {
      entry.number = ++count_;
    } else {
      std::uint32_t& number = numbers_[child->inode->number];
      if (number == 0) number = ++count_;
      entry.number = number;
    }
    entries.push_back(entry);
  }
  return entries;
}

Result<std::uint64_t> TableWriter::write_directory(const RootNode& node, std::uint32_t number,
                                                   std::uint32_t parent) {
  std::vector<Entry> entries = entries_of(node);
  std::size_t subdirectories = 0;
  for (Entry& entry : entries) {
    if (entry.node->is_directory()) {
      ++subdirectories;
      HPCENV_ASSIGN(entry.place, write_directory(*entry.node, entry.number, number));
    } else {
      HPCENV_ASSIGN(entry.place, write_leaf(*entry.node->inode));
    }
  }
  HPCENV_TRY(list(entries));
  RootInode plain;
  plain.type = Type::directory;
  plain.modified = state_.settings.created;
  const RootInode& inode = node.inode != nullptr ? *node.inode : plain;
  HPCENV_ASSIGN(const std::uint32_t xattrs, xattrs_of(inode));
  const InodePointer made(
      sqfs_dir_writer_create_inode(directories_.get(), 2 + subdirectories, xattrs, parent));
  if (made == nullptr) return Failure(state_.check(SQFS_ERROR_ALLOC).error());
  return write_inode(*made, inode, number);
}

Result<> TableWriter::list(const std::vector<Entry>& entries) {
  HPCENV_TRY(state_.check(sqfs_dir_writer_begin(directories_.get(), 0)));
  for (const Entry& entry : entries) {
    const Type type = entry.node->is_directory() ? Type::directory : entry.node->inode->type;
    HPCENV_TRY(state_.check(sqfs_dir_writer_add_entry(directories_.get(), entry.name->c_str(),
                                                      entry.number, entry.place,
                                                      static_cast<sqfs_u16>(type_bits(type)))));
  }
  return state_.check(sqfs_dir_writer_end(directories_.get()));
}

Result<std::uint64_t> TableWriter::write_leaf(const RootInode& inode) {
  std::uint64_t& place = places_[inode.number];
  if (place != 0) return place - 1;
  HPCENV_ASSIGN(const std::uint32_t xattrs, xattrs_of(inode));
  InodePointer own;
  sqfs_inode_generic_t* made = contents_[inode.number];
  if (inode.type != Type::file) {
    HPCENV_ASSIGN(own, leaf_of(inode));
    made = own.get();
  }
  if (made == nullptr) return fail(ErrorKind::bug, "a file of the image has no contents");
  const std::uint32_t links = links_[inode.number];
  if (inode.type == Type::file && links > 1) {
    HPCENV_TRY(state_.check(sqfs_inode_make_extended(made)));
  }
  if (xattrs != no_xattrs) HPCENV_TRY(state_.check(sqfs_inode_set_xattr_index(made, xattrs)));
  if (made->base.type == SQFS_INODE_EXT_FILE) made->data.file_ext.nlink = links;
  HPCENV_ASSIGN(const std::uint64_t written, write_inode(*made, inode, numbers_[inode.number]));
  place = written + 1;
  return written;
}

Result<InodePointer> TableWriter::leaf_of(const RootInode& inode) {
  const bool is_link = inode.type == Type::symlink;
  InodePointer made = make_inode(is_link ? inode.target.size() + 1 : 0);
  if (made == nullptr) return Failure(state_.check(SQFS_ERROR_ALLOC).error());
  const std::uint32_t links = links_[inode.number];
  if (is_link) {
    made->base.type = SQFS_INODE_SLINK;
    made->data.slink.nlink = links;
    made->data.slink.target_size = static_cast<sqfs_u32>(inode.target.size());
    std::memcpy(made->extra, inode.target.data(), inode.target.size());
  } else {
    made->base.type = SQFS_INODE_FIFO;
    made->data.ipc.nlink = links;
  }
  return made;
}

Result<std::uint64_t> TableWriter::write_inode(sqfs_inode_generic_t& made, const RootInode& inode,
                                               std::uint32_t number) {
  made.base.mode = static_cast<sqfs_u16>(type_bits(inode.type) | (inode.mode & 07777U));
  HPCENV_ASSIGN(made.base.uid_idx, owner(inode.uid));
  HPCENV_ASSIGN(made.base.gid_idx, owner(inode.gid));
  made.base.mod_time = squashfs_time(inode.modified);
  made.base.inode_number = number;
  const std::uint64_t place = position_of(inode_table_.get());
  HPCENV_TRY(state_.check(sqfs_meta_writer_write_inode(inode_table_.get(), &made)));
  return place;
}

Result<std::uint32_t> TableWriter::xattrs_of(const RootInode& inode) {
  const bool any =
      std::ranges::any_of(inode.xattrs, [](const auto& x) { return is_kept(x.first); });
  if (!any) return no_xattrs;
  HPCENV_TRY(state_.check(sqfs_xattr_writer_begin(xattrs_.get(), 0)));
  for (const auto& [name, value] : inode.xattrs) {
    if (!is_kept(name)) continue;
    HPCENV_TRY(state_.check(
        sqfs_xattr_writer_add(xattrs_.get(), name.c_str(), value.data(), value.size())));
  }
  sqfs_u32 index = no_xattrs;
  HPCENV_TRY(state_.check(sqfs_xattr_writer_end(xattrs_.get(), &index)));
  return index;
}

Result<std::uint16_t> TableWriter::owner(std::uint32_t id) {
  sqfs_u16 index = 0;
  const int code = sqfs_id_table_id_to_index(owners_.get(), id, &index);
  if (code == SQFS_ERROR_OVERFLOW) {
    return fail(ErrorKind::refused,
                "the image has files of more than 65536 users and groups, which squashfs cannot "
                "hold");
  }
  HPCENV_TRY(state_.check(code));
  return index;
}

Result<> TableWriter::write_tables() {
  State& state = state_;
  sqfs_file_t* file = &state.file.base;
  sqfs_compressor_t* packer = state.packer.get();
  HPCENV_TRY(state.check(sqfs_meta_writer_flush(inode_table_.get())));
  state.super.directory_table_start = state.file.size;
  HPCENV_TRY(state.check(sqfs_meta_writer_flush(directory_table_.get())));
  HPCENV_TRY(state.check(sqfs_meta_write_write_to_file(directory_table_.get())));
  HPCENV_TRY(state.check(sqfs_frag_table_write(state.fragments.get(), file, &state.super, packer)));
  HPCENV_TRY(state.check(sqfs_id_table_write(owners_.get(), file, &state.super, packer)));
  HPCENV_TRY(state.check(sqfs_xattr_writer_flush(xattrs_.get(), file, &state.super, packer)));
  state.super.bytes_used = state.file.size;
  HPCENV_TRY(state.check(sqfs_super_write(&state.super, file)));
  // Loop devices want whole blocks.
  const std::uint64_t whole =
      (state.file.size + SQFS_DEVBLK_SIZE - 1) / SQFS_DEVBLK_SIZE * SQFS_DEVBLK_SIZE;
  return state.check(file->truncate(file, whole));
}

}  // namespace

SquashfsWriter::SquashfsWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SquashfsWriter::SquashfsWriter(SquashfsWriter&&) noexcept = default;
SquashfsWriter& SquashfsWriter::operator=(SquashfsWriter&&) noexcept = default;
SquashfsWriter::~SquashfsWriter() = default;

Result<> SquashfsWriter::State::open() {
  file.base.base.destroy = &leave_to_owner;
  file.base.read_at = &read_at;
  file.base.write_at = &write_at;
  file.base.get_size = &size_of;
  file.base.truncate = &truncate_to;
  const bool zstd = settings.compression == SquashfsCompression::zstd;
  HPCENV_TRY(check(sqfs_super_init(&super, SQFS_DEFAULT_BLOCK_SIZE, squashfs_time(settings.created),
                                   zstd ? SQFS_COMP_ZSTD : SQFS_COMP_GZIP)));
  HPCENV_TRY(check(sqfs_super_write(&super, &file.base)));
  Packer* forward = make_packer(settings.compression);
  if (forward == nullptr) return check(SQFS_ERROR_ALLOC);
  packer.reset(&forward->base);
  Packer* reverse = make_packer(settings.compression);
  if (reverse == nullptr) return check(SQFS_ERROR_ALLOC);
  reverse->base.do_block = &unpack_block;
  unpacker.reset(&reverse->base);
  fragments.reset(sqfs_frag_table_create(0));
  blocks.reset(sqfs_block_writer_create(&file.base, 0, 0));
  if (fragments == nullptr || blocks == nullptr) return check(SQFS_ERROR_ALLOC);
  sqfs_block_processor_desc_t wanted{};
  wanted.size = sizeof wanted;
  wanted.max_block_size = SQFS_DEFAULT_BLOCK_SIZE;
  wanted.num_workers = static_cast<sqfs_u32>(settings.jobs);
  wanted.max_backlog = static_cast<sqfs_u32>(settings.jobs * blocks_in_flight);
  wanted.cmp = packer.get();
  wanted.wr = blocks.get();
  wanted.tbl = fragments.get();
  wanted.file = &file.base;
  wanted.uncmp = unpacker.get();
  sqfs_block_processor_t* made = nullptr;
  HPCENV_TRY(check(sqfs_block_processor_create_ex(&wanted, &made)));
  processor.reset(made);
  return {};
}

Result<SquashfsWriter> SquashfsWriter::create(int fd, const fs::path& file,
                                              const SquashfsSettings& settings) {
  auto state = std::make_unique<State>();
  state->path = file;
  state->settings = settings;
  state->file.fd = fd;
  HPCENV_TRY(state->open());
  return SquashfsWriter(std::move(state));
}

Result<> SquashfsWriter::begin_file(std::size_t inode) {
  auto& [number, made] = state_->files.emplace_back(inode, nullptr);
  return state_->check(sqfs_block_processor_begin_file(state_->processor.get(), &made, nullptr, 0));
}

Result<> SquashfsWriter::append(std::span<const std::byte> bytes) {
  // libsquashfs 1.2 reads through a null pointer where the first piece of a file is empty.
  if (bytes.empty()) return {};
  return state_->check(
      sqfs_block_processor_append(state_->processor.get(), bytes.data(), bytes.size()));
}

Result<> SquashfsWriter::end_file() {
  return state_->check(sqfs_block_processor_end_file(state_->processor.get()));
}

Result<> SquashfsWriter::finish(const RootTree& tree) {
  state_->is_finished = true;
  HPCENV_TRY(state_->check(sqfs_block_processor_finish(state_->processor.get())));
  return TableWriter(*state_, tree.inodes()).write(tree.root());
}

}  // namespace hpcenv::image
