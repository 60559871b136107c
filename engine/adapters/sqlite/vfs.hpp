// Fewer, larger writes: a layer between SQLite and the system that holds writes which follow each
// other in a file and hands them on as one. SQLite writes its log in two pieces a page, and a
// commit of many runs is many pages.
//
// Only for synchronous=FULL: held bytes are written before the sync that ends a commit, and before
// anything else that looks at the file through the same connection. Other connections read of a
// log what its index names, and the index names a commit after that sync. With less durability
// there is no sync, and nothing would say when the others need the bytes. An error of a held write
// is the error of the sync, and the commit fails with it.
// Source: SQLite's "The OS Interface or VFS" and "Write-Ahead Logging".
#pragma once

namespace sallyport::engine {

// What to give to sqlite3_open_v2, or null, which is SQLite's own. Registered at the first call.
const char* gathering_vfs();

}  // namespace sallyport::engine
