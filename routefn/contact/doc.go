// Package contact has the requests of clients about contacts, blocks, and consent. By
// consent, a user decides who may write to them, add them to groups, and find them. Each
// request is a method of [Requests] that takes the caller and the decoded request and
// returns the answer. CONTACTS.md in package routefn is the page for users.
//
// The store checks a block in the step that stores a message, see guard.go in package
// record. Each change counts as one message of the caller.
//
// Errors are *proto.Error, or those of package record, which package failure gives their
// codes. The package starts no goroutines.
package contact
