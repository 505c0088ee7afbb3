# Where the AWS Common Runtime (aws-c-s3 and the libraries below it) comes from:
#   1. installed CMake packages: find_package(aws-c-s3 CONFIG), vcpkg's toolchain included;
#   2. else the sources inside the hash-pinned awscrt source distribution (cmake/crt/requirements.txt): the file named by
#      S3NATIVE_CRT_ARCHIVE (CMake variable or environment variable), else fetched with pip. They are built once per
#      user, compiler and flags, and kept in the user's cache.
# Result: the interface target s3native_crt. Link it PRIVATE: nothing outside cpp/src/crt includes <aws/...>.
include_guard(GLOBAL)

set(S3NATIVE_CRT "auto" CACHE STRING "Where the AWS CRT comes from: auto, installed or archive")
set_property(CACHE S3NATIVE_CRT PROPERTY STRINGS auto installed archive)
set(S3NATIVE_CRT_ARCHIVE "$ENV{S3NATIVE_CRT_ARCHIVE}" CACHE FILEPATH
  "The awscrt source distribution; empty: fetch it with pip")
set(S3NATIVE_CRT_RECIPE_DIR "${CMAKE_CURRENT_LIST_DIR}/crt")

# ---- names and places -------------------------------------------------------------------------------------------

