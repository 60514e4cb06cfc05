// Package takeout exports all that the store has of one account, as lines of package
// format, for the account's user. [Requests] serves the user, one page per request. An
// operator reads pages from the store with an [Exporter].
//
//	takeout.go   a page, step by step, and when it ends
//	writer.go    the lines of a page, and how many fit
//	place.go     where the next page begins; the cursor that names it
//	account.go   the account, devices, consent, contacts, invitations, reports, delayed messages
//	logs.go      groups, messages and cursors
//
// A route keeps nothing between pages, so any route may write the next page, even a day
// later. All pages of one export, one behind the other, are one file with a header and an
// end. Logs are read by record.Store.Pull. So the user gets the messages that the user's
// devices may read. The export does not make them count as fetched. When the export comes
// to a log, it notes where the log ends, and exports the log up to there. If messages
// disappear from a log meanwhile, a line of the kind gap marks that place.
//
// Errors are *proto.Error, or those of package record. The package starts no goroutines.
package takeout
