#include "engine/adapters/sandbox/package_folders.hpp"

#include "common/bytes.hpp"
#include "common/crypto.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

namespace sallyport::engine {
namespace {

// Sets that wait to be fetched.
constexpr std::size_t kJobsMax = 50;
constexpr std::size_t kKeyDigits = 32;
// In a folder's own manifest: it is whole.
constexpr const char* kWhole = "/.whole";
constexpr std::size_t kReasonBytesMax = 1000;

std::string key_of(const NpmPackages& packages) {
    const std::string manifest = npm_manifest(packages).dump_sorted();
    return hex_encode(digest(DigestAlgorithm::sha256, manifest)).substr(0, kKeyDigits);
}

std::string names_of(const NpmPackages& packages) {
    std::string names;
    for (const auto& [name, version] : packages) {
        names += (names.empty() ? "" : ", ") + name + "@" + version;
    }
    return names;
}

// The one file that an archive's package.json asks for.
std::string file_of(const NpmPackages& packages) {
    return packages.begin()->second.substr(std::string_view("file:").size());
}

// What npm said, without its own bookkeeping.
std::string reason_of(const std::string& output) {
    std::string reason;
    for_each_split(output, '\n', [&reason](std::string_view line) {
        const bool noise = line.empty() || line.find("complete log") != std::string_view::npos ||
                           line.find("_logs/") != std::string_view::npos;
        if (!noise && reason.size() < kReasonBytesMax) {
            reason += (reason.empty() ? "" : "; ") + std::string(line);
        }
    });
    return reason.substr(0, kReasonBytesMax);
}

std::uint64_t bytes_in(const std::string& folder) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
         !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
        if (at->is_regular_file(error) && !at->is_symlink(error)) {
            bytes += at->file_size(error);
        }
    }
    return bytes;
}

}  // namespace

bool PackageFolders::is_there(const NpmPackages& packages) const {
    std::error_code error;
    return std::filesystem::exists(folder_of(key_of(packages)) + kWhole, error);
}

void PackageFolders::prepare(const NpmPackages& packages, Done done) {
    if (packages.empty()) {
        return done(std::string());
    }
    if (is_there(packages)) {
        return done(folder_of(key_of(packages)));
    }
    fetch(packages, std::move(done));
}

void PackageFolders::renew(const NpmPackages& packages, Done done) {
    options_.may_fetch ? fetch(packages, std::move(done)) : prepare(packages, std::move(done));
}

void PackageFolders::fetch(const NpmPackages& packages, Done done) {
    if (!options_.may_fetch) {
        return done(
            Error{names_of(packages) + ": not installed here, and AP_PIECES_SYNC_MODE is NONE"});
    }
    enqueue({key_of(packages), packages, {std::move(done)}});
}

void PackageFolders::prepare_archive(const NpmPackages& packages,
                                     std::shared_ptr<const std::string> bytes, Done done) {
    if (is_there(packages)) {
        return done(folder_of(key_of(packages)));
    }
    enqueue({key_of(packages), packages, {std::move(done)}, std::move(bytes)});
}

void PackageFolders::enqueue(Job job) {
    const auto same = std::find_if(jobs_.begin(), jobs_.end(),
                                   [&job](const Job& other) { return other.key == job.key; });
    if (same != jobs_.end()) {
        same->waiting.push_back(std::move(job.waiting.front()));
        return;
    }
    if (jobs_.size() >= kJobsMax) {
        return job.waiting.front()(
            Error{names_of(job.packages) + ": too many packages are being installed"});
    }
    jobs_.push_back(std::move(job));
    if (jobs_.size() == 1) {
        next();
    }
}

void PackageFolders::next() {
    if (jobs_.empty()) {
        return;
    }
    const Status begun = begin(jobs_.front());
    if (!begun.ok()) {
        loop_.post([this, why = begun.error()] { finish(why); });
    }
}

