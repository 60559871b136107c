#include "engine/core/npm_archive.hpp"

#include "common/bytes.hpp"
#include "common/gunzip.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace sallyport::engine {
namespace {

constexpr std::string_view kManifest = "package.json";
// A package's own lock file says from which addresses npm fetches.
constexpr std::string_view kShrinkwrap = "npm-shrinkwrap.json";
constexpr std::string_view kBundled = "node_modules/";
constexpr std::size_t kManifestBytesMax = 1u << 20;
constexpr std::size_t kPathBytesMax = 1000;
// Of all kinds together.
constexpr std::size_t kDependenciesMax = 1000;
constexpr std::size_t kNameShownMax = 200;

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

Error broken(std::string_view why) {
    return Error{"the archive is no gzipped tar: " + std::string(why)};
}

Error broken(archive* reader) {
    const char* why = archive_error_string(reader);
    return broken(why == nullptr ? std::string_view() : why);
}

Error too_much() {
    return Error{"the archive holds more than " + std::to_string(kNpmArchiveEntriesMax) +
                 " entries or " + std::to_string(kNpmArchiveUnpackedBytesMax >> 20) + " MB"};
}

// What is wrong with the gzip so far.
Status fault_of(const GunzipStream& stream) {
    if (stream.state() == GunzipStream::State::too_large) {
        return too_much();
    }
    return stream.state() == GunzipStream::State::corrupt
               ? Status(broken("it is not gzip, or more than that"))
               : Status(Done{});
}

la_ssize_t next_piece(archive* /*reader*/, void* source, const void** piece) {
    auto& stream = *static_cast<GunzipStream*>(source);
    const std::string_view taken = stream.take();
    *piece = taken.data();
    return fault_of(stream).ok() ? static_cast<la_ssize_t>(taken.size()) : ARCHIVE_FATAL;
}

// What is behind the tar's end counts as well.
Status read_to_end(GunzipStream& stream) {
    while (!stream.take().empty()) {
    }
    return stream.state() == GunzipStream::State::open ? Status(broken("it is cut off"))
                                                       : fault_of(stream);
}

// As it would be shown to whoever sent it.
std::string quoted(std::string_view text) {
    std::string shown(text.substr(0, kNameShownMax));
    std::replace_if(
        shown.begin(), shown.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return "'" + shown + "'";
}

// Names below one folder, each spelt in the only way there is: npm must not find another file where
// this has found one.
bool is_plain_path(std::string_view path) {
    bool plain = !path.empty() && path.size() <= kPathBytesMax &&
                 path.find('\\') == std::string_view::npos &&
                 path.find('\0') == std::string_view::npos;
    for_each_split(path, '/', [&plain](std::string_view part) {
        plain = plain && !part.empty() && part != "." && part != "..";
    });
    return plain;
}

// A version, a range or a tag, also of a package by another name. What npm takes for a file, an
// address or a repository is none of them.
bool is_registry_spec(std::string_view spec) {
    constexpr std::string_view kAlias = "npm:";
    if (spec.starts_with(kAlias)) {
        spec.remove_prefix(kAlias.size());
        const std::size_t at = spec.find('@', 1);
        return is_npm_name(spec.substr(0, at)) &&
               (at == std::string_view::npos || is_npm_version(spec.substr(at + 1)));
    }
    return spec.empty() || is_npm_version(spec);
}

Status check_dependencies(const Json& manifest, std::string_view path) {
    constexpr std::array<std::string_view, 3> kKinds = {"dependencies", "optionalDependencies",
                                                        "peerDependencies"};
    std::size_t count = 0;
    std::string wrong;
    for (const std::string_view kind : kKinds) {
        if (manifest[kind].exists() && !manifest[kind].is_object()) {
            return Error{"the " + std::string(kind) + " of " + quoted(path) + " must be an object"};
        }
        manifest[kind].each_member([&](std::string_view name, const Json& spec) {
            ++count;
            if (!is_npm_name(name) || !spec.is_string() || !is_registry_spec(spec.text())) {
                wrong = std::string(kind) + " names " + quoted(name) + " as " + quoted(spec.dump());
            }
        });
    }
    if (!wrong.empty()) {
        return Error{quoted(path) +
                     " may depend on packages of the registry alone, by their versions: its " +
                     wrong};
    }
    return count <= kDependenciesMax ? Status(Done{})
                                     : Error{quoted(path) + " has more than " +
                                             std::to_string(kDependenciesMax) + " dependencies"};
}

// That of the archive itself, or of a package that it bundles: where npm reads a package.json.
bool is_package_folder(std::string_view folder) {
    if (folder.empty()) {
        return true;
    }
    const std::size_t at = folder.rfind(kBundled);
    if (at == std::string_view::npos || (at > 0 && folder[at - 1] != '/')) {
        return false;
    }
    const std::string_view name = folder.substr(at + kBundled.size());
    const auto parts = std::count(name.begin(), name.end(), '/');
    return parts == 1 || (parts == 2 && name.starts_with('@'));
}

class Listing {
  public:
    // Its own package.json, once all entries are read.
    Result<Json> read(std::string_view bytes);

  private:
    Status take(archive* reader, archive_entry* entry);
    Status take_file(archive* reader, archive_entry* entry, std::string_view path);
    Status take_manifest(archive* reader, archive_entry* entry, std::string_view path);

    std::string folder_;
    std::optional<Json> manifest_;
    std::size_t entries_ = 0;
    std::size_t bytes_ = 0;
};

Result<Json> Listing::read(std::string_view bytes) {
    // The bound is on what is unpacked, since what a tar says of its sizes need not be true.
    GunzipStream stream(kNpmArchiveUnpackedBytesMax);
    stream.give(bytes);
    const Reader reader(archive_read_new(), archive_read_free);
    if (reader == nullptr) {
        return Error{"no memory to read an archive"};
    }
    archive_read_support_format_tar(reader.get());
    archive_read_open(reader.get(), &stream, nullptr, next_piece, nullptr);
    archive_entry* entry = nullptr;
    Status taken = Done{};
    int got = ARCHIVE_OK;
    while (taken.ok() && (got == ARCHIVE_OK || got == ARCHIVE_WARN)) {
        got = archive_read_next_header(reader.get(), &entry);
        if (got == ARCHIVE_OK || got == ARCHIVE_WARN) {
            taken = take(reader.get(), entry);
        }
    }
    const Status fault = fault_of(stream);
    if (!fault.ok() || !taken.ok()) {
        return fault.ok() ? taken.error() : fault.error();
    }
    const Status ended = read_to_end(stream);
    if (!ended.ok() || got != ARCHIVE_EOF) {
        return ended.ok() ? broken(reader.get()) : ended.error();
    }
    return manifest_ ? Result<Json>(*manifest_)
                     : Error{"the archive has no package.json in its folder"};
}

Status Listing::take(archive* reader, archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    std::string_view path(name == nullptr ? "" : name);
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFDIR && path.ends_with('/')) {
        path.remove_suffix(1);
    }
    if (!is_plain_path(path)) {
        return Error{"the archive has an entry " + quoted(path) +
                     ", which is no plain path below its folder"};
    }
    const std::string_view folder = path.substr(0, path.find('/'));
    if (!folder_.empty() && folder != folder_) {
        return Error{"the archive has more than one folder: " + quoted(folder_) + ", " +
                     quoted(folder)};
    }
    folder_ = folder;
    const bool file = type == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    if (!file && type != AE_IFDIR) {
        return Error{"the archive has an entry " + quoted(path) +
                     ", which is neither file nor folder"};
    }
    ++entries_;
    const auto size = static_cast<std::size_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
    if (entries_ > kNpmArchiveEntriesMax || size > kNpmArchiveUnpackedBytesMax - bytes_) {
        return too_much();
    }
    bytes_ += size;
    return file ? take_file(reader, entry, path) : Status(Done{});
}

Status Listing::take_file(archive* reader, archive_entry* entry, std::string_view path) {
    if (path.find('/') == std::string_view::npos) {
        return Error{"the archive has a file " + quoted(path) + " outside its folder"};
    }
    const std::string_view inside = path.substr(path.find('/') + 1);
    const std::string_view name = inside.substr(inside.rfind('/') + 1);
    const std::string_view folder = inside.substr(0, inside.size() - name.size());
    if (name == kShrinkwrap) {
        return Error{
            "the archive has an npm-shrinkwrap.json, which says where npm fetches from: "
            "pack it without"};
    }
    if (name == kManifest && is_package_folder(folder)) {
        return take_manifest(reader, entry, inside);
    }
    return archive_read_data_skip(reader) == ARCHIVE_OK ? Status(Done{}) : broken(reader);
}

Status Listing::take_manifest(archive* reader, archive_entry* entry, std::string_view path) {
    const auto size = static_cast<std::size_t>(archive_entry_size(entry));
    if (size > kManifestBytesMax) {
        return Error{"the archive's " + quoted(path) + " is larger than " +
                     std::to_string(kManifestBytesMax >> 20) + " MB"};
    }
    std::string text(size, '\0');
    if (archive_read_data(reader, text.data(), size) != static_cast<la_ssize_t>(size)) {
        return broken(reader);
    }
    const Result<Json> manifest = Json::parse(text);
    if (!manifest.ok() || !manifest->is_object()) {
        return Error{"the archive's " + quoted(path) + " is not a JSON object"};
    }
    if (path == kManifest && manifest_) {
        return Error{"the archive has a second package.json"};
    }
    if (path == kManifest) {
        manifest_ = *manifest;
    }
    return check_dependencies(*manifest, path);
}

}  // namespace

Result<NpmArchive> read_npm_archive(std::string_view bytes) {
    if (bytes.size() > kNpmArchiveBytesMax) {
        return Error{"the archive is larger than " + std::to_string(kNpmArchiveBytesMax >> 20) +
                     " MB"};
    }
    const Result<Json> manifest = Listing().read(bytes);
    if (!manifest.ok()) {
        return manifest.error();
    }
    NpmArchive found{std::string((*manifest)["name"].text()),
                     std::string((*manifest)["version"].text())};
    if (!is_npm_name(found.name) || !is_exact_npm_version(found.version)) {
        return Error{"the archive's package.json must have a name and an exact version"};
    }
    return found;
}

NpmPackages archived_package(std::string_view name, std::string_view sha256) {
    return {{std::string(name), "file:" + std::string(sha256) + ".tgz"}};
}

}  // namespace sallyport::engine
