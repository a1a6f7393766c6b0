# The page becomes part of the portal room (page.h): esbuild bundles what is
# in web/, with the npm packages that tools/setup put into the cache, outside
# the tree. A build without them is told so, and has no page.

option(CALLBRIDGE_PAGE "Build the portal's web page into callbridged" ON)

set(web ${CMAKE_CURRENT_LIST_DIR}/web)
set(page_folder ${CMAKE_BINARY_DIR}/page)
set(page ${CMAKE_BINARY_DIR}/page_files.c)

if(NOT "$ENV{CALLBRIDGE_CACHE}" STREQUAL "")
	set(page_cache $ENV{CALLBRIDGE_CACHE})
elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
	set(page_cache $ENV{XDG_CACHE_HOME}/callbridge)
elseif(NOT "$ENV{HOME}" STREQUAL "")
	set(page_cache $ENV{HOME}/.cache/callbridge)
else()
	set(page_cache /root/.cache/callbridge)
endif()

# as tools/setup names it
file(SHA256 ${web}/package-lock.json page_packages)
string(SUBSTRING ${page_packages} 0 16 page_packages)
set(page_packages ${page_cache}/npm-${page_packages}/node_modules)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	${web}/package-lock.json)

# Looked at again with each build: the packages may come later
file(GLOB page_esbuild CONFIGURE_DEPENDS ${page_packages}/esbuild/bin/esbuild)
file(GLOB page_sources CONFIGURE_DEPENDS ${web}/*.js ${web}/*.jsx
	${web}/*.css ${web}/*.html ${web}/*.svg)
find_program(NODE NAMES node nodejs)

if(CALLBRIDGE_PAGE AND page_esbuild AND NODE)
	add_custom_command(OUTPUT ${page}
		COMMAND ${CMAKE_COMMAND} -E rm -rf ${page_folder}
		COMMAND ${CMAKE_COMMAND} -E make_directory ${page_folder}
		COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${page_packages}
			${NODE} ${page_esbuild} ${web}/app.jsx
			--bundle --minify --format=esm --target=es2020
			--jsx=automatic --jsx-import-source=preact
			--legal-comments=none --log-level=warning
			--outdir=${page_folder}
		COMMAND ${CMAKE_COMMAND} -E copy ${web}/index.html
			${web}/icon.svg ${page_folder}
		COMMAND ${CMAKE_COMMAND} -DFOLDER=${page_folder} -DOUT=${page}
			-P ${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
		DEPENDS ${page_sources} ${page_esbuild}
			${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
		COMMENT "Bundling the page" VERBATIM)
else()
	if(CALLBRIDGE_PAGE)
		message(WARNING "callbridged is built without the portal's "
			"web page: node, or the npm packages in "
			"${page_packages}, are missing. Run tools/setup, or "
			"say -DCALLBRIDGE_PAGE=OFF if that is wanted.")
	endif()
	add_custom_command(OUTPUT ${page}
		COMMAND ${CMAKE_COMMAND} -E rm -rf ${page_folder}
		COMMAND ${CMAKE_COMMAND} -E make_directory ${page_folder}
		COMMAND ${CMAKE_COMMAND} -DFOLDER=${page_folder} -DOUT=${page}
			-P ${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
		DEPENDS ${CMAKE_CURRENT_LIST_DIR}/page_embed.cmake
		COMMENT "Leaving the page out" VERBATIM)
endif()

target_sources(portal PRIVATE ${page})
