# Write a C file with every file of FOLDER in it, for page.h

file(GLOB files ${FOLDER}/*)
set(text "#include \"portal-api/page.h\"\n\n")
set(rows "")
set(count 0)

set(type_html "text/html; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_png "image/png")
set(type_ico "image/x-icon")
set(type_woff2 "font/woff2")
set(type_webmanifest "application/manifest+json")

foreach(file ${files})
	get_filename_component(name ${file} NAME)
	string(REGEX REPLACE ".*\\." "" extension ${name})
	if(NOT DEFINED type_${extension})
		message(FATAL_ERROR "${file}: what kind of file is this?")
	endif()

	file(READ ${file} hex HEX)
	file(SHA256 ${file} tag)
	string(SUBSTRING ${tag} 0 32 tag)
	string(LENGTH "${hex}" size)
	math(EXPR size "${size} / 2")
	string(REGEX REPLACE "(................................)" "\\1\n"
		bytes "${hex}")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")

	if(name STREQUAL "index.html")
		set(path "/")
	else()
		set(path "/${name}")
	endif()

	string(APPEND text
		"static const unsigned char file${count}[] = {\n${bytes}\n};\n\n")
	string(APPEND rows
		"\t{ \"${path}\", \"${type_${extension}}\", \"${tag}\", file${count}, ${size} },\n")
	math(EXPR count "${count} + 1")
endforeach()

if(count EQUAL 0)
	set(rows "\t{ 0, 0, 0, 0, 0 },\n")
endif()

string(APPEND text "const struct page_file page_filev[] = {\n${rows}};\n\n"
	"const size_t page_filec = ${count};\n")
file(WRITE ${OUT} "${text}")
