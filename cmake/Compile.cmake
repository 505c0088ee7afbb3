# How our own code is compiled: s3native_compile_options(<target>) is called once on every target of ours.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

if(S3NATIVE_SANITIZE)
  add_compile_options("-fsanitize=${S3NATIVE_SANITIZE}" -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${S3NATIVE_SANITIZE}")
  if(S3NATIVE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

function(s3native_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -ffunction-sections -fdata-sections
    "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
  if(S3NATIVE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  target_compile_definitions(${target} PRIVATE "S3NATIVE_VERSION=\"${S3NATIVE_VERSION}\"")
endfunction()
