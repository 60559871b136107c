# nginx's headers for the nginx that will load the module.
#
# Debian ships nginx's sources and its own configure flags in nginx-dev; running `configure` on a
# copy yields the generated headers (objs/ngx_auto_config.h) that decide the module's ABI signature.
# SALLYPORT_NGINX_SOURCE and SALLYPORT_NGINX_OBJS name a tree configured elsewhere instead: that is
# what module/config passes when nginx's own build drives ours.
set(SALLYPORT_NGINX_SOURCE "/usr/share/nginx/src" CACHE PATH "nginx source tree")
set(SALLYPORT_NGINX_OBJS "" CACHE PATH "objs folder of a configured nginx; empty: configure a copy")

add_library(nginx_headers INTERFACE)
set(nginx_tree ${SALLYPORT_NGINX_SOURCE})
set(nginx_objs ${SALLYPORT_NGINX_OBJS})

if(NOT nginx_objs)
    if(NOT EXISTS ${SALLYPORT_NGINX_SOURCE}/conf_flags)
        message(FATAL_ERROR "${SALLYPORT_NGINX_SOURCE}/conf_flags is missing: install nginx-dev "
                            "(scripts/setup build), or set SALLYPORT_NGINX_SOURCE and "
                            "SALLYPORT_NGINX_OBJS to a configured nginx tree")
    endif()
    set(nginx_tree ${CMAKE_BINARY_DIR}/nginx)
    set(nginx_objs ${nginx_tree}/objs)
    if(NOT EXISTS ${nginx_objs}/ngx_auto_config.h
       OR ${SALLYPORT_NGINX_SOURCE}/conf_flags IS_NEWER_THAN ${nginx_objs}/ngx_auto_config.h)
        message(STATUS "Configuring a copy of nginx for its headers")
        file(REMOVE_RECURSE ${nginx_tree})
        file(COPY ${SALLYPORT_NGINX_SOURCE}/ DESTINATION ${nginx_tree})
        execute_process(
            COMMAND bash -c ". ./conf_flags && ./configure \"\${NGX_CONF_FLAGS[@]}\""
            WORKING_DIRECTORY ${nginx_tree}
            RESULT_VARIABLE nginx_configured
            OUTPUT_FILE ${CMAKE_BINARY_DIR}/nginx-configure.log
            ERROR_FILE ${CMAKE_BINARY_DIR}/nginx-configure.log)
        if(NOT nginx_configured EQUAL 0)
            message(FATAL_ERROR "nginx's configure failed; see nginx-configure.log in the build folder")
        endif()
    endif()
endif()

target_include_directories(nginx_headers SYSTEM INTERFACE
    ${nginx_tree}/src/core ${nginx_tree}/src/event ${nginx_tree}/src/event/modules
    ${nginx_tree}/src/os/unix ${nginx_tree}/src/http ${nginx_tree}/src/http/modules
    ${nginx_tree}/src/http/v2
    # nginx 1.25 and later; absent before.
    ${nginx_tree}/src/event/quic ${nginx_tree}/src/http/v3
    ${nginx_objs})
