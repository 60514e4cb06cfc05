// Package moderation has the requests about reported messages. Users report messages,
// and moderators decide about these messages. Each request is a method of [Requests]
// that takes the caller and the decoded request and returns the answer. REPORTS.md in
// package routefn is the page for users.
//
// A reporter only names a message. The route reads the message's text from the log, by the
// same rules as a pull, so nobody can report a text that was never sent. A message that
// the reporter may not read gets the same answer as a message that does not exist.
//
// Errors are *proto.Error, or those of package record and of record/reports, which package
// failure gives their codes. The package starts no goroutines.
package moderation
