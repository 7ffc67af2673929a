# Third-party libraries: Debian 12 packages only (hack/setup installs them).
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
find_package(benchmark REQUIRED)

# libcpprest exports process-unique symbols of the Boost it was built with. Headers of another Boost in the same process
# crash (seen with 1.81 headers beside Debian's libcpprest), so the two must be the same version.
find_path(SLUICE_BOOST_INCLUDE boost/version.hpp REQUIRED)
file(STRINGS ${SLUICE_BOOST_INCLUDE}/boost/version.hpp boost_version_line REGEX "^#define BOOST_LIB_VERSION ")
string(REGEX REPLACE ".*\"([0-9]+)_([0-9]+).*" "\\1.\\2" boost_headers "${boost_version_line}")
# Debian's libcpprest compiles Boost.Asio in and needs no libboost at run time, so its binary does not tell; what it was built
# with is the Boost that libcpprest-dev itself depends on (docs/decisions/0002-boost-of-cpprest.md).
set(SLUICE_CPPREST_BOOST "" CACHE STRING "Boost that libcpprest was built with, such as 1.74; empty: asked of dpkg")
set(boost_of_cpprest "${SLUICE_CPPREST_BOOST}")
if(NOT boost_of_cpprest)
  execute_process(COMMAND dpkg-query -W -f=\${Version} libboost-system-dev
                  OUTPUT_VARIABLE boost_package RESULT_VARIABLE dpkg_failed ERROR_QUIET)
  if(dpkg_failed OR NOT boost_package MATCHES "^([0-9]+\\.[0-9]+)")
    message(FATAL_ERROR "Cannot tell which Boost libcpprest was built with: dpkg does not know libboost-system-dev. Install "
      "libcpprest-dev (hack/setup build), or say it with -DSLUICE_CPPREST_BOOST=1.74 if you built libcpprest yourself.")
  endif()
  set(boost_of_cpprest ${CMAKE_MATCH_1})
endif()
if(NOT boost_of_cpprest STREQUAL boost_headers)
  message(FATAL_ERROR "Boost headers in ${SLUICE_BOOST_INCLUDE} are ${boost_headers}, but libcpprest was built with "
    "${boost_of_cpprest}. Both in one process crash. Install libboost${boost_of_cpprest}-dev and remove the other headers, or set "
    "SLUICE_BOOST_INCLUDE.")
endif()
message(STATUS "Boost ${boost_headers}: the one that libcpprest was built with")
