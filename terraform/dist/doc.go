// Command dist builds the files to deploy: zips with one program each for every
// architecture, their bills of materials in CycloneDX, and SHA256SUMS. `make dist` runs it.
//
//	cim-server_linux_arm64.zip   cim-server
//	cim-route_linux_arm64.zip    bootstrap, the name that AWS Lambda starts
//	cim_linux_arm64.zip          cim
//	cim_linux_arm64.cdx.json     the modules that cim is linked with, and their checksums
//
// The same source, Go version and modules give the same bytes, on any machine and in any
// folder. Nothing depends on the time, the place or the user of the build, and every file
// in a zip has a fixed time and mode. So a checksum changes only with its program. A
// deployment by checksum deploys only programs that have changed.
package main
