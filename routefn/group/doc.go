// Package group has the requests of clients about groups, one per file. Each is a method
// of [Requests] that takes the caller and the decoded request and returns the answer.
// GROUPS.md in package routefn says what a user may do.
//
// All changes of memberships end in change.go, which pushes what follows from them: the
// entry in the group's log, and to the user's own connections that their groups changed.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package group
