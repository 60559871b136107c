# What the engine is made of from npm: one build of a package, known by digests. Nothing of it is committed.
set(SALLYPORT_QUICKJS_CACHE "" CACHE PATH
    "Where scripts/fetch-* keep what they fetch from npm (empty: the user's cache folder)")

# Runs that script; `variable` is the path that it prints.
function(sallyport_fetch script variable)
    execute_process(COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../scripts/${script} ${SALLYPORT_QUICKJS_CACHE}
                    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "scripts/${script} failed; its message stands above")
    endif()
    set(${variable} ${path} PARENT_SCOPE)
endfunction()
