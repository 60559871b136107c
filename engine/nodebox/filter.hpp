// The system calls that a jailed Node process may make.
#pragma once

namespace sallyport::engine::nodebox {

// For this process and what it turns into by exec. 0, or the error.
int install_filter();

}  // namespace sallyport::engine::nodebox
