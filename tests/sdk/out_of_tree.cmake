# SPDX-License-Identifier: Apache-2.0
# What an engine author does: install the SDK, copy the template, build it with find_package, run its test; and
# the same with nothing but pkg-config.
cmake_minimum_required(VERSION 3.25)
function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(NOT rc EQUAL 0)
        message(FATAL_ERROR "${ARGN}\n${out}")
    endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/sdk)
foreach(file include/atoll/plugin.h include/atoll/sugar.h lib/pkgconfig/atoll-plugin.pc
        lib/cmake/AtollPlugin/AtollPluginConfig.cmake share/atoll/sdk/template/README.md)
    if(NOT EXISTS ${WORK}/sdk/${file})
        message(FATAL_ERROR "the SDK lacks ${file}")
    endif()
endforeach()

file(COPY ${WORK}/sdk/share/atoll/sdk/template DESTINATION ${WORK})
run(${CMAKE_COMMAND} -S ${WORK}/template -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/sdk -DCMAKE_C_COMPILER=${CC})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/build --output-on-failure)
if(NOT EXISTS ${WORK}/build/lib/atoll/engines/echo.definitions/echo.yaml)
    message(FATAL_ERROR "the definitions are not beside the plugin")
endif()

set(ENV{PKG_CONFIG_PATH} ${WORK}/sdk/lib/pkgconfig)
execute_process(COMMAND pkg-config --cflags --define-variable=prefix=${WORK}/sdk atoll-plugin OUTPUT_VARIABLE cflags
    OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE rc)
separate_arguments(cflags)
if(NOT rc EQUAL 0)
    message(FATAL_ERROR "pkg-config does not know atoll-plugin")
endif()
run(${CC} -shared -fPIC -fvisibility=hidden -Wl,-z,defs ${cflags} ${WORK}/template/echo.c -o ${WORK}/echo.so)
run(${WORK}/build/echo_test ${WORK}/echo.so)
