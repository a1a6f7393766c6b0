# Where things go on a machine, and the Debian package of them (tools/package)

include(GNUInstallDirs)

# the programs alone: tests are nobody's business there
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

install(TARGETS callbridged DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS callbridge teams-sim DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES packaging/callbridge.service DESTINATION lib/systemd/system)
# where the programs and the unit look for it, whatever the prefix is
install(FILES packaging/callbridge.yaml DESTINATION /etc/callbridge)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "Callbridge <callbridge@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION comm)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "baresip-core, postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
	${CMAKE_SOURCE_DIR}/packaging/debian/conffiles
	${CMAKE_SOURCE_DIR}/packaging/debian/postinst
	${CMAKE_SOURCE_DIR}/packaging/debian/prerm
	${CMAKE_SOURCE_DIR}/packaging/debian/postrm)
include(CPack)
