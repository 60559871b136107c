# Sourced by nginx's auto/make: one target that hands the configured tree to CMake.
sallyport_root=`cd $ngx_addon_dir/.. && pwd`
sallyport_nginx=`pwd`
sallyport_objs=`cd $NGX_OBJS && pwd`

cat << END >> $NGX_MAKEFILE

modules:	$NGX_OBJS/ngx_http_sallyport_module.so

$NGX_OBJS/ngx_http_sallyport_module.so:	FORCE_SALLYPORT
	cmake -S $sallyport_root -B $sallyport_objs/sallyport -DCMAKE_BUILD_TYPE=RelWithDebInfo \\
		-DSALLYPORT_NGINX_SOURCE=$sallyport_nginx -DSALLYPORT_NGINX_OBJS=$sallyport_objs \\
		-DSALLYPORT_ENGINE=OFF -DSALLYPORT_CLI=OFF -DSALLYPORT_TESTS=OFF -DSALLYPORT_BENCH=OFF
	cmake --build $sallyport_objs/sallyport --target ngx_http_sallyport_module
	cp $sallyport_objs/sallyport/ngx_http_sallyport_module.so $NGX_OBJS/

FORCE_SALLYPORT:

END
