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
    # A step of the build, beside the compiler: the configure script is some hundred small compilations.
    add_custom_command(
        OUTPUT ${nginx_objs}/ngx_auto_config.h
        COMMAND ${PROJECT_SOURCE_DIR}/scripts/lib/configure_nginx.sh ${SALLYPORT_NGINX_SOURCE} ${nginx_tree}
        DEPENDS ${SALLYPORT_NGINX_SOURCE}/conf_flags ${PROJECT_SOURCE_DIR}/scripts/lib/configure_nginx.sh
        COMMENT "Configuring a copy of nginx for its headers"
        VERBATIM)
    add_custom_target(nginx_configured DEPENDS ${nginx_objs}/ngx_auto_config.h)
    add_dependencies(nginx_headers nginx_configured)
endif()

target_include_directories(nginx_headers SYSTEM INTERFACE
    ${nginx_tree}/src/core ${nginx_tree}/src/event ${nginx_tree}/src/event/modules
    ${nginx_tree}/src/os/unix ${nginx_tree}/src/http ${nginx_tree}/src/http/modules
    ${nginx_tree}/src/http/v2
    # nginx 1.25 and later; absent before.
    ${nginx_tree}/src/event/quic ${nginx_tree}/src/http/v3
    ${nginx_objs})
