// Package user has the requests of clients, one per file, but those about groups. Each is
// a method of [Requests] that takes the caller and the decoded request and returns the
// answer. Package routefn mounts them at their paths and checks the caller's token.
//
// To add a request, write a method here, a line in routefn/table.go, its path in
// proto/paths.go, its bodies in proto/http.go, and the client's method in package client.
// Its class is Normal unless classOf in routefn/admit.go names another one.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package user
