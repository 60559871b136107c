# sallyport_test(NAME SOURCES … [LIBS …] [RING unit|store|integration|engine|repository] [TIMEOUT s] [ARGS …])
#
# One GoogleTest program, one ctest entry. Tests are not part of `all`: the target `tests` builds
# them, so that a release build compiles only what is shipped.
if(SALLYPORT_TESTS)
    enable_testing()
    find_package(GTest REQUIRED)
    add_custom_target(tests)
endif()

function(sallyport_test NAME)
    if(NOT SALLYPORT_TESTS)
        return()
    endif()
    cmake_parse_arguments(ARG "" "RING;TIMEOUT" "SOURCES;LIBS;ARGS;ENVIRONMENT" ${ARGN})
    if(NOT ARG_RING)
        set(ARG_RING unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 60)
    endif()
    add_executable(${NAME} EXCLUDE_FROM_ALL ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main
                                          sallyport_warnings)
    add_dependencies(tests ${NAME})
    add_test(NAME ${NAME} COMMAND ${NAME} ${ARG_ARGS})
    set_tests_properties(${NAME} PROPERTIES LABELS ${ARG_RING} TIMEOUT ${ARG_TIMEOUT}
                         ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()

# sallyport_fuzz(NAME SOURCES … LIBS …): a libFuzzer program; runs for a few seconds as a ctest.
function(sallyport_fuzz NAME)
    if(NOT SALLYPORT_FUZZ)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;CORPUS" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_LIBS} sallyport_warnings)
    target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
    set(corpus ${CMAKE_CURRENT_BINARY_DIR}/corpus_${NAME})
    file(MAKE_DIRECTORY ${corpus})
    # Seeds, kept in the repository: what the fuzzer finds goes to the build folder.
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME})
        list(APPEND ARG_CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME})
    endif()
    add_test(NAME ${NAME} COMMAND ${NAME} -max_total_time=5 -rss_limit_mb=2048 ${corpus}
                                  ${ARG_CORPUS})
    set_tests_properties(${NAME} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()

# sallyport_bench(NAME SOURCES … LIBS …): a program that prints method and figures, never a test.
if(SALLYPORT_BENCH)
    add_custom_target(benches)
endif()
function(sallyport_bench NAME)
    if(NOT SALLYPORT_BENCH)
        return()
    endif()
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${NAME} EXCLUDE_FROM_ALL ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_LIBS} sallyport_warnings)
    add_dependencies(benches ${NAME})
endfunction()
