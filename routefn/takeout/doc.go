// Package takeout writes what the store has of one account, as lines of package format,
// to be handed to its user. [Requests] serves the user, a page a request. An operator
// reads pages with an [Exporter] at the store.
//
//	takeout.go   a page, step by step, and when it ends
//	writer.go    the lines of a page, and how many fit
//	place.go     where the next page begins; the cursor that names it
//	account.go   the account, devices, consent, contacts, invitations, reports, delayed messages
//	logs.go      groups, messages and cursors
//
// Nothing is kept between pages, so any route may write the next one, also a day later. All
// pages of one export, one behind the other, are one file with a header and an end. Logs
// are read by record.Store.Pull, so the user gets what its devices may read, and nothing
// counts as fetched. Each log ends where it ended when the export came to it. If messages
// disappear from a log meanwhile, a line of the kind gap says so.
//
// Errors are *proto.Error, or those of package record. The package starts no goroutines.
package takeout
