# Every library the house stands on, from the distribution's own packages
# (tools/setup installs them). docs/architecture.md says what each is for.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)

pkg_check_modules(LIBRE    REQUIRED IMPORTED_TARGET libre>=1.1)
pkg_check_modules(SRTP2    REQUIRED IMPORTED_TARGET libsrtp2>=2.4)
pkg_check_modules(YAML     REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON  REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(EVENT    REQUIRED IMPORTED_TARGET libevent>=2.1)
pkg_check_modules(EVENTSSL REQUIRED IMPORTED_TARGET libevent_openssl)
pkg_check_modules(CURL     REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SQLITE   REQUIRED IMPORTED_TARGET sqlite3>=3.35)
pkg_check_modules(PQ       REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(SPANDSP  REQUIRED IMPORTED_TARGET spandsp)
pkg_check_modules(OPUS     REQUIRED IMPORTED_TARGET opus)
if(CALLBRIDGE_G729)
	pkg_check_modules(BCG729 REQUIRED IMPORTED_TARGET libbcg729)
endif()
pkg_check_modules(CMOCKA   IMPORTED_TARGET cmocka)

add_library(libraries INTERFACE)

# libre's headers are read with the switches its own build used; its
# pkg-config file gives none of them before 3.0.
target_compile_definitions(libraries INTERFACE
	_GNU_SOURCE HAVE_INTTYPES_H HAVE_STDBOOL_H HAVE_INET6 HAVE_PTHREAD
	USE_OPENSSL USE_TLS RELEASE
	LIBRE_VERSION="${LIBRE_VERSION}")
if(LIBRE_VERSION VERSION_GREATER_EQUAL 2.0)
	target_compile_definitions(libraries INTERFACE LIBRE_2)
endif()
if(LIBRE_VERSION VERSION_GREATER_EQUAL 3.6)
	target_compile_definitions(libraries INTERFACE LIBRE_3_6)
endif()
target_include_directories(libraries SYSTEM INTERFACE
	${LIBRE_INCLUDE_DIRS} ${SRTP2_INCLUDE_DIRS})
target_link_libraries(libraries INTERFACE
	PkgConfig::LIBRE PkgConfig::SRTP2 PkgConfig::YAML PkgConfig::JANSSON
	PkgConfig::EVENT PkgConfig::EVENTSSL PkgConfig::CURL
	OpenSSL::SSL OpenSSL::Crypto Threads::Threads m)
