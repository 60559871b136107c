# Every third-party library comes from the distribution. Imported targets are SYSTEM, so that our
# warnings stay ours.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
