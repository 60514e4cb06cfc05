// Package group has the requests of clients about groups, one per file. Each is a method
// of [Requests] that takes the caller and the decoded request and returns the answer.
// GROUPS.md in package routefn says what a user may do.
//
// All changes of memberships go through change.go. It pushes what follows from them:
// the new entry in the group's log, and to the user's own connections the news that
// their groups changed.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package group
