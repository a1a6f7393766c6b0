# cmake -DFOLDER=... -DOUT=... -P embed.cmake: FOLDER/*.yaml as a C file

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
	string(APPEND rows "\t{ \"catalog/${name}\", (const char *)text${n}, "
		"sizeof(text${n}) },\n")
	math(EXPR n "${n} + 1")
endforeach()

file(WRITE ${OUT} "#include \"pbx-templates/builtin.h\"\n\n${texts}"
	"const struct builtin builtinv[] = {\n${rows}};\n\n"
	"const size_t builtinc = ${n};\n")
