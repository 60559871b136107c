// Text as gzip has it (RFC 1952), for what reads it.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::test {

inline std::string gzipped(std::string_view text) {
    std::string packed(text.size() + text.size() / 8 + 1024, '\0');
    std::size_t used = 0;
    const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(),
                                                                         archive_write_free);
    archive_write_add_filter_gzip(writer.get());
    archive_write_set_format_raw(writer.get());
    archive_write_open_memory(writer.get(), packed.data(), packed.size(), &used);
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_write_header(writer.get(), entry.get());
    archive_write_data(writer.get(), text.data(), text.size());
    archive_write_close(writer.get());
    packed.resize(used);
    return packed;
}

}  // namespace sallyport::test
