// Package user has the requests of clients, one per file. Requests about groups are in
// package group. Each is a method of [Requests] that takes the caller and the decoded
// request and returns the answer. Package routefn mounts them at their paths and checks
// the caller's token.
//
// How to add a request is in "Where things are" of package routefn.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package user
