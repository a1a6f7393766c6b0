# cmake -DFOLDER=... -DOUT=... -P embed.cmake: FOLDER/*.yaml as a C file. With
# -DHEADER=... -DTYPE=... other files than the catalog: a vector of struct
# TYPE, called TYPEv, as HEADER declares it.

if(NOT HEADER)
	set(HEADER pbx-templates/builtin.h)
	set(TYPE builtin)
endif()
get_filename_component(folder ${FOLDER} NAME)

file(GLOB files ${FOLDER}/*.yaml)
list(SORT files)
set(texts "")
set(rows "")
set(n 0)

foreach(path ${files})
	get_filename_component(name ${path} NAME)
	file(READ ${path} octets HEX)
	string(REGEX REPLACE "(................................)" "\\1\n\t"
		octets "${octets}")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," octets "${octets}")
	string(APPEND texts
		"static const unsigned char text${n}[] = {\n\t${octets}\n};\n\n")
	string(APPEND rows "\t{ \"${folder}/${name}\", (const char *)text${n}, "
		"sizeof(text${n}) },\n")
	math(EXPR n "${n} + 1")
endforeach()

file(WRITE ${OUT} "#include \"${HEADER}\"\n\n${texts}"
	"const struct ${TYPE} ${TYPE}v[] = {\n${rows}};\n\n"
	"const size_t ${TYPE}c = ${n};\n")