# Version and hash of the pinned source distribution.
function(s3native_crt_pin out_version out_sha256)
  file(STRINGS "${S3NATIVE_CRT_RECIPE_DIR}/requirements.txt" pin REGEX "^awscrt==")
  if(NOT pin MATCHES "^awscrt==([0-9.]+) --hash=sha256:([0-9a-f]+)$")
    message(FATAL_ERROR "cmake/crt/requirements.txt does not pin awscrt with one sha256 hash.")
  endif()
  set(${out_version} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  set(${out_sha256} "${CMAKE_MATCH_2}" PARENT_SCOPE)
endfunction()

function(s3native_crt_cache_dir out_dir)
  if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(base "$ENV{XDG_CACHE_HOME}")
  elseif(NOT "$ENV{HOME}" STREQUAL "")
    set(base "$ENV{HOME}/.cache")
  else()
    set(base "${CMAKE_BINARY_DIR}/cache")
  endif()
  set(${out_dir} "${base}/s3native/crt" PARENT_SCOPE)
endfunction()

# Flags the CRT is compiled with. Thread sanitizer must see the CRT's own synchronisation, or it reports races that are
# none; address sanitizer finds more with it. The undefined-behaviour sanitizer stays with our own code.
function(s3native_crt_flags out_flags out_optimisation)
  set(flags "${CMAKE_C_FLAGS} -fvisibility=hidden -ffunction-sections -fdata-sections")
  set(optimisation "-O2 -g1 -DNDEBUG")
  string(REPLACE "," ";" sanitizers "${S3NATIVE_SANITIZE}")
  list(REMOVE_ITEM sanitizers undefined)
  if(sanitizers)
    string(REPLACE ";" "," sanitizers "${sanitizers}")
    string(APPEND flags " -fsanitize=${sanitizers} -fno-omit-frame-pointer")
    set(optimisation "-O1 -g1")
  endif()
  string(STRIP "${flags}" flags)
  set(${out_flags} "${flags}" PARENT_SCOPE)
  set(${out_optimisation} "${optimisation}" PARENT_SCOPE)
endfunction()

# ---- the archive ------------------------------------------------------------------------------------------------

function(s3native_crt_verify archive sha256)
  if(NOT EXISTS "${archive}")
    message(FATAL_ERROR "S3NATIVE_CRT_ARCHIVE names a file that does not exist: ${archive}")
  endif()
  file(SHA256 "${archive}" found)
  if(NOT found STREQUAL sha256)
    message(FATAL_ERROR "${archive} is not the pinned awscrt source distribution.\n"
      "  sha256 expected: ${sha256}\n  sha256 found:    ${found}\n"
      "Give S3NATIVE_CRT_ARCHIVE the file that `pip download --no-deps --no-binary awscrt awscrt==${ARGV2}` brings.")
  endif()
endfunction()

# A Python that can run pip: the one the extension is built for, else any.
function(s3native_crt_python out_python)
  if(Python_EXECUTABLE)
    set(${out_python} "${Python_EXECUTABLE}" PARENT_SCOPE)
    return()
  endif()
  find_program(S3NATIVE_PIP_PYTHON NAMES python3 python HINTS "${PROJECT_SOURCE_DIR}/.venv/bin" NO_CACHE)
  set(${out_python} "${S3NATIVE_PIP_PYTHON}" PARENT_SCOPE)
endfunction()

# Fetches with pip, which checks the hash, knows the user's index, proxy and certificates, and caches.
function(s3native_crt_download destination version sha256 out_archive)
  set(archive "${destination}/awscrt-${version}.tar.gz")
  set(${out_archive} "${archive}" PARENT_SCOPE)
  if(EXISTS "${archive}")
    file(SHA256 "${archive}" found)
    if(found STREQUAL sha256)
      return()
    endif()
  endif()
  s3native_crt_python(python)
  message(STATUS "AWS CRT: fetching awscrt ${version} with pip (about 40 MB)")
  string(RANDOM LENGTH 8 suffix)
  set(scratch "${destination}/fetch-${suffix}")
  execute_process(
    COMMAND "${python}" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary awscrt
      --require-hashes --requirement "${S3NATIVE_CRT_RECIPE_DIR}/requirements.txt" --dest "${scratch}"
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    file(REMOVE_RECURSE "${scratch}")
    message(FATAL_ERROR "Fetching the AWS CRT sources with pip failed:\n${output}\n"
      "Without a package index, set S3NATIVE_CRT_ARCHIVE to awscrt-${version}.tar.gz, or install aws-c-s3 with its "
      "CMake package and name its prefix in CMAKE_PREFIX_PATH.")
  endif()
  file(RENAME "${scratch}/awscrt-${version}.tar.gz" "${archive}")
  file(REMOVE_RECURSE "${scratch}")
  s3native_crt_verify("${archive}" "${sha256}" "${version}")
endfunction()

# ---- the build --------------------------------------------------------------------------------------------------

function(s3native_crt_run what log)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_FILE "${log}" ERROR_FILE "${log}")
  if(result EQUAL 0)
    return()
  endif()
  file(STRINGS "${log}" lines)
  list(LENGTH lines count)
  math(EXPR first "${count} - 40")
  if(first GREATER 0)
    list(SUBLIST lines ${first} -1 lines)
  endif()
  list(JOIN lines "\n" tail)
  message(FATAL_ERROR "AWS CRT: ${what} failed. The end of ${log}:\n${tail}")
endfunction()

# Builds beside the final place and renames into it, so that the place is either absent or complete.
function(s3native_crt_build archive prefix)
  set(scratch "${prefix}.build")
  file(REMOVE_RECURSE "${scratch}")
  file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${scratch}/sources" PATTERNS "*/crt/*")
  file(GLOB sources "${scratch}/sources/*/crt")
  s3native_crt_flags(flags optimisation)
  set(arguments
    "-DS3NATIVE_CRT_SOURCES=${sources}" "-DCMAKE_INSTALL_PREFIX=${scratch}/prefix" -DCMAKE_INSTALL_LIBDIR=lib
    "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
    "-DCMAKE_C_FLAGS=${flags}" "-DCMAKE_CXX_FLAGS=${flags}" -DCMAKE_BUILD_TYPE=RelWithDebInfo
    "-DCMAKE_C_FLAGS_RELWITHDEBINFO=${optimisation}" "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=${optimisation}")
  if(CMAKE_MAKE_PROGRAM)
    list(APPEND arguments "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}")
  endif()
  message(STATUS "AWS CRT: building it once for this compiler and these flags (a minute or two on 2 cores)")
  s3native_crt_run("configuring it" "${scratch}/configure.log"
    "${CMAKE_COMMAND}" -G "${CMAKE_GENERATOR}" -S "${S3NATIVE_CRT_RECIPE_DIR}" -B "${scratch}/build" ${arguments})
  s3native_crt_run("building it" "${scratch}/build.log"
    "${CMAKE_COMMAND}" --build "${scratch}/build" --parallel --target install)
  file(RENAME "${scratch}/prefix" "${prefix}")
  file(REMOVE_RECURSE "${scratch}")
endfunction()

# Sets out_prefix to the cached CRT, building it first when this user has none for this compiler and these flags.
function(s3native_crt_from_archive out_prefix)
  s3native_crt_pin(version sha256)
  s3native_crt_cache_dir(cache)
  s3native_crt_flags(flags optimisation)
  file(SHA256 "${S3NATIVE_CRT_RECIPE_DIR}/CMakeLists.txt" recipe)
  # cc and gcc are often the same compiler by two names.
  file(REAL_PATH "${CMAKE_C_COMPILER}" compiler)
  string(SHA256 key "${sha256};${recipe};${compiler};${CMAKE_C_COMPILER_ID};${CMAKE_C_COMPILER_VERSION};\
${CMAKE_SYSTEM_NAME};${CMAKE_SYSTEM_PROCESSOR};${flags};${optimisation}")
  string(SUBSTRING "${key}" 0 16 key)
  set(prefix "${cache}/${version}-${CMAKE_SYSTEM_PROCESSOR}-${key}")
  if(NOT EXISTS "${prefix}")
    file(MAKE_DIRECTORY "${cache}")
    file(LOCK "${cache}/lock" GUARD FUNCTION TIMEOUT 3600)
    if(NOT EXISTS "${prefix}")
      set(archive "${S3NATIVE_CRT_ARCHIVE}")
      if(NOT archive)
        s3native_crt_download("${cache}" "${version}" "${sha256}" archive)
      endif()
      s3native_crt_verify("${archive}" "${sha256}" "${version}")
      s3native_crt_build("${archive}" "${prefix}")
    endif()
  endif()
  set(${out_prefix} "${prefix}" PARENT_SCOPE)
endfunction()

# ---- finding it -------------------------------------------------------------------------------------------------

# Forgets where an earlier configure found the CRT, as far as that lies below a folder.
function(s3native_crt_forget folder)
  foreach(package IN ITEMS aws-c-s3 aws-c-auth aws-c-http aws-c-io aws-c-cal aws-c-common aws-c-compression
      aws-c-sdkutils aws-checksums s2n)
    cmake_path(IS_PREFIX folder "${${package}_DIR}" below)
    if(below)
      unset(${package}_DIR CACHE)
    endif()
  endforeach()
  foreach(variable IN ITEMS crypto_INCLUDE_DIR crypto_STATIC_LIBRARY crypto_SHARED_LIBRARY)
    unset(${variable} CACHE)
  endforeach()
endfunction()

# Refuses a CRT that lacks what the engine is built on: receiving into, and sending from, memory the caller owns.
function(s3native_crt_require_members origin)
  get_target_property(includes AWS::aws-c-s3 INTERFACE_INCLUDE_DIRECTORIES)
  find_file(header aws/s3/s3_client.h PATHS ${includes} NO_DEFAULT_PATH NO_CACHE REQUIRED)
  file(READ "${header}" text)
  foreach(name IN ITEMS recv_buffer request_body)
    if(NOT text MATCHES "struct aws_byte_(buf|cursor) \\*?${name};")
      message(FATAL_ERROR "The aws-c-s3 found (${origin}) is too old: its aws_s3_meta_request_options has no member "
        "`${name}`, so it cannot move data without copying it. Update aws-c-s3 (with vcpkg: a newer baseline), or build "
        "the pinned one with -DS3NATIVE_CRT=archive.")
    endif()
  endforeach()
endfunction()

macro(s3native_find_crt)
  s3native_crt_cache_dir(S3NATIVE_CRT_CACHE)
  s3native_crt_forget("${S3NATIVE_CRT_CACHE}")
  set(S3NATIVE_LOG_LEVEL "${CMAKE_MESSAGE_LOG_LEVEL}")
  set(S3NATIVE_CRT_ORIGIN "")
  if(NOT S3NATIVE_CRT STREQUAL "archive")
    find_package(aws-c-s3 CONFIG QUIET)
    if(aws-c-s3_FOUND)
      set(S3NATIVE_CRT_ORIGIN "${aws-c-s3_DIR}")
    elseif(S3NATIVE_CRT STREQUAL "installed")
      message(FATAL_ERROR "S3NATIVE_CRT=installed, but no CMake package aws-c-s3 was found. Name its prefix in "
        "CMAKE_PREFIX_PATH, or use vcpkg's toolchain file, or build the pinned one with -DS3NATIVE_CRT=archive.")
    endif()
  endif()
  if(NOT S3NATIVE_CRT_ORIGIN)
    s3native_crt_from_archive(S3NATIVE_CRT_ORIGIN)
    s3native_crt_forget("/")
    list(PREPEND CMAKE_PREFIX_PATH "${S3NATIVE_CRT_ORIGIN}")
    # A system libcrypto must not take the place of the one the CRT was built with.
    set(crypto_INCLUDE_DIR "${S3NATIVE_CRT_ORIGIN}/include" CACHE PATH "" FORCE)
    set(crypto_STATIC_LIBRARY "${S3NATIVE_CRT_ORIGIN}/lib/libcrypto.a" CACHE FILEPATH "" FORCE)
    set(crypto_SHARED_LIBRARY "" CACHE FILEPATH "" FORCE)
    set(CMAKE_MESSAGE_LOG_LEVEL NOTICE)  # its packages announce libcrypto a dozen times
    find_package(aws-c-s3 CONFIG REQUIRED)
    set(CMAKE_MESSAGE_LOG_LEVEL "${S3NATIVE_LOG_LEVEL}")
  endif()
  s3native_crt_require_members("${S3NATIVE_CRT_ORIGIN}")
  message(STATUS "AWS CRT: ${S3NATIVE_CRT_ORIGIN}")
  add_library(s3native_crt INTERFACE)
  target_link_libraries(s3native_crt INTERFACE AWS::aws-c-s3 AWS::s2n)
  # Assertions in inline functions name their header: not with a folder of this machine.
  get_target_property(includes AWS::aws-c-s3 INTERFACE_INCLUDE_DIRECTORIES)
  foreach(folder IN LISTS includes)
    target_compile_options(s3native_crt INTERFACE "-fmacro-prefix-map=${folder}/=")
  endforeach()
endmacro()
