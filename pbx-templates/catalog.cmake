# The catalog becomes part of the templates room (builtin.h)

file(GLOB catalog CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/catalog/*.yaml)
set(builtin ${CMAKE_BINARY_DIR}/builtin.c)

add_custom_command(OUTPUT ${builtin}
	COMMAND ${CMAKE_COMMAND}
		-DFOLDER=${CMAKE_CURRENT_LIST_DIR}/catalog -DOUT=${builtin}
		-P ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
	DEPENDS ${catalog} ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
	COMMENT "Embedding the catalog of PBX templates" VERBATIM)

target_sources(templates PRIVATE ${builtin})