Status PackageFolders::begin(const Job& job) {
    const std::string folder = folder_of(job.key) + ".new";
    const Status filled = fill(job, folder);
    if (!filled.ok()) {
        return filled;
    }
    log_.write(LogLevel::info, "packages_installing",
               {{"packages", Json::string(names_of(job.packages))}});
    ChildCommandLine line;
    // The limit of one file keeps a package that unpacks without end from filling the disk.
    line.words = {"/bin/sh",
                  "-c",
                  "umask 022; ulimit -f 1048576; exec \"$@\"",
                  "sh",
                  options_.npm,
                  "install",
                  "--ignore-scripts",
                  "--omit=dev",
                  "--omit=optional",
                  "--no-audit",
                  "--no-fund",
                  "--no-update-notifier",
                  "--loglevel=error",
                  // A package of the registry may name addresses and repositories as what it needs.
                  // npm 11 can be told to ask none; older ones pass over these words.
                  "--git=/bin/false",
                  "--allow-git=none",
                  "--allow-remote=none",
                  "--allow-directory=none",
                  "--allow-file=root"};
    if (!options_.may_fetch) {
        line.words.emplace_back("--offline");
    }
    line.environment = options_.environment;
    line.folder = folder;
    line.time_ms_max = options_.time_ms_max;
    auto started = ChildCommand::start(loop_, line, [this](const ChildEnd& end) { on_end(end); });
    if (!started.ok()) {
        return started.error();
    }
    npm_ = *std::move(started);
    return sallyport::Done{};
}

// What npm begins with.
Status PackageFolders::fill(const Job& job, const std::string& folder) const {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    std::filesystem::create_directories(folder, error);
    // Read by processes that have given up the engine's identity.
    std::filesystem::permissions(folder, std::filesystem::perms{0755}, error);
    std::ofstream manifest(folder + "/package.json");
    manifest << npm_manifest(job.packages).dump() << '\n';
    manifest.close();
    bool written = !error && manifest;
    if (job.archive != nullptr) {
        std::ofstream archive(folder + "/" + file_of(job.packages), std::ios::binary);
        archive << *job.archive;
        archive.close();
        written = written && archive;
    }
    return written ? Status(sallyport::Done{}) : Error{"cannot write to " + folder};
}

void PackageFolders::on_end(const ChildEnd& end) {
    const auto ended = std::move(npm_);  // lives until this call is over
    finish(take_over(end));
}

// Makes the new folder the set's own, or says why not.
Result<std::string> PackageFolders::take_over(const ChildEnd& end) {
    const Job& job = jobs_.front();
    const std::string folder = folder_of(job.key);
    const std::string fresh = folder + ".new";
    std::error_code error;
    Result<std::string> result = folder;
    if (!end.succeeded) {
        result =
            Error{"npm could not install " + names_of(job.packages) + ": " + reason_of(end.output)};
    } else if (bytes_in(fresh) > options_.folder_bytes_max) {
        result = Error{names_of(job.packages) + " with all they need are larger than " +
                       std::to_string(options_.folder_bytes_max >> 20) + " MB"};
    } else {
        if (job.archive != nullptr) {
            std::filesystem::remove(fresh + "/" + file_of(job.packages), error);
        }
        std::ofstream(fresh + kWhole) << "1\n";
        std::filesystem::remove_all(folder, error);
        std::filesystem::rename(fresh, folder, error);
        if (error) {
            result = Error{"cannot keep " + folder + ": " + error.message()};
        }
    }
    std::filesystem::remove_all(fresh, error);
    return result;
}

void PackageFolders::finish(const Result<std::string>& folder) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    log_.write(folder.ok() ? LogLevel::info : LogLevel::warn,
               folder.ok() ? "packages_installed" : "packages_not_installed",
               {{"packages", Json::string(names_of(job.packages))},
                {"problem", folder.ok() ? Json::null() : Json::string(folder.message())}});
    next();
    for (const Done& done : job.waiting) {
        done(folder);
    }
}

}  // namespace sallyport::engine
