# What makes a clean release build quick. Only in that build: everywhere else a file is compiled alone and
# stands on its own includes, and one that forgot some does not compile.
set(SALLYPORT_CLEAN_BUILD OFF)
if(CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo AND NOT SALLYPORT_SANITIZE AND NOT SALLYPORT_FUZZ)
    set(SALLYPORT_CLEAN_BUILD ON)
endif()

# What nearly every file includes, whatever it is part of.
set(SALLYPORT_PRECOMPILED
    <array> <optional> <span> <string> <string_view> <utility> <vector> common/result.hpp)

# sallyport_precompile(TARGET HEADER…): headers that nearly every file of TARGET includes by itself are read
# once. Name no header here that only some files include: all would see its names, and a call of ours without
# a namespace and with an argument from std can then mean the standard's function (bind, quoted).
function(sallyport_precompile TARGET)
    if(NOT SALLYPORT_CLEAN_BUILD)
        return()
    endif()
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ REGEX "\\.hpp$")
    target_precompile_headers(${TARGET} PRIVATE ${ARGN})
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        # What ccache asks for to follow a precompiled header's contents.
        target_compile_options(${TARGET} PRIVATE -fpch-preprocess)
    endif()
endfunction()

# sallyport_batch(TARGET [ALONE SOURCE…]): eight neighbours by name are compiled as one file, so that they
# read their headers once. Their anonymous namespaces become one: names in them differ between neighbours.
# ALONE are sources that stay by themselves: those of one vocabulary (every feature's glue defines
# `kDirectives`, every command `run`) and those whose headers are so large that they are built beside the rest.
function(sallyport_batch TARGET)
    if(NOT SALLYPORT_CLEAN_BUILD)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "ALONE" ${ARGN})
    set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    # The types of a source's own namespace are no header's here.
    target_compile_options(${TARGET} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
    set_source_files_properties(${ARG_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
