// Takes everything away from the process that a sandbox worker does not need. None of it needs a
// privilege, so it is as strong in a plain container as anywhere.
#pragma once

namespace sallyport::engine::jsbox {

// First thing in main: dies with the engine, leaves no core, empties the environment.
bool confine_early(long parent_pid);
// Last thing before the first foreign byte: closes all descriptors but the channel, lowers the
// limits and installs the system-call filter. False (with a line on stderr) when any part of it
// failed.
bool confine_fully();

}  // namespace sallyport::engine::jsbox
