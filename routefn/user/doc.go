// Package user has the requests of clients, one per file. Requests about groups are in
// package group. Each request is a method of [Requests] that takes the caller and the
// decoded request and returns the answer. Package routefn mounts them at their paths and
// checks the caller's token.
//
// The section "Where things are" of package routefn describes how to add a request.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package user
