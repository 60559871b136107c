#include "module/nginx/watched_file.hpp"

#include "common/file_text.hpp"
#include "common/secret.hpp"
#include "common/units.hpp"
#include "module/nginx/guard.hpp"
#include "module/nginx/str.hpp"

namespace sallyport::ngx {
namespace {

constexpr std::int64_t kRefreshMsMin = 100;
constexpr std::int64_t kRefreshMsMax = 86'400'000;

std::int64_t nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

WatchedFile::~WatchedFile() {
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

bool WatchedFile::stamp_of(const std::string& path, Stamp& out) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return false;
    }
    out = {info.st_dev,
           info.st_ino,
           info.st_size,
           nanoseconds(info.st_ctim),
           nanoseconds(info.st_mtim),
           info.st_mode};
    return true;
}

Status WatchedFile::load() {
    Stamp before;
    if (!stamp_of(path_, before)) {
        seen_ = {};
        return Error{"\"" + path_ + "\" cannot be opened; make it, or mend the path"};
    }
    seen_ = before;
    if (!S_ISREG(before.mode)) {
        // A pipe would read as an empty file, which takes everything back that was in it.
        return Error{"\"" + path_ + "\" is not a regular file"};
    }
    auto text = read_file_text(path_, bytes_max_);
    if (!text) {
        return text.error();
    }
    const Status status = take_({*text, before.mode});
    wipe(text->data(), text->size());
    if (!status.ok()) {
        return Error{"\"" + path_ + "\": " + status.message()};
    }
    Stamp after;
    if (!stamp_of(path_, after) || !(after == before)) {
        seen_ = {};  // it changed while it was read: look again
    }
    return Done{};
}

void WatchedFile::watch(ngx_cycle_t* cycle) {
    dummy_.fd = static_cast<ngx_socket_t>(-1);
    timer_.data = &dummy_;
    timer_.log = cycle->log;
    timer_.cancelable = 1;  // a worker that shuts down does not wait for it
    dummy_.data = this;
    timer_.handler = [](ngx_event_t* event) {
        auto* file = static_cast<WatchedFile*>(static_cast<ngx_connection_t*>(event->data)->data);
        guarded(event->log, "watched file", [&] { file->look(); });
        file->arm();
    };
    arm();
}

void WatchedFile::arm() {
    if (ngx_exiting == 0 && ngx_terminate == 0) {
        ngx_add_timer(&timer_, static_cast<ngx_msec_t>(refresh_ms_));
    }
}

// One stat a period; a read only when something is new.
void WatchedFile::look() {
    Stamp now;
    const bool there = stamp_of(path_, now);
    if (there ? now == seen_ : seen_ == Stamp{}) {
        return;
    }
    const Status status = load();
    if (!there) {
        seen_ = {};
    }
    trouble_ = status.ok() ? std::string() : status.message();
    if (status.ok()) {
        ngx_log_error(NGX_LOG_NOTICE, timer_.log, 0, "sallyport: \"%s\" was read again",
                      path_.c_str());
    } else {
        ngx_log_error(NGX_LOG_ERR, timer_.log, 0,
                      "sallyport: %s; what was read before stays in force",
                      status.message().c_str());
    }
}

Result<std::string> full_path(ngx_conf_t* cf, std::string_view path) {
    if (path.empty()) {
        return Error{"a path is empty; write for example file=/etc/sallyport/tokens"};
    }
    ngx_str_t full = copy(cf->pool, path);
    if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
        return Error{"the path \"" + std::string(path) + "\" cannot be resolved"};
    }
    return std::string(view(full));
}

Result<std::int64_t> parse_refresh_ms(std::string_view text) {
    const auto duration = parse_duration_ms(text);
    if (!duration) {
        return duration.error();
    }
    if (*duration < kRefreshMsMin || *duration > kRefreshMsMax) {
        return Error{"refresh=" + std::string(text) + " is out of range; write 100ms to 1d"};
    }
    return *duration;
}

}  // namespace sallyport::ngx
