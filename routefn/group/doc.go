// Package group has the requests of clients about groups, one per file. Each is a method
// of [Requests] that takes the caller and the decoded request and returns the answer.
// GROUPS.md in package routefn says what a user may do.
//
// All changes of memberships go through change.go. It pushes the new entry of the group's
// log to the members. It also makes the user's own connections fetch their list of groups
// again.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package group
