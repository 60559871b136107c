# sallyport_precompile(TARGET [HEADER…]): the standard headers that nearly every file includes are read once
# a target, which is a seventh of a clean build's time. Only in the release build: everywhere else
# a file stands on its own includes, and one that forgot some does not compile.
function(sallyport_precompile TARGET)
    if(NOT CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo OR SALLYPORT_SANITIZE OR SALLYPORT_FUZZ)
        return()
    endif()
    target_precompile_headers(${TARGET} PRIVATE
        <algorithm> <array> <charconv> <chrono> <cmath> <cstdint> <cstring> <functional> <map> <memory>
        <optional> <span> <string> <string_view> <unordered_map> <utility> <vector> ${ARGN})
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        # What ccache asks for to follow a precompiled header's contents.
        target_compile_options(${TARGET} PRIVATE -fpch-preprocess)
    endif()
endfunction()
