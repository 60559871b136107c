// The folder of the embedded database: made when missing, closed to others, and one engine's alone.
#pragma once

#include "common/result.hpp"

#include <memory>
#include <string>

namespace sallyport::engine {

class DataFolder {
  public:
    // `alone`: two engines on one SQLite file would each take up the other's runs. The lock ends
    // with the process, however it ends.
    static Result<std::unique_ptr<DataFolder>> take(const std::string& path, bool alone);
    ~DataFolder();
    DataFolder(const DataFolder&) = delete;
    DataFolder& operator=(const DataFolder&) = delete;

  private:
    explicit DataFolder(int lock) : lock_(lock) {}
    int lock_;  // -1: none
};

}  // namespace sallyport::engine
