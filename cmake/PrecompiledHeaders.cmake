# sallyport_precompile(TARGET HEADER…): headers that nearly every file of TARGET includes by itself are read
# once, which is a quarter of a clean build's time (paired runs without object cache, processor time a file:
# module 0.65, engine 0.74-0.77, policy 0.83 of what it is without). Name no header here that only some files
# include: all would see its names, and a call of ours without a namespace and with an argument from std can
# then mean the standard's function (bind, quoted). Only in the release build: everywhere else a file stands
# on its own includes, and one that forgot some does not compile.
function(sallyport_precompile TARGET)
    if(NOT CMAKE_BUILD_TYPE STREQUAL RelWithDebInfo OR SALLYPORT_SANITIZE OR SALLYPORT_FUZZ)
        return()
    endif()
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ REGEX "\\.hpp$")
    target_precompile_headers(${TARGET} PRIVATE ${ARGN})
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        # What ccache asks for to follow a precompiled header's contents.
        target_compile_options(${TARGET} PRIVATE -fpch-preprocess)
    endif()
endfunction()
