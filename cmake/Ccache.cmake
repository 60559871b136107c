# Incremental and repeated builds go through ccache where it is installed. The slack is what it asks for to
# follow precompiled headers (cmake/CleanBuild.cmake); by dependencies alone, because a header of which only a
# comment changed must be precompiled anew: the compiler knows the files in it by their size and time.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()
