// Command dist builds what is deployed: for each architecture a zip with one
// program, and SHA256SUMS beside them. `make dist` runs it.
//
//	cim-server_linux_arm64.zip   cim-server
//	cim-route_linux_arm64.zip    bootstrap, the name that AWS Lambda starts
//	cim_linux_arm64.zip          cim
//
// The same source, Go and modules give the same bytes, on any machine and in any
// folder: nothing of the build's time, place or user is written, and every file
// in a zip has one fixed time and mode. So a checksum changes only with its
// program, and whoever deploys by checksum deploys nothing that has not changed.
package main
