# The page becomes part of the portal room (page.h): each file of the folder
# PAGE_FOLDER, which is what the web page's build leaves behind.

set(PAGE_FOLDER ${CMAKE_CURRENT_LIST_DIR}/web/dist CACHE PATH
	"Files of the page, bundled")
file(GLOB page_files CONFIGURE_DEPENDS ${PAGE_FOLDER}/*)
set(page ${CMAKE_BINARY_DIR}/page_files.c)

add_custom_command(OUTPUT ${page}
	COMMAND ${CMAKE_COMMAND} -DFOLDER=${PAGE_FOLDER} -DOUT=${page}
		-P ${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
	DEPENDS ${page_files} ${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
	COMMENT "Embedding the page" VERBATIM)

target_sources(portal PRIVATE ${page})
