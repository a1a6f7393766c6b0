# The plans become part of the testplans room (embedded.h)

file(GLOB plans CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/plans/*.yaml)
set(embedded ${CMAKE_BINARY_DIR}/embedded.c)
set(embed ${CMAKE_SOURCE_DIR}/pbx-templates/embed.cmake)

add_custom_command(OUTPUT ${embedded}
	COMMAND ${CMAKE_COMMAND}
		-DFOLDER=${CMAKE_CURRENT_LIST_DIR}/plans -DOUT=${embedded}
		-DHEADER=testplans/embedded.h -DTYPE=embedded -P ${embed}
	DEPENDS ${plans} ${embed}
	COMMENT "Embedding the test plans" VERBATIM)

target_sources(testplans PRIVATE ${embedded})
