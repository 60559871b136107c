# Warnings are one INTERFACE target, linked by every target of ours and by nothing generated.
add_library(sallyport_warnings INTERFACE)
target_compile_options(sallyport_warnings INTERFACE
    -Wall -Wextra -Wpedantic
    -Wconversion         # silent narrowing is how lengths overflow
    -Wshadow
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
    -Wimplicit-fallthrough
    -Wno-missing-field-initializers  # designated initialisers name what matters
    -Werror)
# GCC 12 to 14 report overflows inside libstdc++'s string code that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
    target_compile_options(sallyport_warnings INTERFACE
        $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict> -Wno-stringop-overflow -Wno-stringop-overread
        -Wno-array-bounds)
endif()
# The gateway's shared memory is ordered by fences, which ThreadSanitizer does not see; the engine, for
# which that preset is, has none.
if(SALLYPORT_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sallyport_warnings INTERFACE -Wno-tsan)
endif()
