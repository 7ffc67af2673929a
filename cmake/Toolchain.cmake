# Language level, warnings, linker and compiler cache, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # Objects are shared between build directories and between checkouts: paths below the top are hashed relative to it. A
  # precompiled header is hashed by its content.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SLUICE_CCACHE})
endif()

add_library(sluice_build_flags INTERFACE)
target_compile_options(sluice_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wimplicit-fallthrough
  -Werror -fno-omit-frame-pointer
  # g++ 12 at -O2: overlap in "text" + std::string (GCC bug 105329), and std::stop_token and std::optional "uninitialized".
  -Wno-restrict -Wno-maybe-uninitialized
  # One path for every checkout, so that ccache serves a fresh clone too.
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
# The linker of an incremental build: links the largest test program in a fraction of the time of Debian's default one.
find_program(SLUICE_LLD ld.lld)
if(SLUICE_LLD)
  target_link_options(sluice_build_flags INTERFACE -fuse-ld=lld)
endif()
