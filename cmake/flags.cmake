# How everything is compiled: warnings are errors with gcc and clang,
# releases are hardened and keep their asserts, whatever build type or NDEBUG
# is asked for: a state that cannot be is better ended than lived on with.
# Sanitizers are for tests.

add_library(flags INTERFACE)
target_compile_options(flags INTERFACE
	-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith
	-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2
	-Wno-format-nonliteral -fno-strict-aliasing -fno-common -UNDEBUG)
target_compile_definitions(flags INTERFACE
	CALLBRIDGE_VERSION="${PROJECT_VERSION}")
target_include_directories(flags INTERFACE ${CMAKE_SOURCE_DIR})

if(CALLBRIDGE_SANITIZE)
	target_compile_options(flags INTERFACE
		-fsanitize=address,undefined -fno-sanitize-recover=undefined
		-fno-omit-frame-pointer)
	target_link_options(flags INTERFACE -fsanitize=address,undefined)
else()
	target_compile_options(flags INTERFACE -fstack-protector-strong)
	target_compile_definitions(flags INTERFACE
		$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>)
	target_link_options(flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
